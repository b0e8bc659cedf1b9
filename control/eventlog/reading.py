"""Rows to records: the SQL by which the log is read. Blocking; whoever calls gives the connection."""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from control.eventlog.entries import Entry, Known, Written, canonical, line
from control.eventlog.ledger import Asked
from control.eventlog.schema import CAUSES, KINDS, SOURCES, STATES, packed, read_endpoint, unpacked
from control.eventlog.standing import Life, Pair, Standing
from control.records import Cause, ContainerRef, Kind, NetworkRef, RequestRef, Source

_PREFIX: Final = re.compile(r"[0-9a-z]{12,63}")
_HEXADECIMAL: Final = re.compile(r"[0-9a-f]+")

EVENT: Final = """
    SELECT e.seq, e.kind, e.time, e.before, e.after, e.cause, e.source, e.observed_from, e.observed_to,
           e.detail, e.hash,
           e.network, ni.id, n.name, n.driver, n.scope, e.container, ci.id, c.name, c.image,
           p.key, p.id, p.ipv4, p.ipv6, p.mac, p.gateway, p.aliases, e.request, r.id, r.principal, r.reason
    FROM event e
    LEFT JOIN network_name n ON n.key = e.network LEFT JOIN network ni ON ni.key = n.network
    LEFT JOIN container_name c ON c.key = e.container LEFT JOIN container ci ON ci.key = c.container
    LEFT JOIN endpoint p ON p.key = e.endpoint
    LEFT JOIN request r ON r.key = e.request
"""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events: by network and container (full id, prefix of one of twelve digits or more, or the name that it
    bore at the time), kinds (`network.connect`, or `network` for all of a family), causes, principal and id of the
    request, source, from `since` on, before `until`."""

    network: str | None = None
    container: str | None = None
    kinds: tuple[Kind, ...] = ()
    causes: tuple[Cause, ...] = ()
    principal: str | None = None
    request: str | None = None
    source: Source | None = None
    since: int | None = None
    until: int | None = None

    def admits(self, entry: Entry) -> bool:
        """Whether a record passes."""
        request = entry.request
        return (
            _named(self.network, entry.network)
            and _named(self.container, entry.container)
            and (not self.kinds or entry.kind in self.kinds)
            and (not self.causes or entry.cause in self.causes)
            and (self.principal is None or (request is not None and request.principal == self.principal))
            and (self.request is None or (request is not None and request.id == self.request))
            and (self.source is None or entry.source is self.source)
            and (self.since is None or entry.time >= self.since)
            and (self.until is None or entry.time < self.until)
        )


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where the log stands, for the recorder to go on from. `intents` are requests whose outcome is not known."""

    last: int = 0
    cursor: int | None = None
    verified: int | None = None
    engine: str | None = None
    handled: tuple[bytes, ...] = ()
    standing: Standing = field(default_factory=Standing)
    networks: tuple[NetworkRef, ...] = ()
    containers: tuple[ContainerRef, ...] = ()
    intents: tuple[Asked, ...] = ()


def read_last(connection: sqlite3.Connection) -> int:
    """The number of the newest record; of the anchor where none is kept."""
    (last,) = connection.execute(
        "SELECT max(coalesce((SELECT max(seq) FROM event), 0), (SELECT seq FROM anchor))"
    ).fetchone()
    return int(last)


def read_anchor(connection: sqlite3.Connection) -> tuple[int, bytes]:
    """Number and hash of the record before the oldest that is kept."""
    seq, digest = connection.execute("SELECT seq, hash FROM anchor").fetchone()
    return int(seq), bytes(digest)


def read_checkpoint(connection: sqlite3.Connection) -> Checkpoint:
    """Where the log stands."""
    cursor, verified, engine = connection.execute("SELECT cursor, verified, engine FROM checkpoint").fetchone()
    standing = Standing()
    networks: dict[str, NetworkRef] = {}
    containers: dict[str, ContainerRef] = {}
    for id_, *named in connection.execute(
        "SELECT i.id, n.name, n.driver, n.scope FROM present p JOIN network i ON i.key = p.network"
        " JOIN network_name n ON n.key = p.name ORDER BY p.network"
    ):
        ref = NetworkRef(unpacked(id_), *named)
        networks[ref.id] = standing.networks[ref.id] = ref
    for id_, name, image, state in connection.execute(
        "SELECT i.id, c.name, c.image, l.state FROM life l JOIN container i ON i.key = l.container"
        " JOIN container_name c ON c.key = l.name ORDER BY l.container"
    ):
        container = ContainerRef(unpacked(id_), name, image)
        containers[container.id] = container
        standing.lives[container.id] = Life(**orjson.loads(state))
    for row in connection.execute(
        "SELECT ni.id, n.name, n.driver, n.scope, ci.id, c.name, c.image, m.state, m.since, m.owed,"
        " p.key, p.id, p.ipv4, p.ipv6, p.mac, p.gateway, p.aliases FROM membership m"
        " JOIN network ni ON ni.key = m.network JOIN network_name n ON n.key = m.network_name"
        " JOIN container ci ON ci.key = m.container JOIN container_name c ON c.key = m.container_name"
        " LEFT JOIN endpoint p ON p.key = m.endpoint ORDER BY m.since"
    ):
        network = NetworkRef(unpacked(row[0]), *row[1:4])
        container = ContainerRef(unpacked(row[4]), *row[5:7])
        networks.setdefault(network.id, network)
        containers.setdefault(container.id, container)
        standing.memberships[Pair(network.id, container.id)] = Known(
            STATES[row[7]], row[8], read_endpoint(row[10:17]), owed=bool(row[9])
        )
    return Checkpoint(
        last=read_last(connection),
        cursor=cursor,
        verified=verified,
        engine=engine,
        handled=tuple(row[0] for row in connection.execute("SELECT digest FROM handled ORDER BY number")),
        standing=standing,
        networks=tuple(networks.values()),
        containers=tuple(containers.values()),
        intents=tuple(read_intents(connection)),
    )


def read_intents(connection: sqlite3.Connection) -> list[Asked]:
    """The requests whose outcome is not in the log."""
    rows = connection.execute(
        "SELECT i.seq, i.time, i.action, i.network, i.container, i.name, r.id, r.principal, r.reason, e.detail"
        " FROM intent i JOIN request r ON r.key = i.request LEFT JOIN event e ON e.seq = i.seq ORDER BY i.seq"
    )
    return [
        Asked(
            RequestRef(*row[6:9]),
            row[2],
            row[1],
            network=row[3],
            container=row[4],
            name=row[5],
            seq=row[0],
            # The record of an intent that retention has removed told nothing else that matters.
            targets=frozenset(orjson.loads(row[9] or "{}").get("targets", ())),
        )
        for row in rows
    ]


def read(
    connection: sqlite3.Connection, wanted: Filter, after: int | None, limit: int, *, newest_first: bool = False
) -> list[Written]:
    """Records past the number `after` that pass the filter, up to `limit`, by number; or, newest first, those before
    it."""
    clauses, parameters = _conditions(wanted)
    if after is not None:
        clauses.append(f"e.seq {'<' if newest_first else '>'} ?")
        parameters.append(after)
    where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
    query = f"{EVENT} {where} ORDER BY e.seq {'DESC' if newest_first else 'ASC'} LIMIT ?"
    return [record_of(row) for row in connection.execute(query, [*parameters, limit])]


def walk(connection: sqlite3.Connection, after: int, limit: int) -> Iterator[Written]:
    """All records past a number, one after the other."""
    for row in connection.execute(f"{EVENT} WHERE e.seq > ? ORDER BY e.seq LIMIT ?", (after, limit)):
        yield record_of(row)


def _conditions(wanted: Filter) -> tuple[list[str], list[Any]]:
    clauses: list[str] = []
    parameters: list[Any] = []
    for table, reference in (("network", wanted.network), ("container", wanted.container)):
        if reference is not None:
            clauses.append(f"e.{table} IN ({_NAMES[table]})")
            parameters += [reference, *id_ranges(reference)]
    for column, codes in (
        ("kind", [KINDS.index(kind) for kind in wanted.kinds]),
        ("cause", [CAUSES.index(cause) for cause in wanted.causes]),
        ("source", [SOURCES.index(wanted.source)] if wanted.source else []),
    ):
        if codes:
            clauses.append(f"e.{column} IN ({', '.join(map(str, codes))})")
    for column, value in (("principal", wanted.principal), ("id", wanted.request)):
        if value is not None:
            clauses.append(f"e.request IN (SELECT key FROM request WHERE {column} = ?)")  # noqa: S608  (our names)
            parameters.append(value)
    if wanted.since is not None:
        clauses.append("e.time >= ?")
        parameters.append(wanted.since)
    if wanted.until is not None:
        clauses.append("e.time < ?")
        parameters.append(wanted.until)
    return clauses, parameters


_NAMES: Final = {
    table: f"SELECT key FROM {table}_name WHERE name = ? UNION SELECT x.key FROM {table} i"  # noqa: S608  (our names)
    f" JOIN {table}_name x ON x.{table} = i.key WHERE i.id BETWEEN ? AND ? OR i.id BETWEEN ? AND ?"
    for table in ("network", "container")
}


def id_ranges(reference: str) -> tuple[bytes | str, bytes | str, bytes | str, bytes | str]:
    """The least and the greatest id that a reference may mean, of those stored as bytes and of those stored as text: a
    prefix of twelve digits or more is many."""
    whole = packed(reference)
    if not _PREFIX.fullmatch(reference):
        return whole, whole, whole, whole
    text = reference, f"{reference}\x7f"
    if not _HEXADECIMAL.fullmatch(reference):
        return *text, *text
    return bytes.fromhex(reference.ljust(64, "0")), bytes.fromhex(reference.ljust(64, "f")), *text


def _named(reference: str | None, ref: NetworkRef | ContainerRef | None) -> bool:
    if reference is None:
        return True
    if ref is None:
        return False
    return reference in {ref.name, ref.id} or bool(_PREFIX.fullmatch(reference) and ref.id.startswith(reference))


def record_of(row: Sequence[Any]) -> Written:
    """A record from a row of `EVENT`."""
    entry = Entry(
        kind=KINDS[row[1]],
        time=row[2],
        source=SOURCES[row[6]],
        network=None if row[11] is None else NetworkRef(unpacked(row[12]), row[13], row[14], row[15]),
        container=None if row[16] is None else ContainerRef(unpacked(row[17]), row[18], row[19]),
        endpoint=read_endpoint(row[20:27]),
        before=None if row[3] is None else STATES[row[3]],
        after=None if row[4] is None else STATES[row[4]],
        cause=None if row[5] is None else CAUSES[row[5]],
        request=None if row[27] is None else RequestRef(row[28], row[29], row[30]),
        between=None if row[8] is None else (row[7], row[8]),
        detail=None if row[9] is None else orjson.loads(row[9]),
    )
    return Written(row[0], entry, row[10], line(canonical(row[0], entry), row[10]))
