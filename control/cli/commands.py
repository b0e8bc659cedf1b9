"""The commands and their options."""

import json
import os
import re
import sys
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import click

from control.cli import places
from control.cli.lines import line

if TYPE_CHECKING:
    from control.cli.client import Parameters, Record

_AGO: Final = re.compile(r"(\d{1,9})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class When(click.ParamType[str]):
    """An instant: RFC 3339, or how long ago."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401  (click's)
        """The instant as RFC 3339."""
        from control import instants

        if ago := _AGO.fullmatch(value):
            return instants.render(instants.now() - int(ago[1]) * _SECONDS[ago[2]] * instants.NANOSECONDS)
        try:
            return instants.render(instants.parse(value))
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time: 2026-11-23T18:05:00Z, or 10m, 2h, 1d for that long ago.", param, ctx)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="pontlevis", prog_name="pontlevis")
def pontlevis() -> None:
    """Docker networks over HTTP, and the log of who was connected to what, and when.

    Control is found at PONTLEVIS_URL, else at 127.0.0.1 on CONTROL_PORT or 7070. The token is PONTLEVIS_TOKEN, else
    the file `token` in control's data folder: CONTROL_DATA_DIR, else /var/lib/pontlevis for root and
    ~/.local/state/pontlevis for others.
    """


@pontlevis.command()
@click.option(
    "-f", "--follow", is_flag=True, help="Go on with events as they come, from now on unless told since when."
)
@click.option("--network", metavar="NAME|ID", help="Only those of this network, by the name it had then or its id.")
@click.option("--container", metavar="NAME|ID", help="Only those of this container, by the name it had then or its id.")
@click.option(
    "--since", type=When(), metavar="TIME", help="At this time or later: 2026-11-23T18:05:00Z, or 10m, 2h, 1d ago."
)
@click.option("--until", type=When(), metavar="TIME", help="Before this time.")
@click.option("--after", type=click.IntRange(0), metavar="SEQ", help="Past this number; 0 for all there are.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="No more than this many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, as the API has it.")
def events(
    *,
    follow: bool,
    network: str | None,
    container: str | None,
    since: str | None,
    until: str | None,
    after: int | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """Print the log of connects and disconnects, oldest first.

    A line tells number, time (UTC), what happened, network, container and address. With --follow it waits for more
    until Ctrl-C, and goes on by itself after control was away, without losing any.
    """
    if follow and until:
        raise click.UsageError("--until ends, --follow does not: choose one.")
    given = {"network": network, "container": container, "since": since, "until": until}
    filters: Parameters = {key: value for key, value in given.items() if value is not None}
    for event in _chosen(filters, follow=follow, after=after, limit=limit):
        _write(json.dumps(event, separators=(",", ":"), ensure_ascii=False) if as_json else line(event))


@pontlevis.command()
def token() -> None:
    """Print the token that the API asks for."""
    _write(places.token())


def _chosen(filters: "Parameters", *, follow: bool, after: int | None, limit: int | None) -> Iterator["Record"]:
    from control.cli.client import Client

    client = Client()
    if not follow:
        return client.events(filters, after=after or 0, limit=limit)
    if after is None and "since" in filters:
        after = 0
    return islice(client.follow(filters, after=after, say=_say), limit)


def _write(text: str) -> None:
    try:
        click.echo(text, color=False if os.environ.get("NO_COLOR") else None)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has had enough (`| head`). What is still buffered must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(0) from None


def _say(text: str) -> None:
    click.echo(f"pontlevis: {text}", err=True)
