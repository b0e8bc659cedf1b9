"""What an event does not tell: the endpoint behind a connect, and what became of a container that left a network.

Concurrency: a look begins the moment that the event is received, in a task of its own, because an endpoint may be
gone within milliseconds; the writer collects the answer when it is the event's turn. A look of the network and
one of the container go side by side: the network's answers at once, the container's knows more but waits for a
start that is under way. When more events come than the engine could answer for, only the last of each pair is looked
for, at the writer's turn, and one look at a network serves all its containers (`late`). Nothing survives a crash, and
what was not learned is unknown in the log.
"""

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Final

from control import log
from control.errors import Problem
from control.eventlog import look
from control.eventlog.names import Names
from control.eventlog.standing import Glimpse, Pair
from control.records import Container, Endpoint

if TYPE_CHECKING:
    from control.engine import Engine

AT_ONCE: Final = 32
BURST: Final = 64
"""Looks under way beyond which no further one is begun at once."""


class Enricher:
    """Looks up endpoints and containers, and learns names on the way."""

    def __init__(self, engine: "Engine", names: Names) -> None:
        self._engine = engine
        self._names = names
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._newest: dict[Pair, object] = {}
        self._all: set[asyncio.Task[Glimpse]] = set()

    @property
    def busy(self) -> bool:
        """Whether looks are to wait for the writer's turn."""
        return len(self._all) >= BURST

    def begin(self, pair: Pair) -> asyncio.Task[Glimpse]:
        """Look for the endpoint that a pair's newest connect made."""
        mark = self._newest[pair] = object()
        return self._task(self._look(pair, mark))

    def container(self, id_: str) -> asyncio.Task[Glimpse]:
        """Look at a container alone."""
        return self._task(self._glance(id_))

    async def late(self, pairs: Iterable[Pair]) -> dict[Pair, Glimpse]:
        """The endpoints that pairs have now, with one look at each network."""
        wanted = list(dict.fromkeys(pairs))
        networks = list(dict.fromkeys(pair.network for pair in wanted))
        if len(networks) >= len(wanted):
            found = await asyncio.gather(*(self.begin(pair) for pair in wanted))
            return dict(zip(wanted, found, strict=True))
        details = dict(zip(networks, await asyncio.gather(*map(self._network, networks)), strict=True))
        glimpses = {}
        for pair in wanted:
            if (endpoint := details[pair.network].get(pair.container)) is not None:
                glimpses[pair] = Glimpse(None, endpoint)
        return glimpses

    def stop(self) -> None:
        """Give up what is under way."""
        for task in self._all:
            task.cancel()

    def _task(self, looking: Coroutine[Any, Any, Glimpse]) -> asyncio.Task[Glimpse]:
        task = asyncio.create_task(looking, name="eventlog-look")
        self._all.add(task)
        task.add_done_callback(self._all.discard)
        return task

    async def _look(self, pair: Pair, mark: object) -> Glimpse:
        try:
            async with self._turn:
                short, container = await asyncio.gather(self._by_network(pair, mark), self._container(pair.container))
        except Exception:  # noqa: BLE001  (an endpoint may be unknown, but its connect must be recorded)
            log.logger().exception(log.RECORDER_FAILED)
            return Glimpse(None)
        finally:
            newest = self._newest.get(pair) is mark
            if newest:
                del self._newest[pair]
        # When another connect of the pair was received before the answer, the answer is about that one.
        full = look.endpoint_of(container, pair.network) if container is not None and newest else None
        if short is None or full is None:
            return Glimpse(container, full or short)
        return Glimpse(container, full if full.id == short.id else short)

    async def _glance(self, id_: str) -> Glimpse:
        async with self._turn:
            return Glimpse(await self._container(id_))

    async def _by_network(self, pair: Pair, mark: object) -> Endpoint | None:
        endpoints = await self._network(pair.network)
        return endpoints.get(pair.container) if self._newest.get(pair) is mark else None

    async def _network(self, id_: str) -> dict[str, Endpoint]:
        with contextlib.suppress(Problem):
            network, endpoints = await look.inspect_network(self._engine, id_)
            self._names.see_network(network)
            return endpoints
        return {}

    async def _container(self, id_: str) -> Container | None:
        with contextlib.suppress(Problem):
            container = await look.inspect_container(self._engine, id_)
            self._names.fill_in(container)
            return container
        return None
