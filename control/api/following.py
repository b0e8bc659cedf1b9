"""The event log as it grows, as server-sent events.

A follower reads the rows past its own number, from memory where it is not far behind, and waits for the store to grow.
Nothing is queued for it, so one that is slow costs nothing, and one that comes back goes on where it was.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Coroutine, Sequence
from typing import Any, Final

import anyio
from sse_starlette import ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from control.api.operations import Media, operation
from control.api.selecting import Form, StreamQuery, form_of
from control.api.state import state_of
from control.api.streams import Following, problem_message
from control.errors import FollowerStalled, Invalid, LogTrimmed, LogUnavailable
from control.eventlog import reading
from control.eventlog.entries import Written
from control.eventlog.lines import FOLLOWERS
from control.eventlog.reading import Filter
from control.eventlog.store import Store
from control.records import Event

PAGE: Final = 500


@operation(
    answers={200: Media("text/event-stream", Event)},
    problems=(LogUnavailable, LogTrimmed, FollowerStalled),
    engine=False,
    headers={"Last-Event-ID": "The id of the last event received: go on past it."},
)
async def stream_events(request: Request, query: StreamQuery) -> Response:
    """Records as they are written, as server-sent events. `Last-Event-ID` goes on past that number."""
    form = form_of(request)
    state = state_of(request)
    store = state["store"]
    after = _last_event_id(request)
    if after is None:
        after = store.last if query.after is None else query.after
    if after > store.last:
        raise Invalid(f"This log ends at {store.last}, so nothing can have been read up to {after}: begin anew.")
    anchor, _ = await store.ask(reading.read_anchor)
    if 0 < after < anchor:
        raise LogTrimmed(
            f"The records up to {anchor} are no longer kept, so those after {after} are lost to you: go on with "
            f"after={anchor}, or begin anew with after=0."
        )
    return Following(_messages(store, query.filter(), after, state["stopping"], form), state, FOLLOWERS)


async def _messages(
    store: Store, wanted: Filter, after: int, stopping: anyio.Event, form: Form
) -> AsyncGenerator[ServerSentEvent | bytes, None]:
    # The number comes first, so that a reader whose connection breaks before any event knows where it was.
    yield ServerSentEvent(id=str(after), comment=f"events after {after}", retry=1000, sep="\n")
    while not stopping.is_set():
        newest = store.last
        records: Sequence[Written] | None = store.tail(after)
        if records is None:
            try:
                records = await store.read(wanted, after, PAGE)
            except LogUnavailable as problem:
                yield problem_message(problem)
                return
            # All up to `newest` was looked at, and perhaps some that came since.
            full = len(records) == PAGE
            after = records[-1].seq if full else max(after, newest, *(it.seq for it in records[-1:]))
        elif records:
            after = records[-1].seq
            records = [record for record in records if wanted.admits(record.entry)]
        if records:
            # Some at once, but not so much that a slow reader could not tell where it was.
            for begin in range(0, len(records), 100):
                yield b"".join(_message(record, form) for record in records[begin : begin + 100])
        elif after >= store.last:
            await _either(store.past(after), stopping.wait())


def _message(record: Written, form: Form) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (record.seq, record.entry.kind.encode(), form(record))


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
