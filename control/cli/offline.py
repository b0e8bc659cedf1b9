"""A log checked without control: its database, or an export of it. The one place here that knows the log's own form."""

import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import orjson

from control.cli.errors import Failed
from control.eventlog.proof import Unreadable, Verdict, check_database, check_lines

_MAGIC: Final = b"SQLite format 3\0"


class _Watched:
    """The lines of an export as they pass, and the hash that the record `seq` bears among them (or the anchor)."""

    def __init__(self, lines: Iterable[bytes], seq: int) -> None:
        self._lines = lines
        self._seq = seq
        self.digest: str | None = None

    def __iter__(self) -> Iterator[bytes]:
        for text in self._lines:
            # What can't be read is for the check to say.
            try:
                told = orjson.loads(text)
                told = told.get("anchor", told)
                if "end" not in told and told["seq"] == self._seq:
                    self.digest = str(told["hash"])
            except (ValueError, KeyError, TypeError, AttributeError):
                pass
            yield text


def check(file: str, seq: int | None) -> tuple[Verdict, str | None]:
    """What checking a file found (`-`: standard input), and the hash of the record `seq` in it. Raises Failed."""
    try:
        if file == "-":
            return _lines(sys.stdin.buffer, seq)
        path = Path(file)
        with path.open("rb") as opened:
            if opened.read(len(_MAGIC)) != _MAGIC:
                opened.seek(0)
                return _lines(opened, seq)
        return check_database(path), None if seq is None else _read(path, seq)
    except Unreadable as error:
        raise Failed(f"{'standard input' if file == '-' else file} can't be checked: {error}.") from error
    except OSError as error:
        raise Failed(f"{file} can't be read ({error.strerror}).") from error


def _lines(lines: Iterable[bytes], seq: int | None) -> tuple[Verdict, str | None]:
    if seq is None:
        return check_lines(lines), None
    watched = _Watched(lines, seq)
    return check_lines(watched), watched.digest


def _read(path: Path, seq: int) -> str | None:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute(
                "SELECT hash FROM event WHERE seq = :seq UNION ALL SELECT hash FROM anchor WHERE seq = :seq",
                {"seq": seq},
            ).fetchone()
    except sqlite3.Error as error:
        raise Failed(f"{path} can't be read as an event log ({error}).") from error
    return None if found is None else bytes(found[0]).hex()
