"""Networks as they are shown: pools and their use, who is on them, filters, ETags; and how they are removed."""

from typing import Any

import httpx2
import pytest

from control.engine.networkjson import detail_of, network_of
from tests.support.api import ALPINE, SLEEP, problem_of, run
from tests.support.engine import EngineRefused, PrivateEngine


def make(api: httpx2.Client, name: str, **pool: Any) -> dict[str, Any]:  # noqa: ANN401  (any JSON)
    """A network, with one pool where that is given."""
    body = {"name": name, "ipam": {"pools": [pool]}} if pool else {"name": name}
    answer = api.post("/networks", json=body)
    assert answer.status_code == 201, answer.text
    network: dict[str, Any] = answer.json()
    return network


def refer(engine: PrivateEngine, name: str, network: str, *, ran: bool) -> str:
    """A container that is to join a network at its start, made at the engine itself; it never ran, or has run."""
    made = {"Image": ALPINE, "Cmd": SLEEP, "HostConfig": {"NetworkMode": network, "Init": True}}
    id_: str = engine.call("POST", "/containers/create", json=made, name=name)["Id"]
    if ran:
        engine.call("POST", f"/containers/{id_}/start")
        engine.call("POST", f"/containers/{id_}/stop", t="0")
    return id_


def test_shows_who_is_on_it(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Containers that run, that stopped and that never ran, by name, each with what it is to have and what it has; and
    just so when another network has the same name."""
    network = make(api, "shown", subnet="10.116.0.0/24")
    run(api, "live")
    wanted = {"aliases": ["first"], "ipv4": "10.116.0.9"}
    assert api.put("/networks/shown/containers/live", json=wanted).status_code == 201
    refer(engine, "ready", "shown", ran=False)
    refer(engine, "stopped", "shown", ran=True)
    run(api, "elsewhere")
    detail = api.get("/networks/shown").json()
    assert [(it["container"]["name"], it["state"]) for it in detail["containers"]] == [
        ("live", "connected"),
        ("ready", "configured"),
        ("stopped", "configured"),
    ]
    assert {(it["network"]["name"], it["network"]["id"] or network["id"]) for it in detail["containers"]} == {
        ("shown", network["id"])
    }
    live = detail["containers"][0]
    assert (live["wanted"]["ipv4"], live["wanted"]["aliases"]) == ("10.116.0.9", ["first"])
    shown = engine.call("GET", f"/networks/{network['id']}")["Containers"][live["container"]["id"]]
    assert live["endpoint"]["id"] == shown["EndpointID"]
    assert (live["endpoint"]["ipv4"], live["endpoint"]["mac"]) == ("10.116.0.9", shown["MacAddress"])
    assert {"live", "first"} <= set(live["dns_names"])
    assert detail["other_endpoints"] == detail["peers"] == detail["services"] == []
    engine.call("POST", "/networks/create", json={"Name": "shown"})
    assert api.get(f"/networks/{network['id']}").json()["containers"] == detail["containers"]


@pytest.mark.parametrize(
    ("pool", "total"),
    [
        ({"subnet": "10.116.0.0/29"}, 5),
        ({"subnet": "10.116.0.0/28", "range": "10.116.0.8/29"}, 6),
        (
            {
                "subnet": "10.116.0.0/28",
                "range": "10.116.0.0/29",
                "gateway": "10.116.0.14",
                "auxiliary_addresses": {"it": "10.116.0.3"},
            },
            6,
        ),
    ],
)
def test_free_is_how_many_more_the_engine_gives(
    api: httpx2.Client, engine: PrivateEngine, crowd: list[str], pool: dict[str, Any], total: int
) -> None:
    """Containers are connected until the engine refuses one: at each step, `free` was how many more it gave."""
    network = make(api, "counted", **pool)
    said, told = [], ""
    for id_ in crowd:
        said.append(api.get("/networks/counted").json()["ipam"]["pools"][0]["use"])
        try:
            engine.call("POST", f"/networks/{network['id']}/connect", json={"Container": id_})
        except EngineRefused as refused:
            told = str(refused)
            break
    assert "no available IPv4 addresses" in told
    assert said == [{"total": total, "taken": n, "free": total - n} for n in range(total + 1)]
    assert api.delete("/networks/counted", params={"force": "true"}).status_code == 204


@pytest.fixture
def crowd(engine: PrivateEngine) -> list[str]:
    """The ids of eight containers that run; `api` removes them."""
    ids = []
    for number in range(8):
        made = {"Image": ALPINE, "Cmd": SLEEP, "HostConfig": {"Init": True}}
        ids.append(engine.call("POST", "/containers/create", json=made, name=f"crowd{number}")["Id"])
        engine.call("POST", f"/containers/{ids[-1]}/start")
    return ids


def test_a_fixed_address_outside_the_range_takes_none_of_it(api: httpx2.Client) -> None:
    """The range is what the engine gives from by itself."""
    make(api, "ranged", subnet="10.116.0.0/24", range="10.116.0.8/30", gateway="10.116.0.1")
    run(api, "fixed")
    assert api.put("/networks/ranged/containers/fixed", json={"ipv4": "10.116.0.99"}).status_code == 201
    (pool,) = api.get("/networks/ranged").json()["ipam"]["pools"]
    assert pool["use"] == {"total": 4, "taken": 0, "free": 4}


def test_filters(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Each of the engine's, several values of those that take several."""
    one = make(api, "flt-one")
    two = make(api, "flt-two")
    api.post("/networks", json={"name": "flt-three", "labels": {"a": "1", "b": ""}})
    run(api, "flt", networks=["flt-one"])
    refer(engine, "waits", "flt-two", ran=False)
    api.post("/networks", json={"name": "flt-zero", "config_only": True})
    api.post("/networks", json={"name": "flt-zeta", "config_from": "flt-zero"})

    def names(**query: str | list[str]) -> list[str]:
        answer = api.get("/networks", params=query)
        assert answer.status_code == 200, answer.text
        return [item["name"] for item in answer.json()["items"]]

    assert names(name=["flt-one", "flt-two"]) == ["flt-one", "flt-two"]
    assert names(id=[one["id"], two["id"]]) == ["flt-one", "flt-two"]
    assert names(driver=["host", "null"], type="builtin") == ["host", "none"]
    assert names(scope=["swarm", "global"]) == []
    assert names(scope=["local", "swarm"], type="builtin") == ["bridge", "host", "none"]
    assert names(label=["a=1", "b"]) == ["flt-three"]
    assert names(label=["a=2"]) == []
    assert names(dangling="true", name="flt-") == ["flt-three", "flt-zeta"]
    assert names(dangling="false", name="flt-") == ["flt-one", "flt-two", "flt-zero"]
    assert names(dangling="false", type="builtin") == ["bridge", "host", "none"]
    assert names(type="custom", name="flt-", limit="2") == ["flt-one", "flt-three"]
    assert api.get("/networks", params={"type": ["custom", "builtin"]}).status_code == 422
    assert api.get("/networks", params={"scope": "nowhere"}).status_code == 422


def test_an_etag_guards_a_removal(api: httpx2.Client) -> None:
    """It stays while nothing changes; who read the network before a container joined is told that it has changed."""
    make(api, "tagged")
    first = api.get("/networks/tagged").headers["etag"]
    assert api.get("/networks/tagged").headers["etag"] == first
    run(api, "joiner", networks=["tagged"])
    refused = api.delete("/networks/tagged", params={"force": "true"}, headers={"If-Match": first})
    assert (refused.status_code, problem_of(refused)["type"]) == (412, "urn:pontlevis:problem:precondition-failed")
    second = api.get("/networks/tagged").headers["etag"]
    assert second != first
    gone = api.delete("/networks/tagged", params={"force": "true"}, headers={"If-Match": second})
    assert gone.status_code == 204
    assert api.delete("/networks/tagged").status_code == 404


@pytest.mark.parametrize("ran", [False, True])
def test_a_container_that_does_not_run_is_taken_off(api: httpx2.Client, engine: PrivateEngine, *, ran: bool) -> None:
    """Docker itself would remove the network under it, and its start would be 404: here it still starts."""
    make(api, "needed")
    id_ = refer(engine, "sleeper", "needed", ran=ran)
    assert api.delete("/networks/needed").status_code == 204
    assert engine.call("GET", f"/containers/{id_}/json")["NetworkSettings"]["Networks"] == {}
    assert api.post("/containers/sleeper/start").status_code == 200


def test_force_takes_everyone_off(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Who runs goes on running, who does not still starts, the others networks of each stay; the log lays it all at the
    request's door."""
    network = make(api, "crowded")
    run(api, "runs")
    assert api.put("/networks/crowded/containers/runs").status_code == 201
    id_ = refer(engine, "rests", "bridge", ran=False)
    engine.call("POST", f"/networks/{network['id']}/connect", json={"Container": id_})
    refused = api.delete("/networks/crowded")
    assert sorted(problem_of(refused)["users"]) == ["runs"]
    answer = api.delete("/networks/crowded", params={"force": "true"}, headers={"Reason": "spring cleaning"})
    assert answer.status_code == 204
    assert network["id"] not in {it["Id"] for it in engine.call("GET", "/networks")}
    for name in ("runs", "rests"):
        assert list(engine.call("GET", f"/containers/{name}/json")["NetworkSettings"]["Networks"]) == ["bridge"]
    assert api.get("/containers/runs").json()["state"] == "running"
    assert api.post("/containers/rests/start").status_code == 200
    events = api.get("/events", params={"network": network["id"], "kind": ["network.disconnect", "network.destroy"]})
    told = [(it["kind"], (it["container"] or {}).get("name"), it["cause"]) for it in events.json()["items"]]
    assert ("network.disconnect", "runs", "request") in told
    assert told[-1][:2] == ("network.destroy", None)


def test_an_engine_of_a_later_version_is_read_too() -> None:
    """What newer engines say beside what 20.10 says, and endpoints that no container has."""
    raw = {
        "Id": "a" * 64,
        "Name": "six",
        "Driver": "bridge",
        "Scope": "local",
        "Created": "2026-11-24T23:43:40.750130377Z",
        "EnableIPv4": False,
        "EnableIPv6": True,
        "IPAM": {"Driver": "default", "Config": [{"Subnet": "fd00:116::/64", "Gateway": "fd00:116::1"}, {}]},
        "ConfigFrom": {"Network": ""},
        "Containers": {
            "b" * 64: {"Name": "gone", "EndpointID": "e", "IPv4Address": "", "IPv6Address": "fd00:116::2/64"},
            "ep-1": {"Name": "left", "EndpointID": "f", "IPv4Address": "", "IPv6Address": "not one"},
        },
    }
    network = network_of(raw)
    assert (network.ipv4, network.ipv6, network.config_from) == (False, True, None)
    detail = detail_of(raw, [])
    use = detail.ipam.pools[0].use
    assert use is not None
    assert (use.total, use.taken, use.free) == (2**53 - 1, 1, 2**53 - 1)
    assert detail.ipam.pools[1].use is None
    assert [(it.name, it.container) for it in detail.other_endpoints] == [("gone", "b" * 64), ("left", None)]
