"""Who was on what, and with whom, at any instant of the past: answered from the log alone, of what is gone too."""

import sqlite3
from typing import Final

import orjson
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control.api import cursors
from control.api.http import Paging, reply_items_with
from control.api.methods import by_method
from control.api.operations import operation
from control.api.selecting import MOST, Reference
from control.api.state import state_of
from control.errors import Ambiguous, Invalid, LogUnavailable, NotFound
from control.eventlog import timetravel
from control.eventlog.entries import rendered
from control.eventlog.timetravel import Horizon, Stay
from control.instants import Instant, render
from control.records import ContainerRef, Endpoint, MembershipState, NetworkRef

ENDLESS: Final = timetravel.ENDLESS


class GapSeen(BaseModel):
    """A stretch of time in which something may be missing from the log: the record `seq` says so, and why."""

    seq: int
    begin: Instant | None
    end: Instant
    reason: str


class MembershipThen(BaseModel):
    """A membership as the log has it: in `state` from `began` until before `ended` (null: to this day), by the records
    `began_seq` and `ended_seq`. `certain` is false where it may have ended before the instant asked about, because its
    end was only found by comparison."""

    network: NetworkRef
    container: ContainerRef
    state: MembershipState
    endpoint: Endpoint | None
    began: Instant
    began_seq: int
    ended: Instant | None
    ended_seq: int | None
    certain: bool


class Overlap(BaseModel):
    """A stretch of time in which two containers were connected to one network: from `began` until before `ended` (null:
    to this day), within what was asked about. `certain` is false where a bound was only found by comparison."""

    network: NetworkRef
    container: ContainerRef
    other: ContainerRef
    endpoint: Endpoint | None
    other_endpoint: Endpoint | None
    began: Instant
    ended: Instant | None
    certain: bool


class MembershipsThen(BaseModel):
    """Memberships at the instant `at`, and what the log can say of that time: from which instant on it has everything,
    `begins`, and up to which, `ends`; the `gaps` that touch it; the records that were `found` by comparison and may
    belong into it or not; and whether it is `complete`: within these, and with none of those."""

    items: tuple[MembershipThen, ...]
    next: str | None
    at: Instant
    complete: bool
    begins: Instant | None
    ends: Instant | None
    gaps: tuple[GapSeen, ...]
    found: tuple[int, ...]


class Overlaps(BaseModel):
    """Who shared a network with a container, and what the log can say of that time: see `MembershipsThen`."""

    items: tuple[Overlap, ...]
    next: str | None
    complete: bool
    begins: Instant | None
    ends: Instant | None
    gaps: tuple[GapSeen, ...]
    found: tuple[int, ...]


class AtQuery(Paging):
    """Who was there at an instant."""

    at: Instant | None = Field(
        None, ge=-MOST, le=MOST, description="The instant; without it, now, as the engine has it."
    )


class OverlapQuery(Paging):
    """Who shared a network with a container, and when."""

    container: Reference = Field(description="Full id, 12 digits of it or more, or a name that it bears or bore.")
    since: Instant | None = Field(None, ge=-MOST, le=MOST, description="From this instant on.")
    until: Instant | None = Field(None, ge=-MOST, le=MOST, description="Before this instant.")


async def members_at(request: Request, reference: str, query: AtQuery) -> Response:
    """The containers that were on a network at an instant."""
    return await _at(request, "network", reference, query)


async def networks_at(request: Request, reference: str, query: AtQuery) -> Response:
    """The networks that a container was on at an instant."""
    return await _at(request, "container", reference, query)


async def _at(request: Request, table: str, reference: str, query: AtQuery) -> Response:
    assert query.at is not None  # noqa: S101  (without it the engine is asked)
    at: int = query.at

    def ask(connection: sqlite3.Connection) -> tuple[list[Stay], str | None, Horizon]:
        keys = timetravel.keys_of(connection, table, reference)
        places = timetravel.places(connection, table, keys, at) if keys else []
        _one_of(table, reference, keys, {keys[place.own] for place in places})
        # Hundreds may have been there: all is looked up only of those that the page has.
        page, following = cursors.page(
            places, key=lambda place: (place.name, place.id), after=query.after, limit=query.limit
        )
        stays = timetravel.whole(connection, table, page)
        stays.sort(key=lambda stay: _other(table, stay))
        return stays, following, timetravel.horizon(connection, table, keys, at, at + 1)

    page, following, seen = await state_of(request)["store"].ask(ask)
    items = orjson.dumps([_then(stay, at) for stay in page])
    told = orjson.dumps({"next": following, "at": render(at), **_told(request, seen, at, at)})
    return Response(b'{"items":%b,%b' % (items, told[1:]), media_type="application/json")


def _then(stay: Stay, at: int) -> dict[str, object]:
    """A `MembershipThen`, as plain values: there may be hundreds in an answer."""
    return {
        "network": stay.network,
        "container": stay.container,
        "state": stay.state,
        "endpoint": stay.endpoint,
        "began": rendered(stay.began),
        "began_seq": stay.began_seq,
        "ended": None if stay.ended is None else rendered(stay.ended),
        "ended_seq": stay.ended_seq,
        "certain": stay.certain_at(at),
    }


@operation(answers={200: Overlaps}, problems=(Ambiguous, NotFound, LogUnavailable), engine=False)
async def overlaps(request: Request, query: OverlapQuery) -> Response:
    """Who was connected to the same network as a container, from when to when, in the order in which the container was
    there."""
    since = -MOST if query.since is None else query.since
    until = ENDLESS if query.until is None else query.until
    if since >= until:
        raise Invalid("`since` is not before `until`.")
    start = (0, -1) if query.after is None else _numbers(query.after)

    def ask(connection: sqlite3.Connection) -> tuple[list[tuple[Stay, Stay]], Horizon]:
        keys = timetravel.keys_of(connection, "container", query.container)
        mine = timetravel.stays(connection, "container", keys, since, until) if keys else []
        _one_of("container", query.container, keys, {stay.container.id for stay in mine})
        found: list[tuple[Stay, Stay]] = []
        for own in sorted(mine, key=lambda stay: stay.began_seq):
            if own.state is not MembershipState.CONNECTED or own.began_seq < start[0]:
                continue
            others = timetravel.companions(connection, own, since, until)
            others.sort(key=lambda stay: stay.began_seq)
            found += [(own, it) for it in others if (own.began_seq, it.began_seq) > start]
            if len(found) > query.limit:
                break
        return found, timetravel.horizon(connection, "container", keys, since, until)

    found, seen = await state_of(request)["store"].ask(ask)
    page = found[: query.limit]
    following = None
    if len(found) > query.limit:
        own, other = page[-1]
        following = cursors.encode((str(own.began_seq), str(other.began_seq)))
    items = [_overlap(own, other, since, until) for own, other in page]
    return reply_items_with(items, following, **_told(request, seen, query.since, query.until))


def _overlap(own: Stay, other: Stay, since: int, until: int) -> Overlap:
    ends = [it for it in (own.ended, other.ended) if it is not None]
    end = min(ends) if ends else None
    if until != ENDLESS:
        end = until if end is None else min(end, until)
    return Overlap(
        network=own.network,
        container=own.container,
        other=other.container,
        endpoint=own.endpoint,
        other_endpoint=other.endpoint,
        began=max(own.began, other.began, since),
        ended=end,
        certain=not (own.began_found or other.began_found or own.ended_found or other.ended_found),
    )


def _one_of(table: str, reference: str, keys: dict[int, str], there: set[str]) -> None:
    """Which network or container was meant: the one that was there. Raises NotFound, Ambiguous."""
    if not keys:
        raise NotFound(f"The log knows no {table} {reference[:100]!r}. GET /events lists what it knows.")
    if len(there) > 1:
        raise Ambiguous(
            f"More than one {table} was called {reference[:100]!r} then: use the full id.", candidates=sorted(there)
        )


def _other(table: str, stay: Stay) -> cursors.Key:
    ref = stay.container if table == "network" else stay.network
    return ref.name or "", ref.id


def _told(request: Request, seen: Horizon, since: int | None, until: int | None) -> dict[str, object]:
    """What the log can say of the time asked about: `begins`, from which instant on it has everything, and `ends`, up
    to which; the `gaps` that touch it; the records of this network or container that were `found` by comparison and may
    belong into it or not; and whether it is `complete`: within these, and with none of those."""
    recorder = state_of(request)["recorder"]
    ends = recorder.read_until()
    begun = seen.begins is not None and since is not None and since >= seen.begins
    over = recorder.trouble() is None if until is None else ends is not None and until <= ends
    return {
        "complete": begun and over and not seen.gaps and not seen.found,
        "begins": None if seen.begins is None else render(seen.begins),
        "ends": None if ends is None else render(ends),
        "gaps": [
            GapSeen(seq=gap.seq, begin=gap.begin, end=gap.end, reason=gap.reason).model_dump(mode="json")
            for gap in seen.gaps
        ],
        "found": list(seen.found),
    }


def _numbers(cursor: str) -> tuple[int, int]:
    parts = cursors.decode(cursor)
    if len(parts) != 2 or not all(part.isdecimal() and len(part) < 19 for part in parts):  # noqa: PLR2004  (63 bits)
        raise Invalid(f"after={cursor[:80]!r} is no cursor: take it from the `next` of an answer, unchanged.")
    return int(parts[0]), int(parts[1])


routes = [Route("/overlaps", by_method(GET=overlaps))]
