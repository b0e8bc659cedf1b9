"""The engine's event stream.

aiodocker's own subscription never reconnects, turns times into naive local datetimes and dies of a line over
512 KiB, so the stream is read here, one connection a call, with a line parser of our own. A consumer that does
not keep up loses events without a sign after about 1,191 unread ones (measured on Docker 20.10): whoever reads
this must only drain.
"""

import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from typing import Any

import aiohttp
import orjson

from control.engine.connection import Connection
from control.instants import NANOSECONDS
from control.records import EngineEvent


def engine_time(instant: int) -> str:
    """`seconds.nanoseconds`, the only form that the engine reads exactly (a float lost an event)."""
    return f"{instant // NANOSECONDS}.{instant % NANOSECONDS:09d}"


def parse_event(line: bytes) -> EngineEvent | None:
    """One line of the stream; None for what is no event of an actor (an error object, an old-style one)."""
    raw: dict[str, Any] = orjson.loads(line)
    actor = raw.get("Actor")
    if not isinstance(actor, dict) or "timeNano" not in raw:
        return None
    return EngineEvent(
        raw.get("Type", ""),
        raw.get("Action", ""),
        actor.get("ID", ""),
        actor.get("Attributes") or {},
        raw["timeNano"],
        raw.get("scope") or "local",
        # An event is the same bytes each time it is sent, and no two have one time (measured: timeNano never collided).
        hashlib.blake2b(line, digest_size=16).digest(),
    )


async def split_lines(chunks: AsyncIterable[bytes]) -> AsyncIterator[Sequence[bytes]]:
    """The whole lines of a stream, as many at once as a chunk completes. A line may be of any length."""
    begun: list[bytes] = []
    async for chunk in chunks:
        end = chunk.rfind(b"\n")
        if end < 0:
            begun.append(chunk)
            continue
        begun.append(chunk[:end])
        yield b"".join(begun).split(b"\n")
        begun = [chunk[end + 1 :]]


class Events:
    """The engine's events."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def stream(
        self, *, types: tuple[str, ...], since: int | None = None
    ) -> AsyncGenerator[Sequence[EngineEvent]]:
        """Events of these types (`network`, `container`), some at once as they come, in the engine's order.

        The first item is empty: the engine has accepted the subscription, and what happens from now on is in the
        stream. With `since` (nanoseconds; 0 for all) the engine first sends what it still holds of the past: of its
        last 256 events of all types, none after a restart of it. The iteration ends when the engine ends the stream;
        raises EngineAway when it can't be reached.
        """
        params = {"filters": json.dumps({"type": list(types)})}
        if since is not None:
            params["since"] = engine_time(since)
        async with self._connection.use(endless=True) as docker:
            response = await docker._do_query(
                "events", "GET", params=params, timeout=aiohttp.ClientTimeout(total=None, sock_connect=3)
            )
            try:
                yield ()
                async for lines in split_lines(response.content.iter_any()):
                    yield [event for line in lines if line and (event := parse_event(line)) is not None]
            finally:
                response.close()
