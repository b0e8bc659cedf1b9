"""Instants: whole nanoseconds since the Unix epoch inside, RFC 3339 in UTC with nanoseconds outside.

The engine counts in nanoseconds (`timeNano`), and two events of one burst differ by less than a float or a
`datetime` can hold, so neither is used. Pure.
"""

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

NANOSECONDS = 10**9

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(Z|z|[+-]\d\d:\d\d)",
)


def now() -> int:
    """The wall clock, in nanoseconds since the epoch."""
    return time.time_ns()


def render(instant: int) -> str:
    """RFC 3339 in UTC, always with nine decimals: `2026-11-23T18:05:00.000000001Z`. Sorts as text."""
    seconds, nanoseconds = divmod(instant, NANOSECONDS)
    whole = datetime.fromtimestamp(seconds, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


def parse(text: str) -> int:
    """Nanoseconds since the epoch of an RFC 3339 time with an offset. Raises ValueError on anything else."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("is no RFC 3339 time with an offset, such as 2026-11-23T18:05:00Z")
    *numbers, fraction, offset = match.groups()
    year, month, day, hour, minute, second = (int(number) for number in numbers)
    moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    if offset not in "Zz":
        sign = -1 if offset[0] == "-" else 1
        moment -= sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))
    # A leap second (:60) is counted as the second that follows, as Unix time does.
    seconds = int(moment.timestamp()) + (second - min(second, 59))
    return seconds * NANOSECONDS + int((fraction or "0").ljust(9, "0"))


def parse_or_none(text: str | None) -> int | None:
    """Like `parse`, with None for nothing and for Docker's zero time (0001-01-01T00:00:00Z)."""
    if not text or text.startswith("0001-"):
        return None
    return parse(text)


def _validate(value: object) -> object:
    return parse(value) if isinstance(value, str) else value


Instant = Annotated[
    int,
    BeforeValidator(_validate),
    PlainSerializer(render, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-23T18:05:00.000000001Z"]}),
]
"""A pydantic field that holds nanoseconds and reads and writes RFC 3339."""
