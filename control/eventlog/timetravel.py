"""Who was on what, and with whom, at any instant: the SQL of the intervals. Blocking; whoever calls gives a connection.

A membership that has ended is a row of `interval`; one that has not is one of `membership`. For an instant or a stretch
of time, an index finds those that matter by their length: see `schema`.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from control.eventlog.reading import id_ranges
from control.eventlog.schema import KINDS, STATES, read_endpoint, unpacked
from control.records import ContainerRef, Endpoint, Kind, MembershipState, NetworkRef

SPANS: Final = 62
"""Binary digits of the longest interval: 146 years."""

GAP: Final = KINDS.index(Kind.GAP)
ENDLESS: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Stay:
    """One membership in one state, from `began` until before `ended` (None: it goes on). The events that say so are
    `began_seq` and `ended_seq`; where such an event was found by comparison, `began_after` and `ended_after` tell the
    instant after which it happened, and its time is the latest it can have been. `began_found` and `ended_found` tell
    whether it was."""

    network: NetworkRef
    container: ContainerRef
    state: MembershipState
    endpoint: Endpoint | None
    began: int
    began_seq: int
    began_found: bool
    began_after: int | None
    ended: int | None
    ended_seq: int | None
    ended_found: bool
    ended_after: int | None

    def certain_at(self, instant: int) -> bool:
        """Whether it was there then beyond doubt: not in the stretch in which its end was only found later."""
        return not (self.ended_found and (self.ended_after is None or instant >= self.ended_after))


@dataclass(frozen=True, slots=True)
class Place:
    """Who was there at an instant, and no more: id and name of the time, and the keys by which `whole` finds the rest
    (`interval` None: it goes on)."""

    own: int
    other: int
    interval: int | None
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of time in which something may be missing from the log."""

    seq: int
    begin: int | None
    end: int
    reason: str


@dataclass(frozen=True, slots=True)
class Horizon:
    """What the log can say of a stretch of time: the instant from which on it is complete (None: nothing yet), the gaps
    that touch the stretch, and the numbers of the records that were found by comparison and may have happened in it."""

    begins: int | None
    gaps: tuple[Gap, ...]
    found: tuple[int, ...]


FOUND_MOST: Final = 100
"""Records that are named: more say no more."""

_STAY: Final = """
    SELECT ni.id, n.name, n.driver, n.scope, ci.id, c.name, c.image, s.state,
           p.key, p.id, p.ipv4, p.ipv6, p.mac, p.gateway, p.aliases,
           s.began, s.began_seq, b.observed_to, b.observed_from, s.ended, s.ended_seq, e.observed_to, e.observed_from
    FROM ({stays}) s
    JOIN network ni ON ni.key = s.network JOIN container ci ON ci.key = s.container
    LEFT JOIN event b ON b.seq = s.began_seq LEFT JOIN event e ON e.seq = s.ended_seq
    LEFT JOIN network_name n ON n.key = coalesce(
        b.network, e.network, (SELECT max(key) FROM network_name WHERE network = s.network))
    LEFT JOIN container_name c ON c.key = coalesce(
        b.container, e.container, (SELECT max(key) FROM container_name WHERE container = s.container))
    LEFT JOIN endpoint p ON p.key = s.endpoint
    ORDER BY s.began, s.began_seq
"""

_STAYS: Final = """
    SELECT NULL AS key, network, container, state, since AS began, seq AS began_seq, NULL AS ended, NULL AS ended_seq,
        endpoint
    FROM membership WHERE {column} IN ({keys}) AND since < :until
    UNION ALL
    SELECT key, network, container, state, began, began_seq, ended, ended_seq, endpoint
    FROM (WITH RECURSIVE span(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM span WHERE n < {spans}) SELECT n FROM span) x
    CROSS JOIN interval i
    WHERE i.{column} IN ({keys}) AND i.span = x.n
    AND i.began > :since - (1 << x.n) AND i.began < :until AND i.ended > :since
"""


_PLACE: Final = """
    SELECT s.{column}, s.{other}, s.key, i.id, x.name
    FROM ({places}) s
    JOIN {other} i ON i.key = s.{other}
    LEFT JOIN {other}_name x ON x.key = coalesce(
        (SELECT CASE WHEN min(key) = max(key) THEN min(key) END FROM {other}_name WHERE {other} = s.{other}),
        (SELECT {other} FROM event WHERE seq = s.began_seq), (SELECT {other} FROM event WHERE seq = s.ended_seq),
        (SELECT max(key) FROM {other}_name WHERE {other} = s.{other}))
"""
"""A record is looked up only for what has borne more names than one: that is what takes the time."""

_THESE: Final = """
    SELECT network, container, state, since AS began, seq AS began_seq, NULL AS ended, NULL AS ended_seq, endpoint
    FROM membership
    WHERE {column} IN (SELECT value FROM json_each(:own)) AND {other} IN (SELECT value FROM json_each(:open))
    UNION ALL
    SELECT network, container, state, began, began_seq, ended, ended_seq, endpoint
    FROM interval WHERE key IN (SELECT value FROM json_each(:ended))
"""


def places(connection: sqlite3.Connection, column: str, keys: Iterable[int], at: int) -> list[Place]:
    """Who was there at an instant, on these networks or containers (`column`), in no order."""
    other = _other(column)
    marks = ", ".join(str(int(key)) for key in keys)
    within = _STAYS.format(column=column, keys=marks, spans=SPANS)
    query = _PLACE.format(places=within, column=column, other=other)
    rows = connection.execute(query, {"since": max(at, -(2**61)), "until": at + 1})
    return [Place(own, key, interval, unpacked(id_), name or "") for own, key, interval, id_, name in rows]


def whole(connection: sqlite3.Connection, column: str, those: Sequence[Place]) -> list[Stay]:
    """All that the log has of these. In one transaction with `places`."""
    going = [it for it in those if it.interval is None]
    given = {
        "own": orjson.dumps(sorted({it.own for it in going})).decode(),
        "open": orjson.dumps([it.other for it in going]).decode(),
        "ended": orjson.dumps([it.interval for it in those if it.interval is not None]).decode(),
    }
    query = _STAY.format(stays=_THESE.format(column=column, other=_other(column)))
    return [_stay(row) for row in connection.execute(query, given)]


def _other(column: str) -> str:
    return "container" if column == "network" else "network"


def stays(connection: sqlite3.Connection, column: str, keys: Iterable[int], since: int, until: int) -> list[Stay]:
    """The memberships of these networks or containers (`column`) that touch [since, until), in the order in which they
    began. An instant is the stretch of one nanosecond that it begins."""
    # Within the bounds of what SQLite counts in, whatever was asked.
    low = max(since, -(2**61))
    marks = ", ".join(str(int(key)) for key in keys)
    query = _STAY.format(stays=_STAYS.format(column=column, keys=marks, spans=SPANS))
    return [_stay(row) for row in connection.execute(query, {"since": low, "until": until})]


def keys_of(connection: sqlite3.Connection, table: str, reference: str) -> dict[int, str]:
    """The networks or containers (`table`) that a reference may mean: by full id, by a prefix of it, or by a name that
    they bear or once bore. Their keys, and their ids."""
    rows = connection.execute(
        f"SELECT i.key, i.id FROM {table} i WHERE i.id BETWEEN ? AND ? OR i.id BETWEEN ? AND ? UNION"  # noqa: S608  (our names)
        f" SELECT i.key, i.id FROM {table}_name x JOIN {table} i ON i.key = x.{table} WHERE x.name = ?",
        (*id_ranges(reference), reference),
    )
    return {key: unpacked(id_) for key, id_ in rows}


def horizon(connection: sqlite3.Connection, column: str, keys: Iterable[int], since: int, until: int) -> Horizon:
    """What the log can say of [since, until), and of these networks or containers (`column`) in it."""
    (begins,) = connection.execute("SELECT began FROM checkpoint").fetchone()
    rows = connection.execute(
        "SELECT seq, observed_from, observed_to, detail FROM event INDEXED BY event_observed"
        " WHERE observed_to >= ? AND coalesce(observed_from, 0) < ? AND kind = ? ORDER BY seq",
        (since, until, GAP),
    )
    gaps = tuple(Gap(seq, begin, end, orjson.loads(detail)["reason"]) for seq, begin, end, detail in rows)
    marks = ", ".join(str(int(key)) for key in keys)
    found = connection.execute(
        "SELECT seq FROM event INDEXED BY event_observed"  # noqa: S608  (our keys)
        " WHERE observed_to > ? AND coalesce(observed_from, 0) < ? AND kind <> ?"
        f" AND {column} IN (SELECT key FROM {column}_name WHERE {column} IN ({marks})) ORDER BY seq LIMIT ?",
        (since, until, GAP, FOUND_MOST),
    )
    return Horizon(begins, gaps, tuple(row[0] for row in found))


def companions(connection: sqlite3.Connection, own: Stay, since: int, until: int) -> list[Stay]:
    """Who else was connected to the network of a stay while it lasted, within [since, until)."""
    begin, end = max(own.began, since), min(until, ENDLESS if own.ended is None else own.ended)
    if begin >= end:
        return []
    networks = keys_of(connection, "network", own.network.id)
    return [
        stay
        for stay in stays(connection, "network", networks, begin, end)
        if stay.state is MembershipState.CONNECTED and stay.container.id != own.container.id
    ]


def _stay(row: Sequence[Any]) -> Stay:
    return Stay(
        network=NetworkRef(unpacked(row[0]), row[1] or "", row[2], row[3]),
        container=ContainerRef(unpacked(row[4]), row[5], row[6]),
        state=STATES[row[7]],
        endpoint=read_endpoint(row[8:15]),
        began=row[15],
        began_seq=row[16],
        began_found=row[17] is not None,
        began_after=row[18],
        ended=row[19],
        ended_seq=row[20],
        ended_found=row[21] is not None,
        ended_after=row[22],
    )
