"""`make contract`: a longer run. `python -m tests.contract [options of schemathesis run]`."""

import sys
import tempfile
from pathlib import Path

from tests.contract.rig import defects, schemathesis, seeded_control


def main() -> int:
    """The exit code: 0 where nothing was found."""
    report = Path(tempfile.mkdtemp(prefix="pontlevis-contract-report-")) / "report.txt"
    sys.stderr.write(f"contract: the report is {report}\n")
    with seeded_control() as control:
        code = schemathesis(control, *sys.argv[1:], report=report, by_chance=True)
        found = defects(control)
    sys.stdout.write(report.read_text() + "".join(f"{line}\n" for line in found))
    return code or bool(found)


if __name__ == "__main__":
    sys.exit(main())
