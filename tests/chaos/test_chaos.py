"""A short run through the same code as `make chaos`: one of each fault, and the log tells the truth all the while."""

import gc
from pathlib import Path

import pytest

from tests.chaos.plan import Amounts, plan
from tests.chaos.rig import fresh_engine, rig
from tests.chaos.run import Run

SEED = 20


# httpcore2 leaves the socket of a connection that was refused on a Unix path to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_the_log_tells_the_truth_whatever_dies(tmp_path: Path) -> None:
    """Control and the engine are killed and stopped, control's disk is full for a while and its clock wrong, and
    the engine restores its containers live in the second half. With `-s` its progress is shown."""
    with fresh_engine() as engine, rig(engine) as made:
        amounts = Amounts(
            operations=120,
            control_kills=2,
            engine_kills=1,
            engine_restarts=1,
            stops=1,
            disk_fulls=1,
            clock_steps=1 if made.clock.library is not None else 0,  # without Debian's `faketime`, none
        )
        run = Run(made, SEED, settle=20, say=print, evidence_in=tmp_path / "evidence")
        tally = run.carry_out(plan(SEED, amounts))
    gc.collect()  # those sockets, while they may be left
    report = f"{tally.table()}\n\n" + "\n".join(map(str, tally.problems))
    assert tally.holds, f"{report}\n\nWhat was seen is in {tally.evidence}"
    assert tally.clear > 20, report
    assert tally.told > 15, report
