"""The tables of the event log, as steps from one version to the next.

`PRAGMA user_version` counts the steps taken. A step that was released is never changed; what comes later is a
step of its own. Ids stand once, as 32 bytes, each name that a thing bore stands once, because a record tells the name
of its time, and words that come from a list stand as their place in it (`CODES`), to which one may only add.
"""

import json
import re
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final

from control.records import Cause, Endpoint, Kind, MembershipState, Source

APPLICATION_ID: Final = 0x504F4E54  # "PONT": tells this file from any other SQLite database

KINDS: Final = tuple(Kind)
STATES: Final = tuple(MembershipState)
CAUSES: Final = tuple(Cause)
SOURCES: Final = tuple(Source)

FIRST: Final = """
    CREATE TABLE network (
        key INTEGER PRIMARY KEY, id TEXT NOT NULL, name TEXT NOT NULL, driver TEXT, scope TEXT
    ) STRICT;
    CREATE INDEX network_id ON network (id);
    CREATE INDEX network_name ON network (name);

    CREATE TABLE container (
        key INTEGER PRIMARY KEY, id TEXT NOT NULL, name TEXT, image TEXT
    ) STRICT;
    CREATE INDEX container_id ON container (id);
    CREATE INDEX container_name ON container (name);

    CREATE TABLE endpoint (
        key INTEGER PRIMARY KEY, id TEXT, ipv4 TEXT, ipv6 TEXT, mac TEXT, gateway TEXT, aliases TEXT
    ) STRICT;

    CREATE TABLE event (
        seq INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        time INTEGER NOT NULL,
        network INTEGER REFERENCES network,
        container INTEGER REFERENCES container,
        endpoint INTEGER REFERENCES endpoint,
        before TEXT,
        after TEXT,
        source TEXT NOT NULL,
        observed_from INTEGER,
        observed_to INTEGER
    ) STRICT;
    CREATE INDEX event_network ON event (network);
    CREATE INDEX event_container ON event (container);
    CREATE INDEX event_time ON event (time);

    CREATE TABLE membership (
        network_id TEXT NOT NULL,
        container_id TEXT NOT NULL,
        network INTEGER NOT NULL REFERENCES network,
        container INTEGER NOT NULL REFERENCES container,
        state TEXT NOT NULL,
        since INTEGER NOT NULL,
        endpoint INTEGER REFERENCES endpoint,
        PRIMARY KEY (network_id, container_id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE checkpoint (one INTEGER PRIMARY KEY CHECK (one = 1), cursor INTEGER, verified INTEGER) STRICT;
    INSERT INTO checkpoint VALUES (1, NULL, NULL);
    CREATE TABLE handled (number INTEGER PRIMARY KEY, digest BLOB NOT NULL) STRICT;
"""
"""The first version: live connects and disconnects alone."""

SECOND: Final = """
    -- A network or container is its id; what it was called, and is called, are names of it.
    CREATE TABLE network (key INTEGER PRIMARY KEY, id ANY NOT NULL UNIQUE) STRICT;
    CREATE TABLE network_name (
        key INTEGER PRIMARY KEY, network INTEGER NOT NULL REFERENCES network,
        name TEXT NOT NULL, driver TEXT, scope TEXT
    ) STRICT;
    CREATE INDEX network_name_network ON network_name (network);
    CREATE INDEX network_name_name ON network_name (name);
    CREATE TABLE container (key INTEGER PRIMARY KEY, id ANY NOT NULL UNIQUE) STRICT;
    CREATE TABLE container_name (
        key INTEGER PRIMARY KEY, container INTEGER NOT NULL REFERENCES container, name TEXT, image TEXT
    ) STRICT;
    CREATE INDEX container_name_container ON container_name (container);
    CREATE INDEX container_name_name ON container_name (name);
    CREATE TABLE endpoint (
        key INTEGER PRIMARY KEY, id ANY, ipv4 TEXT, ipv6 TEXT, mac TEXT, gateway TEXT, aliases TEXT
    ) STRICT;
    CREATE TABLE request (key INTEGER PRIMARY KEY, id TEXT NOT NULL, principal TEXT NOT NULL, reason TEXT) STRICT;
    CREATE INDEX request_id ON request (id);

    -- The log. seq counts 1, 2, 3 … and is set by the writer, so that an undone transaction leaves no hole.
    CREATE TABLE event (
        seq INTEGER PRIMARY KEY,
        kind INTEGER NOT NULL,
        time INTEGER NOT NULL,
        network INTEGER REFERENCES network_name,
        container INTEGER REFERENCES container_name,
        endpoint INTEGER REFERENCES endpoint,
        before INTEGER,
        after INTEGER,
        cause INTEGER,
        request INTEGER REFERENCES request,
        source INTEGER NOT NULL,
        observed_from INTEGER,
        observed_to INTEGER,
        detail TEXT,
        hash BLOB NOT NULL
    ) STRICT;
    CREATE INDEX event_network ON event (network) WHERE network IS NOT NULL;
    CREATE INDEX event_container ON event (container) WHERE container IS NOT NULL;
    CREATE INDEX event_time ON event (time);
    CREATE INDEX event_endpoint ON event (endpoint) WHERE endpoint IS NOT NULL;
    CREATE INDEX event_kind ON event (kind) WHERE kind >= 2;
    CREATE INDEX event_request ON event (request) WHERE request IS NOT NULL;
    CREATE INDEX event_observed ON event (observed_to) WHERE observed_to IS NOT NULL;

    -- The pairs that are not absent now. The same transaction keeps it that writes the events.
    CREATE TABLE membership (
        network INTEGER NOT NULL REFERENCES network,
        container INTEGER NOT NULL REFERENCES container,
        network_name INTEGER NOT NULL REFERENCES network_name,
        container_name INTEGER NOT NULL REFERENCES container_name,
        state INTEGER NOT NULL,
        since INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        endpoint INTEGER REFERENCES endpoint,
        owed INTEGER NOT NULL,
        PRIMARY KEY (network, container)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX membership_container ON membership (container);

    -- The memberships that have ended: in `state` from `began` until before `ended`, by the events `began_seq` and
    -- `ended_seq`. `span` is the number of binary digits of their length: of those of one span, whoever was there at an
    -- instant began within twice their length before it. So an index finds them without passing all that ended before.
    CREATE TABLE interval (
        key INTEGER PRIMARY KEY,
        network INTEGER NOT NULL,
        container INTEGER NOT NULL,
        state INTEGER NOT NULL,
        span INTEGER NOT NULL,
        began INTEGER NOT NULL,
        ended INTEGER NOT NULL,
        began_seq INTEGER NOT NULL,
        ended_seq INTEGER NOT NULL,
        endpoint INTEGER
    ) STRICT;
    CREATE INDEX interval_network ON interval (network, span, began);
    CREATE INDEX interval_container ON interval (container, span, began);

    -- What else is known of the engine now: the networks that it has, and how far its containers' lives have come.
    CREATE TABLE present (network INTEGER PRIMARY KEY REFERENCES network, name INTEGER NOT NULL) STRICT;
    CREATE TABLE life (container INTEGER PRIMARY KEY REFERENCES container, name INTEGER NOT NULL, state TEXT NOT NULL)
        STRICT;
    -- Requests whose outcome is not in the log yet: what they asked, and by which record they said so.
    CREATE TABLE intent (
        seq INTEGER PRIMARY KEY,
        request INTEGER NOT NULL REFERENCES request,
        time INTEGER NOT NULL,
        action TEXT NOT NULL,
        network TEXT,
        container TEXT,
        name TEXT
    ) STRICT;

    -- Where the reading of the engine's stream stands: `cursor` is the instant up to which it was read, `verified` the
    -- last one at which log and engine agreed, `engine` the process that was read from, `began` the instant from which
    -- on the log is complete; `handled` are the newest events handled, by digest, in a ring of slots.
    CREATE TABLE checkpoint (
        one INTEGER PRIMARY KEY CHECK (one = 1), cursor INTEGER, verified INTEGER, engine TEXT, began INTEGER,
        handled INTEGER NOT NULL
    ) STRICT;
    INSERT INTO checkpoint VALUES (1, NULL, NULL, NULL, NULL, 0);
    CREATE TABLE handled (slot INTEGER PRIMARY KEY, number INTEGER NOT NULL, digest BLOB NOT NULL) STRICT;

    -- The record before the oldest one kept: its number and its hash, from which the chain can be checked.
    CREATE TABLE anchor (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;
    INSERT INTO anchor VALUES (1, 0, zeroblob(32));
"""
"""The second: all kinds, causes, requests, the chain, and intervals."""

Step = str | Callable[[sqlite3.Connection], None]


_ID: Final = re.compile(r"[0-9a-f]{64}")


class UnknownVersion(Exception):
    """The file is no log of ours, or one of a later version."""


def packed(id_: str) -> bytes | str:
    """An id as it is stored: 64 hexadecimal digits as 32 bytes, a swarm's as it is."""
    return bytes.fromhex(id_) if _ID.fullmatch(id_) else id_


def unpacked(stored: bytes | str) -> str:
    """The id that was stored."""
    return stored if isinstance(stored, str) else stored.hex()


def migrate(connection: sqlite3.Connection, steps: tuple[Step, ...]) -> None:
    """Bring a database to the version of this program, in one transaction. Raises UnknownVersion."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    tables: int = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if application != APPLICATION_ID and (tables or version or application):
        raise UnknownVersion("is a SQLite database of some other program")
    if version > len(steps):
        raise UnknownVersion(f"was written by a later version (its schema is {version}, known here is {len(steps)})")
    if version == len(steps):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in steps[version:]:
            if callable(step):
                step(connection)
            else:
                run_script(connection, step)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def run_script(connection: sqlite3.Connection, script: str) -> None:
    """Run statements inside the transaction that is open, which `executescript` would end."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""


def read_endpoint(row: Sequence[Any]) -> Endpoint | None:
    """An endpoint from its columns, key first; None where there is none."""
    key, id_, ipv4, ipv6, mac, gateway, aliases = row
    if key is None:
        return None
    given = None if aliases is None else tuple(json.loads(aliases))
    return Endpoint(None if id_ is None else unpacked(id_), ipv4, ipv6, mac, gateway, given)
