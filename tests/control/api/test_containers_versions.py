"""Containers on engines of other versions, played by the fake: run, changed and stopped over the same API."""

from pathlib import Path

import pytest

from tests.support.control import running_control
from tests.support.fake import fake_engine


@pytest.mark.parametrize("version", ["26", "28", "29"])
def test_run_change_and_stop(version: str, tmp_path: Path) -> None:
    """A run on two networks, a pause, another name, a restart, and a stop by a signal, which engines from API 1.42 on
    take with the stop itself (the private engine is older)."""
    with fake_engine(version) as fake, running_control(fake.url, tmp_path / "data") as control, control.client() as api:
        for name in ("n1", "n2"):
            assert api.post("/networks", json={"name": name}).status_code == 201
        networks = [{"network": "n1", "mac": "02:42:0a:00:00:07"}, {"network": "n2"}]
        answer = api.post(
            "/containers", json={"name": "box", "image": "alpine", "command": ["sleep", "9"], "networks": networks}
        )
        assert answer.status_code == 201, answer.text
        assert {it["network"]["name"] for it in answer.json()["networks"]} == {"n1", "n2"}
        for action, state in (("pause", "paused"), ("unpause", "running"), ("restart", "running")):
            answer = api.post(f"/containers/box/{action}")
            assert (answer.status_code, answer.json()["state"]) == (200, state), (action, answer.text)
        assert api.post("/containers/box/rename", json={"name": "chest"}).json()["name"] == "chest"
        assert api.get("/containers", params={"name": "chest"}).json()["items"][0]["name"] == "chest"
        answer = api.post("/containers/chest/stop", params={"signal": "KILL", "timeout": "1"})
        assert (answer.status_code, answer.json()["state"]) == (200, "exited"), answer.text
        assert api.delete("/containers/chest").status_code == 204
