"""The bench itself: that it runs and tells, not what it measures."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("section", "figures"), [("counter", 6), ("api", 9)])
def test_measures_and_tells(section: str, figures: int) -> None:
    """One short round: the table, a row a figure, each met or missed, and exit code 0 either way."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--only", section, "--rounds", "1", "--seconds", "1"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [line for line in done.stdout.splitlines() if line.endswith(("| holds |", "| MISSED |"))]
    assert len(rows) == figures, done.stdout
