"""What control must remember beside the log: small JSON values by kind and key, in a SQLite file of their own.

Endpoints as they were before a disconnect, answers by Idempotency-Key, plans by token, replacements under way. None of
it is evidence, so it is not in the log's file, and losing it costs convenience alone.

Concurrency: one connection, used by one thread at a time under a lock; each call is one transaction, durable when it
returns (synchronous=FULL). After a crash the file holds all that was acknowledged. A file that can't be opened is tried
again at each call. Values have an end of life; what is past it is not found, and is removed at later writes.
"""

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson

from control.errors import MemoryUnavailable

FILE: Final = "memory.sqlite3"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS kept (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    made REAL NOT NULL,
    ends REAL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS kept_ends ON kept (ends) WHERE ends IS NOT NULL;
"""
_VERSION: Final = 1

Result = TypeVar("Result")


class Memory:
    """Values by kind and key. Every call raises MemoryUnavailable where the file can't be read or written."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    async def put(self, kind: str, key: str, value: Any, *, seconds: float | None = None) -> None:  # noqa: ANN401  (any JSON)
        """Keep a value in the place of one of the same key, for so many seconds, or until it is removed."""
        await self._do(lambda connection: _insert(connection, "REPLACE", (kind, key, value), seconds))

    async def put_new(self, kind: str, key: str, value: Any, *, seconds: float | None = None) -> bool:  # noqa: ANN401  (any JSON)
        """Keep a value where there is none of this key; whether it was kept."""
        return await self._do(lambda connection: _insert(connection, "IGNORE", (kind, key, value), seconds)) > 0

    async def get(self, kind: str, key: str) -> Any | None:  # noqa: ANN401  (any JSON)
        """The value, or None."""
        row = await self._do(
            lambda connection: connection.execute(
                "SELECT value FROM kept WHERE kind = ? AND key = ? AND (ends IS NULL OR ends > ?)",
                (kind, key, time.time()),
            ).fetchone()
        )
        return None if row is None else orjson.loads(row[0])

    async def all(self, kind: str) -> dict[str, Any]:
        """Every value of a kind by its key, oldest first."""
        rows = await self._do(
            lambda connection: connection.execute(
                "SELECT key, value FROM kept WHERE kind = ? AND (ends IS NULL OR ends > ?) ORDER BY made, key",
                (kind, time.time()),
            ).fetchall()
        )
        return {key: orjson.loads(value) for key, value in rows}

    async def remove(self, kind: str, key: str) -> bool:
        """Forget a value; whether there was one."""
        return (
            await self._do(
                lambda connection: (
                    connection.execute("DELETE FROM kept WHERE kind = ? AND key = ?", (kind, key)).rowcount
                )
            )
            > 0
        )

    async def close(self) -> None:
        """Let go of the file."""

        def close() -> None:
            with self._lock:
                if self._connection is not None:
                    self._connection.close()
                    self._connection = None

        await asyncio.to_thread(close)

    async def _do(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        # Shielded, so that a caller who goes away leaves the transaction whole.
        return await asyncio.shield(asyncio.to_thread(self._now, work))

    def _now(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._open()
                with self._connection:
                    return work(self._connection)
            except (sqlite3.Error, OSError) as error:
                if self._connection is not None:
                    self._connection.close()
                    self._connection = None
                raise MemoryUnavailable(
                    f"{self.path} can't be read or written ({error}). Free space or mend the folder, then ask again; a "
                    "file that is damaged may be moved away while control is stopped."
                ) from error

    def _open(self) -> sqlite3.Connection:
        # Made here, because SQLite gives what it writes beside it the same mode.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(self.path, timeout=5, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > _VERSION:
                raise sqlite3.DatabaseError(f"it was written by a later Pontlevis (schema {version})")  # noqa: TRY301
            connection.executescript(_SCHEMA)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        except BaseException:
            connection.close()
            raise
        return connection


def _insert(connection: sqlite3.Connection, otherwise: str, row: tuple[str, str, object], seconds: float | None) -> int:
    kind, key, value = row
    now = time.time()
    connection.execute("DELETE FROM kept WHERE ends <= ?", (now,))
    ends = None if seconds is None else now + seconds
    return connection.execute(
        f"INSERT OR {otherwise} INTO kept VALUES (?, ?, ?, ?, ?)",  # noqa: S608  (our word)
        (kind, key, orjson.dumps(value), now, ends),
    ).rowcount
