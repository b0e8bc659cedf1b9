"""A connect that fails leaves nothing, what others left is got past, and the container still starts."""

import subprocess
from typing import Any

import httpx2
import pytest

from tests.support.api import ALPINE, problem_of, run
from tests.support.engine import EngineRefused, PrivateEngine
from tests.support.polling import eventually

PLACE = "/networks/island/containers/guest"
UNMAKEABLE = {"options": {"com.docker.network.endpoint.macaddress": "none"}}
"""What the bridge driver refuses when the endpoint is made, and not before."""


@pytest.fixture(autouse=True)
def _a_network_and_a_container(api: httpx2.Client) -> None:
    """`island` with a subnet of its own, `holder` at 10.120.0.50 on it, and `guest` on the default bridge."""
    assert api.post("/networks", json={"name": "island", "ipam": {"pools": [{"subnet": "10.120.0.0/24"}]}}).is_success
    run(api, "guest")
    run(api, "holder")
    assert api.put("/networks/island/containers/holder", json={"ipv4": "10.120.0.50"}).is_success


def networks_of(engine: PrivateEngine, container: str = "guest") -> dict[str, Any]:
    """What the engine has in the container's settings."""
    shown: dict[str, Any] = engine.call("GET", f"/containers/{container}/json")["NetworkSettings"]["Networks"]
    return shown


def kind_of(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, problem_of(answer)["type"].rpartition(":")[2]


def restart(engine: PrivateEngine, container: str = "guest") -> None:
    """Stop and start it, by the engine itself; raises EngineRefused where it does not start."""
    engine.call("POST", f"/containers/{container}/stop", t="0")
    engine.call("POST", f"/containers/{container}/start")


def leave_residue(engine: PrivateEngine, what: str) -> None:
    """Have the engine refuse a connect that was asked of it by somebody else, and keep its traces."""
    addresses = {"taken": {"IPv4Address": "10.120.0.50"}, "link-local": {"LinkLocalIPs": ["fe80::77"]}}[what]
    asked = {"Container": "guest", "EndpointConfig": {"IPAMConfig": addresses}}
    with pytest.raises(EngineRefused):
        engine.call("POST", "/networks/island/connect", json=asked)
    assert "island" in networks_of(engine), "this engine leaves nothing: the test has no point"


@pytest.mark.parametrize("state", ["running", "paused"])
def test_a_refused_connect_leaves_nothing(api: httpx2.Client, engine: PrivateEngine, state: str) -> None:
    """The problem is the engine's; the settings are as before, and the container starts."""
    before = networks_of(engine)
    if state == "paused":
        engine.call("POST", "/containers/guest/pause")
    answer = api.put(PLACE, json=UNMAKEABLE)
    assert kind_of(answer) == (422, "invalid"), answer.text
    assert "residue" not in problem_of(answer)
    assert networks_of(engine) == before
    if state == "paused":
        engine.call("POST", "/containers/guest/unpause")
    restart(engine)
    assert networks_of(engine).keys() == before.keys()


def test_what_a_wish_leaves_that_only_a_start_refuses(api: httpx2.Client, engine: PrivateEngine) -> None:
    """A stopped container can be given it; its start says why it fails, a disconnect takes it away."""
    api.post("/containers/guest/stop", params={"timeout": 0})
    assert api.put(PLACE, json=UNMAKEABLE).json()["state"] == "configured"
    assert not api.post("/containers/guest/start").is_success
    assert api.delete(PLACE).status_code == 204
    assert api.post("/containers/guest/start").is_success
    assert networks_of(engine).keys() == {"bridge"}


def test_what_others_configured_and_no_start_takes_is_told(api: httpx2.Client, engine: PrivateEngine) -> None:
    """The engine takes any address for a container that does not run. Asked for here as well, it is there already, with
    a warning; connected otherwise, the container starts."""
    api.post("/containers/guest/stop", params={"timeout": 0})
    asked = {"Container": "guest", "EndpointConfig": {"IPAMConfig": {"IPv4Address": "10.99.0.5"}}}
    engine.call("POST", "/networks/island/connect", json=asked)
    answer = api.put(PLACE, json={"ipv4": "10.99.0.5"})
    assert (answer.status_code, answer.json()["done"]) == (200, "nothing")
    assert ["can't start like this" in warning for warning in answer.json()["warnings"]] == [True]
    assert not api.post("/containers/guest/start").is_success
    assert api.put(PLACE, params={"replace": True}, json={"ipv4": "10.120.0.5"}).json()["done"] == "reconnected"
    assert api.post("/containers/guest/start").is_success


@pytest.mark.parametrize("what", ["taken", "link-local"])
def test_what_others_left_is_got_past(api: httpx2.Client, engine: PrivateEngine, what: str) -> None:
    """PUT connects it, with what was asked for, as if nothing were there."""
    leave_residue(engine, what)
    answer = api.put(PLACE, json={"aliases": ["fresh"]})
    assert (answer.status_code, answer.json()["done"]) == (201, "connected"), answer.text
    shown = networks_of(engine)["island"]
    assert shown["IPAddress"]
    assert "fresh" in shown["Aliases"]
    assert not (shown["IPAMConfig"] or {}).get("LinkLocalIPs")
    restart(engine)


@pytest.mark.parametrize("what", ["taken", "link-local"])
def test_what_others_left_is_taken_away(api: httpx2.Client, engine: PrivateEngine, what: str) -> None:
    """DELETE clears it, and the container starts again."""
    leave_residue(engine, what)
    assert api.delete(PLACE).status_code == 204
    assert networks_of(engine).keys() == {"bridge"}
    restart(engine)
    answer = api.put(PLACE, json={"restore": True})
    assert kind_of(answer) == (409, "nothing-to-restore"), "what was refused is no state to go back to"


def test_a_network_without_a_free_address(api: httpx2.Client, engine: PrivateEngine) -> None:
    """409 before the engine is asked, because of what this leaves it can't be rid; the container starts."""
    assert api.post("/networks", json={"name": "tiny", "ipam": {"pools": [{"subnet": "10.121.0.0/30"}]}}).is_success
    assert api.put("/networks/tiny/containers/holder").status_code == 201
    answer = api.put("/networks/tiny/containers/guest")
    assert kind_of(answer) == (409, "address-taken"), answer.text
    assert "given all its addresses" in problem_of(answer)["detail"]
    assert networks_of(engine).keys() == {"bridge"}
    restart(engine)
    api.delete("/networks/tiny/containers/holder")
    assert api.put("/networks/tiny/containers/guest").status_code == 201


def test_a_bridge_that_takes_no_more(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Where what is left can't be cleaned away, the problem says so and what to do; when there is room again, a
    disconnect does it."""
    assert api.post("/networks", json={"name": "full", "ipam": {"pools": [{"subnet": "10.122.0.0/16"}]}}).is_success
    bridge = f"br-{api.get('/networks/full').json()['id'][:12]}"
    pairs = range(1023)
    add = "".join(f"link add fa{i} group 77 type veth peer name fb{i}\nlink set fa{i} master {bridge}\n" for i in pairs)
    try:
        with engine.entered():
            subprocess.run(["ip", "-batch", "-"], input=add, text=True, check=True)
        answer = api.put("/networks/full/containers/guest")
        assert kind_of(answer) == (409, "conflict"), answer.text
        assert problem_of(answer)["residue"] is True
        assert "1,023 ports" in problem_of(answer)["detail"]
        assert kind_of(api.delete("/networks/full/containers/guest")) == (409, "conflict")
    finally:
        with engine.entered():
            subprocess.run(["ip", "link", "delete", "group", "77"], check=False)
    assert api.delete("/networks/full/containers/guest").status_code == 204
    assert networks_of(engine).keys() == {"bridge"}
    restart(engine)


def test_between_two_restarts_it_is_taken_off(api: httpx2.Client, engine: PrivateEngine) -> None:
    """A container that its policy restarts has no endpoint in between, and no less is it off the network afterwards."""
    config = {
        "Image": ALPINE, "Cmd": ["false"], "HostConfig": {"NetworkMode": "island", "RestartPolicy": {"Name": "always"}},
    }  # fmt: skip
    engine.call("POST", "/containers/create", json=config, name="loopy")
    engine.call("POST", "/containers/loopy/start")

    def between() -> bool:
        shown = engine.call("GET", "/containers/loopy/json")
        return bool(shown["RestartCount"] > 4 and shown["State"]["Status"] == "restarting")

    eventually(between)
    assert api.delete("/networks/island/containers/loopy").status_code == 204
    assert networks_of(engine, "loopy") == {}
