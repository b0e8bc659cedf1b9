"""Creating networks over HTTP: every option, what is refused before the engine sees it, and free subnets."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from control.memory import Memory
from tests.support.api import problem_of, run
from tests.support.control import Control, running_control
from tests.support.engine import PrivateEngine
from tests.support.polling import eventually


def pools(*subnets: str, **more: str) -> dict[str, Any]:
    """`ipam` with these subnets; `more` is for each."""
    return {"ipam": {"pools": [{"subnet": subnet, **more} for subnet in subnets]}}


@pytest.mark.parametrize(
    ("body", "at", "word"),
    [
        ({"driver": "host"}, "body.driver", "built in"),
        ({"driver": "none"}, "body.driver", "built in"),
        ({"driver": "null"}, "body.driver", "built in"),
        ({"driver": "a b"}, "body.driver", "pattern"),
        ({"ingress": True}, "body.ingress", "overlay"),
        ({"driver": "overlay", "scope": "local"}, "body.scope", "swarm"),
        ({"scope": "global"}, "body.scope", "local"),
        ({"scope": "swarm"}, "body", "config_from"),
        ({"ipv4": False}, "body.ipv4", "ipv6"),
        ({"ipv4": False, "ipv6": True, **pools("10.114.0.0/24")}, "body.ipam", "ipv4"),
        (pools("fd00:114::/64"), "body.ipam", "ipv6"),
        (pools("10.114.0.0/24", "10.115.0.0/24"), "body.ipam", "bridge"),
        ({"driver": "macvlan", **pools("10.114.0.0/24", "10.114.0.128/25")}, "body.ipam.pools", "overlap"),
        (pools("127.1.0.0/16"), "body.ipam.pools.0.subnet", "127.0.0.0/8"),
        (pools("224.1.0.0/16"), "body.ipam.pools.0.subnet", "224.0.0.0/4"),
        (pools("0.0.0.0/0"), "body.ipam.pools.0.subnet", "0.0.0.0/8"),
        (pools("10.114.0.0/31"), "body.ipam.pools.0.subnet", "/30"),
        (pools("fd00:114::/127"), "body.ipam.pools.0.subnet", "/126"),
        (pools("10.114.0.0/24", range="10.115.0.0/25"), "body.ipam.pools.0.range", "in the subnet"),
        (pools("10.114.0.0/24", range="10.114.0.0/16"), "body.ipam.pools.0.range", "in the subnet"),
        (pools("10.114.0.0/24", range="fd00::/64"), "body.ipam.pools.0.range", "in the subnet"),
        (pools("10.114.0.0/24", gateway="10.115.0.1"), "body.ipam.pools.0.gateway", "outside"),
        (pools("10.114.0.0/24", gateway="10.114.0.0"), "body.ipam.pools.0.gateway", "own address"),
        (pools("10.114.0.0/24", gateway="10.114.0.255"), "body.ipam.pools.0.gateway", "broadcast"),
        ({"ipam": {"pools": [{"gateway": "10.114.0.1"}]}}, "body.ipam.pools.0.gateway", "subnet"),
        ({"ipam": {"pools": [{"range": "10.114.0.0/25"}]}}, "body.ipam.pools.0.range", "subnet"),
        ({"config_only": True, "internal": True, "attachable": True}, "body.config_only", "internal or attachable"),
        ({"config_only": True, "driver": "bridge"}, "body", "driver"),
        ({"config_from": "c", "labels": {"a": "b"}, "ipv6": True}, "body.config_from", "ipv6 and labels"),
        ({"config_from": "c", **pools("10.114.0.0/24")}, "body.config_from", "ipam"),
    ],
)
def test_what_can_never_be_is_refused_with_its_place(
    api: httpx2.Client, engine: PrivateEngine, body: dict[str, Any], at: str, word: str
) -> None:
    """422 that names the field and says why; the engine never sees it (it takes many of these)."""
    answer = api.post("/networks", json={"name": "never", **body})
    assert answer.status_code == 422, answer.text
    (error,) = problem_of(answer)["errors"]
    assert error["at"] == at
    assert word in error["message"]
    assert "never" not in {network["Name"] for network in engine.call("GET", "/networks")}


@pytest.mark.parametrize(
    ("auxiliary", "word"),
    [
        ({"a": "10.115.0.1"}, "outside"),
        ({"a": "10.114.0.255"}, "broadcast"),
        ({"a": "10.114.0.1"}, "gateway"),
        ({"a": "10.114.0.7", "b": "10.114.0.7"}, "same"),
    ],
)
def test_addresses_to_set_aside_must_be_ones_of_the_subnet(
    api: httpx2.Client, auxiliary: dict[str, str], word: str
) -> None:
    """Each inside, no two the same, and not the gateway's."""
    pool = {"subnet": "10.114.0.0/24", "gateway": "10.114.0.1", "auxiliary_addresses": auxiliary}
    answer = api.post("/networks", json={"name": "never", "ipam": {"pools": [pool]}})
    (error,) = problem_of(answer)["errors"]
    assert (answer.status_code, error["at"]) == (422, "body.ipam.pools.0.auxiliary_addresses")
    assert word in error["message"]


def test_two_families_with_everything(api: httpx2.Client, engine: PrivateEngine) -> None:
    """IPv4 and IPv6, each with range and gateway, are what the engine shows; the answer has an ETag, as has GET."""
    wanted = {
        "name": "both",
        "ipv6": True,
        "ipam": {
            "options": {"some": "thing"},
            "pools": [
                {"subnet": "10.114.0.0/24", "range": "10.114.0.64/26", "gateway": "10.114.0.1"},
                {"subnet": "fd00:114::/64", "gateway": "fd00:114::1", "auxiliary_addresses": {"it": "fd00:114::9"}},
            ],
        },
    }
    answer = api.post("/networks", json=wanted)
    assert answer.status_code == 201, answer.text
    shown = engine.call("GET", "/networks/both")
    assert (shown["EnableIPv6"], shown["IPAM"]["Options"]) == (True, {"some": "thing"})
    assert shown["IPAM"]["Config"] == [
        {"Subnet": "10.114.0.0/24", "IPRange": "10.114.0.64/26", "Gateway": "10.114.0.1"},
        {"Subnet": "fd00:114::/64", "Gateway": "fd00:114::1", "AuxiliaryAddresses": {"it": "fd00:114::9"}},
    ]
    read = api.get("/networks/both")
    assert read.json() == answer.json()
    assert read.headers["etag"] == answer.headers["etag"]


def test_a_configuration_is_taken(api: httpx2.Client, engine: PrivateEngine) -> None:
    """A network that takes another's configuration has its addresses, options and labels, by name or by id; the
    configuration stays while it is taken, and a network that is none is refused."""
    configuration = api.post(
        "/networks",
        json={"name": "conf", "config_only": True, "labels": {"a": "b"}, **pools("10.114.0.0/24")},
    ).json()
    assert (configuration["config_only"], configuration["config_from"]) == (True, None)
    answer = api.post(
        "/networks",
        json={"name": "taker", "config_from": configuration["id"], "internal": True},
        headers={"Idempotency-Key": "taker"},
    )
    assert answer.status_code == 201, answer.text
    assert (answer.json()["config_from"], answer.json()["labels"]) == ("conf", {"a": "b"})
    shown = engine.call("GET", "/networks/taker")
    assert (shown["ConfigFrom"], shown["Internal"]) == ({"Network": "conf"}, True)
    assert shown["IPAM"]["Config"] == [{"Subnet": "10.114.0.0/24"}]
    again = api.post("/networks", json={"name": "second", "config_from": "conf"})
    assert (again.status_code, problem_of(again)["overlaps"]["network"]) == (409, "taker")
    refused = api.delete("/networks/conf", params={"force": "true"})
    assert (refused.status_code, problem_of(refused)["users"]) == (409, ["taker"])
    none = api.post("/networks", json={"name": "second", "config_from": "taker"})
    assert (none.status_code, problem_of(none)["errors"][0]["at"]) == (422, "body.config_from")
    assert api.post("/networks", json={"name": "second", "config_from": "nosuch"}).status_code == 404
    assert api.delete("/networks/taker").status_code == 204
    assert api.delete("/networks/conf").status_code == 204


def test_an_overlap_suggests_what_is_free(api: httpx2.Client) -> None:
    """Equal, larger and smaller subnets are 409 with the other network's name; the subnet suggested has the same size,
    is in the same private range, and can be had."""
    assert api.post("/networks", json={"name": "first", **pools("10.114.0.0/24")}).status_code == 201
    for number, subnet in enumerate(("10.114.0.0/24", "10.114.0.0/16", "10.114.0.128/25")):
        answer = api.post("/networks", json={"name": f"other{number}", **pools(subnet)})
        problem = problem_of(answer)
        assert (answer.status_code, problem["type"]) == (409, "urn:pontlevis:problem:address-taken")
        assert problem["overlaps"] == {"subnet": "10.114.0.0/24", "network": "first", "interface": None}
        assert problem["suggestion"] in problem["detail"]
        assert problem["suggestion"].startswith("10.1")
        assert problem["suggestion"].partition("/")[2] == subnet.partition("/")[2]
        taken = api.post("/networks", json={"name": f"other{number}", **pools(problem["suggestion"])})
        assert taken.status_code == 201, taken.text


def test_ipv6_without_a_subnet_is_told_one(api: httpx2.Client) -> None:
    """Docker 20.10 has none of its own to choose: 409 with a unique local one, which can be had."""
    answer = api.post("/networks", json={"name": "six", "ipv6": True})
    problem = problem_of(answer)
    assert (answer.status_code, problem["suggestion"][:2]) == (409, "fd")
    taken = api.post("/networks", json={"name": "six", "ipv6": True, **pools(problem["suggestion"])})
    assert taken.status_code == 201, taken.text
    assert [pool["subnet"] for pool in taken.json()["ipam"]["pools"]][-1] == problem["suggestion"]


def test_used_up_pools_suggest_what_is_free(api: httpx2.Client) -> None:
    """When the engine has no subnet left to choose, it is 409 with one to ask for, which can be had."""
    for number in range(60):
        answer = api.post("/networks", json={"name": f"many{number}"})
        if answer.status_code != 201:
            break
    problem = problem_of(answer)
    assert (answer.status_code, problem["type"]) == (409, "urn:pontlevis:problem:address-taken")
    assert problem["suggestion"] in problem["detail"]
    assert api.post("/networks", json={"name": "more", **pools(problem["suggestion"])}).status_code == 201


@contextmanager
def route(engine: PrivateEngine, subnet: str, *family: str) -> Iterator[None]:
    """A route of the engine's host."""

    def ip(do: str) -> None:
        with engine.entered():
            subprocess.run(["ip", *family, "route", do, "unreachable", subnet], check=True)

    ip("add")
    try:
        yield
    finally:
        ip("del")


def test_a_route_of_the_host_is_not_taken_over(api: httpx2.Client, engine: PrivateEngine) -> None:
    """A subnet that the engine's host has a route to is 409 that names the route, although the engine would take it and
    so take the way from what was there; nor is such a one suggested."""
    with route(engine, "10.114.0.0/16"), route(engine, "fd00:114::/48", "-6"):
        for subnet in ("10.114.7.0/24", "10.112.0.0/12", "fd00:114::/64"):
            body = {"name": "way", "ipv6": ":" in subnet, **pools(subnet)}
            answer = api.post("/networks", json=body)
            problem = problem_of(answer)
            assert (answer.status_code, problem["type"]) == (409, "urn:pontlevis:problem:address-taken")
            assert problem["overlaps"]["subnet"] in {"10.114.0.0/16", "fd00:114::/48"}
            assert problem["overlaps"]["subnet"] in problem["detail"]
            taken = api.post("/networks", json={**body, **pools(problem["suggestion"])})
            assert taken.status_code == 201, taken.text
            assert api.delete("/networks/way").status_code == 204
        behind = {"name": "lan", "driver": "macvlan", "options": {"parent": "docker0"}, **pools("10.114.0.0/24")}
        assert api.post("/networks", json=behind).status_code == 201, "a macvlan has the subnet of its parent"
    assert api.delete("/networks/lan").status_code == 204
    assert api.post("/networks", json={"name": "way", **pools("10.114.7.0/24")}).status_code == 201


def test_macvlans_share_a_subnet_by_ranges(api: httpx2.Client) -> None:
    """Two parents on one LAN: the very same subnet twice, each with a range; else it is an overlap as any."""
    api.post("/networks", json={"name": "other", "options": {"com.docker.network.bridge.name": "other0"}})

    def lan(name: str, parent: str, **more: str) -> httpx2.Response:
        body = {"name": name, "driver": "macvlan", "options": {"parent": parent}, **pools("10.114.0.0/24", **more)}
        return api.post("/networks", json=body)

    assert lan("one", "docker0", range="10.114.0.0/25").status_code == 201
    assert problem_of(lan("two", "other0"))["overlaps"]["network"] == "one"
    assert lan("two", "other0", range="10.114.0.128/25").status_code == 201
    again = lan("three", "docker0", range="10.114.0.128/26")
    assert (again.status_code, "parent" in problem_of(again)["detail"]) == (409, True)


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"driver": "nosuch"}, 422, "invalid"),
        ({"driver": "macvlan"}, 409, "unsupported"),
        ({"driver": "ipvlan"}, 409, "unsupported"),
        ({"driver": "macvlan", "options": {"parent": "nosuch0"}}, 422, "invalid"),
        ({"driver": "macvlan", "options": {"parent": "docker0", "macvlan_mode": "x"}}, 422, "invalid"),
        ({"options": {"com.docker.network.driver.mtu": "x"}}, 422, "invalid"),
        ({"options": {"com.docker.network.bridge.name": "x" * 40}}, 422, "invalid"),
        ({"options": {"com.docker.network.bridge.name": "docker0"}}, 409, "conflict"),
        ({"driver": "overlay", "ingress": True}, 409, "no-swarm"),
        ({"ipv4": False, "ipv6": True}, 409, "unsupported"),
    ],
)
def test_what_this_engine_can_not_do_is_a_clear_refusal(
    api: httpx2.Client, body: dict[str, Any], status: int, kind: str
) -> None:
    """The engine's 500s among them are 4xx here, and nothing is left (Docker 20.10 on a kernel without macvlan of no
    parent and without ipvlan)."""
    answer = api.post("/networks", json={"name": "hard", **body})
    assert (answer.status_code, problem_of(answer)["type"]) == (status, f"urn:pontlevis:problem:{kind}"), answer.text
    assert api.get("/networks/hard").status_code == 404


def test_fifty_creates_of_one_name_make_one_network(api: httpx2.Client, engine: PrivateEngine) -> None:
    """One of fifty at once succeeds, and all others are told that the name is taken."""
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: api.post("/networks", json={"name": "only"}), range(50)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49
    taken = {problem_of(answer)["type"] for answer in answers if answer.status_code == 409}
    assert taken == {"urn:pontlevis:problem:name-taken"}
    assert [network["Name"] for network in engine.call("GET", "/networks")].count("only") == 1


async def _asked(folder: Path) -> int:
    memory = Memory(folder)
    try:
        return len(await memory.all("idempotency"))
    finally:
        await memory.close()


async def test_a_key_finds_a_network_that_could_not_bear_it(engine: PrivateEngine, tmp_path: Path) -> None:
    """Control dies while the engine creates a network, under an Idempotency-Key, that takes a configuration, and so
    has no label of its own. Asked again, control answers with that one."""
    body, headers = {"name": "kept", "config_from": "conf"}, {"Idempotency-Key": "a key of mine"}
    engine.call("POST", "/networks/create", json={"Name": "conf", "ConfigOnly": True})
    with running_control(engine.url, tmp_path / "data") as control:
        with ThreadPoolExecutor(1) as pool:
            engine.pause()
            try:
                first = pool.submit(_post_into_nothing, control, body, headers)
                while not await _asked(control.data_dir):
                    pass
                control.kill()
                assert first.result()
            finally:
                engine.resume()
        made = {"Name": "kept", "ConfigFrom": {"Network": "conf"}}
        id_ = engine.call("POST", "/networks/create", json=made)["Id"]
        control.start()
        with control.client() as client:
            answer = client.post("/networks", json=body, headers=headers)
            assert (answer.status_code, answer.json()["id"]) == (201, id_)
            assert client.post("/networks", json=body, headers=headers).json() == answer.json()
            assert client.post("/networks", json=body).status_code == 409
            assert client.delete("/networks/kept").status_code == 204
            assert client.delete("/networks/conf").status_code == 204


def _post_into_nothing(control: Control, body: dict[str, str], headers: dict[str, str]) -> bool:
    with control.client() as client:
        try:
            client.post("/networks", json=body, headers=headers)
        except httpx2.HTTPError:
            return True
    return False


def test_a_name_that_somebody_takes_meanwhile_stays_one_network(api: httpx2.Client, engine: PrivateEngine) -> None:
    """While control creates networks, others create the same names at the engine's own socket: a name that control gave
    a 201 for is there, and what it made in vain is gone again."""
    names = [f"race{number}" for number in range(8)]
    with ThreadPoolExecutor(16) as pool:
        ours = [pool.submit(api.post, "/networks", json={"name": name}) for name in names]
        theirs = [pool.submit(engine.call, "POST", "/networks/create", json={"Name": name}) for name in names]
        answers = dict(zip(names, (it.result() for it in ours), strict=True))
        made = {name: it.result()["Id"] for name, it in zip(names, theirs, strict=True)}
    shown = engine.call("GET", "/networks")
    for name, answer in answers.items():
        ids = {network["Id"] for network in shown if network["Name"] == name}
        assert answer.status_code in {201, 409}
        assert ids == {made[name], *([answer.json()["id"]] if answer.status_code == 201 else [])}


def test_two_parents_reach_each_other(api: httpx2.Client) -> None:
    """A container on a macvlan has an address of its pool, and the pool says so."""
    body = {"name": "lan", "driver": "macvlan", "options": {"parent": "docker0"}, **pools("10.114.0.0/29")}
    assert api.post("/networks", json=body).status_code == 201
    run(api, "near", networks=["lan"])
    (pool,) = api.get("/networks/lan").json()["ipam"]["pools"]
    assert pool["use"] == {"total": 5, "taken": 1, "free": 4}
    eventually(lambda: api.get("/containers/near").json()["state"] == "running")
