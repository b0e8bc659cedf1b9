"""The `pontlevis` command: control's API from a shell.

It starts fast, so what takes time to import is imported where it is used. Exit codes: 0, 1 for what went wrong
(one line on standard error says what), 2 for a wrong call, 130 for Ctrl-C.
"""

import click

from control.cli.commands import pontlevis
from control.cli.errors import INTERRUPTED


def main() -> int:
    """Run the command. Returns its exit code."""
    try:
        return int(pontlevis.main(standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return INTERRUPTED
