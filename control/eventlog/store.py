"""The event log on disk: SQLite, one writer.

Concurrency: one thread writes, for one process: a lock on a file in the data folder keeps a second one out. Reads
go through threads of their own, each with its own read-only connection, and never wait for the writer (WAL). A
follower reads the rows past its own number, then waits on the one event that is set when a batch is durable,
and not before. A caller of
`append` that goes away leaves the write to run to its end.

What survives a crash: every batch whose `append` returned (`synchronous=FULL`), whole. A batch is events,
memberships, cursor and digests in one transaction, so what is in the log and what is taken for handled never
differ.
"""

import asyncio
import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from control.errors import LogUnavailable
from control.eventlog import rows, schema
from control.eventlog.rows import Batch, Checkpoint, Filter, Keys
from control.records import Event

FILE: Final = "events.sqlite3"
LOCK: Final = "events.lock"
READERS: Final = 2

T = TypeVar("T")


class StoreUnusable(Exception):
    """The event log can't be opened. Its text is one line for the operator."""


class Store:
    """The event log in a data folder. Open it before use, close it after."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._lock_path = folder / LOCK
        self._lock: int | None = None
        self._writer = ThreadPoolExecutor(1, "eventlog-writer")
        self._readers = ThreadPoolExecutor(READERS, "eventlog-reader")
        self._connection: sqlite3.Connection | None = None
        self._keys: Keys | None = None
        self._local = threading.local()
        self._reading: list[sqlite3.Connection] = []
        self._last = 0
        self._grown = asyncio.Event()

    @property
    def last(self) -> int:
        """The number of the newest event that is durable; 0 where there is none."""
        return self._last

    def open(self) -> None:
        """Lock the folder, open or make the file, bring it to this version. Blocking. Raises StoreUnusable."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Made here and not by SQLite, for its mode; the WAL takes the same.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except BlockingIOError as error:
            self._unlock()
            raise StoreUnusable(
                f"Another control uses the data folder {self.path.parent}: stop it, or set CONTROL_DATA_DIR."
            ) from error
        except OSError as error:
            self._unlock()
            raise StoreUnusable(
                f"The data folder {self.path.parent} can't be used ({error.strerror}): check its owner and its disk, "
                "or set CONTROL_DATA_DIR."
            ) from error
        try:
            self._connection = self._connect(f"{self.path.absolute().as_uri()}?mode=rw")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            schema.migrate(self._connection)
            self._keys = Keys(self._connection)
            self._last = rows.read_checkpoint(self._connection).last
        except (sqlite3.Error, schema.UnknownVersion) as error:
            self.close()
            reason = str(error)
            told = reason if isinstance(error, schema.UnknownVersion) else f"can't be used ({reason})"
            raise StoreUnusable(
                f"The event log {self.path} {told}: move the file away to begin a new log, or restore it."
            ) from error

    def close(self) -> None:
        """Wait for what is being written, then let go of the files. Blocking; may be called twice."""
        self._writer.shutdown(wait=True)
        self._readers.shutdown(wait=True, cancel_futures=True)
        for connection in (*self._reading, self._connection):
            if connection is not None:
                connection.close()
        self._reading.clear()
        self._connection = None
        self._unlock()

    async def checkpoint(self) -> Checkpoint:
        """Where the log stands, after every write begun before. Raises LogUnavailable."""
        return await self._run(self._writer, lambda: rows.read_checkpoint(self._writing()))

    async def append(self, batch: Batch) -> list[Event]:
        """Write a batch; the events that it became, durable. Raises LogUnavailable, and then nothing was written."""
        loop = asyncio.get_running_loop()

        def work() -> list[Event]:
            events = self._write(batch)
            if events:
                # From the thread, because the caller may have gone away.
                loop.call_soon_threadsafe(self._grow, events[-1].seq)
            return events

        return await self._run(self._writer, work)

    async def read(self, wanted: Filter, after: int, limit: int) -> list[Event]:
        """Events past the number `after`, up to `limit`, by number. Raises LogUnavailable."""
        return await self._run(self._readers, lambda: rows.read(self._reader(), wanted, after, limit))

    async def past(self, seq: int) -> None:
        """Wait until there is an event past this number."""
        while self._last <= seq:
            await self._grown.wait()

    def _write(self, batch: Batch) -> list[Event]:
        connection = self._writing()
        try:
            connection.execute("BEGIN IMMEDIATE")
            assert self._keys is not None  # noqa: S101  (open made them)
            events = rows.write(connection, self._keys, batch)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._keys = Keys(connection)
            raise
        return events

    def _grow(self, last: int) -> None:
        self._last = last
        # Each growth has an event of its own, so that whoever waits is woken once and no one has to clear it.
        self._grown.set()
        self._grown = asyncio.Event()

    async def _run(self, where: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(where, work)
        except sqlite3.Error as error:
            raise LogUnavailable(
                f"The event log {self.path} can't be used now ({error}). Check the disk that it is on.",
                headers={"Retry-After": "5"},
            ) from error
        except RuntimeError as error:  # the executor's, after close
            raise LogUnavailable("The event log is closed: control is stopping.") from error

    def _writing(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.ProgrammingError("the event log is not open")
        return self._connection

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect(f"{self.path.absolute().as_uri()}?mode=ro")
            self._local.connection = connection
            self._reading.append(connection)
        return connection

    def _connect(self, uri: str) -> sqlite3.Connection:
        # Each connection is used by one thread at a time: opened in one, closed in another.
        return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=5, check_same_thread=False)

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
