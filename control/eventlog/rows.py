"""Rows of the event log to and from values: the SQL of the store. Blocking; whoever calls gives the connection.

Nothing here begins or ends a transaction.
"""

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from control.eventlog.fold import Known, Pair, Transition
from control.records import ContainerRef, Endpoint, Event, MembershipState, NetworkRef

HANDLED_KEPT: Final = 1024
"""Digests kept of events handled. The engine holds 256 events, so these cover all that it can ever send again."""

_PREFIX: Final = re.compile(r"[0-9a-f]{12,64}")

_SELECT: Final = """
    SELECT e.seq, e.kind, e.time, e.before, e.after, e.source, e.observed_from, e.observed_to,
           n.id, n.name, n.driver, n.scope, c.id, c.name, c.image,
           p.key, p.id, p.ipv4, p.ipv6, p.mac, p.gateway, p.aliases
    FROM event e
    LEFT JOIN network n ON n.key = e.network
    LEFT JOIN container c ON c.key = e.container
    LEFT JOIN endpoint p ON p.key = e.endpoint
"""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events: by network and container (full id, prefix of one of twelve digits or more, or the name that it
    bore at the time), from `since` on, before `until`."""

    network: str | None = None
    container: str | None = None
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where the log stands, for the recorder to go on from."""

    last: int
    cursor: int | None
    verified: int | None
    handled: tuple[bytes, ...]
    memberships: dict[Pair, Known]
    networks: tuple[NetworkRef, ...]
    containers: tuple[ContainerRef, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction writes: transitions in their order, the memberships that they leave (None: absent), the
    digests of the engine's events that this handles, and how far the stream was read."""

    transitions: tuple[Transition, ...] = ()
    memberships: Mapping[Pair, tuple[NetworkRef, ContainerRef, Known | None]] = field(default_factory=dict)
    handled: tuple[bytes, ...] = ()
    cursor: int | None = None
    verified: int | None = None


class Keys:
    """The keys under which networks, containers and endpoints stand in their tables.

    A cache of the writer's. It is thrown away with a transaction that failed, because it may know keys that then
    never came to be.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._refs: dict[NetworkRef | ContainerRef, int] = {}
        # Endpoints are not looked up: the one that a disconnect tells is the one that its connect told.
        self._endpoints: dict[Endpoint, int] = {}

    def network(self, ref: NetworkRef) -> int:
        return self._key(ref, "network", {"id": ref.id, "name": ref.name, "driver": ref.driver, "scope": ref.scope})

    def container(self, ref: ContainerRef) -> int:
        return self._key(ref, "container", {"id": ref.id, "name": ref.name, "image": ref.image})

    def endpoint(self, endpoint: Endpoint | None) -> int | None:
        if endpoint is None:
            return None
        if endpoint not in self._endpoints:
            if len(self._endpoints) > 10_000:  # noqa: PLR2004  (a bound on memory; a row more is the only cost)
                self._endpoints.clear()
            aliases = None if endpoint.aliases is None else json.dumps(endpoint.aliases)
            given = (endpoint.id, endpoint.ipv4, endpoint.ipv6, endpoint.mac, endpoint.gateway, aliases)
            self._endpoints[endpoint] = _inserted(
                self._connection.execute(
                    "INSERT INTO endpoint (id, ipv4, ipv6, mac, gateway, aliases) VALUES (?, ?, ?, ?, ?, ?)", given
                )
            )
        return self._endpoints[endpoint]

    def _key(self, ref: NetworkRef | ContainerRef, table: str, columns: dict[str, str | None]) -> int:
        if ref not in self._refs:
            if len(self._refs) > 10_000:  # noqa: PLR2004  (a bound on memory; they are looked up again)
                self._refs.clear()
            values = tuple(columns.values())
            same = " AND ".join(f"{column} IS ?" for column in columns)
            row = self._connection.execute(f"SELECT key FROM {table} WHERE {same}", values).fetchone()  # noqa: S608  (our names)
            names, marks = ", ".join(columns), ", ".join("?" * len(columns))
            self._refs[ref] = (
                row[0]
                if row
                else _inserted(
                    self._connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)  # noqa: S608  (our names)
                )
            )
        return self._refs[ref]


def write(connection: sqlite3.Connection, keys: Keys, batch: Batch) -> list[Event]:
    """Write a batch; the events that its transitions became."""
    last: int = connection.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()[0]
    events = [
        Event(
            seq=seq,
            kind=transition.kind,
            time=transition.at,
            network=transition.network,
            container=transition.container,
            endpoint=transition.endpoint,
            before=transition.before,
            after=transition.after,
            source=transition.source,
            observed_between=transition.between,
        )
        for seq, transition in enumerate(batch.transitions, last + 1)
    ]
    connection.executemany(
        "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                event.seq, event.kind, event.time, keys.network(event.network), keys.container(event.container),
                keys.endpoint(event.endpoint), event.before, event.after, event.source,
                *(event.observed_between or (None, None)),
            )
            for event in events
        ],
    )  # fmt: skip
    for pair, (network, container, known) in batch.memberships.items():
        if known is None:
            connection.execute("DELETE FROM membership WHERE network_id = ? AND container_id = ?", pair)
        else:
            connection.execute(
                "INSERT OR REPLACE INTO membership VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*pair, keys.network(network), keys.container(container), known.state, known.since,
                 keys.endpoint(known.endpoint)),
            )  # fmt: skip
    if batch.handled:
        connection.executemany("INSERT INTO handled (digest) VALUES (?)", [(digest,) for digest in batch.handled])
        connection.execute("DELETE FROM handled WHERE number <= (SELECT max(number) FROM handled) - ?", (HANDLED_KEPT,))
    connection.execute(
        "UPDATE checkpoint SET cursor = coalesce(?, cursor), verified = coalesce(?, verified)",
        (batch.cursor, batch.verified),
    )
    return events


def read_checkpoint(connection: sqlite3.Connection) -> Checkpoint:
    """Where the log stands."""
    (last,) = connection.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()
    cursor, verified = connection.execute("SELECT cursor, verified FROM checkpoint").fetchone()
    memberships: dict[Pair, Known] = {}
    networks: dict[str, NetworkRef] = {}
    containers: dict[str, ContainerRef] = {}
    rows = connection.execute(
        "SELECT n.id, n.name, n.driver, n.scope, c.id, c.name, c.image, m.state, m.since,"
        " p.key, p.id, p.ipv4, p.ipv6, p.mac, p.gateway, p.aliases"
        " FROM membership m JOIN network n ON n.key = m.network JOIN container c ON c.key = m.container"
        " LEFT JOIN endpoint p ON p.key = m.endpoint ORDER BY m.since"
    )
    for row in rows:
        network, container = _network(row[0:4]), _container(row[4:7])
        networks[network.id], containers[container.id] = network, container
        known = Known(MembershipState(row[7]), row[8], _endpoint(row[9:16]))
        memberships[Pair(network.id, container.id)] = known
    return Checkpoint(
        last=last,
        cursor=cursor,
        verified=verified,
        handled=tuple(row[0] for row in connection.execute("SELECT digest FROM handled ORDER BY number")),
        memberships=memberships,
        networks=tuple(networks.values()),
        containers=tuple(containers.values()),
    )


def read(connection: sqlite3.Connection, wanted: Filter, after: int, limit: int) -> list[Event]:
    """Events past the number `after` that pass the filter, up to `limit`, by number."""
    clauses: list[str] = ["e.seq > ?"]
    parameters: list[Any] = [after]
    for table, reference in (("network", wanted.network), ("container", wanted.container)):
        if reference is not None:
            named, values = "id = ? OR name = ?", [reference, reference]
            if _PREFIX.fullmatch(reference):
                # A range, which the index serves; `g` follows the last hexadecimal digit.
                named, values = f"{named} OR (id > ? AND id < ?)", [*values, reference, f"{reference}g"]
            clauses.append(f"e.{table} IN (SELECT key FROM {table} WHERE {named})")  # noqa: S608  (our names)
            parameters += values
    if wanted.since is not None:
        clauses.append("e.time >= ?")
        parameters.append(wanted.since)
    if wanted.until is not None:
        clauses.append("e.time < ?")
        parameters.append(wanted.until)
    query = f"{_SELECT} WHERE {' AND '.join(clauses)} ORDER BY e.seq LIMIT ?"
    return [_event(row) for row in connection.execute(query, [*parameters, limit])]


def _event(row: Sequence[Any]) -> Event:
    seq, kind, time, before, after, source, observed_from, observed_to = row[:8]
    return Event(
        seq=seq,
        kind=kind,
        time=time,
        network=_network(row[8:12]),
        container=_container(row[12:15]),
        endpoint=_endpoint(row[15:22]),
        before=before,
        after=after,
        source=source,
        observed_between=(observed_from, observed_to) if observed_to is not None else None,
    )


def _network(row: Sequence[Any]) -> NetworkRef:
    return NetworkRef(id=row[0], name=row[1], driver=row[2], scope=row[3])


def _container(row: Sequence[Any]) -> ContainerRef:
    return ContainerRef(id=row[0], name=row[1], image=row[2])


def _endpoint(row: Sequence[Any]) -> Endpoint | None:
    key, id_, ipv4, ipv6, mac, gateway, aliases = row
    if key is None:
        return None
    return Endpoint(id=id_, ipv4=ipv4, ipv6=ipv6, mac=mac, gateway=gateway, aliases=aliases and json.loads(aliases))


def _inserted(cursor: sqlite3.Cursor) -> int:
    assert cursor.lastrowid is not None  # noqa: S101  (an INSERT of one row into a table with a rowid has one)
    return cursor.lastrowid
