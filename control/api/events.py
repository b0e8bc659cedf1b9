"""The event log over HTTP: read page by page, downloaded whole, checked, and taken out with its proof."""

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from control.api.following import stream_events
from control.api.http import Query, reply
from control.api.methods import by_method
from control.api.operations import Media, operation
from control.api.selecting import (
    CLOUDEVENT,
    CLOUDEVENTS,
    JSON,
    MOST,
    NDJSON,
    CloudEvent,
    ListQuery,
    accepts,
    cloud_event,
    plain,
)
from control.api.state import state_of
from control.errors import Invalid, LogTrimmed, LogUnavailable, NotFound
from control.eventlog import proof, reading
from control.eventlog.reading import Filter
from control.eventlog.store import Store
from control.records import Event

if TYPE_CHECKING:
    from control.eventlog.entries import Written

PAGE: Final = 500
LARGEST: Final = 1000
USUAL: Final = 100
CHECKED: Final = 2_000
"""Records checked at once, between which others are served."""


class RangeQuery(Query):
    """Records by number: past `after`, up to `until`."""

    after: int | None = Field(None, ge=0, le=MOST, description="Past this number; without it, from the oldest kept.")
    until: int | None = Field(None, ge=1, le=MOST, description="Up to this number; without it, to the newest.")


class Checked(BaseModel):
    """What checking the chain found. `anchor` is the number before the first record checked, `last` the last that is
    right, `head` its hash; `broken` is the first that is wrong, null where all are right."""

    whole: bool
    anchor: int
    last: int
    count: int
    head: str
    broken: int | None
    reason: str | None


class EventPage(BaseModel):
    """Records of the log: `next` is the `after` of the page that follows, null at the end."""

    items: tuple[Event, ...]
    next: int | None


@operation(
    answers={200: (EventPage, Media(NDJSON, Event), Media(CLOUDEVENTS, CloudEvent, many=True))},
    problems=(LogUnavailable,),
    engine=False,
)
async def list_events(request: Request, query: ListQuery) -> Response:
    """Records, oldest or newest first; by `Accept` as JSON, as NDJSON without end, or as CloudEvents."""
    media = accepts(request, JSON, NDJSON, CLOUDEVENTS)
    store = state_of(request)["store"]
    wanted, newest_first = query.filter(query.until), query.order == "desc"
    if media == NDJSON:
        lines = _lines(store, wanted, query.after, query.limit, newest_first=newest_first)
        return StreamingResponse(lines, media_type=NDJSON)
    limit = USUAL if query.limit is None else query.limit
    if limit > LARGEST:
        raise Invalid(f"limit is {LARGEST} at most; ask with Accept: {NDJSON} for any number.")
    found = await store.read(wanted, query.after, limit + 1, newest_first=newest_first)
    page = found[:limit]
    following = page[-1].seq if len(found) > limit else None
    if media == CLOUDEVENTS:
        link = (
            {} if following is None else {"Link": f'<{request.url.include_query_params(after=following)}>; rel="next"'}
        )
        return Response(b"[" + b",".join(map(cloud_event, page)) + b"]", 200, link, CLOUDEVENTS)
    told = b"null" if following is None else b"%d" % following
    return Response(b'{"items":[%b],"next":%b}' % (b",".join(map(plain, page)), told), media_type=JSON)


async def _lines(
    store: Store, wanted: Filter, after: int | None, limit: int | None, *, newest_first: bool
) -> AsyncGenerator[bytes]:
    left = limit
    while left is None or left > 0:
        size = PAGE if left is None else min(PAGE, left)
        page = await store.read(wanted, after, size, newest_first=newest_first)
        if page:
            yield b"".join(b"%b\n" % record.line for record in page)
            after = page[-1].seq
        if len(page) < size:
            return
        left = None if left is None else left - len(page)


@operation(answers={200: (Event, Media(CLOUDEVENT, CloudEvent))}, problems=(LogUnavailable,), engine=False)
async def show_event(request: Request) -> Response:
    """One record, by its number; by `Accept` as a CloudEvent."""
    given = request.path_params["seq"]
    seq = int(given) if given.isascii() and given.isdecimal() and len(given) < 19 else 0  # noqa: PLR2004  (63 bits)
    found = await state_of(request)["store"].read(Filter(), seq - 1, 1)
    if not found or found[0].seq != seq:
        raise NotFound(f"The log has no record {given[:40]!r}. GET /events lists them.")
    media = accepts(request, JSON, CLOUDEVENT)
    return Response((cloud_event if media == CLOUDEVENT else plain)(found[0]), media_type=media)


@operation(answers={200: Checked}, problems=(LogUnavailable, LogTrimmed), engine=False)
async def verify_events(request: Request, query: RangeQuery) -> Response:
    """Check the chain of what is kept: 200 with what was found, right or wrong."""
    store = state_of(request)["store"]
    checked = proof.Chain(*await _start(store, query))
    until = query.until or store.last
    more = True
    while more and checked.last < until:
        size = min(CHECKED, until - checked.last)
        more = await store.ask(lambda connection, size=size: proof.check_rows(connection, checked, size))  # type: ignore[misc]
    found = checked.verdict()
    return reply(
        Checked(
            whole=found.broken is None,
            anchor=found.anchor,
            last=found.last,
            count=found.count,
            head=found.head,
            broken=found.broken,
            reason=found.reason,
        )
    )


@operation(answers={200: Media(NDJSON)}, problems=(LogUnavailable, LogTrimmed), engine=False)
async def export_events(request: Request, query: RangeQuery) -> Response:
    """Records by number with what it takes to check them, as NDJSON. A line with the anchor, a record a line, a line
    with the end; `pontlevis log verify` reads it."""
    store = state_of(request)["store"]
    anchor, digest = await _start(store, query)
    until = min(query.until or store.last, store.last)
    name = f"pontlevis-events-{anchor + 1}-{until}.ndjson"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_export(store, anchor, digest, until), 200, headers, NDJSON)


async def _start(store: Store, query: RangeQuery) -> tuple[int, bytes]:
    """Number and hash of the record before the range."""
    anchor, digest = await store.ask(reading.read_anchor)
    if query.after is None or query.after == anchor:
        return anchor, digest
    if query.after < anchor:
        raise LogTrimmed(f"The records up to {anchor} are no longer kept: ask with after={anchor}, or without it.")
    before = await store.read(Filter(), query.after - 1, 1)
    if not before or before[0].seq != query.after:
        raise Invalid(f"This log ends at {store.last}: ask for a range before that.")
    return query.after, before[0].hash


async def _export(store: Store, anchor: int, digest: bytes, until: int) -> AsyncGenerator[bytes]:
    yield b'{"anchor":{"seq":%d,"hash":"%b"}}\n' % (anchor, digest.hex().encode())
    last, head = anchor, digest
    while last < until:
        page: list[Written] = await store.read(Filter(), last, min(PAGE, until - last))
        if not page:
            break
        yield b"".join(b"%b\n" % record.line for record in page)
        last, head = page[-1].seq, page[-1].hash
    yield b'{"end":{"seq":%d,"hash":"%b"}}\n' % (last, head.hex().encode())


routes = [
    Route("/events", by_method(GET=list_events)),
    Route("/events/stream", by_method(GET=stream_events)),
    Route("/events/verify", by_method(GET=verify_events)),
    Route("/events/export", by_method(GET=export_events)),
    Route("/events/{seq}", by_method(GET=show_event)),
]
