"""Records of the log before they are written, their one written form, and the chain that they make. Pure.

The written form is the record's JSON as the API serves it. What is hashed is that JSON without its last member,
`hash`, so whoever has the served text can check the chain without writing any JSON of his own.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson

from control.instants import NANOSECONDS, render
from control.records import (
    Cause,
    ContainerRef,
    Endpoint,
    Kind,
    MembershipState,
    NetworkRef,
    RequestRef,
    Source,
)

GENESIS: Final = bytes(32)
"""The hash before the first record."""

Between = tuple[int | None, int]


@dataclass(slots=True)
class Known:
    """What the log knows of one pair that is not absent: its state since an instant, and the endpoint it has there.

    `owed` tells that the container died and that the engine has yet to say that this endpoint went with it."""

    state: MembershipState
    since: int
    endpoint: Endpoint | None = None
    owed: bool = False


@dataclass(slots=True)
class Entry:
    """A record that has no number yet. `held` is what the pair was before, where it was not absent."""

    kind: Kind
    time: int
    source: Source
    network: NetworkRef | None = None
    container: ContainerRef | None = None
    endpoint: Endpoint | None = None
    before: MembershipState | None = None
    after: MembershipState | None = None
    cause: Cause | None = None
    request: RequestRef | None = None
    between: Between | None = None
    detail: dict[str, Any] | None = None
    held: Known | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A record as it stands in the log: `line` is its JSON, hash included."""

    seq: int
    entry: Entry
    hash: bytes
    line: bytes


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return render(seconds * NANOSECONDS)[:-11]


def rendered(instant: int) -> str:
    """As `instants.render`, for many instants of few seconds."""
    seconds, nanoseconds = divmod(instant, NANOSECONDS)
    return f"{_second(seconds)}.{nanoseconds:09d}Z"


def canonical(seq: int, entry: Entry) -> bytes:
    """The record's JSON without its hash."""
    between = entry.between
    return orjson.dumps(
        {
            "seq": seq,
            "kind": entry.kind,
            "time": rendered(entry.time),
            "network": entry.network,
            "container": entry.container,
            "endpoint": entry.endpoint,
            "before": entry.before,
            "after": entry.after,
            "cause": entry.cause,
            "request": entry.request,
            "source": entry.source,
            "observed_between": None
            if between is None
            else [None if between[0] is None else rendered(between[0]), rendered(between[1])],
            "detail": entry.detail,
        }
    )


def chain(previous: bytes, form: bytes) -> bytes:
    """The hash of a record from the hash before it and its canonical form."""
    return hashlib.sha256(previous + form).digest()


def line(form: bytes, digest: bytes) -> bytes:
    """The record's JSON, whole."""
    return b'%b,"hash":"%b"}' % (form[:-1], digest.hex().encode())


def write(seq: int, entry: Entry, previous: bytes) -> Written:
    """A record at its place in the chain."""
    form = canonical(seq, entry)
    digest = chain(previous, form)
    return Written(seq, entry, digest, line(form, digest))
