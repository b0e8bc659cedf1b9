"""Each kind of record stands in the README as one log line, and a real control writes just such lines."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from control.records import Kind
from tests.support.control import Control, running_control
from tests.support.engine import PrivateEngine, private_engine
from tests.support.fixtures import load_images
from tests.support.polling import eventually

README: Final = (Path(__file__).parents[2] / "README.md").read_text()
EXAMPLES: Final = [json.loads(line) for line in re.findall(r'^\{"timestamp": .*"seq": .*\}$', README, re.MULTILINE)]
SECOND: Final = 10**9


def shape(line: dict[str, Any]) -> list[tuple[str, str]]:
    """The keys of a line, in order, each with the type of its value; null may be anything."""
    return [(key, type(value).__name__) for key, value in line.items()]


def alike(line: dict[str, Any], example: dict[str, Any]) -> bool:
    """Whether a line has the keys of an example, and values of its types where neither is null."""
    return list(line) == list(example) and all(
        None in {line[key], value} or type(line[key]) is type(value)
        for key, value in example.items()
        if not isinstance(value, list)
    )


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """The lines of a control that saw one of everything."""
    with private_engine() as engine:
        load_images(engine, "alpine")
        with running_control(engine.url, tmp_path_factory.mktemp("kinds") / "data") as control:
            everything(engine, control)
            told = eventually(lambda: complete(control), within=60)
            yield told


def complete(control: Control) -> list[dict[str, Any]]:
    """The records' lines, once there is one of every kind."""
    told = [json.loads(line) for line in control.log_path.read_text().splitlines() if '"seq":' in line]
    return told if {line["event"] for line in told} >= set(Kind) else []


def everything(engine: PrivateEngine, control: Control) -> None:
    """One of every kind."""
    with control.client() as api:
        assert api.post("/networks", json={"name": "mynet"}).status_code == 201
        healthy = {"Test": ["CMD", "true"], "Interval": SECOND // 2, "Timeout": SECOND, "Retries": 1}
        body = {"Image": "alpine", "Cmd": ["sleep", "100"], "HostConfig": {"NetworkMode": "mynet", "Init": True}}
        engine.call("POST", "/containers/create", json={**body, "Healthcheck": healthy}, name="db")
        engine.call("POST", "/containers/db/start")
        time.sleep(1.5)
        reason = {"Reason": "maintenance"}
        assert api.delete("/networks/mynet/containers/db", headers=reason).status_code == 204
        for verb in ("pause", "unpause"):
            engine.call("POST", f"/containers/db/{verb}")
        engine.call("POST", "/containers/db/rename", name="database")
        engine.call("POST", "/containers/database/restart", t="5")
        engine.call("POST", "/containers/database/stop", t="5")
        engine.call("DELETE", "/containers/database")
        greedy = ["sh", "-c", "x=a; while true; do x=$x$x; done"]
        little = {"Memory": 16 << 20, "MemorySwap": 16 << 20, "NetworkMode": "none"}
        engine.call(
            "POST", "/containers/create", json={"Image": "alpine", "Cmd": greedy, "HostConfig": little}, name="xx"
        )
        engine.call("POST", "/containers/xx/start")
        engine.call("POST", "/containers/xx/wait")
        assert api.delete("/networks/mynet").status_code == 204
    engine.restart()


def test_each_kind_has_its_examples() -> None:
    """One, or two where a kind has two forms: an intent and an outcome."""
    assert [kind for kind in Kind if kind not in {example["event"] for example in EXAMPLES}] == []
    twice = {example["event"] for example in EXAMPLES if EXAMPLES.count(example) > 1}
    assert twice == set()


@pytest.mark.parametrize("kind", Kind)
def test_each_example_is_written_so(lines: list[dict[str, Any]], kind: Kind) -> None:
    """With these keys, in this order, and values of these types."""
    for example in (example for example in EXAMPLES if example["event"] == kind):
        told = [line for line in lines if line["event"] == kind]
        assert any(alike(line, example) for line in told), (shape(example), [shape(line) for line in told])


@pytest.mark.parametrize("kind", Kind)
def test_nothing_else_is_written(lines: list[dict[str, Any]], kind: Kind) -> None:
    """Every key of every line of a kind is in one of its examples."""
    known = {key for example in EXAMPLES if example["event"] == kind for key in example}
    asked = {"request_id", "principal", "reason", "observed_between"}  # where there was a request, or a comparison
    for line in (line for line in lines if line["event"] == kind):
        assert set(line) <= known | asked | {"name"}, line
