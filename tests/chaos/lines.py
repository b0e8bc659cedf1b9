"""One line of the log, as it is served: read, and its seal computed anew. Pure, and no code of control's.

A record's hash is the SHA-256 of the hash before it (32 bytes; zeros before the first) and of the line as it is
served, without its last member, the hash itself.
"""

import hashlib
import json
import re
from calendar import timegm
from dataclasses import dataclass, field
from typing import Any, Final

MEMBERS: Final = (
    *("seq", "kind", "time", "network", "container", "endpoint", "before", "after"),
    *("cause", "request", "source", "observed_between", "detail", "hash"),
)
KINDS: Final = frozenset(
    {"network.connect", "network.disconnect", "network.create", "network.destroy", "gap", "request"}
    | {f"container.{word}" for word in ("create", "start", "die", "stop", "kill", "oom", "destroy", "rename")}
    | {f"container.{word}" for word in ("restart", "pause", "unpause", "health")}
)
CAUSES: Final = frozenset(
    {"request", "external", "start", "stop", "exit", "kill", "oom", "restart", "remove", "network-removed"}
    | {"engine-stopped", "unknown", None}
)
SOURCES: Final = frozenset({"stream", "replay", "reconcile", "control"})
ZERO: Final = bytes(32)

_SEAL: Final = re.compile(r',"hash":"([0-9a-f]{64})"\}$')
_INSTANT: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z")

Interval = tuple[int | None, int | None]


class Malformed(ValueError):
    """A line is not what the log's format says."""


@dataclass(frozen=True)
class Line:
    """One record, and what it says of itself."""

    text: str
    raw: dict[str, Any] = field(hash=False)
    seq: int
    kind: str
    time: int
    network: str | None
    container: str | None
    endpoint: str | None
    before: str | None
    after: str | None
    cause: str | None
    request: str | None
    source: str
    between: Interval | None

    @property
    def transition(self) -> bool:
        """Whether it says that a pair changed."""
        return self.kind in {"network.connect", "network.disconnect"}

    @property
    def subject(self) -> str | None:
        """The id that a record of another kind is about."""
        return self.container if self.kind.startswith("container.") else self.network

    def brief(self) -> str:
        """A line for a person."""
        change = f" {self.before}>{self.after}" if self.transition else ""
        who = "/".join(
            str((self.raw[key] or {}).get("name")) for key in ("network", "container") if self.raw[key] is not None
        )
        return f"{self.seq} {self.kind} {who}{change} cause={self.cause} source={self.source} {self.raw['time']}"


def instant(text: object) -> int:
    """Nanoseconds since 1970 of an RFC 3339 time in UTC."""
    match = _INSTANT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise Malformed(f"{text!r} is no RFC 3339 time in UTC")
    *parts, fraction = match.groups()
    seconds = timegm((*map(int, parts), 0, 0, 0))
    return seconds * 10**9 + int((fraction or "0").ljust(9, "0"))


def interval(value: object) -> Interval | None:
    """`observed_between`, in nanoseconds."""
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        raise Malformed(f"observed_between is {value!r}, not [from, to]")
    first, last = (None if end is None else instant(end) for end in value)
    if first is not None and last is not None and first > last:
        raise Malformed(f"observed_between ends before it begins: {value!r}")
    return first, last


def read(text: str) -> Line:
    """The record of one line. Raises Malformed."""
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise Malformed(f"no JSON: {error}") from error
    if not isinstance(raw, dict) or tuple(raw) != MEMBERS:
        raise Malformed(f"the members are {list(raw) if isinstance(raw, dict) else raw!r}, not {list(MEMBERS)}")
    if raw["kind"] not in KINDS or raw["cause"] not in CAUSES or raw["source"] not in SOURCES:
        raise Malformed(
            f"kind {raw['kind']!r}, cause {raw['cause']!r} or source {raw['source']!r} is not in the format"
        )
    line = Line(
        text=text,
        raw=raw,
        seq=raw["seq"],
        kind=raw["kind"],
        time=instant(raw["time"]),
        network=(raw["network"] or {}).get("id"),
        container=(raw["container"] or {}).get("id"),
        endpoint=(raw["endpoint"] or {}).get("id"),
        before=raw["before"],
        after=raw["after"],
        cause=raw["cause"],
        request=(raw["request"] or {}).get("id"),
        source=raw["source"],
        between=interval(raw["observed_between"]),
    )
    if (line.kind == "gap" or (line.source == "reconcile" and line.transition)) and line.between is None:
        raise Malformed(f"a {line.kind} with source {line.source} needs observed_between")
    if line.transition and not (line.network and line.container):
        raise Malformed(f"a {line.kind} without the ids of its network and container")
    if (line.kind in {"gap", "request"}) != (line.source == "control"):
        raise Malformed(f"a {line.kind} has source {line.source}")
    return line


def sealed(text: str, previous: bytes) -> tuple[bytes, bytes]:
    """The hash that the line has, and the one that it should have after `previous`. Raises Malformed."""
    match = _SEAL.search(text)
    if match is None:
        raise Malformed("the line does not end with its hash")
    bare = f"{text[: match.start()]}}}"
    return bytes.fromhex(match.group(1)), hashlib.sha256(previous + bare.encode()).digest()


def split_page(body: str) -> list[str]:
    """The records of a page `{"items":[…],"next":…}`, each in exactly the characters in which it was served."""
    decoder, texts = json.JSONDecoder(), []
    at = body.index("[") + 1
    while body[at] != "]":
        if body[at] == ",":
            at += 1
        _, end = decoder.raw_decode(body, at)
        texts.append(body[at:end])
        at = end
    return texts
