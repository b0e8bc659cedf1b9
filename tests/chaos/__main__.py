"""`python -m tests.chaos`: a long random run that kills things, and whether the log told the truth all the while.

Exit 0 when all holds, 1 when something does not; what was seen is then kept in a folder, which is named. The same
seed plans the same operations and faults; how they interleave is the machine's.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from docker.say import Trouble
from tests.chaos.plan import Amounts, plan
from tests.chaos.rig import fresh_engine, rig
from tests.chaos.run import Run

BEGAN: Final = time.monotonic()


def say(text: str) -> None:
    """A line of progress."""
    print(f"chaos {time.monotonic() - BEGAN:7.1f} s: {text}", file=sys.stderr, flush=True)  # noqa: T201


def amounts_of(chosen: argparse.Namespace) -> Amounts:
    """How much of what: what is not said follows from the kills."""

    def or_else(given: int | None, usual: int) -> int:
        return usual if given is None else given

    kills = chosen.control_kills
    return Amounts(
        operations=chosen.operations,
        control_kills=kills,
        engine_kills=chosen.engine_kills,
        engine_restarts=or_else(chosen.engine_restarts, -(-chosen.engine_kills // 4)),
        stops=or_else(chosen.stops, -(-kills // 4)),
        disk_fulls=or_else(chosen.disk_fulls, -(-kills // 10)),
        clock_steps=or_else(chosen.clock_steps, -(-kills // 10)),
        hands=chosen.hands,
        containers=chosen.containers,
        networks=chosen.networks,
        live_restore=not chosen.no_live_restore,
    )


def main() -> int:
    """Run, and sum up."""
    options = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    options.add_argument("--seed", type=int, default=1, help="of the plan of operations and faults [1]")
    options.add_argument("--operations", type=int, default=1000, help="how many [1000]")
    options.add_argument("--control-kills", type=int, default=10, help="kill -9 of control, and start again [10]")
    options.add_argument("--engine-kills", type=int, default=5, help="kill -9 of the engine, and start again [5]")
    options.add_argument("--engine-restarts", type=int, help="SIGTERM of the engine [a quarter of its kills]")
    options.add_argument("--stops", type=int, help="SIGSTOP of control for 1 to 4 s [a quarter of its kills]")
    options.add_argument("--disk-fulls", type=int, help="full disks for control [a tenth of its kills]")
    options.add_argument("--clock-steps", type=int, help="control's clock an hour off, and back [a tenth of its kills]")
    options.add_argument("--hands", type=int, default=4, help="that act at once [4]")
    options.add_argument("--containers", type=int, default=12, help="at most [12]")
    options.add_argument("--networks", type=int, default=6, help="at most [6]")
    options.add_argument("--settle", type=float, default=20.0, help="seconds that a rest may take at most [20]")
    options.add_argument(
        "--no-live-restore", action="store_true", help="no second half with an engine that restores live"
    )
    options.add_argument("--enough", type=int, default=20, help="different problems after which it is broken off [20]")
    options.add_argument("--evidence", type=Path, help="folder for what was seen when something does not hold [/tmp/…]")
    chosen = options.parse_args()
    amounts = amounts_of(chosen)
    folder = chosen.evidence or Path(tempfile.gettempdir()) / f"chaos-evidence-{chosen.seed}-{os.getpid()}"
    try:
        with fresh_engine() as engine, rig(engine) as made:
            if amounts.clock_steps and made.clock.library is None:
                say("no libfaketime (apt-get install faketime): control's clock is not stepped")
                amounts = Amounts(**{**vars(amounts), "clock_steps": 0})
            run = Run(made, chosen.seed, settle=chosen.settle, say=say, evidence_in=folder, enough=chosen.enough)
            tally = run.carry_out(plan(chosen.seed, amounts))
    except Trouble as trouble:
        say(str(trouble))
        return 1
    print(tally.table())  # noqa: T201
    if tally.holds:
        return 0
    print(f"\n{len(tally.problems)} do not hold:")  # noqa: T201
    for problem in tally.problems:
        print(f"- {str(problem)[:600]}")  # noqa: T201
    print(f"\nWhat was seen is in {tally.evidence}")  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
