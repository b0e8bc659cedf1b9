"""What is kept when something does not hold: enough to see which of the two, the log or the checker, is wrong."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.chaos.checker import Problem
from tests.chaos.journal import Done, Outage
from tests.chaos.shown import Shown


def keep(
    folder: Path,
    *,
    problems: Sequence[Problem],
    lines: Sequence[str],
    shown: Shown,
    journal: Sequence[Done],
    outages: Sequence[Outage],
    copies: Sequence[Path],
) -> None:
    """Write all of it to `folder`, over what was there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "problems.txt").write_text("".join(f"{problem}\n\n" for problem in problems))
    (folder / "events.ndjson").write_text("".join(f"{line}\n" for line in lines))
    (folder / "inspect.json").write_text(json.dumps(asdict(shown), indent=1))
    (folder / "journal.ndjson").write_text("".join(f"{json.dumps(asdict(done))}\n" for done in journal))
    (folder / "outages.json").write_text(json.dumps([asdict(outage) for outage in outages], indent=1))
    for path in copies:
        if path.exists():
            shutil.copy(path, folder / path.name)
