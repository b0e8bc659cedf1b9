"""The tables of the event log, as steps from one version to the next.

`PRAGMA user_version` counts the steps taken. A step that was released is never changed; what comes later is a
step of its own. Ids of 64 digits stand once, in the tables of networks, containers and endpoints; so does each
name that a thing bore, because an event tells the name of its time.
"""

import sqlite3
from typing import Final

APPLICATION_ID: Final = 0x504F4E54  # "PONT": tells this file from any other SQLite database

STEPS: Final[tuple[str, ...]] = (
    """
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

    -- The log. seq counts 1, 2, 3 … and is set by the writer, so that an undone transaction leaves no hole.
    -- Kinds to come have no container, or neither; that is why these columns may be null.
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

    -- What the log knows now: the pairs that are not absent. The same transaction keeps it that writes the events.
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

    -- Where the reading of the engine's stream stands: `cursor` is the time of the event handled last, `verified`
    -- the last instant at which log and engine agreed, `handled` the newest events handled, by digest.
    CREATE TABLE checkpoint (one INTEGER PRIMARY KEY CHECK (one = 1), cursor INTEGER, verified INTEGER) STRICT;
    INSERT INTO checkpoint VALUES (1, NULL, NULL);
    CREATE TABLE handled (number INTEGER PRIMARY KEY, digest BLOB NOT NULL) STRICT;
    """,
)


class UnknownVersion(Exception):
    """The file is no log of ours, or one of a later version."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to the version of this program, in one transaction. Raises UnknownVersion."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    tables: int = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if application != APPLICATION_ID and (tables or version or application):
        raise UnknownVersion("is a SQLite database of some other program")
    if version > len(STEPS):
        raise UnknownVersion(f"was written by a later version (its schema is {version}, known here is {len(STEPS)})")
    if version == len(STEPS):
        return
    script = "".join(STEPS[version:])
    connection.executescript(
        f"BEGIN IMMEDIATE; {script} PRAGMA application_id = {APPLICATION_ID};"
        f"PRAGMA user_version = {len(STEPS)}; COMMIT;"
    )
