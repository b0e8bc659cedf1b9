"""What a command ends with when it can't do its work."""

from typing import Final

import click

from control.cli.lines import printable

INTERRUPTED: Final = 130


class Failed(click.ClickException):
    """One line for the person at the shell; exit code 1."""

    exit_code = 1

    def show(self, file: object = None) -> None:
        """Write the line to standard error."""
        del file
        click.echo(f"pontlevis: {printable(self.message)}", err=True)
