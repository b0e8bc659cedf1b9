"""Schemathesis, all its checks and phases, with a small budget and always the same cases. `make contract` has more."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.rig import defects, schemathesis, seeded_control
from tests.support.control import Control


@pytest.fixture
def control() -> Iterator[Control]:
    """A control to be asked anything."""
    with seeded_control() as control:
        yield control


LIFE = ("create_network", "show_member", "connect", "disconnect", "remove_network")


@pytest.mark.parametrize("phases", ["examples,coverage,fuzzing", "stateful"])
def test_nothing_is_found(control: Control, tmp_path: Path, phases: str) -> None:
    """What the document allows is done or refused as it says, what it does not allow is refused, and nothing breaks."""
    report = tmp_path / "report.txt"
    code = schemathesis(control, "--phases", phases, report=report)
    assert code == 0, report.read_text()[-20_000:]
    assert defects(control) == []


def test_links_lead_through_the_life_of_networks(control: Control, tmp_path: Path) -> None:
    """Made, connected, disconnected and removed, one after the other, by nothing but the document's links."""
    report = tmp_path / "report.txt"
    only = [option for name in LIFE for option in ("--include-operation-id", name)]
    code = schemathesis(control, "--phases", "stateful", *only, report=report)
    assert code == 0, report.read_text()[-20_000:]
    assert {"network.create", "network.connect", "network.disconnect", "network.remove"} <= _done(control)


def _done(control: Control) -> set[str]:
    """The actions that were asked for and done, by the event log."""
    with control.client() as api:
        lines = api.get("/events?kind=request", headers={"Accept": "application/x-ndjson"}).text.splitlines()
    details = [json.loads(line)["detail"] for line in lines]
    return {it["action"] for it in details if it["phase"] == "outcome" and it["outcome"] == "done"}
