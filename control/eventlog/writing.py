"""Batches to rows: the SQL by which the log grows. Blocking; whoever calls gives the connection.

Nothing here begins or ends a transaction.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

import orjson

from control.eventlog.entries import Entry, Known, Written, write
from control.eventlog.schema import CAUSES, KINDS, SOURCES, STATES, packed, read_endpoint
from control.eventlog.standing import Life, Pair
from control.records import Cause, ContainerRef, Endpoint, Kind, MembershipState, NetworkRef, RequestRef

HANDLED_KEPT: Final = 1024
"""Digests kept of events handled. The engine holds 256 events, so these cover all that it can ever send again."""

CACHED: Final = 20_000
"""Keys remembered of each kind: a bound on memory. What is forgotten is looked up again."""

ROWS: Final = 50
"""Rows that one statement takes: for each, Python lets its lock go, and has to wait for it while the loop folds."""

_KIND: Final = {kind: place for place, kind in enumerate(KINDS)}
_STATE: Final[dict[MembershipState | None, int | None]] = {
    None: None,
    **{state: place for place, state in enumerate(STATES)},
}
_CAUSE: Final[dict[Cause | None, int | None]] = {None: None, **{cause: place for place, cause in enumerate(CAUSES)}}
_SOURCE: Final = {source: place for place, source in enumerate(SOURCES)}


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction writes: records in their order, and what of the standing changed with them: memberships
    (None: absent), lives (None: gone), networks (whether they are there); the digests of the engine's events that this
    handles, how far the stream was read, and of which engine."""

    entries: tuple[Entry, ...] = ()
    pairs: Mapping[Pair, tuple[NetworkRef, ContainerRef, Known | None]] = field(default_factory=dict)
    lives: Mapping[str, tuple[ContainerRef, Life | None]] = field(default_factory=dict)
    networks: Mapping[str, tuple[NetworkRef, bool]] = field(default_factory=dict)
    handled: tuple[bytes, ...] = ()
    cursor: int | None = None
    verified: int | None = None
    engine: str | None = None
    began: int | None = None


class Writer:
    """Writes batches on one connection, and knows the end of the chain and the keys of what it wrote.

    All that it knows is a cache. It is thrown away with a transaction that failed, because it may know what then never
    came to be.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        row = connection.execute("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1").fetchone()
        self.last, self._hash = row or connection.execute("SELECT seq, hash FROM anchor").fetchone()
        (self._handled,) = connection.execute("SELECT handled FROM checkpoint").fetchone()
        self.forget()

    def forget(self) -> None:
        """Look keys up anew: rows have been removed."""
        self._ids: dict[tuple[str, str], int] = {}
        self._names: dict[NetworkRef | ContainerRef, int] = {}
        self._endpoints: dict[Endpoint, int] = {}
        self._requests: dict[RequestRef, int] = {}
        self._began: dict[Pair, int] = {}
        for row in self._connection.execute(
            "SELECT p.key, p.id, p.ipv4, p.ipv6, p.mac, p.gateway, p.aliases"
            " FROM membership m JOIN endpoint p ON p.key = m.endpoint"
        ):
            if (endpoint := read_endpoint(row)) is not None:
                self._endpoints[endpoint] = row[0]

    def write(self, batch: Batch) -> list[Written]:
        """Write a batch; the records as they now stand."""
        for cache in (self._ids, self._names, self._endpoints, self._requests, self._began):
            if len(cache) > CACHED:
                cache.clear()
        written: list[Written] = []
        last, digest = self.last, self._hash
        rows: list[tuple[Any, ...]] = []
        intervals: list[tuple[Any, ...]] = []
        for entry in batch.entries:
            last += 1
            record = write(last, entry, digest)
            digest = record.hash
            written.append(record)
            rows.append(self._row(last, entry, digest))
            if entry.before is not None:
                self._interval(last, entry, intervals)
            elif entry.kind is Kind.REQUEST:
                self._intent(last, entry)
        execute = self._connection.execute
        self._insert("INSERT INTO event", rows)
        self._insert("INSERT INTO interval", intervals)
        self._memberships(batch)
        for network, (ref, there) in batch.networks.items():
            key = self._id("network", network)
            if there:
                execute("INSERT OR REPLACE INTO present VALUES (?, ?)", (key, self._name(ref)))
            else:
                execute("DELETE FROM present WHERE network = ?", (key,))
        for container, (name, life) in batch.lives.items():
            key = self._id("container", container)
            if life is None:
                execute("DELETE FROM life WHERE container = ?", (key,))
            else:
                execute("INSERT OR REPLACE INTO life VALUES (?, ?, ?)", (key, self._name(name), life_text(life)))
        kept = batch.handled[-HANDLED_KEPT:]
        first = self._handled + len(batch.handled) - len(kept)
        self._insert(
            "INSERT OR REPLACE INTO handled",
            [(number % HANDLED_KEPT, number, it) for number, it in enumerate(kept, first)],
        )
        execute(
            "UPDATE checkpoint SET cursor = coalesce(?, cursor), verified = coalesce(?, verified),"
            " engine = coalesce(?, engine), began = coalesce(?, began), handled = ?",
            (batch.cursor, batch.verified, batch.engine, batch.began, self._handled + len(batch.handled)),
        )
        self.last, self._hash = last, digest
        self._handled += len(batch.handled)
        return written

    def _row(self, seq: int, entry: Entry, digest: bytes) -> tuple[Any, ...]:
        begin, end = entry.between or (None, None)
        return (
            seq,
            _KIND[entry.kind],
            entry.time,
            None if entry.network is None else self._name(entry.network),
            None if entry.container is None else self._name(entry.container),
            self._endpoint(entry.endpoint),
            _STATE[entry.before],
            _STATE[entry.after],
            _CAUSE[entry.cause],
            None if entry.request is None else self._request(entry.request),
            _SOURCE[entry.source],
            begin,
            end,
            None if entry.detail is None else orjson.dumps(entry.detail).decode(),
            digest,
        )

    def _interval(self, seq: int, entry: Entry, intervals: list[tuple[Any, ...]]) -> None:
        assert entry.network is not None  # noqa: S101  (a transition is of a pair)
        assert entry.container is not None  # noqa: S101
        pair = Pair(entry.network.id, entry.container.id)
        held = entry.held
        if held is not None:
            ended = max(held.since, entry.time)
            network, container = self._id("network", pair.network), self._id("container", pair.container)
            began = self._began.get(pair) or self._began_in_table(network, container)
            span = (ended - held.since).bit_length()
            intervals.append(
                (
                    None,
                    network,
                    container,
                    _STATE[held.state],
                    span,
                    held.since,
                    ended,
                    began,
                    seq,
                    self._endpoint(held.endpoint),
                )
            )
        self._began[pair] = seq

    def _began_in_table(self, network: int, container: int) -> int:
        row = self._connection.execute(
            "SELECT seq FROM membership WHERE network = ? AND container = ?", (network, container)
        ).fetchone()
        return int(row[0]) if row else 0

    def _intent(self, seq: int, entry: Entry) -> None:
        assert entry.request is not None  # noqa: S101  (a record of a request has one)
        detail = entry.detail or {}
        if detail.get("phase") == "intent":
            network = entry.network.id if entry.network else None
            container = entry.container.id if entry.container else None
            asked = (seq, self._request(entry.request), entry.time, detail["action"], network, container)
            self._connection.execute("INSERT INTO intent VALUES (?, ?, ?, ?, ?, ?, ?)", (*asked, detail.get("name")))
        else:
            self._connection.execute("DELETE FROM intent WHERE seq = ?", (detail.get("intent"),))

    def _memberships(self, batch: Batch) -> None:
        gone, there = [], []
        for pair, (network, container, known) in batch.pairs.items():
            keys = self._id("network", pair.network), self._id("container", pair.container)
            if known is None:
                gone.append(keys)
                self._began.pop(pair, None)
            else:
                began = self._began.get(pair) or self._began_in_table(*keys)
                self._began[pair] = began
                there.append(
                    (*keys, self._name(network), self._name(container), _STATE[known.state], known.since, began,
                     self._endpoint(known.endpoint), int(known.owed))
                )  # fmt: skip
        self._many("DELETE FROM membership WHERE", " OR ", "(network = ? AND container = ?)", gone)
        self._insert("INSERT OR REPLACE INTO membership", there)

    def _insert(self, into: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            self._many(f"{into} VALUES", ", ", f"({', '.join('?' * len(rows[0]))})", rows)

    def _many(self, statement: str, between: str, each: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Run a statement for rows, ROWS of them at once."""
        whole = len(rows) - len(rows) % ROWS
        if whole:
            text = f"{statement} {between.join([each] * ROWS)}"
            for first in range(0, whole, ROWS):
                self._connection.execute(text, tuple(chain.from_iterable(rows[first : first + ROWS])))
        self._connection.executemany(f"{statement} {each}", rows[whole:])

    def _id(self, table: str, id_: str) -> int:
        key = self._ids.get((table, id_))
        if key is None:
            key = self._ids[table, id_] = self._found_or_made(table, {"id": packed(id_)})
        return key

    def _name(self, ref: NetworkRef | ContainerRef) -> int:
        key = self._names.get(ref)
        if key is None:
            if isinstance(ref, NetworkRef):
                columns = {"name": ref.name, "driver": ref.driver, "scope": ref.scope}
                table = "network"
            else:
                columns = {"name": ref.name, "image": ref.image}
                table = "container"
            key = self._found_or_made(f"{table}_name", {table: self._id(table, ref.id), **columns})
            self._names[ref] = key
        return key

    def _request(self, request: RequestRef) -> int:
        key = self._requests.get(request)
        if key is None:
            columns = {"id": request.id, "principal": request.principal, "reason": request.reason}
            key = self._requests[request] = self._found_or_made("request", columns)
        return key

    def _endpoint(self, endpoint: Endpoint | None) -> int | None:
        if endpoint is None:
            return None
        # The one that a disconnect tells is the one that its connect told.
        key = self._endpoints.get(endpoint)
        if key is None:
            aliases = None if endpoint.aliases is None else orjson.dumps(endpoint.aliases).decode()
            given = (
                packed(endpoint.id) if endpoint.id else None,
                endpoint.ipv4, endpoint.ipv6, endpoint.mac, endpoint.gateway, aliases,
            )  # fmt: skip
            key = _inserted(
                self._connection.execute(
                    "INSERT INTO endpoint (id, ipv4, ipv6, mac, gateway, aliases) VALUES (?, ?, ?, ?, ?, ?)", given
                )
            )
            self._endpoints[endpoint] = key
        return key

    def _found_or_made(self, table: str, columns: Mapping[str, Any]) -> int:
        values = tuple(columns.values())
        same = " AND ".join(f"{column} IS ?" for column in columns)
        row = self._connection.execute(f"SELECT key FROM {table} WHERE {same}", values).fetchone()  # noqa: S608  (our names)
        if row:
            return int(row[0])
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        return _inserted(self._connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values))  # noqa: S608  (our names)


def life_text(life: Life) -> str:
    """A life as it is stored: what differs from a container that was only created."""
    told = {
        "alive": life.alive,
        "starting": life.starting,
        "undone": life.undone,
        "signalled": life.signalled,
        "oom": life.oom,
        "stopped": life.stopped,
        "died": life.died,
        "ended": life.ended,
    }
    return orjson.dumps({key: value for key, value in told.items() if value}).decode()


def _inserted(cursor: sqlite3.Cursor) -> int:
    assert cursor.lastrowid is not None  # noqa: S101  (an INSERT of one row into a table with a rowid has one)
    return cursor.lastrowid
