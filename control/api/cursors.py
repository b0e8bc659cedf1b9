"""Pages of a list that changes while it is read. Pure.

A cursor holds the key of the last item given, so a page goes on where the one before ended, whatever came or
went between.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from control.errors import Invalid

T = TypeVar("T")
Key = tuple[str, ...]


def page(items: Sequence[T], *, key: Callable[[T], Key], after: str | None, limit: int) -> tuple[list[T], str | None]:
    """Up to `limit` items past the cursor, in the order of `key`, and the cursor after them (None at the end)."""
    start = decode(after) if after is not None else None
    ordered = sorted((item for item in items if start is None or key(item) > start), key=key)
    chosen = ordered[:limit]
    return chosen, encode(key(chosen[-1])) if len(ordered) > limit else None


def encode(key: Key) -> str:
    """A key as a cursor, safe in a URL."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def decode(cursor: str) -> Key:
    """The key in a cursor. Raises Invalid for one that was not made here."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise _unknown(cursor) from error
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise _unknown(cursor)
    return tuple(parts)


def _unknown(cursor: str) -> Invalid:
    return Invalid(f"after={cursor[:80]!r} is no cursor: take it from the `next` of an answer, unchanged.")
