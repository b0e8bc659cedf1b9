"""A disconnect remembers the endpoint, and a restore brings it back exactly, or says what it can't."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.api import ALPINE, EVERYTHING, SLEEP, execute, problem_of, run
from tests.support.control import running_control
from tests.support.engine import PrivateEngine

PLACE = "/networks/island/containers/guest"
RESTORE = {"restore": True}


def prepare(api: httpx2.Client) -> None:
    """`island` with subnets of its own and `neighbour` on it, and `guest` on the default bridge."""
    pools = [{"subnet": "10.120.0.0/24"}, {"subnet": "fd00:120::/64"}]
    made = api.post("/networks", json={"name": "island", "ipv6": True, "ipam": {"pools": pools}})
    assert made.status_code == 201, made.text
    run(api, "guest")
    run(api, "neighbour", networks=["island"])


@pytest.fixture(autouse=True)
def _prepared(api: httpx2.Client) -> None:
    prepare(api)


def endpoint(engine: PrivateEngine, container: str = "guest") -> dict[str, Any] | None:
    """What the engine's own inspect shows, without what is another at each connect."""
    shown: dict[str, Any] = engine.call("GET", f"/containers/{container}/json")["NetworkSettings"]["Networks"]
    found: dict[str, Any] | None = shown.get("island")
    if found is not None:
        found.pop("EndpointID")
    return found


def kind_of(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, problem_of(answer)["type"].rpartition(":")[2]


@pytest.mark.parametrize("state", ["running", "paused", "exited"])
def test_everything_comes_back_as_it_was(api: httpx2.Client, engine: PrivateEngine, state: str) -> None:
    """Aliases, addresses, link-local addresses, links and options: the engine's inspect is the same before and after,
    and names work again."""
    api.put(PLACE, json=EVERYTHING)
    if state == "exited":
        api.post("/containers/guest/stop", params={"timeout": 0})
    if state == "paused":
        engine.call("POST", "/containers/guest/pause")
    before = endpoint(engine)
    assert api.delete(PLACE).status_code == 204
    assert endpoint(engine) is None
    answer = api.put(PLACE, json=RESTORE)
    assert (answer.status_code, answer.json()["done"], answer.json()["warnings"]) == (201, "connected", [])
    after = endpoint(engine)
    assert before is not None
    assert after is not None
    if state == "exited":  # the network's id comes with the start
        assert before.pop("NetworkID")
        after.pop("NetworkID")
    assert after == before
    assert api.put(PLACE, json=RESTORE).json()["done"] == "nothing"
    if state == "running":
        assert execute(api, "neighbour", "ping", "-c1", "-W2", "friend")["exit_code"] == 0
        assert execute(api, "guest", "ping", "-c1", "-W2", "next-door")["exit_code"] == 0


def test_what_was_never_disconnected_here_is_not_known(api: httpx2.Client, engine: PrivateEngine) -> None:
    """409 nothing-to-restore, also where somebody else disconnected it; nothing is connected."""
    assert kind_of(api.put(PLACE, json=RESTORE)) == (409, "nothing-to-restore")
    api.put(PLACE, json=EVERYTHING)
    engine.call("POST", "/networks/island/disconnect", json={"Container": "guest"})
    assert kind_of(api.put(PLACE, json=RESTORE)) == (409, "nothing-to-restore")
    assert endpoint(engine) is None


def test_it_is_remembered_across_restarts(engine: PrivateEngine, tmp_path: Path, api: httpx2.Client) -> None:
    """Another control on the same folder, the first one killed, brings it back."""
    with running_control(engine.url, tmp_path / "data") as control:
        with control.client() as own:
            assert own.put(PLACE, json=EVERYTHING).status_code == 201
            before = endpoint(engine)
            assert own.delete(PLACE).status_code == 204
        control.kill()
        control.start()
        with control.client() as own:
            assert own.put(PLACE, json=RESTORE).status_code == 201
    assert endpoint(engine) == before
    assert kind_of(api.put("/networks/island/containers/neighbour", json=RESTORE)) == (409, "nothing-to-restore")


def test_an_address_that_the_engine_chose_is_not_pinned(api: httpx2.Client, engine: PrivateEngine) -> None:
    """It comes back dynamic; where another took it meanwhile, the answer says which it has now."""
    had = api.put(PLACE).json()["endpoint"]["ipv4"]
    api.delete(PLACE)
    answer = api.put(PLACE, json=RESTORE)
    assert (answer.json()["endpoint"]["ipv4"], answer.json()["warnings"]) == (had, [])
    api.delete(PLACE)
    run(api, "taker", networks=["island"])
    assert api.get("/networks/island/containers/taker").json()["endpoint"]["ipv4"] == had
    answer = api.put(PLACE, json=RESTORE)
    now = answer.json()["endpoint"]["ipv4"]
    assert answer.status_code == 201
    assert now != had
    assert any(now in warning and had in warning for warning in answer.json()["warnings"])
    shown = endpoint(engine)
    assert shown is not None
    assert not (shown["IPAMConfig"] or {}).get("IPv4Address")


def test_a_fixed_address_that_another_has_now(api: httpx2.Client, engine: PrivateEngine) -> None:
    """409 address-taken, nothing is connected or left; when it is free again it can be restored."""
    api.put(PLACE, json=EVERYTHING)
    api.delete(PLACE)
    wanted = {"ipv4": "10.120.0.77"}
    assert api.put("/networks/island/containers/neighbour", params={"replace": True}, json=wanted).is_success
    assert kind_of(api.put(PLACE, json=RESTORE)) == (409, "address-taken")
    assert endpoint(engine) is None
    api.delete("/networks/island/containers/neighbour")
    assert api.put(PLACE, json=RESTORE).status_code == 201
    shown = endpoint(engine)
    assert shown is not None
    assert shown["IPAddress"] == "10.120.0.77"


def test_a_replace_can_be_taken_back(api: httpx2.Client, engine: PrivateEngine) -> None:
    """What it was before is remembered: 409 with the difference, and with replace it is as before."""
    api.put(PLACE, json=EVERYTHING)
    before = endpoint(engine)
    assert api.put(PLACE, params={"replace": True}, json={"aliases": ["other"]}).json()["done"] == "reconnected"
    refused = api.put(PLACE, json=RESTORE)
    assert kind_of(refused) == (409, "connected-otherwise")
    assert {"aliases", "ipv4", "links"} <= problem_of(refused)["difference"].keys()
    answer = api.put(PLACE, params={"replace": True}, json=RESTORE)
    assert (answer.status_code, answer.json()["done"]) == (200, "reconnected"), answer.text
    assert endpoint(engine) == before


def test_a_mac_comes_back_where_the_engine_gives_it(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Docker 20.10 keeps the MAC of a container's first network with the container, and so gives it again; that of
    another network it can't be told, which is said."""
    config = {
        "Image": ALPINE, "Cmd": SLEEP, "MacAddress": "02:42:ac:00:00:99", "HostConfig": {"NetworkMode": "island"},
    }  # fmt: skip
    engine.call("POST", "/containers/create", json=config, name="tagged")
    engine.call("POST", "/containers/tagged/start")
    place = "/networks/island/containers/tagged"
    assert api.get(place).json()["endpoint"]["mac"] == "02:42:ac:00:00:99"
    api.delete(place)
    answer = api.put(place, json=RESTORE)
    assert (answer.status_code, answer.json()["warnings"]) == (201, []), answer.text
    assert answer.json()["endpoint"]["mac"] == "02:42:ac:00:00:99"


@pytest.mark.parametrize("change", ["pause", "stop"])
def test_restored_in_another_state(api: httpx2.Client, engine: PrivateEngine, change: str) -> None:
    """What was disconnected while it ran is restored of one that is stopped or paused, and has it when it runs."""
    api.put(PLACE, json=EVERYTHING)
    before = endpoint(engine)
    api.delete(PLACE)
    engine.call("POST", f"/containers/guest/{change}", **({"t": "0"} if change == "stop" else {}))
    answer = api.put(PLACE, json=RESTORE)
    assert (answer.status_code, answer.json()["warnings"]) == (201, []), answer.text
    if change == "pause":
        engine.call("POST", "/containers/guest/unpause")
    else:
        assert api.post("/containers/guest/start").is_success
    assert endpoint(engine) == before
