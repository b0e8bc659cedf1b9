"""`make bench`: every section measured, its tables printed; with --strict a missed figure is exit 1."""

import argparse
import sys

from docker.say import Trouble
from tests.bench import counter, tools


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    options.add_argument("--rounds", type=int, default=5, help="measured rounds [5]")
    options.add_argument("--seconds", type=int, default=4, help="seconds of each run [4]")
    options.add_argument("--strict", action="store_true", help="exit 1 where a figure is missed")
    chosen = options.parse_args()
    try:
        runs = counter.measure(rounds=chosen.rounds, seconds=chosen.seconds)
    except Trouble as trouble:
        tools.say(str(trouble))
        return 1
    text, holds = counter.report(runs)
    print(f"## The counter\n\n{text}")  # noqa: T201
    return 0 if holds or not chosen.strict else 1


if __name__ == "__main__":
    sys.exit(main())
