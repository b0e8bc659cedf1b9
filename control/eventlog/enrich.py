"""The endpoint behind a connect event, which the event does not tell.

Concurrency: a look begins the moment that the event is received, in a task of its own, because an endpoint may be
gone within milliseconds; the writer collects the answer when it is the event's turn. A look of the network and
one of the container go side by side: the network's answers at once, the container's knows more but waits for a
start that is under way. Nothing survives a crash, and what was not learned is unknown in the log.
"""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from control import log
from control.errors import Problem
from control.eventlog import look
from control.eventlog.fold import Pair
from control.eventlog.names import Names
from control.records import Endpoint

if TYPE_CHECKING:
    from control.engine import Engine

AT_ONCE: Final = 32


class Enricher:
    """Looks up endpoints, and learns names on the way."""

    def __init__(self, engine: "Engine", names: Names) -> None:
        self._engine = engine
        self._names = names
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._newest: dict[Pair, object] = {}
        self._all: set[asyncio.Task[Endpoint | None]] = set()

    def begin(self, pair: Pair) -> asyncio.Task[Endpoint | None]:
        """Look for the endpoint that a pair's newest connect made."""
        mark = self._newest[pair] = object()
        task = asyncio.create_task(self._look(pair, mark), name="eventlog-look")
        self._all.add(task)
        task.add_done_callback(self._all.discard)
        return task

    def stop(self) -> None:
        """Give up what is under way."""
        for task in self._all:
            task.cancel()

    async def _look(self, pair: Pair, mark: object) -> Endpoint | None:
        try:
            async with self._turn:
                short, full = await asyncio.gather(self._by_network(pair, mark), self._by_container(pair, mark))
        except Exception:  # noqa: BLE001  (an endpoint may be unknown, but its connect must be recorded)
            log.logger().exception(log.RECORDER_FAILED)
            return None
        finally:
            if self._newest.get(pair) is mark:
                del self._newest[pair]
        if short is None or full is None:
            return full or short
        return full if full.id == short.id else short

    async def _by_network(self, pair: Pair, mark: object) -> Endpoint | None:
        with contextlib.suppress(Problem):
            network = await look.inspect_network(self._engine, pair.network)
            self._names.see_network(network)
            # When another connect of the pair was received before the answer, the answer is about that one.
            return look.endpoint_on(network, pair.container) if self._newest.get(pair) is mark else None
        return None

    async def _by_container(self, pair: Pair, mark: object) -> Endpoint | None:
        with contextlib.suppress(Problem):
            container = await look.inspect_container(self._engine, pair.container)
            self._names.fill_in(container)
            # When another connect of the pair was received before the answer, the answer is about that one.
            return look.endpoint_of(container, pair.network) if self._newest.get(pair) is mark else None
        return None
