"""The commands and their options."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from control.cli import places
from control.cli.errors import Failed
from control.cli.lines import line, member_line, overlap_line, printable, shortcoming

if TYPE_CHECKING:
    from control.cli.client import Parameters, Record

_AGO: Final = re.compile(r"(\d{1,9})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_EXPECTED: Final = re.compile(r"([1-9]\d{0,17}):([0-9a-fA-F]{64})", re.ASCII)
_USUAL: Final = ["network", "gap"]
"""The kinds that are shown where nothing else is asked for."""


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


class Expected(click.ParamType[tuple[int, str]]):
    """A record's number and the hash that it must have."""

    name = "expected"

    def convert(
        self,
        value: Any,  # noqa: ANN401  (click's)
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[int, str]:
        """Number and hash, the latter in small letters."""
        match = _EXPECTED.fullmatch(value)
        if match is None:
            self.fail(f"{value!r} is no number and hash: 17: and 64 hexadecimal digits.", param, ctx)
        return int(match[1]), match[2].lower()


TIME: Final = When()
_AT: Final = click.option(
    "--at", type=TIME, metavar="TIME", help="Then, as the log has it: 2026-11-23T18:05:00Z, or 10m, 2h, 1d ago."
)
_JSON: Final = click.option("--json", "as_json", is_flag=True, help="One JSON object a line, as the API has it.")


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
    "--since", type=TIME, metavar="TIME", help="At this time or later: 2026-11-23T18:05:00Z, or 10m, 2h, 1d ago."
)
@click.option("--until", type=TIME, metavar="TIME", help="Before this time.")
@click.option("--kind", multiple=True, metavar="KIND", help="Only this kind, or family such as network. Repeatable.")
@click.option(
    "--cause", multiple=True, metavar="CAUSE", help="Only of this cause: request, external, oom, … Repeatable."
)
@click.option("--principal", metavar="NAME", help="Only what this principal asked for.")
@click.option("--request", metavar="ID", help="Only what this request asked for.")
@click.option("--source", metavar="SOURCE", help="Only what was learned so: stream, replay, reconcile, control.")
@click.option("--all", "every", is_flag=True, help="Every kind: containers and requests too.")
@click.option("--reverse", is_flag=True, help="Newest first.")
@click.option("--after", type=click.IntRange(0), metavar="SEQ", help="Past this number; 0 for all there are.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="No more than this many.")
@_JSON
def events(
    *,
    follow: bool,
    network: str | None,
    container: str | None,
    since: str | None,
    until: str | None,
    kind: tuple[str, ...],
    cause: tuple[str, ...],
    principal: str | None,
    request: str | None,
    source: str | None,
    every: bool,
    reverse: bool,
    after: int | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """Print the log, oldest first: what became of networks and of who is on them, and where the log has gaps.

    A line tells number, time (UTC), what happened, network, container and address; then why, or on whose order. With
    --principal, --request or --source it shows every kind. With --follow it waits for more until Ctrl-C, and goes on by
    itself after control was away, without losing any.
    """
    if follow and until:
        raise click.UsageError("--until ends, --follow does not: choose one.")
    if follow and reverse:
        raise click.UsageError("--reverse begins with the newest, --follow ends with it: choose one.")
    if kind and every:
        raise click.UsageError("--all shows every kind, --kind only some: choose one.")
    given: dict[str, str | list[str] | None] = {
        "network": network,
        "container": container,
        "kind": list(kind) or (None if every or principal or request or source else _USUAL),
        "cause": list(cause) or None,
        "principal": principal,
        "request": request,
        "source": source,
        "since": since,
        "until": until,
        "order": "desc" if reverse else None,
    }
    filters: Parameters = {key: value for key, value in given.items() if value is not None}
    for event in _chosen(filters, follow=follow, after=after, limit=limit):
        _write(_json(event) if as_json else line(event))


@pontlevis.group()
def log() -> None:
    """Check the log, and take it out with its proof."""


@log.command()
@click.argument("file", required=False)
@click.option(
    "--expect", type=Expected(), metavar="SEQ:HASH", help="Fail unless this record has this hash, written down before."
)
def verify(*, file: str | None, expect: tuple[int, str] | None) -> None:
    """Check that no record is missing or was changed.

    FILE is the log's database (events.sqlite3, or a copy) or an export (- for standard input), which is checked without
    control; without it, control checks its own log.
    """
    seq = None if expect is None else expect[0]
    found: dict[str, Any]
    digest = None
    if file is None:
        from control.cli.client import Client

        client = Client()
        found = client.verify()
        if seq is not None and found["broken"] is None and found["anchor"] <= seq <= found["last"]:
            digest = client.hash_of(seq)
    else:
        from dataclasses import asdict

        from control.cli import offline

        verdict, digest = offline.check(file, seq)
        found = {**asdict(verdict), "count": verdict.count}
    if found["broken"] is not None:
        raise Failed(f"broken: {found['reason']}. {_extent(found)} before that are right.")
    if expect is not None and digest != expect[1]:
        has = "is not in it" if digest is None else f"has the hash {digest}"
        raise Failed(f"not as expected: record {seq} {has}. In itself it is whole: {_extent(found)}.")
    _write(f"whole: {_extent(found)}, head {found['head']}")


@log.command()
@click.option("--after", type=click.IntRange(0), metavar="SEQ", help="Past this number; else from the oldest kept.")
@click.option("--until", type=click.IntRange(1), metavar="SEQ", help="Up to this number; else to the newest.")
@click.option("-o", "--output", default="-", metavar="FILE", help="Into this file; else to standard output.")
@click.option("--force", is_flag=True, help="Put it in the place of a file that is there.")
def export(*, after: int | None, until: int | None, output: str, force: bool) -> None:
    """Take out records, one a line, with what it takes to check them (`pontlevis log verify FILE`)."""
    from control.cli.client import Client

    given = {"after": after, "until": until}
    parameters: Parameters = {key: value for key, value in given.items() if value is not None}
    if output == "-":
        with Client().export(parameters) as chunks:
            for chunk in chunks:
                _emit(chunk)
        return
    path = Path(output)
    _refuse(path, force=force)
    with Client().export(parameters) as chunks:
        try:
            _put(path, chunks, force=force)
        except OSError as error:
            raise Failed(f"{output} can't be written ({error.strerror}).") from error


@pontlevis.command(context_settings={"allow_interspersed_args": False})
@click.argument("container")
@click.argument("command", nargs=-1)
@click.option("--user", metavar="USER", help="As whom: a name or number of the container.")
@click.option("--workdir", metavar="PATH", help="Where.")
@click.option("--reason", metavar="TEXT", help="Why; it is kept in the event log.")
def terminal(
    *, container: str, command: tuple[str, ...], user: str | None, workdir: str | None, reason: str | None
) -> int:
    """Open a terminal in CONTAINER: a shell, or another COMMAND. The exit code is the command's."""
    from control.cli.terminal import open_terminal

    return open_terminal(container, command, user=user, workdir=workdir, reason=reason)


@pontlevis.command()
@click.argument("network")
@_AT
@_JSON
def who(*, network: str, at: str | None, as_json: bool) -> None:
    """Print the containers on NETWORK, by its name or id: now, or at a time."""
    from control.cli.client import path_of

    path = path_of("networks", network, "containers")
    _list(path, {"at": at}, lambda item: member_line(item, "container"), since=at, as_json=as_json)


@pontlevis.command()
@click.argument("container")
@_AT
@_JSON
def where(*, container: str, at: str | None, as_json: bool) -> None:
    """Print the networks that CONTAINER is on, by its name or id: now, or at a time."""
    from control.cli.client import path_of

    path = path_of("containers", container, "networks")
    _list(path, {"at": at}, lambda item: member_line(item, "network"), since=at, as_json=as_json)


@pontlevis.command("with")
@click.argument("container")
@click.option("--since", type=TIME, metavar="TIME", help="From this time on: 2026-11-23T18:05:00Z, or 10m, 2h, 1d ago.")
@click.option("--until", type=TIME, metavar="TIME", help="Before this time.")
@_JSON
def with_(*, container: str, since: str | None, until: str | None, as_json: bool) -> None:
    """Print who shared a network with CONTAINER, and from when to when."""
    given = {"container": container, "since": since, "until": until}
    _list("/overlaps", given, overlap_line, since=since, as_json=as_json)


@pontlevis.command()
def token() -> None:
    """Print the token that the API asks for."""
    _write(places.token())


def _chosen(filters: "Parameters", *, follow: bool, after: int | None, limit: int | None) -> Iterator["Record"]:
    from control.cli.client import Client

    client = Client()
    if not follow:
        return client.events(filters, after=after, limit=limit)
    if after is None and "since" in filters:
        after = 0
    return islice(client.follow(filters, after=after, say=_say), limit)


def _list(
    path: str, given: dict[str, str | None], show: Callable[["Record"], str], *, since: str | None, as_json: bool
) -> None:
    from control.cli.client import Client

    short: str | None = None
    for page in Client().pages(path, {key: value for key, value in given.items() if value is not None}):
        for item in page["items"]:
            _write(_json(item) if as_json else show(item))
        short = shortcoming(page, since) or short
    if short is not None:
        _say(short)


def _extent(found: dict[str, Any]) -> str:
    count = found["count"]
    return f"{count} records, {found['anchor'] + 1} to {found['last']}" if count else "0 records"


def _refuse(path: Path, *, force: bool) -> None:
    if path.is_dir():
        raise Failed(f"{path} is a folder.")
    if path.exists() and not force:
        raise Failed(f"{path} is there already: give another name, or --force.")


def _put(path: Path, chunks: Iterator[bytes], *, force: bool) -> None:
    """Write a file that is there whole, or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        _refuse(path, force=force)
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink()


def _json(record: "Record") -> str:
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False)


def _emit(chunk: bytes) -> None:
    try:
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        _hang_up()


def _write(text: str) -> None:
    try:
        click.echo(text, color=False if os.environ.get("NO_COLOR") else None)
        sys.stdout.flush()
    except BrokenPipeError:
        _hang_up()


def _hang_up() -> NoReturn:
    # Whoever read has had enough (`| head`). What is still buffered must not fail again at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise click.exceptions.Exit(0) from None


def _say(text: str) -> None:
    click.echo(f"pontlevis: {printable(text)}", err=True)
