"""The engine goes away in the middle of a replacement: who asked is told what is left, and control puts it back."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from tests.support.api import ALPINE, SLEEP, problem_of
from tests.support.control import Control, running_control
from tests.support.engine import EngineRefused, PrivateEngine, private_engine
from tests.support.fixtures import load_images
from tests.support.polling import eventually

OLD, NEW = "10.140.0.0/24", "10.140.0.0/23"
MEMBERS: Final = ("one", "two", "three", "four")


@pytest.fixture
def own() -> Iterator[PrivateEngine]:
    """An engine to freeze and to kill, whose containers outlive it."""
    with private_engine("--live-restore") as engine:
        load_images(engine, "alpine")
        yield engine


@pytest.fixture
def control(own: PrivateEngine, tmp_path: Path) -> Iterator[Control]:
    with running_control(own.url, tmp_path / "data", CONTROL_ENGINE_TIMEOUT="2") as control:
        yield control


def mynet(engine: PrivateEngine) -> dict[str, Any]:
    """The one network of the name, with those connected by their names; empty where there is none."""
    found = engine.call("GET", "/networks", filters=json.dumps({"name": ["mynet"]}))
    try:
        (network,) = [engine.call("GET", f"/networks/{it['Id']}") for it in found]
    except (ValueError, EngineRefused):
        return {}
    return {
        "subnet": network["IPAM"]["Config"][0]["Subnet"],
        "members": {it["Name"]: it["IPv4Address"].partition("/")[0] for it in network["Containers"].values()},
    }


def set_up(api: httpx2.Client) -> None:
    body = {"name": "mynet", "ipam": {"pools": [{"subnet": OLD}]}}
    api.post("/networks", json=body).raise_for_status()
    for number, name in enumerate(MEMBERS):
        wish = {"network": "mynet", "ipv4": f"10.140.0.{50 + number}", "aliases": [f"the-{name}"]}
        run = {"name": name, "image": ALPINE, "command": SLEEP, "init": True, "networks": [wish]}
        api.post("/containers", json=run).raise_for_status()


@pytest.mark.parametrize("way", ["frozen", "killed"])
def test_what_is_left_is_told_and_put_back_when_the_engine_is_back(
    own: PrivateEngine, control: Control, way: str
) -> None:
    """502 with `left`; a second replacement waits for the end of the first; nobody was stopped."""
    with control.client() as api:
        set_up(api)
        before = mynet(own)
        pids = {name: own.call("GET", f"/containers/{name}/json")["State"]["Pid"] for name in MEMBERS}
        body = {"ipam": {"pools": [{"subnet": NEW}]}}
        answers: list[httpx2.Response] = []
        thread = threading.Thread(target=lambda: answers.append(api.post("/networks/mynet/replace", json=body)))
        thread.start()
        eventually(lambda: len(mynet(own).get("members", ())) < len(MEMBERS))
        own.pause() if way == "frozen" else own.kill()
        thread.join()
        problem = problem_of(answers[0])
        assert problem["type"] == "urn:pontlevis:problem:replacement-unfinished"
        assert problem["left"]
        own.resume() if way == "frozen" else own.start()

        eventually(lambda: mynet(own) == before, within=60)
        eventually(lambda: "replacement.finished" in control.log_path.read_text(), within=60)
        assert {name: own.call("GET", f"/containers/{name}/json")["State"]["Pid"] for name in MEMBERS} == pids
        answer = eventually(lambda: _done(api.post("/networks/mynet/replace", json=body)), within=60)
        assert answer["network"]["ipam"]["pools"][0]["subnet"] == NEW
        assert mynet(own)["members"] == before["members"]


def _done(answer: httpx2.Response) -> dict[str, Any]:
    return answer.json() if answer.status_code == 200 else {}
