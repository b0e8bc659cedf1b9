"""How a container is to be on a network: compared, said again, and what an engine does not do of it. Values alone."""

from typing import Any

import pytest

from control import endpoints
from control.api.etags import etag_of, matches
from control.engine import sharing
from control.engine.containers import container_of
from control.engine.listed import Listed
from control.engine.memberships import memberships_of
from control.engine.networkjson import network_of
from control.records import Container, ContainerRef, Endpoint, Membership, Network
from control.wanted import WantedEndpoint

OLD, NEW = (1, 41), (1, 51)
ID = "c" * 64
NETWORK = "d" * 64


def member(status: str = "running", *, name: str = "mynet", **entry: Any) -> Membership:  # noqa: ANN401  (any JSON)
    """A membership from the entry of an inspect."""
    live = {"EndpointID": "e1", "NetworkID": NETWORK, "IPAddress": "10.0.0.2", "MacAddress": "02:42:0a:00:00:02"}
    told = {**(live if status == "running" else {}), **entry}
    (found,) = memberships_of(ContainerRef(ID, "web", "alpine"), status, {name: told}, hostname="web-host")
    return found


def network(*pools: dict[str, Any], **more: Any) -> Network:  # noqa: ANN401  (any JSON)
    return network_of({
        "Id": NETWORK, "Name": "mynet", "Driver": "bridge", "Scope": "local", "EnableIPv4": True,
        "IPAM": {"Config": list(pools or ({"Subnet": "10.0.0.0/29"},))}, **more,
    })  # fmt: skip


# What the engine adds by itself is no wish


def test_before_1_44_the_short_id_and_the_hostname_are_among_the_aliases() -> None:
    """They are names in DNS all the same."""
    it = member(Aliases=["db", ID[:12], "web-host"])
    assert it.wanted.aliases == ("db",)
    assert it.dns_names == ("web", "db", ID[:12], "web-host")


def test_from_1_44_on_the_engine_tells_the_names() -> None:
    """And an alias that is the hostname is a wish."""
    it = member(Aliases=["db", "web-host"], DNSNames=["web", "db", "web-host", ID[:12]])
    assert it.wanted.aliases == ("db", "web-host")
    assert it.dns_names == ("web", "db", "web-host", ID[:12])


def test_the_engines_own_networks_have_no_names() -> None:
    assert [member(name=name).dns_names for name in ("bridge", "host", "none")] == [(), (), ()]


def test_the_mac_of_an_endpoint_that_lives_is_no_wish() -> None:
    assert member().wanted.mac is None
    assert member("created", MacAddress="02:42:aa:00:00:01").wanted.mac == "02:42:aa:00:00:01"


# Differences


@pytest.mark.parametrize(
    ("wanted", "entry", "expected"),
    [
        ({}, {"Aliases": ["a"], "IPAMConfig": {"IPv4Address": "10.0.0.2"}}, {}),
        ({"aliases": ["b", "a"]}, {"Aliases": ["a", "b"]}, {}),
        ({"aliases": ["web", "web-host"]}, {"Aliases": ["web-host"]}, {}),
        ({"aliases": []}, {"Aliases": ["a"]}, {"aliases": ([], ["a"])}),
        ({"ipv4": "10.0.0.2"}, {}, {"ipv4": ("10.0.0.2", None)}),
        ({"ipv6": "fd00::2"}, {"IPAMConfig": {"IPv6Address": "fd00:0::2"}}, {}),
        ({"link_local": ["169.254.1.1"]}, {}, {"link_local": (["169.254.1.1"], [])}),
        ({"links": ["db"]}, {"Links": ["db:db"]}, {}),
        ({"links": ["db:d"]}, {"Links": ["db:db"]}, {"links": (["db:d"], ["db:db"])}),
        ({"options": {"a": "1"}}, {"DriverOpts": {"a": "2"}}, {"options": ({"a": "1"}, {"a": "2"})}),
        ({"mac": "02:42:00:00:00:01"}, {}, {}),
    ],
)
def test_what_was_asked_for_and_is_not_so(
    wanted: dict[str, Any], entry: dict[str, Any], expected: dict[str, tuple[object, object]]
) -> None:
    """Option by option; what was not asked for does not differ, nor does a MAC, which no connect can change. An address
    that the engine chose is none that is kept."""
    found = endpoints.difference(WantedEndpoint.model_validate(wanted), member(**entry), OLD)
    assert found == {option: {"wanted": a, "present": b} for option, (a, b) in expected.items()}


def test_a_gateway_priority_differs_where_the_engine_knows_it() -> None:
    wanted = WantedEndpoint(gateway_priority=3)
    assert endpoints.difference(wanted, member(), OLD) == {}
    assert endpoints.difference(wanted, member(GwPriority=0), NEW) == {
        "gateway_priority": {"wanted": 3, "present": 0}
    }  # fmt: skip
    assert endpoints.difference(wanted, member(GwPriority=3), NEW) == {}


# Said again


def test_a_membership_said_again_is_the_same() -> None:
    """Also what could not be asked for here: an alias that Docker took."""
    it = member(
        Aliases=["odd alias_", ID[:12]], IPAMConfig={"IPv4Address": "10.0.0.2", "LinkLocalIPs": ["169.254.1.1"]},
        Links=["db:d"], DriverOpts={"a": "1"}, GwPriority=4,
    )  # fmt: skip
    again = endpoints.exactly(it)
    assert endpoints.difference(again, it, NEW) == {}
    assert (again.aliases, again.ipv4, again.gateway_priority) == (("odd alias_",), "10.0.0.2", 4)


@pytest.mark.parametrize(
    ("had", "asked"),
    [
        ("02:42:0a:00:00:02", None),  # made of the address 10.0.0.2
        ("6e:01:02:03:04:05", "6e:01:02:03:04:05"),
    ],
)
def test_a_mac_is_asked_for_again_unless_it_follows_the_address(had: str, asked: str | None) -> None:
    assert endpoints.exactly(member(MacAddress=had)).mac == asked


def test_an_address_that_the_engine_chose_is_not_asked_for() -> None:
    """And a restored membership that got another one says so; a fixed one, and one that is not live, do not."""
    was, now = member(), member(IPAddress="10.0.0.3")
    assert endpoints.exactly(was).ipv4 is None
    (told,) = endpoints.changed_by_chance(was, now)
    assert "10.0.0.3" in told
    assert "10.0.0.2" in told
    assert endpoints.changed_by_chance(was, was) == []
    assert endpoints.changed_by_chance(was, member("exited")) == []
    assert endpoints.changed_by_chance(member(IPAMConfig={"IPv4Address": "10.0.0.2"}), now) == []


# What an engine does not do


def test_what_was_not_heeded_is_told() -> None:
    wanted = WantedEndpoint(mac="02:42:aa:00:00:01", gateway_priority=3, aliases=("a",))
    told = endpoints.unhonoured(wanted, member(), OLD, made=True)
    assert [it.split()[0] for it in told] == ["The", "gateway_priority", "mac"]
    so = member(Aliases=["a"], MacAddress="02:42:aa:00:00:01", GwPriority=3)
    assert endpoints.unhonoured(wanted, so, NEW, made=True) == []


def test_a_mac_given_at_the_creation_is_heeded() -> None:
    """Of a container that does not run, only what was there before the connect is known to be."""
    wanted, it = WantedEndpoint(mac="02:42:aa:00:00:01"), member("created", MacAddress="02:42:aa:00:00:01")
    assert endpoints.unhonoured(wanted, it, NEW, made=False) == []
    (told,) = endpoints.unhonoured(wanted, it, NEW, made=True)
    assert "when it starts" in told


def test_versions() -> None:
    assert [endpoints.version_of(it) for it in ("1.41", "1.5", None)] == [(1, 41), (1, 5), (1, 0)]


# What a network can't give


@pytest.mark.parametrize(
    ("subnet", "range_", "gateway"),
    [
        ("10.1.0.0/24", None, "10.1.0.1"),
        ("10.2.0.0/24", "10.2.0.128/25", "10.2.0.128"),
        ("10.3.0.0/24", "10.3.0.0/25", "10.3.0.1"),
        ("10.5.0.0/24", "10.5.0.8/30", "10.5.0.8"),
    ],
)
def test_the_gateway_that_the_engine_takes(subnet: str, range_: str | None, gateway: str) -> None:
    """The first address that it gives, as measured on Docker 20.10; one that was given is that."""
    (pool,) = network({"Subnet": subnet, "IPRange": range_}).ipam.pools
    assert str(endpoints.gateway_of(pool)) == gateway
    (pool,) = network({"Subnet": subnet, "IPRange": range_, "Gateway": "10.9.9.9"}).ipam.pools
    assert str(endpoints.gateway_of(pool)) == "10.9.9.9"
    assert endpoints.reserved(WantedEndpoint(ipv4="10.9.9.9"), network({"Subnet": subnet, "Gateway": "10.9.9.9"}))


def live(*addresses: str) -> dict[str, Endpoint]:
    return {f"{number:064x}": Endpoint(id=str(number), ipv4=it) for number, it in enumerate(addresses)}


def test_a_network_is_full_when_all_its_addresses_are_given() -> None:
    """A /29 has five beside the gateway; in a range, those of the range."""
    five = [f"10.0.0.{last}" for last in range(2, 7)]
    assert endpoints.full(network(), live(*five[:4])) is None
    assert endpoints.full(network(), live(*five)) is not None
    narrow = network({"Subnet": "10.0.0.0/24", "IPRange": "10.0.0.8/30", "AuxiliaryAddresses": {"x": "10.0.0.9"}})
    assert endpoints.full(narrow, live("10.0.0.10", "10.0.0.200")) is None
    assert endpoints.full(narrow, live("10.0.0.10", "10.0.0.11")) is not None


def test_where_it_can_not_be_told_it_is_not_full() -> None:
    """Without an IPv4 subnet, over several engines, and where one of two subnets has room."""
    five = live(*(f"10.0.0.{last}" for last in range(2, 7)))
    assert endpoints.full(network({"Subnet": "fd00::/64"}), five) is None
    assert endpoints.full(network(Scope="swarm"), five) is None
    assert endpoints.full(network({"Subnet": "10.0.0.0/29"}, {"Subnet": "10.1.0.0/29"}), five) is None
    assert endpoints.full(network({"Subnet": "10.0.0.0/31"}), five) is None


def test_a_bridge_has_1023_ports() -> None:
    crowd = live(*(f"10.{number // 250}.{number % 250}.2" for number in range(1023)))
    assert "takes no more" in (endpoints.full(network({"Subnet": "10.0.0.0/8"}), crowd) or "")


# Modes


def container(mode: str, *networks: str) -> Container:
    return container_of({
        "Id": ID, "Name": "/web", "Image": "sha256:0", "State": {"Status": "running"}, "Config": {"Image": "alpine"},
        "HostConfig": {"NetworkMode": mode}, "NetworkSettings": {"Networks": {name: {} for name in networks}},
    })  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "expected"), [("default", "bridge"), ("", "bridge"), ("my-default", "my-default"), ("host", "host")]
)
def test_the_default_bridge_is_told_from_a_network_of_such_a_name(mode: str, expected: str) -> None:
    assert container(mode).network_mode == expected


def test_whose_network_and_who_uses_it() -> None:
    """Names are from the list; where not everyone is listed, who uses it is not known."""
    sharer = container(f"container:{'a' * 64}")
    listed = [
        Listed("owner", "a" * 64, "running", "alpine", "bridge"),
        Listed("web", ID, "running", "alpine", sharer.network_mode),
    ]
    owner = container("bridge").model_copy(update={"id": "a" * 64, "name": "owner"})
    assert sharer.shares_network_of == ContainerRef("a" * 64)
    first, second = sharing.told([sharer, owner], listed, everyone=True)
    assert first.shares_network_of == ContainerRef("a" * 64, "owner", "alpine")
    assert (first.network_shared_by, second.network_shared_by) == ((), (ContainerRef(ID, "web", "alpine"),))
    (alone,) = sharing.told([owner], listed[:1], everyone=False)
    assert alone.network_shared_by is None


# ETags


def test_an_etag_is_of_what_it_tells() -> None:
    """The same for equal records, another for any change; quotes included."""
    assert etag_of(member()) == etag_of(member())
    assert etag_of(member()) != etag_of(member(IPAddress="10.0.0.3"))
    assert etag_of(member())[0] == etag_of(member())[-1] == '"'


@pytest.mark.parametrize(
    ("wanted", "etag", "expected"),
    [
        ('"a"', '"a"', True),
        ('"b", "a"', '"a"', True),
        ("*", '"a"', True),
        ("*", None, False),
        ('"a"', None, False),
        ('W/"a"', '"a"', False),
        ("a", '"a"', False),
        ("", '"a"', False),
    ],
)
def test_if_match(wanted: str, etag: str | None, *, expected: bool) -> None:
    assert matches(wanted, etag) is expected
