"""What waits to be recorded.

Concurrency: the reader and the comparer append, the writer takes; all run on the event loop, so nothing is locked, and
appending never waits. Nothing here survives a crash; the engine still holds what was not recorded, or a comparison
finds it.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from control.eventlog.entries import Entry
from control.eventlog.standing import Glimpse, Heard, Pair, Shown
from control.records import Container, NetworkRef

OVERWHELMED: Final = 2_000
"""Items that wait, beyond which catching up comes first: no endpoint is looked for, and nothing is compared."""


@dataclass(slots=True)
class Received:
    """An event that was received, and the look at its container that was begun then, if one was. `past`: it is of the
    time before the log began. `pair` is the network and container that it is about, if it is about both."""

    heard: Heard
    past: bool = False
    look: "asyncio.Task[Glimpse] | None" = None
    pair: Pair | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        event = self.heard.event
        if event.type == "network" and (container := event.attributes.get("container")) is not None:
            self.pair = Pair(event.actor, container)


@dataclass(slots=True)
class Told:
    """A record of control's own (a gap, an outcome), and how far the stream was read, by which sign of life."""

    entry: Entry | None = None
    cursor: int | None = None
    digest: bytes | None = None
    engine: str | None = None
    began: int | None = None


@dataclass(slots=True)
class Compared:
    """The outcome of a comparison with the engine that began at `began`: what differed, looked at twice, and the
    containers and networks as they were seen. `whole` tells that nothing else differed, `everything` that all was
    compared; `written` is told whether log and engine agree now."""

    began: int
    at: int
    session: int
    shown: tuple[Shown, ...]
    containers: tuple[Container, ...]
    gone: tuple[str, ...]
    networks: dict[str, NetworkRef] | None
    whole: bool
    boot: bool
    first: bool
    written: "asyncio.Future[bool]" = field(compare=False)


Item = Received | Told | Compared


class Inbox:
    """A queue that can be looked through."""

    def __init__(self) -> None:
        self._items: deque[tuple[float, Item]] = deque()
        self._filled = asyncio.Event()
        self._pairs: dict[Pair, int] = {}

    def put(self, item: Item) -> None:
        """Add an item. Never waits."""
        self._items.append((time.monotonic(), item))
        self._filled.set()
        if isinstance(item, Received) and (pair := item.pair) is not None:
            self._pairs[pair] = self._pairs.get(pair, 0) + 1

    async def take(self, limit: int, within: float | None) -> list[Item]:
        """The next items, up to `limit`: at least one, or none after `within` seconds."""
        if not self._items:
            self._filled.clear()
            try:
                async with asyncio.timeout(within):
                    await self._filled.wait()
            except TimeoutError:
                return []
        taken = [self._items.popleft()[1] for _ in range(min(limit, len(self._items)))]
        for item in taken:
            if isinstance(item, Received) and (pair := item.pair) is not None:
                if (left := self._pairs[pair] - 1) > 0:
                    self._pairs[pair] = left
                else:
                    del self._pairs[pair]
        return taken

    def awaits(self, pair: Pair) -> bool:
        """Whether an event of this pair waits."""
        return pair in self._pairs

    def events(self) -> Iterator[Received]:
        """The events that wait."""
        return (item for _, item in self._items if isinstance(item, Received))

    @property
    def age(self) -> float:
        """Seconds that the oldest has waited."""
        return time.monotonic() - self._items[0][0] if self._items else 0.0

    def __len__(self) -> int:
        return len(self._items)
