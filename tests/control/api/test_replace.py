"""A network replaced: what Docker calls immutable is changed, and every container is where it was."""

import contextlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from tests.support.api import ALPINE, SLEEP, execute, problem_of, run
from tests.support.engine import EngineRefused, PrivateEngine
from tests.support.polling import eventually

OLD, NEW = "10.120.0.0/24", "10.120.0.0/23"


def make(api: httpx2.Client, name: str = "mynet", subnet: str = OLD, **options: Any) -> str:  # noqa: ANN401  (any JSON)
    """A network with a subnet of its own; its id."""
    body = {"name": name, "ipam": {"pools": [{"subnet": subnet}]}, **options}
    answer = api.post("/networks", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def replace(api: httpx2.Client, name: str = "mynet", **body: Any) -> dict[str, Any]:  # noqa: ANN401  (any JSON)
    """Replace it; the answer."""
    answer = api.post(f"/networks/{name}/replace", json=body)
    assert answer.status_code == 200, answer.text
    replacement: dict[str, Any] = answer.json()
    return replacement


def play(api: httpx2.Client, name: str, *, start: bool = True, **endpoint: Any) -> None:  # noqa: ANN401  (any JSON)
    """A container that sleeps, on mynet with these options."""
    body = {"name": name, "image": ALPINE, "command": SLEEP, "init": True, "start": start}
    answer = api.post("/containers", json={**body, "networks": [{"network": "mynet", **endpoint}]})
    assert answer.status_code == 201, answer.text


def pools(subnet: str) -> dict[str, Any]:
    return {"pools": [{"subnet": subnet}]}


def shown(engine: PrivateEngine, name: str, network: str = "mynet") -> dict[str, Any]:
    """How the engine has a container on the network, without what is new with each connect."""
    entry = dict(engine.call("GET", f"/containers/{name}/json")["NetworkSettings"]["Networks"][network])
    for key in ("EndpointID", "NetworkID", "IPPrefixLen"):
        entry.pop(key)
    entry["Aliases"] = sorted(entry["Aliases"] or ())
    return entry


def life(engine: PrivateEngine, name: str) -> tuple[int, str, str]:
    """The process of a container, and since when and how it is."""
    state = engine.call("GET", f"/containers/{name}/json")["State"]
    return state["Pid"], state["StartedAt"], state["Status"]


def networks(engine: PrivateEngine, name: str = "mynet") -> list[dict[str, Any]]:
    """The networks of this name, as the engine has them."""
    found = engine.call("GET", "/networks", filters=json.dumps({"name": [name]}))
    return [it for it in found if it["Name"] == name]


@pytest.fixture
def troupe(api: httpx2.Client) -> list[str]:
    """Containers of every kind on mynet, by name."""
    make(api)
    make(api, "aside", "10.121.0.0/24")
    make(api, "zest", "10.122.0.0/24")
    run(api, "db", networks=["mynet"])
    fixed: dict[str, Any] = {"ipv4": "10.120.0.77", "aliases": ["database", "store"], "links": ["db:base"]}
    play(api, "fixed", **fixed)
    run(api, "early", networks=["aside", "mynet"])
    run(api, "late", networks=["mynet", "zest"])
    run(api, "paused", networks=["mynet"])
    assert api.post("/containers/paused/pause").is_success
    play(api, "stopped", ipv4="10.120.0.88", aliases=["sleeper"])
    assert api.post("/containers/stopped/stop", params={"timeout": 0}).is_success
    play(api, "waiting", start=False, ipv4="10.120.0.99", aliases=["new"])
    return ["db", "fixed", "early", "late", "paused", "stopped", "waiting"]


def test_every_container_is_where_it_was(api: httpx2.Client, engine: PrivateEngine, troupe: list[str]) -> None:
    """With all options, the same address and default route; those that run were never stopped."""
    before = {name: shown(engine, name) for name in troupe}
    lives = {name: life(engine, name) for name in troupe}
    routes = {name: execute(api, name, "ip", "route", "show", "default")["stdout"] for name in ("early", "late", "db")}
    old = networks(engine)[0]["Id"]

    answer = replace(api, ipam=pools(NEW), options={"com.docker.network.driver.mtu": "1400"}, labels={"act": "two"})

    (network,) = networks(engine)
    assert network["Id"] != old
    assert network["IPAM"]["Config"] == [{"Subnet": NEW}]
    assert network["Options"] == {"com.docker.network.driver.mtu": "1400"}
    assert network["Labels"] == {"act": "two"}
    assert (answer["before"]["id"], answer["network"]["id"]) == (old, network["Id"])
    assert answer["warnings"] == []
    after = {name: shown(engine, name) for name in troupe}
    for name in ("waiting", "stopped"):  # Docker adds the short id when it is connected, as to the others
        short = engine.call("GET", f"/containers/{name}/json")["Id"][:12]
        before[name]["Aliases"] = sorted({*before[name]["Aliases"], short})
    assert after == before
    assert {name: life(engine, name) for name in troupe} == lives
    for name, route in routes.items():
        now = execute(api, name, "ip", "route", "show", "default")["stdout"]
        assert now.split(" dev ")[0] == route.split(" dev ")[0]
    assert "mtu 1400" in execute(api, "db", "ip", "link")["stdout"]


def test_every_container_starts_afterwards(api: httpx2.Client, engine: PrivateEngine, troupe: list[str]) -> None:
    """Those that had not run too, and those that are stopped or restarted then; names are found."""
    replace(api, ipam=pools(NEW))
    assert api.post("/containers/paused/unpause").is_success
    for name in troupe:
        if name in {"stopped", "waiting"}:
            assert api.post(f"/containers/{name}/start").status_code == 200
        assert api.post(f"/containers/{name}/restart", params={"timeout": 0}).status_code == 200
        assert api.post(f"/containers/{name}/stop", params={"timeout": 0}).status_code == 200
        assert api.post(f"/containers/{name}/start").status_code == 200
    for name, address in (("fixed", "77"), ("stopped", "88"), ("waiting", "99")):
        assert shown(engine, name)["IPAddress"] == f"10.120.0.{address}"
    for name in ("database", "store", "sleeper", "new", "late"):
        assert execute(api, "db", "ping", "-c1", "-W2", name)["exit_code"] == 0, name
    assert execute(api, "fixed", "ping", "-c1", "-W2", "base")["exit_code"] == 0


def test_a_container_made_for_the_network_by_its_id(api: httpx2.Client, engine: PrivateEngine) -> None:
    """It goes along, and starts afterwards, whatever its mode says."""
    id_ = make(api)
    body = {"Image": "alpine", "Cmd": ["sleep", "1000"], "HostConfig": {"NetworkMode": id_, "Init": True}}
    engine.call("POST", "/containers/create", json=body, name="byid")
    engine.call("POST", "/containers/create", json=body, name="waits")
    engine.call("POST", "/containers/byid/start")
    replace(api, ipam=pools(NEW))
    for name in ("byid", "waits"):
        engine.call("POST", f"/containers/{name}/restart", t="0")
        assert engine.call("GET", f"/containers/{name}/json")["NetworkSettings"]["Networks"]["mynet"]["IPAddress"]


def test_published_ports_answer_again(api: httpx2.Client, engine: PrivateEngine) -> None:
    """A host port that was given stays; one that the engine chose becomes another, which is told."""
    make(api)
    publish = [{"container_port": 80, "host_port": 8123}, {"container_port": 81}]
    command = ["sh", "-c", "mkdir /w; echo here > /w/index.html; httpd -h /w -p 80; httpd -f -h /w -p 81"]
    run(api, "web", networks=["mynet"], publish=publish, command=command)
    assert eventually(lambda: _reads(engine, 8123)) == "here"
    chosen = {port["container_port"]: port["host_port"] for port in api.get("/containers/web/ports").json()["items"]}

    answer = replace(api, ipam=pools("10.130.0.0/24"))

    now = {port["container_port"]: port["host_port"] for port in api.get("/containers/web/ports").json()["items"]}
    assert now[80] == 8123
    assert eventually(lambda: _reads(engine, 8123)) == "here"
    assert eventually(lambda: _reads(engine, now[81])) == "here"
    assert any("10.120.0.2" in it for it in answer["warnings"])
    if now[81] != chosen[81]:
        assert any(f"{chosen[81]}->81" in it and f"{now[81]}->81" in it for it in answer["warnings"])


def _reads(engine: PrivateEngine, port: int) -> str | None:
    try:
        with engine.entered():
            return httpx2.get(f"http://127.0.0.1:{port}/").text.strip()
    except httpx2.HTTPError:
        return None


def test_a_dry_run_tells_the_steps_and_changes_nothing(
    api: httpx2.Client, engine: PrivateEngine, troupe: list[str]
) -> None:
    before = networks(engine)
    members = {name: shown(engine, name) for name in troupe}
    answer = replace(api, ipam=pools(NEW), internal=True, dry_run=True)
    assert (answer["dry_run"], answer["network"]) == (True, None)
    actions = [step["action"] for step in answer["steps"]]
    n = len(troupe)
    assert actions == ["disconnect"] * n + ["remove-network", "create-network"] + ["connect"] * n
    assert f"create mynet: bridge, {NEW}, internal" in [step["text"] for step in answer["steps"]]
    connects = {step["container"]["name"]: step for step in answer["steps"] if step["action"] == "connect"}
    assert connects["fixed"]["text"] == (
        "connect fixed to mynet with aliases database store, ipv4 10.120.0.77, links db:base"
    )
    assert connects["fixed"]["endpoint"]["ipv4"] == "10.120.0.77"
    assert networks(engine) == before
    assert {name: shown(engine, name) for name in troupe} == members
    last = api.get("/events", params={"kind": "request", "order": "desc", "limit": 1}).json()["items"][0]
    assert (last["detail"]["action"], last["detail"]["outcome"]) == ("network.replace", "planned")


def test_what_is_so_already_is_left_alone(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Said twice, it is done once."""
    make(api)
    run(api, "db", networks=["mynet"])
    first = replace(api, ipam=pools(NEW), attachable=True)
    again = replace(api, ipam=pools(NEW), attachable=True)
    assert (again["steps"], again["warnings"]) == ([], [])
    assert again["network"]["id"] == first["network"]["id"] == networks(engine)[0]["Id"]
    assert replace(api)["network"]["id"] == first["network"]["id"]


def test_a_fixed_address_stands_against_a_subnet_without_it(
    api: httpx2.Client, engine: PrivateEngine, troupe: list[str]
) -> None:
    """409 names it, and nothing was touched; `renumber` gives it up."""
    before = networks(engine)
    problem = problem_of(api.post("/networks/mynet/replace", json={"ipam": pools("10.130.0.0/24")}))
    assert problem["type"] == "urn:pontlevis:problem:addresses-outside"
    assert {it["container"] for it in problem["addresses"]} == {"fixed", "stopped", "waiting"}
    assert networks(engine) == before

    answer = replace(api, ipam=pools("10.130.0.0/24"), renumber=True)
    assert any("fixed had the fixed address 10.120.0.77" in it for it in answer["warnings"])
    for name in troupe:
        entry = shown(engine, name)
        assert not (entry["IPAMConfig"] or {}).get("IPv4Address")
        if name not in {"stopped", "waiting"}:
            assert entry["IPAddress"].startswith("10.130.0.")
    assert {"database", "store"} <= set(shown(engine, "fixed")["Aliases"])


@pytest.mark.parametrize("gateway", ["10.120.0.77", "10.120.1.1"])
def test_the_new_gateways_address_is_no_containers(api: httpx2.Client, gateway: str) -> None:
    make(api)
    play(api, "fixed", ipv4="10.120.0.77")
    body = {"ipam": {"pools": [{"subnet": NEW, "gateway": gateway}]}}
    assert api.post("/networks/mynet/replace", json=body).status_code == (409 if gateway.endswith("77") else 200)


def test_a_subnet_of_another_network_is_refused_untouched(api: httpx2.Client, engine: PrivateEngine) -> None:
    """With a free one."""
    make(api)
    make(api, "aside", "10.121.0.0/24")
    run(api, "db", networks=["mynet"])
    before = networks(engine)
    problem = problem_of(api.post("/networks/mynet/replace", json={"ipam": pools("10.121.0.0/25")}))
    assert problem["type"] == "urn:pontlevis:problem:address-taken"
    assert problem["overlaps"]["network"] == "aside"
    assert problem["suggestion"]
    assert networks(engine) == before


def test_a_subnet_with_too_few_addresses_is_refused_untouched(api: httpx2.Client, engine: PrivateEngine) -> None:
    make(api)
    for name in ("one", "two"):
        run(api, name, networks=["mynet"])
    before = networks(engine)
    problem = problem_of(api.post("/networks/mynet/replace", json={"ipam": pools("10.120.0.0/30")}))
    assert "has 1 address" in problem["detail"] or "have 1 addresses" in problem["detail"]
    assert networks(engine) == before


@pytest.mark.parametrize("name", ["bridge", "host", "none"])
def test_the_engines_own_networks_stay(api: httpx2.Client, name: str) -> None:
    assert problem_of(api.post(f"/networks/{name}/replace", json={"internal": True}))["status"] == 403


@pytest.mark.parametrize(
    "body",
    [
        {"name": "other"},
        {"ipam": {"pools": [{"subnet": "10.120.0.5/24"}]}},
        {"ipam": {"pools": [{"subnet": "fd00:5::/64"}]}},
        {"driver": "host"},
        {"ipv6": "yes"},
    ],
)
def test_what_does_not_fit_is_422(api: httpx2.Client, engine: PrivateEngine, body: dict[str, Any]) -> None:
    """By itself, or with what stays."""
    make(api)
    before = networks(engine)
    assert problem_of(api.post("/networks/mynet/replace", json=body))["status"] == 422
    assert networks(engine) == before


def test_a_configuration_that_others_take_stays(api: httpx2.Client) -> None:
    """And who takes one changes it there."""
    body = {"name": "plan", "config_only": True, "ipam": pools(OLD)}
    assert api.post("/networks", json=body).status_code == 201
    assert replace(api, "plan", ipam=pools(NEW))["network"]["config_only"] is True
    assert api.post("/networks", json={"name": "taker", "config_from": "plan"}).status_code == 201
    assert problem_of(api.post("/networks/plan/replace", json={"ipam": pools(OLD)}))["users"] == ["taker"]
    assert problem_of(api.post("/networks/taker/replace", json={"ipam": pools(OLD)}))["status"] == 409
    made = replace(api, "taker", internal=True)["network"]
    assert (made["internal"], made["config_from"], made["ipam"]["pools"][0]["subnet"]) == (True, "plan", NEW)


def test_if_match_guards_against_what_came_in_between(api: httpx2.Client) -> None:
    make(api)
    tag = api.get("/networks/mynet").headers["etag"]
    run(api, "db", networks=["mynet"])
    url, body = "/networks/mynet/replace", {"ipam": pools(NEW)}
    assert problem_of(api.post(url, json=body, headers={"If-Match": tag}))["status"] == 412
    tag = api.get("/networks/mynet").headers["etag"]
    assert api.post(url, json=body, headers={"If-Match": tag}).status_code == 200
    assert problem_of(api.post(url, json={"internal": True}, headers={"If-Match": tag}))["status"] == 412


# Taken back


def test_a_network_that_the_engine_refuses_is_taken_back(
    api: httpx2.Client, engine: PrivateEngine, troupe: list[str]
) -> None:
    """Everything is as it was: members, options, those that run."""
    before = {name: shown(engine, name) for name in troupe}
    lives = {name: life(engine, name) for name in troupe}
    body = {"options": {"com.docker.network.driver.mtu": "wide"}, "labels": {"act": "two"}}
    problem = problem_of(api.post("/networks/mynet/replace", json=body))
    assert problem["rolled_back"] is True
    assert "are as they were" in problem["detail"]
    (network,) = networks(engine)
    assert network["IPAM"]["Config"] == [{"Subnet": OLD}]
    assert (network["Options"], network["Labels"]) == ({}, {})
    for name in ("waiting", "stopped"):
        short = engine.call("GET", f"/containers/{name}/json")["Id"][:12]
        before[name]["Aliases"] = sorted({*before[name]["Aliases"], short})
    assert {name: shown(engine, name) for name in troupe} == before
    assert {name: life(engine, name) for name in troupe} == lives
    for name in ("stopped", "waiting"):
        assert api.post(f"/containers/{name}/start").status_code == 200
    assert replace(api, ipam=pools(NEW))["network"]["ipam"]["pools"][0]["subnet"] == NEW


@contextmanager
def meddler(engine: PrivateEngine, container: str, address: str) -> Iterator[None]:
    """Somebody who, as soon as there is another mynet, connects this container with this address."""
    old, done = networks(engine)[0]["Id"], threading.Event()

    def meddle() -> None:
        while not done.is_set():
            for network in networks(engine):
                if network["Id"] != old:
                    wish = {"Container": container, "EndpointConfig": {"IPAMConfig": {"IPv4Address": address}}}
                    with contextlib.suppress(EngineRefused):
                        engine.call("POST", f"/networks/{network['Id']}/connect", json=wish)
                    return

    thread = threading.Thread(target=meddle)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_a_container_that_can_not_come_back_takes_all_back(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Somebody takes its address meanwhile: he is put off, and everything is as it was."""
    make(api)
    for number in range(4):
        run(api, f"p{number}", networks=["mynet"])
    play(api, "fixed", ipv4="10.120.0.200", aliases=["last"])
    run(api, "stranger")
    names = ["p0", "p1", "p2", "p3", "fixed"]
    before = {name: shown(engine, name) for name in names}
    lives = {name: life(engine, name) for name in names}
    with meddler(engine, "stranger", "10.120.0.200"):
        answer = api.post("/networks/mynet/replace", json={"ipam": pools(NEW)})
    problem = problem_of(answer)
    assert problem["type"] == "urn:pontlevis:problem:address-taken"
    assert problem["rolled_back"] is True
    (network,) = networks(engine)
    assert network["IPAM"]["Config"] == [{"Subnet": OLD}]
    assert {name: shown(engine, name) for name in names} == before
    assert {name: life(engine, name) for name in names} == lives
    for name in names:
        assert api.post(f"/containers/{name}/restart", params={"timeout": 0}).status_code == 200


# In the log


def test_the_log_lays_all_of_it_at_the_requests_door(
    api: httpx2.Client, engine: PrivateEngine, troupe: list[str]
) -> None:
    """Disconnects from the old network, connects to the new, its end and its beginning; of all containers."""
    old = networks(engine)[0]["Id"]
    answer = api.post("/networks/mynet/replace", json={"ipam": pools(NEW)}, headers={"Reason": "more room"})
    id_, new = answer.headers["x-request-id"], answer.json()["network"]["id"]

    def told() -> dict[tuple[str, str], set[str | None]]:
        found: dict[tuple[str, str], set[str | None]] = {}
        for it in api.get("/events", params={"request": id_, "kind": "network", "limit": 1000}).json()["items"]:
            assert (it["cause"], it["request"]["reason"]) == ("request", "more room")
            found.setdefault((it["kind"], it["network"]["id"]), set()).add((it["container"] or {}).get("name"))
        return found

    whole = {
        ("network.disconnect", old): set(troupe),
        ("network.destroy", old): {None},
        ("network.create", new): {None},
        ("network.connect", new): set(troupe),
    }
    with contextlib.suppress(AssertionError):
        eventually(lambda: told() == whole)
    assert told() == whole
