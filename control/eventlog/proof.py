"""Whether a log is whole: its numbers without holes, its records chained, each as it was written.

Whoever changes a record must change every hash after it, and whoever changes them all can't change those that were
written down elsewhere: each record's hash is in control's own log lines. So a proof is worth what it is compared with.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import orjson

from control.eventlog import reading
from control.eventlog.entries import canonical, chain
from control.eventlog.schema import APPLICATION_ID

_TAIL: Final = len(b',"hash":"') + 64 + len(b'"}')


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checking a chain found: from the record after `anchor` to `last`, whose hash is `head`. `broken` is the
    number of the first record that is wrong, and `reason` says how."""

    anchor: int
    last: int
    head: str
    broken: int | None = None
    reason: str | None = None

    @property
    def count(self) -> int:
        """How many records were found right."""
        return self.last - self.anchor


class Unreadable(Exception):
    """What was to be checked is no log. Its text is one line."""


class Chain:
    """A chain under examination. Give it the records in order."""

    def __init__(self, anchor: int, digest: bytes) -> None:
        self.anchor = self.last = anchor
        self.head = digest
        self.broken: int | None = None
        self.reason: str | None = None

    def take(self, seq: int, form: bytes, digest: bytes) -> bool:
        """The next record: its number, its JSON without hash, and the hash that it bears. False where it is wrong."""
        if seq != self.last + 1:
            return self._wrong(self.last + 1, f"record {self.last + 1} is missing: {seq} follows {self.last}")
        if chain(self.head, form) != digest:
            return self._wrong(seq, f"record {seq} is not what was written, or what precedes it is not")
        self.last, self.head = seq, digest
        return True

    def _wrong(self, seq: int, reason: str) -> bool:
        self.broken, self.reason = seq, reason
        return False

    def verdict(self) -> Verdict:
        """What was found so far."""
        return Verdict(self.anchor, self.last, self.head.hex(), self.broken, self.reason)


def check_rows(connection: sqlite3.Connection, checked: Chain, limit: int) -> bool:
    """Check up to `limit` further records of a database. Whether there may be more."""
    taken = 0
    for record in reading.walk(connection, checked.last, limit):
        taken += 1
        if not checked.take(record.seq, canonical(record.seq, record.entry), record.hash):
            return False
    return taken == limit


def check_database(path: Path) -> Verdict:
    """Check a log's database, or a copy of it. Raises Unreadable."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    except sqlite3.Error as error:
        raise Unreadable(f"{path} can't be opened ({error})") from error
    try:
        if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise Unreadable(f"{path} is no event log")
        # One transaction, so that what is written meanwhile is not half seen.
        connection.execute("BEGIN")
        checked = Chain(*reading.read_anchor(connection))
        while check_rows(connection, checked, 100_000):
            pass
    except (sqlite3.Error, IndexError, ValueError, TypeError) as error:
        raise Unreadable(f"{path} can't be read as an event log ({error})") from error
    finally:
        connection.close()
    return checked.verdict()


def check_lines(lines: Iterable[bytes]) -> Verdict:
    """Check an export: a line that tells the anchor, a record a line, a line that tells the end. Raises Unreadable."""
    checked: Chain | None = None
    end: tuple[int, str] | None = None
    for number, text in enumerate(lines, 1):
        text = text.rstrip(b"\r\n")  # noqa: PLW2901  (the line itself)
        if not text:
            continue
        try:
            told = orjson.loads(text)
            if checked is None:
                checked = Chain(int(told["anchor"]["seq"]), bytes.fromhex(told["anchor"]["hash"]))
            elif end is not None:
                raise Unreadable(f"line {number} follows the end")
            elif told.keys() == {"end"}:
                end = int(told["end"]["seq"]), str(told["end"]["hash"])
            elif not checked.take(told["seq"], text[:-_TAIL] + b"}", bytes.fromhex(told["hash"])):
                return checked.verdict()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unreadable(f"line {number} is none of an export ({error})") from error
    if checked is None:
        raise Unreadable("it is empty")
    verdict = checked.verdict()
    if end is None:
        return replace(verdict, broken=verdict.last + 1, reason="the end is cut off")
    if end != (verdict.last, verdict.head):
        return replace(verdict, broken=verdict.last + 1, reason="it does not end as it says")
    return verdict
