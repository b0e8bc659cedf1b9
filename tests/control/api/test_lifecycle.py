"""What is done to a container that is there, held against what the engine itself shows and what the log tells of it."""

import concurrent.futures
import time
from typing import Any

import httpx2
import pytest

from tests.support.api import ALPINE, SLEEP, execute, problem_of, run
from tests.support.control import Control
from tests.support.engine import PrivateEngine
from tests.support.polling import eventually

URN = "urn:pontlevis:problem:"
TRAPPING = ["sh", "-c", "trap 'exit 7' USR1; trap 'echo told' HUP; while :; do sleep 0.05; done"]
DEAF = ["sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"]


def state(engine: PrivateEngine, name: str) -> str:
    """The state of a container, from the engine."""
    told: str = engine.call("GET", f"/containers/{name}/json")["State"]["Status"]
    return told


def did(api: httpx2.Client, path: str, *, status: int = 200, **query: str | float) -> dict[str, Any]:
    """What a POST is answered with."""
    answer = api.post(path, params=query)
    assert answer.status_code == status, answer.text
    told: dict[str, Any] = answer.json()
    return told


def kind_of(answer: httpx2.Response) -> tuple[int, str]:
    """The status and the kind of a problem."""
    return answer.status_code, problem_of(answer)["type"].removeprefix(URN)


def test_restart(api: httpx2.Client, engine: PrivateEngine) -> None:
    """A running one is another process afterwards, a stopped one is started."""
    run(api, "again")
    first = engine.call("GET", "/containers/again/json")["State"]["Pid"]
    assert did(api, "/containers/again/restart", timeout=0)["state"] == "running"
    assert engine.call("GET", "/containers/again/json")["State"]["Pid"] not in {0, first}
    did(api, "/containers/again/stop", timeout=0)
    assert did(api, "/containers/again/restart")["state"] == "running"
    did(api, "/containers/again/pause")
    assert did(api, "/containers/again/restart", timeout=0)["state"] == "running"


def test_kill(api: httpx2.Client, engine: PrivateEngine) -> None:
    """KILL unless said, a signal by name or number else; 409 for one that does not run; no nonsense."""
    run(api, "victim", command=TRAPPING, init=False)
    assert did(api, "/containers/victim/kill", signal="HUP")["state"] == "running"
    eventually(lambda: "told" in api.get("/containers/victim/logs").json()["stdout"])
    did(api, "/containers/victim/kill", signal="SIGUSR1")
    eventually(lambda: state(engine, "victim") == "exited")
    assert api.get("/containers/victim").json()["exit_code"] == 7
    assert kind_of(api.post("/containers/victim/kill")) == (409, "not-running")
    did(api, "/containers/victim/start")
    killed = did(api, "/containers/victim/kill")
    assert (killed["state"], killed["exit_code"]) == ("exited", 137)
    did(api, "/containers/victim/start")
    did(api, "/containers/victim/kill", signal="9")
    eventually(lambda: state(engine, "victim") == "exited")
    for nonsense in ("0", "65", "SIGNONSENSE", "TERM;", "", "kill"):
        assert kind_of(api.post("/containers/victim/kill", params={"signal": nonsense})) == (422, "invalid")


def test_stop_with_a_signal(api: httpx2.Client) -> None:
    """The signal that is said ends it, or after the time the kill does; 200 too where it does not run."""
    run(api, "stopped", command=TRAPPING, init=False)
    told = did(api, "/containers/stopped/stop", signal="USR1", timeout=20)
    assert (told["state"], told["exit_code"]) == ("exited", 7)
    assert did(api, "/containers/stopped/stop", signal="USR1")["state"] == "exited"
    did(api, "/containers/stopped/start")
    told = did(api, "/containers/stopped/stop", signal="HUP", timeout=1)
    assert (told["state"], told["exit_code"]) == ("exited", 137)


def test_stop_with_a_signal_against_a_restart_policy(api: httpx2.Client, engine: PrivateEngine) -> None:
    """It stays stopped, whatever its policy says of an end by that signal."""
    run(api, "insistent", command=TRAPPING, init=False, restart="always")
    assert did(api, "/containers/insistent/stop", signal="USR1", timeout=5)["state"] == "exited"
    assert engine.call("GET", "/containers/insistent/json")["State"]["Restarting"] is False


def test_a_stop_has_the_containers_own_time(api: httpx2.Client) -> None:
    """`stop_timeout` is what a stop gives where it says nothing, also past the time that a call of the engine has."""
    run(api, "deaf", command=DEAF, init=False, stop_timeout=1)
    assert did(api, "/containers/deaf/stop")["exit_code"] == 137


def test_a_kill_comes_through_during_a_stop(api: httpx2.Client, control: Control, engine: PrivateEngine) -> None:
    """A stop that waits is ended by a kill at once, and both are answered."""
    run(api, "waiting", command=DEAF, init=False)
    asked = {"kind": "request", "container": "waiting", "limit": "1000"}

    def stopping() -> bool:
        items = api.get("/events", params=asked).json()["items"]
        return any(item["detail"].get("action") == "container.stop" for item in items)

    with concurrent.futures.ThreadPoolExecutor(1) as pool, control.client() as other:
        stop = pool.submit(other.post, "/containers/waiting/stop", params={"timeout": "3000"})
        eventually(stopping)
        time.sleep(0.3)  # so that the engine has the stop
        did(api, "/containers/waiting/kill")
        assert stop.result(30).json()["state"] == "exited"
    assert state(engine, "waiting") == "exited"


def test_pause_and_unpause(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Said twice is said once; 409 where it does not run; a start of a paused one says what to do."""
    run(api, "ice")
    for _ in range(2):
        assert did(api, "/containers/ice/pause")["state"] == "paused"
    assert state(engine, "ice") == "paused"
    refused = api.post("/containers/ice/start")
    assert kind_of(refused) == (409, "not-running")
    assert "/containers/ice/unpause" in problem_of(refused)["detail"]
    for _ in range(2):
        assert did(api, "/containers/ice/unpause")["state"] == "running"
    did(api, "/containers/ice/pause")
    assert did(api, "/containers/ice/stop", timeout=0)["state"] == "exited"
    for action in ("pause", "unpause"):
        assert kind_of(api.post(f"/containers/ice/{action}")) == (409, "not-running")


def test_rename(api: httpx2.Client) -> None:
    """The network's DNS has the new name at once; 200 for its own, 409 for another's, 422 for what is none."""
    api.post("/networks", json={"name": "named"})
    run(api, "asker", networks=["named"])
    first = run(api, "old-name", networks=["named"])

    def renamed(name: str, new: object) -> httpx2.Response:
        return api.post(f"/containers/{name}/rename", json={"name": new})

    for name in ("old-name", "new-name"):
        answer = renamed(name, "new-name")
        assert (answer.status_code, answer.json()["name"], answer.json()["id"]) == (200, "new-name", first["id"])
    assert execute(api, "asker", "ping", "-c1", "-W2", "new-name")["exit_code"] == 0
    assert api.get("/containers/old-name").status_code == 404
    assert kind_of(renamed("new-name", "asker")) == (409, "name-taken")
    for nonsense in ("x", "../up", "a b", 7, None):
        assert kind_of(renamed("new-name", nonsense)) == (422, "invalid")


def test_wait(api: httpx2.Client, control: Control) -> None:
    """At once for one that has ended, at its end for one that runs, `timed_out` where the time is up before."""

    def waited(name: str, **query: str | float) -> dict[str, Any]:
        with control.client() as client:
            answer = client.get(f"/containers/{name}/wait", params=query)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    late = {"exit_code": None, "timed_out": True}
    run(api, "ender", command=TRAPPING, init=False)
    assert waited("ender", timeout=0.2) == late
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        ends = [pool.submit(waited, "ender", condition=it) for it in ("not-running", "next-exit")]
        time.sleep(0.3)  # so that both wait
        did(api, "/containers/ender/kill", signal="USR1")
        assert [end.result(30) for end in ends] == [{"exit_code": 7, "timed_out": False}] * 2
        assert waited("ender") == {"exit_code": 7, "timed_out": False}
        assert waited("ender", condition="next-exit", timeout=0.2) == late
        removal = pool.submit(waited, "ender", condition="removed")
        time.sleep(0.3)
        assert api.delete("/containers/ender").status_code == 204
        assert removal.result(30) == {"exit_code": 7, "timed_out": False}
    assert api.get("/containers/ender/wait").status_code == 404
    assert api.get("/containers/ender/wait", params={"condition": "never"}).status_code == 422


def test_a_wait_does_not_hold_the_others_up(api: httpx2.Client, control: Control) -> None:
    """While somebody waits for a container, it can be stopped, and both are answered."""
    run(api, "awaited")
    with concurrent.futures.ThreadPoolExecutor(1) as pool, control.client() as other:
        end = pool.submit(other.get, "/containers/awaited/wait")
        did(api, "/containers/awaited/stop", timeout=0)
        assert end.result(30).json()["timed_out"] is False


def test_update(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Limits and policy change on the running container, what is left out stays; nothing to change is 422."""
    run(api, "grown", limits={"memory": 64 * 1024 * 1024, "cpus": 0.5})
    body = {"limits": {"memory": 32 * 1024 * 1024, "memory_swap": -1}, "restart": "on-failure", "restart_retries": 3}
    answer = api.post("/containers/grown/update", json=body)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["limits"]["memory"], told["limits"]["cpus"]) == (32 * 1024 * 1024, 0.5)
    host = engine.call("GET", "/containers/grown/json")["HostConfig"]
    assert (host["Memory"], host["NanoCpus"]) == (32 * 1024 * 1024, 500_000_000)
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    for wrong in ({}, {"restart": "sometimes"}, {"restart": "always", "restart_retries": 1}, {"cpus": 1}):
        assert kind_of(api.post("/containers/grown/update", json=wrong)) == (422, "invalid")
    run(api, "mortal", auto_remove=True)
    assert kind_of(api.post("/containers/mortal/update", json={"restart": "always"})) == (422, "invalid")


def test_remove_takes_anonymous_volumes_where_asked(api: httpx2.Client, engine: PrivateEngine) -> None:
    """`volumes` takes the anonymous ones and leaves the named ones; without it all stay."""

    def volumes() -> set[str]:
        return {volume["Name"] for volume in engine.call("GET", "/volumes")["Volumes"] or ()}

    mounts = [{"source": "named", "target": "/named"}, {"target": "/anonymous"}]
    run(api, "gone", mounts=mounts)
    assert len(volumes()) == 2
    assert api.delete("/containers/gone", params={"force": "true", "volumes": "true"}).status_code == 204
    assert volumes() == {"named"}
    run(api, "gone", mounts=mounts)
    assert api.delete("/containers/gone", params={"force": "true"}).status_code == 204
    assert len(volumes()) == 2


@pytest.mark.parametrize(
    "path", ["start", "stop", "restart", "kill", "pause", "unpause", "wait", "rename", "update", "ports"]
)
def test_of_no_container(api: httpx2.Client, path: str) -> None:
    """404 that names it, for each."""
    url = f"/containers/nobody/{path}"
    body = {"rename": {"name": "another"}, "update": {"restart": "no"}}.get(path)
    answer = api.get(url) if path in {"wait", "ports"} else api.post(url, json=body)
    assert kind_of(answer) == (404, "not-found")
    assert "nobody" in problem_of(answer)["detail"]


def test_a_start_whose_network_is_gone(api: httpx2.Client, engine: PrivateEngine) -> None:
    """The problem names the network and tells the way back, which works; so for one that never ran."""
    for name, start in (("ran", True), ("never", False)):
        network = api.post("/networks", json={"name": f"net-{name}"}).json()
        body = {"name": name, "image": ALPINE, "command": SLEEP, "start": start, "init": True}
        assert api.post("/containers", json={**body, "networks": [{"network": network["id"]}]}).status_code == 201
        if start:
            did(api, f"/containers/{name}/stop", timeout=0)
        engine.call("DELETE", f"/networks/{network['id']}")
        for action in ("start", "restart"):
            answer = api.post(f"/containers/{name}/{action}")
            assert kind_of(answer) == (422, "start-failed"), answer.text
            assert f"PUT /networks/net-{name}/containers/{name}" in problem_of(answer)["detail"]
        assert api.post("/networks", json={"name": f"net-{name}"}).status_code == 201
        if start:  # one that never ran has but the name, and takes the new one for it
            assert "gone" in problem_of(api.post(f"/containers/{name}/start"))["detail"]
        assert api.put(f"/networks/net-{name}/containers/{name}", json={}).status_code in {200, 201}
        assert did(api, f"/containers/{name}/start")["networks"][0]["state"] == "connected"


def test_a_start_whose_address_is_taken(api: httpx2.Client) -> None:
    """409 that says which address on which network, and who has it; freed, it starts."""
    api.post("/networks", json={"name": "fixed", "ipam": {"pools": [{"subnet": "10.150.0.0/24"}]}})
    body = {"image": ALPINE, "command": SLEEP, "init": True, "networks": [{"network": "fixed", "ipv4": "10.150.0.9"}]}
    assert api.post("/containers", json={**body, "name": "one"}).status_code == 201
    assert api.post("/containers", json={**body, "name": "two", "start": False}).status_code == 201
    answer = api.post("/containers/two/start")
    assert kind_of(answer) == (409, "address-taken")
    assert "10.150.0.9 on fixed is one's" in problem_of(answer)["detail"]
    assert "DELETE /networks/fixed/containers/two" in problem_of(answer)["detail"]
    api.delete("/containers/one", params={"force": "true"})
    assert did(api, "/containers/two/start")["state"] == "running"


def test_a_start_with_what_a_failed_connect_left(api: httpx2.Client, engine: PrivateEngine) -> None:
    """The engine keeps a refused wish in the container's settings: the problem says which, and what to do works."""
    api.post("/networks", json={"name": "here", "ipam": {"pools": [{"subnet": "10.151.0.0/24"}]}})
    run(api, "marked")
    asked = {"Container": "marked", "EndpointConfig": {"IPAMConfig": {"IPv4Address": "10.99.0.1"}}}
    with pytest.raises(Exception, match="500"):
        engine.call("POST", "/networks/here/connect", json=asked)
    did(api, "/containers/marked/stop", timeout=0)
    answer = api.post("/containers/marked/start")
    assert answer.status_code in {409, 422}, answer.text
    assert "10.99.0.1 is no address of here" in problem_of(answer)["detail"]
    assert api.delete("/networks/here/containers/marked").status_code == 204
    assert did(api, "/containers/marked/start")["state"] == "running"


def test_a_start_whose_port_is_taken(api: httpx2.Client) -> None:
    """409 that names the port and who publishes it."""
    body = {"image": ALPINE, "command": SLEEP, "init": True, "publish": [{"container_port": 80, "host_port": 8123}]}
    assert api.post("/containers", json={**body, "name": "web"}).status_code == 201
    assert api.post("/containers", json={**body, "name": "web2", "start": False}).status_code == 201
    answer = api.post("/containers/web2/start")
    assert kind_of(answer) == (409, "port-taken")
    assert "8123" in problem_of(answer)["detail"]
    assert problem_of(answer)["users"] == ["web"]


@pytest.mark.parametrize(
    ("action", "query", "moves"),
    [
        ("stop", {"timeout": 0}, [("connected", "configured")]),
        ("stop", {"timeout": 5, "signal": "KILL"}, [("connected", "configured")]),
        ("kill", {}, [("connected", "configured")]),
        ("restart", {"timeout": 0}, [("connected", "configured"), ("configured", "connected")]),
    ],
)
def test_the_log_lays_it_at_the_requests_door(
    api: httpx2.Client, action: str, query: dict[str, Any], moves: list[tuple[str, str]]
) -> None:
    """Each transition that a request caused has the cause `request` and the request's id."""
    api.post("/networks", json={"name": "logged"})
    name = f"told-{action}-{len(query)}"
    run(api, name, networks=["logged"])
    answer = api.post(f"/containers/{name}/{action}", params=query)
    assert answer.status_code == 200, answer.text
    request = answer.headers["x-request-id"]

    def transitions() -> list[dict[str, Any]]:
        items = api.get("/events", params={"container": name, "network": "logged", "limit": 1000}).json()["items"]
        found = [item for item in items if item["kind"] in {"network.connect", "network.disconnect"}]
        return found[-len(moves) :] if [(it["before"], it["after"]) for it in found[-len(moves) :]] == moves else []

    found = eventually(transitions)
    assert [(item["cause"], item["request"]["id"]) for item in found] == [("request", request)] * len(moves)


def test_the_log_tells_of_pause_and_rename(api: httpx2.Client) -> None:
    """The container's own events too are the requests'."""
    run(api, "before")
    asked = [api.post("/containers/before/pause"), api.post("/containers/before/unpause")]
    asked.append(api.post("/containers/before/rename", json={"name": "after-it"}))
    wanted = {
        kind: answer.headers["x-request-id"]
        for kind, answer in zip(("container.pause", "container.unpause", "container.rename"), asked, strict=True)
    }
    container = asked[-1].json()["id"]

    def told() -> dict[str, str | None]:
        items = api.get("/events", params={"container": container, "limit": 1000}).json()["items"]
        return {item["kind"]: (item["request"] or {}).get("id") for item in items if item["kind"] in wanted}

    eventually(lambda: told() == wanted)


def test_opposite_requests_are_put_in_order(control: Control, api: httpx2.Client, engine: PrivateEngine) -> None:
    """Each reply tells what its own request made, however many come at once; the last state is one that was told."""
    run(api, "fought")

    def ask(number: int) -> tuple[str, int, str]:
        action = ("start", "stop", "restart", "pause", "unpause")[number % 5]
        with control.client() as client:
            query = {"timeout": "0"} if action in {"stop", "restart"} else {}
            answer = client.post(f"/containers/fought/{action}", params=query)
            return action, answer.status_code, answer.json().get("state", "")

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(ask, range(30)))
    expected = {"start": "running", "stop": "exited", "restart": "running", "pause": "paused", "unpause": "running"}
    for action, status, told in answers:
        assert (status, told) in {(200, expected[action]), (409, "")}, (action, status, told)
    assert state(engine, "fought") in expected.values()
