"""The event log over HTTP: read page by page, and followed as it grows.

A follower reads the rows past its own number and waits for the store to grow. Nothing is queued for it, so one
that is slow costs nothing, and one that comes back goes on where it was.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, Final

import anyio
from pydantic import BaseModel, Field
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from control import log
from control.api.http import Query, read_query, reply
from control.api.methods import by_method
from control.api.state import state_of
from control.errors import Invalid, LogUnavailable
from control.eventlog.rows import Filter
from control.eventlog.store import Store
from control.instants import Instant
from control.records import Event

PAGE: Final = 500
SEND_SECONDS: Final = 30.0
"""How long a follower may leave what it is sent unread before it is let go."""

_MOST: Final = 2**63 - 1


class Filters(Query):
    """Which events."""

    network: str | None = Field(
        None,
        min_length=1,
        max_length=1024,
        description="The network's full id, 12 digits of it or more, or the name it had then.",
    )
    container: str | None = Field(
        None,
        min_length=1,
        max_length=1024,
        description="The container's full id, 12 digits of it or more, or the name it had then.",
    )
    since: Instant | None = Field(None, ge=-_MOST, le=_MOST, description="At this instant or later.")

    def filter(self, until: int | None = None) -> Filter:
        """These, for the store."""
        return Filter(network=self.network, container=self.container, since=self.since, until=until)


class ListQuery(Filters):
    """Which events, and where to begin."""

    until: Instant | None = Field(None, ge=-_MOST, le=_MOST, description="Before this instant.")
    after: int = Field(0, ge=0, le=_MOST, description="Past this number: the `next` of the answer before.")
    limit: int = Field(100, ge=1, le=1000, description="Events in one answer.")


class StreamQuery(Filters):
    """Which events, and where to begin."""

    after: int | None = Field(
        None, ge=0, le=_MOST, description="Past this number; 0 for all there are. Without it, from now on."
    )


class EventPage(BaseModel):
    """Events by number; `next` is the value for `after` that goes on, null when there are no more now."""

    items: tuple[Event, ...]
    next: int | None


async def list_events(request: Request) -> Response:
    """Events, oldest first."""
    query = read_query(request, ListQuery)
    store = state_of(request)["store"]
    events = await store.read(query.filter(query.until), query.after, query.limit + 1)
    page = events[: query.limit]
    return reply(EventPage(items=tuple(page), next=page[-1].seq if len(events) > query.limit else None))


async def stream_events(request: Request) -> Response:
    """Events as they are written, as server-sent events. `Last-Event-ID` goes on past that number."""
    query = read_query(request, StreamQuery)
    state = state_of(request)
    store = state["store"]
    after = _last_event_id(request)
    if after is None:
        after = store.last if query.after is None else query.after
    if after > store.last:
        raise Invalid(f"This log ends at {store.last}, so nothing can have been read up to {after}: begin anew.")
    return Following(
        _messages(store, query.filter(), after, state["stopping"]),
        sep="\n",
        ping=state["settings"].heartbeat,
        ping_message_factory=lambda: ServerSentEvent(comment="", sep="\n"),
        send_timeout=SEND_SECONDS,
        shutdown_event=state["stopping"],
        shutdown_grace_period=2,
    )


class Following(EventSourceResponse):
    """A stream of events, ended without noise when its reader stopped reading."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The response."""
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            log.logger().warning(log.FOLLOWER_LOST, **{log.DETAIL: f"Nothing was read for {SEND_SECONDS:g} s."})


async def _messages(
    store: Store, wanted: Filter, after: int, stopping: anyio.Event
) -> AsyncGenerator[ServerSentEvent, None]:
    # The number comes first, so that a reader whose connection breaks before any event knows where it was.
    yield ServerSentEvent(id=str(after), comment=f"events after {after}", retry=1000, sep="\n")
    while not stopping.is_set():
        newest = store.last
        try:
            events = await store.read(wanted, after, PAGE)
        except LogUnavailable as problem:
            yield ServerSentEvent(json.dumps(problem.document()), event="problem", sep="\n")
            return
        for event in events:
            yield ServerSentEvent(event.model_dump_json(), id=str(event.seq), event=event.kind, sep="\n")
        if len(events) == PAGE:
            after = events[-1].seq
            continue
        # All up to `newest` was looked at, and perhaps some that came since.
        after = max(after, newest, *(event.seq for event in events[-1:]))
        await _either(store.past(after), stopping.wait())


async def _either(*waits: Coroutine[Any, Any, None]) -> None:
    """Wait for the first of these, and let go of the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)


def _last_event_id(request: Request) -> int | None:
    given = request.headers.get("last-event-id")
    if not given:
        return None
    if not (given.isascii() and given.isdecimal() and len(given) < 19):  # noqa: PLR2004  (digits that 63 bits hold)
        raise Invalid("Last-Event-ID is no number: send the id of the last event received, or leave it out.")
    return int(given)


routes = [
    Route("/events", by_method(GET=list_events)),
    Route("/events/stream", by_method(GET=stream_events)),
]
