"""Networks, containers, endpoints, histories of memberships, and databases for tests of the event log."""

import sqlite3
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from control.eventlog import schema
from control.eventlog.entries import Between, Entry, Known, Written
from control.eventlog.standing import ABSENT, CONFIGURED, CONNECTED, RANK, Pair
from control.eventlog.upgrade import STEPS
from control.eventlog.writing import Batch, Writer
from control.records import (
    Cause,
    ContainerRef,
    Endpoint,
    Event,
    Kind,
    MembershipState,
    NetworkRef,
    RequestRef,
    Source,
)

SWARM_ID = "x7g2k0q9z1m4w8r5t3y6u0p2a"


def id_of(number: int) -> str:
    return f"{number:064x}"


def network(number: int, name: str | None = None) -> NetworkRef:
    return NetworkRef(id=id_of(number), name=name or f"net{number}", driver="bridge", scope="local")


def container(number: int, name: str | None = None) -> ContainerRef:
    return ContainerRef(id=id_of(number), name=name or f"ctr{number}", image="alpine")


def endpoint(number: int) -> Endpoint:
    return Endpoint(id=id_of(number), ipv4="172.18.0.2", mac="02:42:ac:12:00:02", aliases=("web", "db"))


@dataclass
class Book:
    """Who is a member of what, as the transitions made here leave it: each begins where the one before ended."""

    standing: dict[Pair, Known] = field(default_factory=dict)
    refs: dict[Pair, tuple[NetworkRef, ContainerRef]] = field(default_factory=dict)

    def move(
        self,
        at: int,
        net: NetworkRef,
        ctr: ContainerRef,
        after: MembershipState,
        end: Endpoint | None = None,
        *,
        cause: Cause = Cause.EXTERNAL,
        source: Source = Source.STREAM,
        request: RequestRef | None = None,
        between: Between | None = None,
    ) -> Entry:
        pair = Pair(net.id, ctr.id)
        self.refs[pair] = net, ctr
        held = self.standing.pop(pair, None)
        before = held.state if held else ABSENT
        if after is not ABSENT:
            self.standing[pair] = Known(after, at, end)
        kind = Kind.CONNECT if RANK[after] > RANK[before] else Kind.DISCONNECT
        told = end or (held.endpoint if held else None)
        return Entry(kind, at, source, net, ctr, told, before, after, cause, request, between, held=held)

    def connect(self, at: int, net: NetworkRef, ctr: ContainerRef, end: Endpoint | None = None) -> Entry:
        return self.move(at, net, ctr, CONNECTED, end)

    def disconnect(self, at: int, net: NetworkRef, ctr: ContainerRef) -> Entry:
        return self.move(at, net, ctr, ABSENT)

    def batch(self, *entries: Entry, cursor: int | None = None, digests: tuple[bytes, ...] = ()) -> Batch:
        """A batch of these, and of the memberships as they are now."""
        touched = {
            Pair(it.network.id, it.container.id)
            for it in entries
            if it.before is not None and it.network is not None and it.container is not None
        }
        pairs = {pair: (*self.refs[pair], self.standing.get(pair)) for pair in touched}
        return Batch(entries=entries, pairs=pairs, handled=digests, cursor=cursor)


def intent(at: int, request: RequestRef, action: str, **refs: Any) -> Entry:  # noqa: ANN401  (an Entry's)
    detail = {"phase": "intent", "action": action, "method": "POST", "path": "/"}
    return Entry(Kind.REQUEST, at, Source.CONTROL, request=request, detail=detail, **refs)


def outcome(at: int, request: RequestRef, of: int) -> Entry:
    detail = {"phase": "outcome", "action": "network.connect", "intent": of, "outcome": "done"}
    return Entry(Kind.REQUEST, at, Source.CONTROL, request=request, detail=detail)


def gap(begin: int | None, end: int, reason: str = "control-away") -> Entry:
    return Entry(Kind.GAP, end, Source.CONTROL, between=(begin, end), detail={"reason": reason})


def event_of(record: Written) -> Event:
    """A record as a client has it."""
    return Event.model_validate_json(record.line)


def database(path: str = ":memory:") -> sqlite3.Connection:
    """An event log's database with nothing in it."""
    connection = sqlite3.connect(path, isolation_level=None)
    schema.migrate(connection, STEPS)
    return connection


def filled(*batches: Batch) -> sqlite3.Connection:
    """A database in memory with these batches."""
    connection = database()
    writer = Writer(connection)
    for it in batches:
        writer.write(it)
    return connection


# Names that are used twice, names that look like ids and prefixes, ids that begin alike, a swarm's id.
NETWORKS = (
    network(0xAB << 248, "mynet"),
    network((0xAB << 248) + 1, "mynet"),
    network(0xAB << 248, "abcdef012345"),
    network(0xABCDEF012345 << 208, "other"),
    NetworkRef(SWARM_ID, "swarmed", "overlay", "swarm"),
    NetworkRef(id_of(7), ""),
)
CONTAINERS = (
    container(1 << 240, "db"),
    container(1 << 240, "renamed"),
    container((1 << 240) + 5, "db"),
    container(5, "0" * 12),
    ContainerRef(id_of(6)),
)
REQUESTS = (RequestRef("r1", "ana", "Wartung, geplant"), RequestRef("r2", "ana"), RequestRef("r3", "ben", ""))

times = st.integers(0, 2**62)
endpoints = st.none() | st.builds(
    Endpoint,
    st.none() | st.integers(1, 40).map(id_of),
    st.none() | st.just("172.18.0.2"),
    st.none() | st.just("fd00::2"),
    st.none() | st.just("02:42:ac:12:00:02"),
    st.none() | st.just("172.18.0.1"),
    st.none() | st.lists(st.text(max_size=3), max_size=2).map(tuple),
)
details = st.none() | st.dictionaries(
    st.text(max_size=4), st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8), max_size=3
)
OTHER_KINDS = tuple(kind for kind in Kind if kind not in {Kind.CONNECT, Kind.DISCONNECT, Kind.REQUEST, Kind.GAP})


@st.composite
def histories(
    draw: st.DrawFn, at: st.SearchStrategy[int] = times, most: int = 12
) -> tuple[tuple[Entry, ...], dict[Pair, Known]]:
    """Records of all kinds, the transitions of each pair chained, and the memberships that they leave."""
    book = Book()
    entries: list[Entry] = []
    for _ in range(draw(st.integers(0, most))):
        kind = draw(st.sampled_from([Kind.CONNECT, Kind.REQUEST, Kind.GAP, *OTHER_KINDS]))
        time = draw(at)
        net, ctr = draw(st.sampled_from(NETWORKS)), draw(st.sampled_from(CONTAINERS))
        cause = draw(st.sampled_from(Cause))
        request = draw(st.none() | st.sampled_from(REQUESTS))
        source = draw(st.sampled_from(Source))
        if kind is Kind.CONNECT:
            held = book.standing.get(Pair(net.id, ctr.id))
            before = held.state if held else ABSENT
            after = draw(st.sampled_from([it for it in (ABSENT, CONFIGURED, CONNECTED) if it is not before]))
            between = None if source is not Source.RECONCILE else (draw(st.none() | st.just(time // 2)), time)
            end = draw(endpoints) if after is not ABSENT else None
            entries.append(
                book.move(
                    time, net, ctr, after, end, cause=cause, source=source, request=request, between=between,
                )
            )  # fmt: skip
        elif kind is Kind.GAP:
            entries.append(gap(draw(st.none() | st.just(time // 2)), time))
        elif kind is Kind.REQUEST:
            entries.append(intent(time, request or REQUESTS[0], "network.connect"))
        else:
            network_, container_ = draw(st.none() | st.just(net)), draw(st.none() | st.just(ctr))
            entries.append(
                Entry(
                    kind, time, source, network_, container_, cause=draw(st.none() | st.just(cause)),
                    request=request, detail=draw(details),
                )
            )  # fmt: skip
    return tuple(entries), dict(book.standing)
