"""The engine away, hanging, killed and back, under a control that stays up."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.api import problem_of
from tests.support.control import Control
from tests.support.engine import PrivateEngine
from tests.support.fixtures import load_images
from tests.support.polling import eventually


@pytest.fixture
def mortal() -> Iterator[PrivateEngine]:
    """An engine to be killed, not started yet."""
    engine = PrivateEngine()
    try:
        yield engine
    finally:
        engine.stop()


@pytest.fixture
def control(mortal: PrivateEngine, tmp_path: Path) -> Iterator[Control]:
    """A control on it that gives each call a second and a half."""
    control = Control(mortal.url, tmp_path / "data", CONTROL_ENGINE_TIMEOUT="1.5")
    try:
        control.start(ready=False)
        yield control
    finally:
        control.stop()


def is_ready(api: httpx2.Client) -> bool:
    """Whether control says that it can do all of its work."""
    return api.get("/readyz").status_code == 200


def test_starts_without_an_engine_and_finds_it(mortal: PrivateEngine, control: Control) -> None:
    """No engine at the start: alive, 503 with what to do, not ready; then the engine comes, and all works."""
    with control.client() as api:
        assert api.get("/healthz").status_code == 200
        for answer in (api.get("/networks"), api.put("/networks/a/containers/b"), api.get("/images")):
            assert (answer.status_code, problem_of(answer)["type"]) == (503, "urn:pontlevis:problem:engine-away")
            assert "running" in problem_of(answer)["detail"]
            assert answer.headers["retry-after"] == "1"
        assert api.get("/readyz").status_code == 503
        assert api.get("/events").status_code == 200
        mortal.start()
        eventually(lambda: is_ready(api))
        assert api.get("/networks/bridge").status_code == 200


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_survives_the_engines_death(mortal: PrivateEngine, control: Control, end: str) -> None:
    """Killed or stopped, the engine is away; back, control works on by itself, with the same process."""
    mortal.start()
    load_images(mortal, "alpine")
    with control.client() as api:
        eventually(lambda: is_ready(api))
        getattr(mortal, end)()
        assert problem_of(api.get("/networks"))["status"] == 503
        eventually(lambda: not is_ready(api))
        mortal.start()
        eventually(lambda: is_ready(api))
        assert api.post("/networks", json={"name": "after"}).status_code == 201
        body = {"name": "cc", "image": "alpine", "command": ["sleep", "1000"], "networks": [{"network": "after"}]}
        answer = api.post("/containers", json=body)
        assert answer.status_code == 201, answer.text
        # And the log has seen it.
        wanted = {"network": "after", "kind": "network.connect"}
        eventually(lambda: len(api.get("/events", params=wanted).json()["items"]) == 2)
    assert control.process is not None
    assert control.process.poll() is None


def test_a_hanging_engine_is_a_timeout(mortal: PrivateEngine, control: Control) -> None:
    """A frozen engine: 504 that says that the outcome is not known, while all that needs no engine answers."""
    mortal.start()
    with control.client() as api:
        eventually(lambda: is_ready(api))
        mortal.pause()
        try:
            started = time.monotonic()
            answer = api.post("/networks", json={"name": "lost"})
            # Not a measure of speed: that there is a bound at all.
            assert time.monotonic() - started < 15
            assert (answer.status_code, problem_of(answer)["type"]) == (504, "urn:pontlevis:problem:engine-timeout")
            assert "not known" in problem_of(answer)["detail"]
            assert api.get("/healthz").status_code == 200
            assert api.get("/events").status_code == 200
            assert api.get("/metrics").status_code == 200
            assert api.get("/readyz").status_code == 503
        finally:
            mortal.resume()
        eventually(lambda: is_ready(api))
        assert api.get("/networks/bridge").status_code == 200


def test_stops_cleanly_with_followers(mortal: PrivateEngine, control: Control) -> None:
    """SIGTERM with streams open: each ends, the exit code is 0."""
    mortal.start()
    with control.client() as api:
        eventually(lambda: is_ready(api))
        with api.stream("GET", "/events/stream") as one, api.stream("GET", "/events/stream") as other:
            assert (one.status_code, other.status_code) == (200, 200)
            assert control.stop() == 0
            for stream in (one, other):
                list(stream.iter_lines())  # to the end, without an error


def test_a_second_control_on_the_folder_is_told_so(mortal: PrivateEngine, control: Control) -> None:
    """One process a data folder: the second says so in one line and exits with 1; the first goes on."""
    second = Control(mortal.url, control.data_dir)
    second.log_path = control.data_dir.parent / "second.log"
    second.spawn()
    assert second.process is not None
    assert second.process.wait(20) == 1
    (line,) = second.log_path.read_text().splitlines()
    assert line.startswith("control: Another control uses the data folder")
    with control.client() as api:
        assert api.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("setting", "value", "named"),
    [
        ("CONTROL_PORT", "99999", "CONTROL_PORT"),
        ("CONTROL_ENGINE_TIMEOUT", "never", "CONTROL_ENGINE_TIMEOUT"),
        ("CONTROL_DOCKER_HOST", "nonsense", "CONTROL_DOCKER_HOST"),
        ("CONTROL_DATA_DIR", "/proc/nowhere", "CONTROL_DATA_DIR"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, setting: str, value: str, named: str) -> None:
    """One line that names the variable, exit code 1, no traceback."""
    control = Control("unix:///nowhere.sock", tmp_path / "data", **{setting: value})
    control.spawn()
    assert control.process is not None
    assert control.process.wait(20) == 1
    lines = control.log_path.read_text().splitlines()
    assert [line for line in lines if named in line], lines
    assert len(lines) == 1


def test_a_port_in_use_is_said(mortal: PrivateEngine, control: Control, tmp_path: Path) -> None:
    """Exit code 1, and the reason in the log."""
    second = Control(mortal.url, tmp_path / "other", CONTROL_PORT=str(control.port))
    second.spawn()
    assert second.process is not None
    assert second.process.wait(20) == 1
    assert "address already in use" in second.log_path.read_text()
