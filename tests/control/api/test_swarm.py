"""Swarms over HTTP: begun, joined, left, and what overlays do between two engines."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.api import execute, problem_of, run
from tests.support.contract import watched
from tests.support.control import running_control
from tests.support.engine import PrivateEngine, private_engine
from tests.support.fixtures import load_images
from tests.support.polling import eventually
from tests.support.swarm import FIRST, SECOND, Node, two_nodes

GOSSIP = 120.0
"""Seconds: what one engine has not heard from the other of who is where, it hears with the next exchange of all, which
is each 30 s (20.10)."""


@pytest.fixture(scope="module")
def lone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PrivateEngine, httpx2.Client]]:
    """An engine that is in no swarm, with alpine, and a client of its control."""
    folder = tmp_path_factory.mktemp("lone")
    with private_engine() as engine, running_control(engine.url, folder / "data") as control, control.client() as api:
        load_images(engine, "alpine")
        yield engine, watched(api)


@pytest.fixture
def alone(lone: tuple[PrivateEngine, httpx2.Client]) -> Iterator[tuple[PrivateEngine, httpx2.Client]]:
    """The same, in no swarm afterwards either."""
    yield lone
    engine, api = lone
    assert api.delete("/swarm", params={"force": "true"}).status_code == 204
    engine.clear()


def test_without_a_swarm_an_overlay_is_told_how(alone: tuple[PrivateEngine, httpx2.Client]) -> None:
    """409 that names the request to send; the state says that there is none, and leaving is done already."""
    _, api = alone
    assert api.get("/swarm").json()["state"] == "inactive"
    refused = api.post("/networks", json={"name": "wide", "driver": "overlay", "attachable": True})
    assert refused.status_code == 409
    assert problem_of(refused)["type"].endswith(":no-swarm")
    assert "POST /swarm" in problem_of(refused)["detail"]
    assert problem_of(api.get("/swarm/tokens"))["type"].endswith(":no-swarm")
    assert api.delete("/swarm").status_code == 204


def test_a_swarm_of_one(alone: tuple[PrivateEngine, httpx2.Client]) -> None:
    """Begun with one call, said again without effect; an attachable overlay carries containers; left only by force."""
    engine, api = alone
    begun = api.post("/swarm")
    assert begun.status_code == 201, begun.text
    assert begun.headers["location"] == "/swarm"
    told = begun.json()
    assert (told["state"], told["role"], told["address"]) == ("active", "manager", "127.0.0.1")
    assert engine.call("GET", "/info")["Swarm"]["Cluster"]["ID"] == told["cluster"]
    again = api.post("/swarm")
    assert (again.status_code, again.json()) == (200, told)
    assert api.post("/networks", json={"name": "wide", "driver": "overlay", "attachable": True}).status_code == 201
    run(api, "one", networks=["wide"])
    run(api, "two")
    assert api.put("/networks/wide/containers/two").status_code == 201
    assert execute(api, "one", "ping", "-c1", "-W2", "two")["exit_code"] == 0
    refused = api.delete("/swarm")
    assert refused.status_code == 409
    assert problem_of(refused)["type"].endswith(":in-swarm")
    assert "force=true" in problem_of(refused)["detail"]
    engine.clear()
    assert api.delete("/swarm", params={"force": "true"}).status_code == 204
    assert api.get("/swarm").json()["state"] == "inactive"


def test_options_are_the_swarms_and_others_are_told(alone: tuple[PrivateEngine, httpx2.Client]) -> None:
    """Pools, subnet size and port; the same again is 200, others are 409 with the difference."""
    engine, api = alone
    wanted = {"default_pools": ["10.64.0.0/16"], "subnet_size": 26, "data_path_port": 4790}
    told = api.post("/swarm", json=wanted).json()
    assert {name: told[name] for name in wanted} == wanted
    shown = engine.call("GET", "/swarm")
    assert (shown["DefaultAddrPool"], shown["SubnetSize"], shown["DataPathPort"]) == (["10.64.0.0/16"], 26, 4790)
    assert api.post("/swarm", json=wanted).status_code == 200
    other = api.post("/swarm", json={**wanted, "subnet_size": 27, "advertise_address": "127.0.0.2"})
    assert other.status_code == 409
    assert problem_of(other)["difference"] == {
        "advertise_address": {"wanted": "127.0.0.2", "present": "127.0.0.1"},
        "subnet_size": {"wanted": 27, "present": 26},
    }
    api.post("/networks", json={"name": "wide", "driver": "overlay", "attachable": True})
    assert engine.call("GET", "/networks/wide")["IPAM"]["Config"][0]["Subnet"].endswith("/26")


@pytest.mark.parametrize(
    "wanted",
    [
        {"advertise_address": "0.0.0.0"},
        {"advertise_address": "nosuch0"},
        {"listen_address": "10.9.9.9"},
        {"listen_address": "nosuch0"},
        {"data_path_address": "nosuch0"},
        {"data_path_port": 80},
        {"default_pools": ["fd00::/64"]},
        {"default_pools": ["10.64.0.0/28"]},
        {"default_pools": ["10.64.0.1/16"]},
        {"subnet_size": 30},
        {"advertise_address": "a b"},
    ],
    ids=str,
)
def test_what_can_not_be_is_told(alone: tuple[PrivateEngine, httpx2.Client], wanted: dict[str, Any]) -> None:
    """422, and the engine is in no swarm."""
    engine, api = alone
    answer = api.post("/swarm", json=wanted)
    assert answer.status_code == 422, answer.text
    assert engine.call("GET", "/info")["Swarm"]["LocalNodeState"] == "inactive"


def test_the_tokens_are_told_on_request_alone(
    alone: tuple[PrivateEngine, httpx2.Client],
) -> None:
    """By a manager, not to be stored; no other answer, and no record of the log, has them."""
    engine, api = alone
    begun = api.post("/swarm")
    told = api.get("/swarm/tokens")
    assert told.headers["cache-control"] == "no-store"
    secrets = engine.call("GET", "/swarm")["JoinTokens"]
    assert told.json() == {"worker": secrets["Worker"], "manager": secrets["Manager"]}
    joined = api.post("/swarm/join", json={"remote_addresses": ["127.0.0.9"], "token": secrets["Worker"]})
    assert joined.status_code == 409
    events = api.get("/events", headers={"Accept": "application/x-ndjson"}).text
    for text in (begun.text, api.get("/swarm").text, joined.text, events):
        assert "SWMTKN" not in text
    actions = [record["detail"]["action"] for record in api.get("/events", params={"kind": "request"}).json()["items"]]
    assert {"swarm.init", "swarm.join"} <= set(actions)


def test_a_swarm_that_is_not_there(alone: tuple[PrivateEngine, httpx2.Client]) -> None:
    """A manager that can't be reached is 502, a token that is none 422."""
    _, api = alone
    token = f"SWMTKN-1-{'3' * 50}-{'a' * 25}"
    assert api.post("/swarm/join", json={"remote_addresses": ["127.0.0.1"], "token": "x"}).status_code == 422
    away = api.post("/swarm/join", json={"remote_addresses": ["127.0.0.1:9999"], "token": token})
    assert away.status_code == 502, away.text
    assert problem_of(away)["type"].endswith(":swarm-away")
    assert api.get("/swarm").json()["state"] == "inactive"


def test_an_engine_that_restores_live_is_told(tmp_path: Path) -> None:
    """409 `unsupported`: such an engine can be in no swarm."""
    with private_engine("--live-restore") as engine, running_control(engine.url, tmp_path / "data") as control:
        with control.client() as api:
            answer = watched(api).post("/swarm")
        assert answer.status_code == 409
        assert problem_of(answer)["type"].endswith(":unsupported")
        assert "live-restore" in problem_of(answer)["detail"]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    """A manager and a worker of one swarm, with the overlay `wide`, all by the API."""
    with two_nodes(tmp_path_factory.mktemp("nodes")) as (one, two):
        for node in (one, two):
            watched(node.api)
        begun = one.api.post("/swarm", json={"advertise_address": FIRST})
        assert begun.status_code == 201, begun.text
        token = one.api.get("/swarm/tokens").json()["worker"]
        wanted = {"remote_addresses": [FIRST], "token": token, "advertise_address": SECOND}
        joined = two.api.post("/swarm/join", json=wanted)
        assert joined.status_code == 201, joined.text
        assert two.api.post("/swarm/join", json=wanted).status_code == 200
        made = one.api.post("/networks", json={"name": "wide", "driver": "overlay", "attachable": True})
        assert made.status_code == 201, made.text
        yield one, two


def test_both_know_the_swarm(nodes: tuple[Node, Node]) -> None:
    """A manager of two nodes, and a worker that knows its manager, and no token."""
    one, two = nodes
    manager, worker = one.api.get("/swarm").json(), two.api.get("/swarm").json()
    assert (manager["role"], manager["nodes"], manager["address"]) == ("manager", 2, FIRST)
    assert (worker["role"], worker["nodes"], worker["cluster"]) == ("worker", None, None)
    assert [it["address"] for it in worker["managers"]] == [f"{FIRST}:2377"]
    assert problem_of(two.api.get("/swarm/tokens"))["type"].endswith(":no-swarm")
    refused = two.api.post("/networks", json={"name": "of-a-worker", "driver": "overlay"})
    assert problem_of(refused)["type"].endswith(":no-swarm")
    assert problem_of(two.api.post("/swarm"))["type"].endswith(":in-swarm")


def test_containers_of_two_engines_meet_by_name(nodes: tuple[Node, Node]) -> None:
    """Run on either engine on one overlay, each finds the other by name."""
    one, two = nodes
    run(one.api, "east", networks=["wide"])
    west = run(two.api, "west", networks=["wide"])
    assert [it["network"]["name"] for it in west["networks"]] == ["wide"]
    eventually(lambda: execute(one.api, "east", "ping", "-c1", "-W1", "west")["exit_code"] == 0, within=GOSSIP)
    eventually(lambda: execute(two.api, "west", "ping", "-c1", "-W1", "east")["exit_code"] == 0, within=GOSSIP)
    for node, name in ((one, "east"), (two, "west")):
        assert node.api.delete(f"/containers/{name}", params={"force": "true"}).status_code == 204


def test_a_worker_connects_to_an_overlay_that_it_does_not_show(nodes: tuple[Node, Node]) -> None:
    """By name: the network is there from then on, under its id, and the log says who asked."""
    one, two = nodes
    run(one.api, "north", networks=["wide"])
    run(two.api, "south")
    eventually(lambda: two.api.get("/networks/wide").status_code == 404)
    connected = two.api.put("/networks/wide/containers/south", json={"aliases": ["pole"]})
    assert connected.status_code == 201, connected.text
    network = one.api.get("/networks/wide").json()["id"]
    assert connected.json()["network"] == {"id": network, "name": "wide"}
    assert connected.headers["location"].startswith(f"/networks/{network}/containers/")
    assert two.api.put("/networks/wide/containers/south", json={"aliases": ["pole"]}).status_code == 200
    eventually(lambda: execute(one.api, "north", "ping", "-c1", "-W1", "pole")["exit_code"] == 0, within=GOSSIP)
    wanted = {"container": "south", "network": "wide", "kind": "network.connect"}
    eventually(lambda: two.api.get("/events", params=wanted).json()["items"])
    (record,) = two.api.get("/events", params=wanted).json()["items"]
    assert (record["cause"], record["network"]["id"]) == ("request", network)
    assert two.api.delete("/networks/wide/containers/south").status_code == 204
    eventually(lambda: two.api.get("/networks/wide").status_code == 404)
    restored = two.api.put("/networks/wide/containers/south", json={"restore": True})
    assert (restored.status_code, restored.json()["wanted"]["aliases"]) == (201, ["pole"]), restored.text
    assert two.api.delete("/networks/wide/containers/south").status_code == 204
    for node, name in ((one, "north"), (two, "south")):
        assert node.api.delete(f"/containers/{name}", params={"force": "true"}).status_code == 204


def test_a_network_that_no_swarm_has_is_404_on_a_worker(nodes: tuple[Node, Node]) -> None:
    """The engine is asked, and its answer told; nothing is left of the try."""
    _, two = nodes
    run(two.api, "hermit")
    missing = two.api.put("/networks/no-such-overlay/containers/hermit")
    assert missing.status_code == 404, missing.text
    assert two.api.put("/networks/..%2Fx/containers/hermit").status_code == 404
    refused = two.api.post(
        "/containers", json={"name": "lost", "image": "alpine", "networks": [{"network": "no-such"}]}
    )
    assert refused.status_code == 404, refused.text
    assert list(two.engine.call("GET", "/containers/hermit/json")["NetworkSettings"]["Networks"]) == ["bridge"]
    assert [it["name"] for it in two.api.get("/containers").json()["items"]] == ["hermit"]
    assert two.api.delete("/containers/hermit", params={"force": "true"}).status_code == 204
