"""The event log on disk: SQLite, one writer.

Concurrency: one thread writes, for one process: a lock on a file in the data folder keeps a second one out. Batches
that wait while one is being written go into one transaction after it; each caller is told when its own is durable, or
that it was not written. Reads go through threads of their own, each with its own read-only connection, and never wait
for the writer (WAL). The newest records are also kept in memory, for those who follow; whoever waits for more waits on
the one event that is set when a batch is durable, and not before. A caller of `append` that goes away leaves the write
to run to its end.

What survives a crash: every batch whose `append` returned (`synchronous=FULL`), whole. A batch is records, standing,
cursor and digests in one transaction, so what is in the log and what is taken for handled never differ.

A file that can't be opened for what may pass (a full disk, a read-only one) or be mended (a damaged file) is tried
again at each use: control serves what needs no log meanwhile.
"""

import asyncio
import fcntl
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from control.errors import LogUnavailable
from control.eventlog import reading, retention, schema
from control.eventlog.entries import Written
from control.eventlog.reading import Checkpoint, Filter
from control.eventlog.upgrade import STEPS
from control.eventlog.writing import Batch, Writer

FILE: Final = "events.sqlite3"
LOCK: Final = "events.lock"
READERS: Final = 2
WAL_PAGES: Final = 8_000
"""Pages in the WAL (33 MB) after which they go into the file. A thousand records change a page of each container's
index, which are the same by the next thousand: with SQLite's 1,000 each was written anew with every transaction."""
TAIL: Final = 1_000
"""Newest records kept in memory."""
TAIL_BYTES: Final = 2_000_000

T = TypeVar("T")


class StoreUnusable(Exception):
    """The event log can't be used by this process. Its text is one line for the operator."""


class Store:
    """The event log in a data folder. Open it before use, close it after."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._lock_path = folder / LOCK
        self._lock: int | None = None
        self._writers = ThreadPoolExecutor(1, "eventlog-writer")
        self._readers = ThreadPoolExecutor(READERS, "eventlog-reader")
        self._connection: sqlite3.Connection | None = None
        self._writer: Writer | None = None
        self._local = threading.local()
        self._opening = 0
        self._reading: list[sqlite3.Connection] = []
        self._waiting: list[tuple[Batch, asyncio.Future[list[Written]]]] = []
        self._writes = False
        self._closed = False
        self._tail: deque[Written] = deque()
        self._tail_bytes = 0
        self._last = 0
        self._grown = asyncio.Event()

    @property
    def last(self) -> int:
        """The number of the newest record that is durable; 0 where there is none."""
        return self._last

    @property
    def waiting(self) -> int:
        """Batches that wait to be written."""
        return len(self._waiting)

    def open(self) -> None:
        """Lock the folder, open or make the file, bring it to this version. Blocking. Raises StoreUnusable where
        another process has the folder, or the file is another program's or a later version's; LogUnavailable for
        what may pass or be mended, and then each use tries again."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
            self._opened()
        except schema.UnknownVersion as error:
            self.close()
            raise StoreUnusable(
                f"The event log {self.path} {error}: move the file away to begin a new log, or restore it."
            ) from error
        except (sqlite3.Error, OSError) as error:
            raise self._unavailable(error) from error

    def close(self) -> None:
        """Wait for what is being written, then let go of the files. Blocking; may be called twice."""
        self._closed = True
        self._writers.shutdown(wait=True)
        self._readers.shutdown(wait=True, cancel_futures=True)
        for connection in (*self._reading, self._connection):
            if connection is not None:
                connection.close()
        self._reading.clear()
        self._connection = None
        self._unlock()

    async def checkpoint(self) -> Checkpoint:
        """Where the log stands, after every write begun before. Raises LogUnavailable."""
        return await self._run(self._writers, lambda: reading.read_checkpoint(self._opened()))

    async def append(self, batch: Batch) -> list[Written]:
        """Write a batch; its records, durable. Raises LogUnavailable, and then nothing of it was written."""
        if self._closed:
            raise LogUnavailable("The event log is closed: control is stopping.")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Written]] = loop.create_future()
        self._waiting.append((batch, future))
        if not self._writes:
            self._writes = True
            self._writers.submit(self._write_waiting, loop)
        # The write goes on where the caller goes away: it waits on a future of its own.
        return await asyncio.shield(future)

    async def read(self, wanted: Filter, after: int | None, limit: int, *, newest_first: bool = False) -> list[Written]:
        """Records past the number `after` (before it, newest first) that pass the filter, up to `limit`. Raises
        LogUnavailable."""
        return await self.ask(
            lambda connection: reading.read(connection, wanted, after, limit, newest_first=newest_first)
        )

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Ask the log something, on a connection that only reads. Raises LogUnavailable."""

        def asked() -> T:
            try:
                connection = self._reader()
                connection.execute("BEGIN")  # all statements of one question see one state of the log
                try:
                    return question(connection)
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
            except sqlite3.Error:
                self._forget_reader()  # the file may be another one by the next question
                raise

        return await self._run(self._readers, asked)

    def tail(self, after: int) -> list[Written] | None:
        """All records past a number, from memory; None where that does not reach so far back."""
        if after >= self._last:
            return []
        if not self._tail or self._tail[0].seq > after + 1:
            return None
        return list(self._tail)[after - self._tail[0].seq + 1 :]

    async def past(self, seq: int) -> None:
        """Wait until there is a record past this number."""
        while self._last <= seq:
            await self._grown.wait()

    async def trim(self, limits: retention.Limits, now: int) -> int:
        """Remove a chunk of what is beyond the limits; how many records that were. Raises LogUnavailable."""
        return await self._run(self._writers, lambda: self._trim(limits, now))

    # In the writer's thread

    def _write_waiting(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            while self._waiting:
                taken = self._waiting[:]
                try:
                    written = self._write([batch for batch, _ in taken])
                except Exception as error:  # noqa: BLE001  (handed to those who wait)
                    loop.call_soon_threadsafe(self._tell, taken, None, error)
                else:
                    loop.call_soon_threadsafe(self._tell, taken, written, None)
                # Only this thread takes away, so what was taken stands first.
                del self._waiting[: len(taken)]
            self._writes = False
            if not self._waiting:
                return
            self._writes = True  # one came between the last look and the line before

    def _write(self, batches: list[Batch]) -> list[list[Written]]:
        connection = self._opened()
        assert self._writer is not None  # noqa: S101  (opened with the connection)
        try:
            connection.execute("BEGIN IMMEDIATE")
            written = [self._writer.write(batch) for batch in batches]
            connection.execute("COMMIT")
        except BaseException:
            self._undo(connection)
            raise
        return written

    def _undo(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._writer = Writer(connection)
        except sqlite3.Error:
            # Not even that can be read: the next use opens the file anew.
            connection.close()
            self._connection = None

    def _trim(self, limits: retention.Limits, now: int) -> int:
        connection = self._opened()
        upto = retention.last_to_go(connection, limits, now)
        if upto == 0:
            return 0
        (before, _) = reading.read_anchor(connection)
        try:
            connection.execute("BEGIN IMMEDIATE")
            retention.remove(connection, upto)
            retention.sweep(connection)
            connection.execute("COMMIT")
        except BaseException:
            self._undo(connection)
            raise
        # It gives back a page a step, and `execute` takes but one step of what has no columns.
        connection.executescript(f"PRAGMA incremental_vacuum({retention.PAGES})")
        if self._writer is not None:
            self._writer.forget()
        return upto - before

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            if self._closed:
                raise sqlite3.ProgrammingError("the event log is closed")
            # Made here and not by SQLite, for its mode; the WAL takes the same.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            connection = self._connect(f"{self.path.absolute().as_uri()}?mode=rw")
            try:
                connection.execute(
                    "PRAGMA auto_vacuum = INCREMENTAL"
                )  # of a new file; it gives pages back when trimmed
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA cache_size = -8000")
                connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
                schema.migrate(connection, STEPS)
                self._writer = Writer(connection)
                self._last = self._writer.last
            except BaseException:
                connection.close()
                raise
            self._connection = connection
            self._opening += 1
        return self._connection

    # In the event loop's thread

    def _tell(
        self,
        taken: list[tuple[Batch, asyncio.Future[list[Written]]]],
        written: list[list[Written]] | None,
        error: Exception | None,
    ) -> None:
        if written is not None:
            self._grow([record for records in written for record in records])
        problem = None
        if error is not None:
            problem = self._unavailable(error) if isinstance(error, sqlite3.Error | OSError) else error
        for place, (_, future) in enumerate(taken):
            if future.done():
                continue
            if written is not None:
                future.set_result(written[place])
            elif problem is not None:
                future.set_exception(problem)
                future.exception()  # looked at: the caller may have gone away

    def _grow(self, records: list[Written]) -> None:
        if not records:
            return
        self._last = records[-1].seq
        for record in records[-TAIL:]:
            if self._tail and self._tail[-1].seq != record.seq - 1:
                self._tail.clear()
                self._tail_bytes = 0
            self._tail.append(record)
            self._tail_bytes += len(record.line)
        while len(self._tail) > TAIL or (self._tail_bytes > TAIL_BYTES and len(self._tail) > 1):
            self._tail_bytes -= len(self._tail.popleft().line)
        # Each growth has an event of its own, so that whoever waits is woken once and no one has to clear it.
        self._grown.set()
        self._grown = asyncio.Event()

    async def _run(self, where: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(where, work)
        except (sqlite3.Error, OSError) as error:
            raise self._unavailable(error) from error
        except schema.UnknownVersion as error:
            raise LogUnavailable(f"The event log {self.path} {error}.") from error
        except RuntimeError as error:  # the executor's, after close
            raise LogUnavailable("The event log is closed: control is stopping.") from error

    def _unavailable(self, error: Exception) -> LogUnavailable:
        text = str(error)
        if "malformed" in text or "not a database" in text:
            told = f"The event log {self.path} is damaged ({text}): restore it, or move it away to begin a new log."
        elif "readonly" in text or isinstance(error, PermissionError):
            told = f"The event log {self.path} can't be written ({text}): make the folder and the file writable."
        else:
            told = f"The event log {self.path} can't be used now ({text}): check the disk that it is on."
        return LogUnavailable(told, headers={"Retry-After": "5"})

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None and self._local.opening != self._opening:
            self._forget_reader()  # the file was opened anew since, and may be another one
            connection = None
        if connection is None:
            self._local.opening = self._opening
            connection = self._connect(f"{self.path.absolute().as_uri()}?mode=ro")
            self._local.connection = connection
            self._reading.append(connection)
        return connection

    def _forget_reader(self) -> None:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            self._reading.remove(connection)
            connection.close()

    def _connect(self, uri: str) -> sqlite3.Connection:
        # Each connection is used by one thread at a time: opened in one, closed in another.
        return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=5, check_same_thread=False)

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
