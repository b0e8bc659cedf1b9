"""The plan of a replacement, by values: what is done in which order, and what stands against it."""

from collections.abc import Sequence
from typing import Any

import pytest

from control.engine.details import container_of
from control.engine.networkjson import detail_of, network_of
from control.errors import AddressConflict, AddressesOutside, Conflict, Forbidden, InUse, Invalid, Problem
from control.records import Container, Network, RequestRef
from control.topology.planning import Observed, plan
from control.topology.replacement import Plan, alike, settings_of, standing
from control.topology.telling import by_chance, differs, steps_of
from control.wanted import WantedReplacement

ASKED = RequestRef("r1", "ana", "room")
API = (1, 41)


def raw_network(id_: str = "n", name: str = "mynet", subnet: str | None = "10.1.0.0/24", **more: Any) -> dict[str, Any]:  # noqa: ANN401  (any JSON)
    config = [] if subnet is None else [{"Subnet": subnet}]
    return {
        "Id": id_ * 64, "Name": name, "Driver": "bridge", "Scope": "local", "Created": "2026-01-01T00:00:00Z",
        "IPAM": {"Driver": "default", "Config": config}, "Options": {}, "Labels": {}, "Containers": {}, **more,
    }  # fmt: skip


def raw_container(name: str, ip: str | None, *, fixed: str | None = None, **entry: Any) -> dict[str, Any]:  # noqa: ANN401  (any JSON)
    """A container on mynet, running where it has an address."""
    octets = [] if ip is None else [f"{int(it):02x}" for it in ip.split(".")]
    endpoint = {
        "NetworkID": "n" * 64, "EndpointID": "e" if ip else "", "IPAddress": ip or "",
        "MacAddress": ":".join(["02:42", *octets]) if ip else "",
        "IPAMConfig": {"IPv4Address": fixed} if fixed else None, **entry,
    }  # fmt: skip
    return {
        "Id": name[0] * 64, "Name": f"/{name}", "Image": "sha256:i", "Created": "2026-01-01T00:00:00Z",
        "State": {"Status": "running" if ip else "exited"}, "Config": {"Image": "alpine"},
        "HostConfig": {"NetworkMode": "mynet"}, "NetworkSettings": {"Networks": {"mynet": endpoint}},
    }  # fmt: skip


def observed(
    network: dict[str, Any], containers: Sequence[dict[str, Any]] = (), others: Sequence[Network] = ()
) -> Observed:
    made = [container_of(raw) for raw in containers]
    members = [member for it in made for member in it.networks]
    return Observed(
        network=detail_of(network, members), containers=tuple(made), networks=(network_of(network), *others)
    )


def planned(seen: Observed, **wanted: Any) -> Plan:  # noqa: ANN401  (any JSON)
    made = plan(seen, WantedReplacement.model_validate(wanted), ASKED)
    assert made is not None
    return made


def texts(made: Plan) -> list[str]:
    return [step.text for step in steps_of(made)]


POOL = {"pools": [{"subnet": "10.1.0.0/23"}]}


def test_the_order_gives_the_addresses_back() -> None:
    """Fixed ones first, then those that the engine chose in their order, then those that do not run."""
    seen = observed(
        raw_network(),
        [
            raw_container("late", "10.1.0.10"),
            raw_container("asleep", None, fixed="10.1.0.3"),
            raw_container("early", "10.1.0.9"),
            raw_container("fixed", "10.1.0.99", fixed="10.1.0.99", Aliases=["anchor"]),
        ],
    )
    made = planned(seen, ipam=POOL, internal=True)
    order = ["fixed", "early", "late", "asleep"]
    assert texts(made) == [
        "disconnect fixed from mynet (connected, 10.1.0.99)",
        "disconnect early from mynet (connected, 10.1.0.9)",
        "disconnect late from mynet (connected, 10.1.0.10)",
        "disconnect asleep from mynet (configured)",
        f"remove mynet ({'n' * 12})",
        "create mynet: bridge, 10.1.0.0/23, internal",
        "connect fixed to mynet with aliases anchor, ipv4 10.1.0.99",
        "connect early to mynet",
        "connect late to mynet",
        "connect asleep to mynet with ipv4 10.1.0.3",
    ]
    assert [member.was.container.name for member in made.members] == order
    assert made.request == ASKED
    assert made.warnings == ()
    assert Plan.model_validate_json(made.model_dump_json()) == made


@pytest.mark.parametrize(
    ("wanted", "changes"),
    [
        ({}, {}),
        ({"internal": False}, {}),
        ({"ipam": {"pools": []}}, {}),
        ({"ipam": {"pools": [{"subnet": "10.1.0.0/24"}]}}, {}),
        ({"labels": {}, "options": {}, "driver": "bridge"}, {}),
        ({"internal": True}, {"internal": True}),
        ({"attachable": True}, {"attachable": True}),
        ({"driver": "macvlan"}, {"driver": "macvlan"}),
        ({"labels": {"a": "b"}}, {"labels": {"a": "b"}}),
        ({"options": {"a": "b"}}, {"options": {"a": "b"}}),
    ],
)
def test_what_is_left_out_stays(wanted: dict[str, Any], changes: dict[str, Any]) -> None:
    """And where nothing is other than it is, there is nothing to do."""
    seen = observed(raw_network())
    made = plan(seen, WantedReplacement.model_validate(wanted), ASKED)
    if not changes:
        assert made is None
    else:
        assert made is not None
        assert made.target == settings_of(seen.network).model_copy(update=changes)


def test_without_ipv6_its_subnets_go() -> None:
    config = [{"Subnet": "10.1.0.0/24"}, {"Subnet": "fd00:1::/64"}]
    seen = observed(raw_network(EnableIPv6=True, IPAM={"Driver": "default", "Config": config}))
    assert [pool.subnet for pool in planned(seen, ipv6=False).target.ipam.pools] == ["10.1.0.0/24"]


def test_an_address_that_the_engine_chose_may_become_another() -> None:
    made = planned(
        observed(raw_network(), [raw_container("db", "10.1.0.2")]), ipam={"pools": [{"subnet": "10.2.0.0/24"}]}
    )
    assert made.warnings == ("db has 10.1.0.2, which is no address of the new subnets: it gets another one.",)


@pytest.mark.parametrize(
    "pool",
    [
        {"subnet": "10.2.0.0/24"},
        {"subnet": "10.1.0.0/24", "gateway": "10.1.0.50"},
        {"subnet": "10.1.0.0/24", "auxiliary_addresses": {"router": "10.1.0.50"}},
    ],
)
def test_fixed_addresses_are_given_up_only_where_that_is_asked_for(pool: dict[str, Any]) -> None:
    seen = observed(raw_network(), [raw_container("db", "10.1.0.50", fixed="10.1.0.50", Aliases=["a"])])
    wanted = {"ipam": {"pools": [pool]}, "internal": True}
    with pytest.raises(AddressesOutside) as raised:
        planned(seen, **wanted)
    assert raised.value.members["addresses"] == [{"container": "db", "address": "10.1.0.50"}]
    made = planned(seen, **wanted, renumber=True)
    assert texts(made)[-1] == "connect db to mynet with aliases a"
    assert made.warnings == ("db had the fixed address 10.1.0.50 and gets one that the engine chooses.",)


def test_ports_are_not_published_on_an_internal_network() -> None:
    raw = raw_container("web", "10.1.0.2")
    raw["NetworkSettings"]["Ports"] = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}
    assert planned(observed(raw_network(), [raw]), internal=True).warnings == (
        "web publishes ports, which an internal network does not do.",
    )


FORGOTTEN = {"f" * 64: {"Name": "gone", "EndpointID": "e", "IPv4Address": "10.1.0.9/24"}}


@pytest.mark.parametrize(
    ("network", "wanted", "kind"),
    [
        ({"name": "bridge"}, {"internal": True}, Forbidden),
        ({"name": "docker_gwbridge"}, {"internal": True}, Conflict),
        ({"Ingress": True}, {"internal": True}, Conflict),
        ({"Scope": "swarm"}, {"internal": True}, Conflict),
        ({"Containers": FORGOTTEN}, {"internal": True}, InUse),
        ({"ConfigFrom": {"Network": "plan"}}, {"labels": {"a": "b"}}, Conflict),
        ({}, {"ipam": {"pools": [{"subnet": "10.1.0.0/30"}]}}, AddressConflict),
        ({}, {"ipam": {"pools": [{"subnet": "fd00:1::/64"}]}}, Invalid),
    ],
)
def test_what_stands_against_it(network: dict[str, Any], wanted: dict[str, Any], kind: type[Problem]) -> None:
    seen = observed(raw_network(**network), [raw_container("one", "10.1.0.2"), raw_container("two", "10.1.0.3")])
    with pytest.raises(kind):
        planned(seen, **wanted)


def test_a_configuration_stays_while_networks_have_it() -> None:
    taker = network_of(raw_network("t", "taker", ConfigFrom={"Network": "mynet"}))
    seen = observed(raw_network(ConfigOnly=True), others=[taker])
    with pytest.raises(InUse) as raised:
        planned(seen, labels={"a": "b"})
    assert raised.value.members["users"] == ["taker"]


# Where one stands


def other(id_: str, **more: Any) -> Network:  # noqa: ANN401  (any JSON)
    return network_of(raw_network(id_, **more))


def test_where_a_replacement_stands() -> None:
    """By id, and what was made last by what it is like, on the way there and on the way back."""
    made = planned(observed(raw_network()), internal=True)
    old, new, foreign = other("n"), other("m", Internal=True), other("f", subnet="10.9.0.0/24")
    elsewhere = other("x", name="elsewhere")

    def seen(way: Plan, *networks: Network) -> tuple[Network | None, Network | None, Network | None]:
        at = standing(way, networks)
        return at.old, at.new, at.foreign

    assert seen(made, old, elsewhere) == (old, None, None)
    assert seen(made, elsewhere) == (None, None, None)
    assert seen(made, new, elsewhere) == (None, new, None)
    assert seen(made, foreign) == (None, None, foreign)
    known = made.model_copy(update={"made": "m" * 64})
    assert seen(known, new) == (None, new, None)
    assert seen(known, other("o", Internal=True))[1:] == (None, other("o", Internal=True))
    back = made.model_copy(update={"back": True})
    again = other("b")
    assert seen(back, again) == (again, None, None)
    assert seen(back, new) == (None, new, None)
    assert seen(made, again) == (None, None, again)


def test_what_the_engine_chose_is_like_what_was_left_to_it() -> None:
    network = other("n")
    assert alike(settings_of(network), network)
    free = settings_of(other("n", subnet=None))
    assert alike(free, network)
    assert not alike(settings_of(network), other("n", subnet="10.9.0.0/24"))
    assert not alike(settings_of(network), other("n", Internal=True))


# Afterwards


def now(raw: dict[str, Any]) -> Container:
    return container_of(raw)


@pytest.mark.parametrize(
    ("back", "told"),
    [
        (raw_container("db", "10.1.0.5", fixed="10.1.0.5", Aliases=["a"]), []),
        (raw_container("db", "10.1.0.6", Aliases=["a"]), ["db's IPv4 address is None and not '10.1.0.5'"]),
        (raw_container("db", "10.1.0.5", fixed="10.1.0.5"), ["db's aliases is [] and not ['a']"]),
    ],
)
def test_what_did_not_come_back(back: dict[str, Any], told: list[str]) -> None:
    seen = observed(raw_network(), [raw_container("db", "10.1.0.5", fixed="10.1.0.5", Aliases=["a"])])
    (member,) = planned(seen, internal=True).members
    there = now(back)
    assert differs(member, there, there.networks[0], API, live=True) == told


def test_one_that_runs_has_to_be_connected() -> None:
    (member,) = planned(observed(raw_network(), [raw_container("db", "10.1.0.5")]), internal=True).members
    raw = raw_container("db", None)
    ended = now(raw)
    assert differs(member, ended, ended.networks[0], API, live=False) == []
    raw["State"]["Status"] = "running"
    runs = now(raw)
    assert differs(member, runs, runs.networks[0], API, live=True) == ["db is not connected"]
    stale = now(raw_container("db", "10.1.0.5"))
    assert differs(member, stale, stale.networks[0], API, live=False) == ["db is not connected"]


def test_what_is_other_than_it_was_is_told() -> None:
    """An address, a MAC that the engine did not take, and a port."""
    was = raw_container("web", "10.1.0.5", MacAddress="02:00:00:00:00:01")
    was["NetworkSettings"]["Ports"] = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "32768"}]}
    back = raw_container("web", "10.1.0.2")
    back["NetworkSettings"]["Ports"] = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "32769"}]}
    (member,) = planned(observed(raw_network(), [was]), labels={"a": "b"}).members
    there = now(back)
    told = by_chance(member, there, there.networks[0], API)
    assert [it.partition(":")[0] for it in told] == ["web"] * 3
    assert "10.1.0.2, and was 10.1.0.5" in told[0]
    assert "02:00:00:00:00:01" in told[1]
    assert told[2] == "web: Its ports were 127.0.0.1:32768->80/tcp and are 127.0.0.1:32769->80/tcp."
    same = now(was)
    assert by_chance(member, same, same.networks[0], API) == []
