"""kill -9 of control at each step of a replacement: the next start brings it to its end, or back."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from tests.support.api import ALPINE, SLEEP
from tests.support.control import Control
from tests.support.engine import EngineRefused, PrivateEngine
from tests.support.polling import eventually

OLD, NEW = "10.140.0.0/24", "10.140.0.0/23"
MEMBERS: Final = ("one", "two", "three", "fixed", "stopped")
RUNNING: Final = MEMBERS[:4]


def networks(engine: PrivateEngine) -> list[dict[str, Any]]:
    """The networks named mynet, each with those connected."""
    found = engine.call("GET", "/networks", filters=json.dumps({"name": ["mynet"]}))
    return [engine.call("GET", f"/networks/{it['Id']}") for it in found if it["Name"] == "mynet"]


def progress(engine: PrivateEngine, old: str) -> int:
    """How far a replacement has come, by what the engine shows: 1 for each container that left, one for each network
    gone or come, 1 for each container that is back."""
    try:
        there = networks(engine)
    except EngineRefused:  # removed between the two looks
        return len(RUNNING)
    ids = {it["Id"]: it for it in there}
    if old in ids:
        return len(RUNNING) - len(ids[old]["Containers"])
    if not there:
        return len(RUNNING) + 1
    return len(RUNNING) + 2 + len(there[0]["Containers"])


def lives(engine: PrivateEngine) -> dict[str, tuple[int, str]]:
    """The process of each container, and since when."""
    states = {name: engine.call("GET", f"/containers/{name}/json")["State"] for name in MEMBERS}
    return {name: (state["Pid"], state["StartedAt"]) for name, state in states.items()}


def shown(engine: PrivateEngine) -> dict[str, tuple[Any, ...]]:
    """How each container is on the network."""
    entries = {n: engine.call("GET", f"/containers/{n}/json")["NetworkSettings"]["Networks"]["mynet"] for n in MEMBERS}
    return {
        name: (entry["IPAddress"], entry["IPAMConfig"], sorted(entry["Aliases"] or ()), entry["MacAddress"])
        for name, entry in entries.items()
    }


def set_up(api: httpx2.Client) -> str:
    body = {"name": "mynet", "ipam": {"pools": [{"subnet": OLD}]}}
    id_ = str(api.post("/networks", json=body).raise_for_status().json()["id"])
    for name in MEMBERS:
        wish: dict[str, Any] = {"network": "mynet"}
        if name in {"fixed", "stopped"}:
            wish |= {"ipv4": "10.140.0.50" if name == "fixed" else "10.140.0.60", "aliases": [f"the-{name}"]}
        run = {"name": name, "image": ALPINE, "command": SLEEP, "init": True, "networks": [wish]}
        api.post("/containers", json=run).raise_for_status()
    api.post("/containers/stopped/stop", params={"timeout": 0}).raise_for_status()
    return id_


def whole(engine: PrivateEngine, before: dict[str, tuple[Any, ...]]) -> Callable[[], bool]:
    def look() -> bool:
        try:
            return len(networks(engine)) == 1 and shown(engine) == before
        except (EngineRefused, KeyError):
            return False

    return look


@pytest.fixture
def stage(engine: PrivateEngine, tmp_path: Path) -> Any:  # noqa: ANN401  (a generator's)
    control = Control(engine.url, tmp_path / "data")
    control.start()
    yield control
    control.kill()
    engine.clear()


@pytest.mark.parametrize("step", range(1, len(RUNNING) * 2 + 2))
def test_a_replacement_that_was_killed_is_finished_at_the_next_start(
    engine: PrivateEngine, stage: Control, step: int
) -> None:
    """Every container is where it was, with all its options; those that run were never stopped; the network is as it
    was or as it was to be; and the log tells whose doing all of it was."""
    with stage.client() as api:
        old = set_up(api)
        before, alive = shown(engine), lives(engine)
        answers: list[httpx2.Response] = []
        thread = threading.Thread(target=_ask, args=(stage, answers))
        thread.start()
        eventually(lambda: progress(engine, old) >= step)
        stage.kill()
        thread.join()
    stage.start()
    with stage.client() as api:
        eventually(lambda: "replacement.finished" in stage.log_path.read_text() or answers)
        eventually(whole(engine, before))
        (network,) = networks(engine)
        assert network["IPAM"]["Config"] == [
            {"Subnet": NEW if step > len(RUNNING) + 2 else network["IPAM"]["Config"][0]["Subnet"]}
        ]
        assert network["IPAM"]["Config"][0]["Subnet"] in {OLD, NEW}
        assert lives(engine) == alive
        assert api.post("/containers/stopped/start").status_code == 200
        query: dict[str, str | int] = {"network": "mynet", "kind": "network", "limit": 1000, "order": "desc"}

        def told() -> bool:
            items = api.get("/events", params=query).json()["items"]
            since = [
                it
                for it in items
                if it["network"]["id"] != old or it["kind"] in {"network.destroy", "network.disconnect"}
            ]
            return {it["cause"] for it in since if it["container"] is None or it["container"]["name"] in RUNNING} == {
                "request"
            }

        eventually(told)
        again = api.post("/networks/mynet/replace", json={"ipam": {"pools": [{"subnet": NEW}]}, "internal": True})
        assert again.status_code == 200, again.text


def _ask(control: Control, answers: list[httpx2.Response]) -> None:
    with control.client() as api:
        try:
            answers.append(api.post("/networks/mynet/replace", json={"ipam": {"pools": [{"subnet": NEW}]}}))
        except httpx2.HTTPError:
            return
