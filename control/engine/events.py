"""The engine's event stream.

aiodocker's own subscription never reconnects, turns times into naive local datetimes and dies of a line over
512 KiB, so the stream is read here, one connection a call, with a line parser of our own. A consumer that does
not keep up loses events without a sign after about 1,191 unread ones (measured on Docker 20.10): whoever reads
this must only drain.
"""

import json
from collections.abc import AsyncGenerator
from typing import Any

import aiohttp

from control.engine.connection import Connection
from control.instants import NANOSECONDS
from control.records import EngineEvent


def engine_time(instant: int) -> str:
    """`seconds.nanoseconds`, the only form that the engine reads exactly (a float lost an event)."""
    return f"{instant // NANOSECONDS}.{instant % NANOSECONDS:09d}"


def parse_event(line: bytes) -> EngineEvent | None:
    """One line of the stream; None for what is no event of an actor (an error object, an old-style one)."""
    raw: dict[str, Any] = json.loads(line)
    actor = raw.get("Actor")
    if not isinstance(actor, dict) or "timeNano" not in raw:
        return None
    return EngineEvent.model_construct(
        type=raw.get("Type", ""),
        action=raw.get("Action", ""),
        actor=actor.get("ID", ""),
        attributes=actor.get("Attributes") or {},
        time=raw["timeNano"],
    )


class Events:
    """The engine's events."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def stream(
        self,
        *,
        types: tuple[str, ...],
        since: int | None = None,
        until: int | None = None,
    ) -> AsyncGenerator[EngineEvent | None]:
        """Events of these types (`network`, `container`), as they come, in the engine's order.

        The first item is None: the engine has accepted the subscription, and what happens from now on is in the
        stream. `since` and `until` are nanoseconds, inclusive; with `since` the engine first sends what it still
        holds of the past (of its last 256 events of all types; none after a restart of it). The iteration ends
        when `until` is reached, or when the engine ends the stream; raises EngineAway when it can't be reached.
        """
        params = {"filters": json.dumps({"type": list(types)})}
        if since is not None:
            params["since"] = engine_time(since)
        if until is not None:
            params["until"] = engine_time(until)
        async with self._connection.use(endless=True) as docker:
            response = await docker._do_query(
                "events", "GET", params=params, timeout=aiohttp.ClientTimeout(total=None, sock_connect=3)
            )
            try:
                yield None
                rest = b""
                async for chunk in response.content.iter_any():
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        if line.strip() and (event := parse_event(line)) is not None:
                            yield event
            finally:
                response.close()
