"""From one version of the tables to the next, where that takes more than SQL. Blocking."""

import sqlite3
from typing import Any, Final

from control.eventlog.entries import Entry, Known
from control.eventlog.schema import FIRST, SECOND, Step, read_endpoint, run_script
from control.eventlog.standing import Pair
from control.eventlog.writing import Batch, Writer
from control.records import Cause, ContainerRef, Kind, MembershipState, NetworkRef, Source

CHUNK: Final = 1_000

_OLD: Final = """
    SELECT e.kind, e.time, e.before, e.after, e.source, e.observed_from, e.observed_to,
           n.id, n.name, n.driver, n.scope, c.id, c.name, c.image,
           p.key, p.id, p.ipv4, p.ipv6, p.mac, p.gateway, p.aliases
    FROM old_event e JOIN old_network n ON n.key = e.network JOIN old_container c ON c.key = e.container
    LEFT JOIN old_endpoint p ON p.key = e.endpoint ORDER BY e.seq
"""
_TABLES: Final = ("network", "container", "endpoint", "event", "membership", "checkpoint", "handled")


def second(connection: sqlite3.Connection) -> None:
    """Write the records of the first version again: with their intervals, their chain, and causes that are unknown."""
    names = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
    for (index,) in connection.execute(names).fetchall():
        connection.execute(f"DROP INDEX {index}")
    for table in _TABLES:
        connection.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    run_script(connection, SECOND)
    writer = Writer(connection)
    standing: dict[Pair, Known] = {}
    refs: dict[Pair, tuple[NetworkRef, ContainerRef]] = {}
    cursor = connection.execute(_OLD)
    while rows := cursor.fetchmany(CHUNK):
        entries = tuple(_entry(row, standing, refs) for row in rows)
        changed = {Pair(it.network.id, it.container.id) for it in entries if it.network and it.container}
        writer.write(Batch(entries, {pair: (*refs[pair], standing.get(pair)) for pair in changed}))
    read, verified = connection.execute("SELECT cursor, verified FROM old_checkpoint").fetchone()
    (first,) = connection.execute("SELECT min(time) FROM event").fetchone()
    writer.write(
        Batch(
            # Digests are made otherwise now: what was handled is told by its time, once.
            cursor=read,
            verified=verified,
            began=first or read,
        )
    )
    for table in _TABLES:
        connection.execute(f"DROP TABLE old_{table}")


def _entry(
    row: tuple[Any, ...], standing: dict[Pair, Known], refs: dict[Pair, tuple[NetworkRef, ContainerRef]]
) -> Entry:
    kind, time, before, after, source, begin, end = row[:7]
    network, container = NetworkRef(*row[7:11]), ContainerRef(*row[11:14])
    endpoint = read_endpoint(row[14:21])
    pair = Pair(network.id, container.id)
    held = standing.pop(pair, None)
    refs[pair] = network, container
    if after != MembershipState.ABSENT:
        standing[pair] = Known(MembershipState(after), time, endpoint)
    return Entry(
        Kind(kind),
        time,
        Source(source),
        network,
        container,
        endpoint,
        MembershipState(before),
        MembershipState(after),
        Cause.UNKNOWN,
        between=None if end is None else (begin, end),
        held=held,
    )


STEPS: Final[tuple[Step, ...]] = (FIRST, second)
"""Each brings the tables from one version to the next. One that was released is never changed."""
