"""What is kept of the log, by age and by size. The SQL is blocking; whoever calls gives the connection.

Removed are the oldest records, by number, so what is kept is whole. Kept whatever its age: who is a member of what, the
checkpoint, the requests whose outcome is open, and the anchor (number and hash of the last record removed), from which
the chain of the rest is checked.
"""

import sqlite3
from dataclasses import dataclass
from typing import Final

CHUNK: Final = 5_000
"""Records removed in one transaction, between which the log goes on."""

PAGES: Final = 2_000
"""Pages given back to the disk at once."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept: nanoseconds of age, bytes of size; None for no limit."""

    age: int | None = None
    size: int | None = None


def size(connection: sqlite3.Connection) -> int:
    """The bytes that the log takes, without those that are free for what comes."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (page,) = connection.execute("PRAGMA page_size").fetchone()
    return int((pages - free) * page)


def last_to_go(connection: sqlite3.Connection, limits: Limits, now: int) -> int:
    """The number up to which records are beyond the limits, a chunk at most; 0 where none is. The newest stays."""
    row = connection.execute("SELECT min(seq), max(seq) FROM event").fetchone()
    if row[0] is None:
        return 0
    first, newest = int(row[0]), int(row[1])
    most = min(first + CHUNK - 1, newest - 1)
    upto = 0
    if limits.size is not None and size(connection) > limits.size:
        upto = most
    if limits.age is not None:
        (kept,) = connection.execute("SELECT min(seq) FROM event WHERE time >= ?", (now - limits.age,)).fetchone()
        upto = max(upto, min(most, newest - 1 if kept is None else int(kept) - 1))
    return upto if upto >= first else 0


def remove(connection: sqlite3.Connection, upto: int) -> None:
    """Remove the records up to a number, and what only they needed. Inside a transaction."""
    execute = connection.execute
    seq, digest = execute("SELECT seq, hash FROM event WHERE seq <= ? ORDER BY seq DESC LIMIT 1", (upto,)).fetchone()
    execute("UPDATE anchor SET seq = ?, hash = ?", (seq, digest))
    execute(
        "UPDATE checkpoint SET began = max(coalesce(began, 0), (SELECT max(time) FROM event WHERE seq <= ?))", (upto,)
    )
    # Intervals stand in the order in which they ended.
    (kept,) = execute(
        "SELECT coalesce((SELECT key FROM interval WHERE ended_seq > ? ORDER BY key LIMIT 1),"
        " (SELECT max(key) + 1 FROM interval), 0)",
        (upto,),
    ).fetchone()
    told = execute(
        "SELECT endpoint FROM event WHERE seq <= ? AND endpoint IS NOT NULL"
        " UNION SELECT endpoint FROM interval WHERE key < ? AND endpoint IS NOT NULL",
        (upto, kept),
    ).fetchall()
    execute("DELETE FROM interval WHERE key < ?", (kept,))
    execute("DELETE FROM event WHERE seq <= ?", (upto,))
    needed = {row[0] for row in execute("SELECT endpoint FROM membership UNION SELECT endpoint FROM interval")}
    connection.executemany(
        "DELETE FROM endpoint WHERE key = ? AND NOT EXISTS (SELECT 1 FROM event WHERE endpoint = endpoint.key)",
        [row for row in told if row[0] not in needed],
    )


def sweep(connection: sqlite3.Connection) -> None:
    """Remove the requests, names and ids that nothing speaks of any more, and give pages back. Inside a transaction."""
    execute = connection.execute
    execute(
        "DELETE FROM request WHERE NOT EXISTS (SELECT 1 FROM event WHERE request = request.key)"
        " AND key NOT IN (SELECT request FROM intent)"
    )
    for table, others in (
        ("network", "SELECT network_name FROM membership UNION SELECT name FROM present"),
        ("container", "SELECT container_name FROM membership UNION SELECT name FROM life"),
    ):
        execute(
            f"DELETE FROM {table}_name WHERE key NOT IN ({others}) AND NOT EXISTS"  # noqa: S608  (our names)
            f" (SELECT 1 FROM event WHERE {table} = {table}_name.key)"
            f" AND NOT EXISTS (SELECT 1 FROM interval WHERE {table} = {table}_name.{table})"
        )
        execute(
            f"DELETE FROM {table} WHERE NOT EXISTS (SELECT 1 FROM {table}_name x WHERE x.{table} = {table}.key)"  # noqa: S608  (our names)
        )
