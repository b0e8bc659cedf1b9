"""`make bench`: every section measured, its tables printed; with --strict a missed figure is exit 1."""

import argparse
import sys

from docker.say import Trouble
from tests.bench import api, counter, eventlog, tools


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    options.add_argument("--rounds", type=int, default=5, help="measured rounds [5]")
    options.add_argument("--seconds", type=int, default=4, help="seconds of each run [4]")
    options.add_argument("--strict", action="store_true", help="exit 1 where a figure is missed")
    options.add_argument("--only", choices=("counter", "log", "api"), help="one section alone")
    options.add_argument("--rows", type=int, default=1_000_000, help="records that the log is filled with [1000000]")
    chosen = options.parse_args()
    met = True
    try:
        if chosen.only in {None, "counter"}:
            text, holds = counter.report(counter.measure(rounds=chosen.rounds, seconds=chosen.seconds))
            print(f"## The counter\n\n{text}")  # noqa: T201
            met = met and holds
        if chosen.only in {None, "api"}:
            text, holds = api.report(api.measure(rounds=chosen.rounds))
            print(f"## The control API beside the engine's own socket\n\n{text}")  # noqa: T201
            met = met and holds
        if chosen.only in {None, "log"}:
            text, holds = eventlog.report(eventlog.measure(rows=chosen.rows))
            print(f"## The event log\n\n{text}")  # noqa: T201
            met = met and holds
    except Trouble as trouble:
        tools.say(str(trouble))
        return 1
    return 0 if met or not chosen.strict else 1


if __name__ == "__main__":
    sys.exit(main())
