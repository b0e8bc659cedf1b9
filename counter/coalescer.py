"""Group commit: many requests, one increment.

Concurrency story. Everything here runs on one event loop, and nothing awaits between reading and changing the
state, so there are no locks. `take` puts a future of its own at the end of the queue. One runner task exists
while the queue is not empty; it alone empties the queue: it cuts the whole of it off as a batch, and only then
sends the batch's commit. Whoever arrives after the cut waits for the next. That order is what makes the counter
linearizable: a number is handed out only to a request that had arrived before its commit was sent, and only
after that commit was acknowledged, so a request that starts after another's answer gets a larger number. It
holds over all processes, because the database's increments are atomic and totally ordered.

A waiter that goes away before the cut is left out of the batch; after the cut its number is spent and nobody
gets it. A commit that fails fails its batch, and, as unsent, those who queued meanwhile: the failure may have
taken all the time that a request has. A crash leaves behind at most an increment that was never answered.

One commit is in flight at a time. Two, tried with the same gathering and without, were faster by a tenth at 256
connections, and at 64 and 16 not to be told from noise: more and smaller commits for the same two cores.
Polling for the commit's end instead of sleeping was slower at 1 and 16.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Final

from counter.errors import CounterError
from counter.metrics import COMMIT_SECONDS, COMMIT_SIZE, COMMITS

# The longest wait for more to share a commit, as a part of what commits take, and in seconds.
GATHER_PART: Final = 0.5
GATHER_SECONDS: Final = 0.002
# How much of the average the newest commit makes.
NEWEST: Final = 0.1
# More clients than this are not waited for: see `_gather`.
GATHER_MOST: Final = 32


class Coalescer:
    """Turns `commit(n) -> last`, an atomic increment by n and the value after it, into single numbers."""

    def __init__(self, commit: Callable[[int], Awaitable[int]]) -> None:
        """Needs a running loop. `commit` raises CounterError for its waiters to be told."""
        self._commit = commit
        self._loop = asyncio.get_running_loop()  # asking for it on each request is a system call in Python 3.11
        self._usual_seconds = 0.0
        self._waiting: list[asyncio.Future[int]] = []
        self._runner: asyncio.Task[None] | None = None
        self._expected = 0

    async def take(self) -> int:
        """Add one and return the new value, once it is durable."""
        waiter: asyncio.Future[int] = self._loop.create_future()
        self._waiting.append(waiter)
        if self._runner is None:
            self._runner = self._loop.create_task(self._run(), name="coalescer")
        return await waiter

    async def close(self) -> None:
        """Let those who wait be answered; `commit` bounds how long that takes. Nobody may `take` any more."""
        if self._runner is not None:
            await asyncio.wait([self._runner])

    async def _run(self) -> None:
        """Commit batch after batch while anyone waits."""
        try:
            while self._waiting:
                await self._gather()
                batch = [waiter for waiter in self._waiting if not waiter.done()]
                self._waiting = []
                if batch:
                    await self._serve(batch)
        finally:
            self._runner = None

    async def _gather(self) -> None:
        """Give those who were answered last a moment to come back, so that they share this commit.

        Clients that ask again as soon as they are answered arrive one after the other; a commit that starts
        with the first of them leaves the rest to wait for a whole one more. So wait until as many are here as
        were waiting or answered at the end of the last commit. A lone client is never held up, and neither are
        many: while the commit of some is under way the others are parsed and answered, which keeps the CPU at
        work all the time. Nor does anyone wait longer than half of what commits usually take. The wait polls,
        because the event loop's timers are no finer than 1 ms.
        """
        if self._expected > GATHER_MOST or len(self._waiting) >= self._expected:
            return
        deadline = perf_counter() + min(self._usual_seconds * GATHER_PART, GATHER_SECONDS)
        # An event would need a timer to give up, and those are too coarse.
        while len(self._waiting) < self._expected and perf_counter() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0)

    async def _serve(self, batch: list["asyncio.Future[int]"]) -> None:
        """One commit for the batch; each of its waiters is told its own number, or why there is none."""
        started = perf_counter()
        try:
            last = await self._commit(len(batch))
        except Exception as error:  # noqa: BLE001  it is the waiters' error, and each of them raises it
            COMMITS.labels(error.slug if isinstance(error, CounterError) else "fault").inc()
            unsent, self._waiting = self._waiting, []
            self._expected = 0
            _fail(batch, error)
            _fail(unsent, error.for_unsent() if isinstance(error, CounterError) else error)
            return
        COMMITS.labels("done").inc()
        took = perf_counter() - started
        self._usual_seconds += (took - self._usual_seconds) * NEWEST
        COMMIT_SECONDS.observe(took)
        COMMIT_SIZE.observe(len(batch))
        self._expected = len(batch) + len(self._waiting)
        for number, waiter in enumerate(batch, last - len(batch) + 1):
            if not waiter.done():
                waiter.set_result(number)


def _fail(waiters: list["asyncio.Future[int]"], error: Exception) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_exception(error)
