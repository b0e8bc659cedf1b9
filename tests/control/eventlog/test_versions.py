"""Engines of other versions, as a fake at the transport plays them: other orders, fewer events, other shapes.

The fake of 20.10 is held against a real one elsewhere (`tests.support`); those of 26, 28 and 29 are put together from
what was measured of them.
"""

from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from control.records import Kind, Source
from tests.control.eventlog import test_facts as facts
from tests.control.eventlog.hand import Hand, Recording
from tests.control.eventlog.test_facts import Row
from tests.support.fake import fake_engine

if TYPE_CHECKING:
    from tests.support.engine import PrivateEngine

FOUND_ON_28 = {facts.disconnect_created, facts.disconnect_stopped}
"""From 28 on the engine tells nothing of these, so that a comparison finds them."""

ROWS = (
    facts.start_on_two,
    facts.stop,
    facts.restart,
    facts.stop_and_start,
    facts.down,
    facts.remove_running,
    facts.exits,
    facts.exits_and_is_removed,
    facts.connect_paused,
    facts.disconnect_running,
    facts.disconnect_created,
    facts.disconnect_stopped,
    facts.connect_stopped,
    facts.bad_command,
    facts.network_is_removed,
)


@pytest.mark.parametrize("version", ["20", "26", "28", "29"])
async def test_each_row_of_each_version(version: str, tmp_path: Path) -> None:
    """The same transitions, with the same causes, whatever the order in which they are told."""
    for number, row in enumerate(ROWS):
        with fake_engine(version) as fake:
            engine = cast("PrivateEngine", fake)
            recording = Recording(engine, tmp_path / f"data{number}")
            try:
                async with recording.running(interval=1):
                    await row(Hand(engine))
                    await facts.quiet(recording)
                    records = await recording.agreeing(Hand(engine))
            finally:
                recording.store.close()
        wanted = expected(row, version)
        assert facts.told(records, row) == wanted, (row.__name__, facts.told(records, row))
        assert not [record for record in records if record.kind is Kind.GAP]
        assert {record.source for record in records} <= {Source.STREAM, Source.RECONCILE}


def expected(row: Row, version: str) -> list[str]:
    """What the log has of a row on this version."""
    lines = sorted(facts.ROWS[row], key=facts.network)
    if row in FOUND_ON_28 and version in {"28", "29"}:
        lines[-1] += " (found)"
    return lines
