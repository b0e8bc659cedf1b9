"""The bench itself: that it runs and tells, not what it measures."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_measures_and_tells() -> None:
    """One short round: the table, a row a figure, each met or missed, and exit code 0 either way."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--only", "counter", "--rounds", "1", "--seconds", "1"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [line for line in done.stdout.splitlines() if line.endswith(("| holds |", "| MISSED |"))]
    assert len(rows) == 6, done.stdout
