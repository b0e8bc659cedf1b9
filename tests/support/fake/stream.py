"""A fake engine's event stream: the ring of the last 256 events, those who listen, and what may go wrong on the way.

Concurrency: all of it runs on the engine's own loop. `tell` never waits: an event goes into the ring and into each
listener's backlog, and a listener that is full loses it without a sign, as on the real engine. `push` waits for the
listener, and is for measuring how fast one reads.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

RING: Final = 256
BACKLOG: Final = 1191
"""Unread events past which the engine drops, as measured on 20.10."""

NANOSECONDS: Final = 1_000_000_000
FIRST_WITHOUT_STATUS: Final = (1, 52)
"""The API version whose events no longer carry `status`, `id` and `from`."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event as it was told. `pair` is what its order may not be changed within."""

    time: int
    type: str
    action: str
    actor: str
    name: str
    container: str
    line: bytes
    modern: bytes

    @property
    def pair(self) -> tuple[str, str]:
        """A network event's network and container; a container event's container."""
        return (self.actor, self.container)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events a listener asked for."""

    since: int | None = None
    until: int | None = None
    filters: Mapping[str, frozenset[str]] | None = None
    modern: bool = False

    def takes(self, told: Told) -> bool:
        """By the filters that the engine applies after the ring: type, event, container, network."""
        filters = self.filters or {}
        is_network = told.type == "network"
        container, network = (told.container if is_network else told.actor), (told.actor if is_network else "")
        return (
            _in(filters, "type", told.type)
            and _in(filters, "event", told.action.partition(":")[0])
            and _in(filters, "container", container, "" if is_network else told.name)
            and _in(filters, "network", network, told.name if is_network else "")
        )

    def line(self, told: Told) -> bytes:
        """The event in the form of the API version asked."""
        return told.modern if self.modern else told.line


def _in(filters: Mapping[str, frozenset[str]], key: str, *values: str) -> bool:
    wanted = filters.get(key)
    return not wanted or any(value in wanted for value in values)


class Response(Protocol):
    """What a stream is written to."""

    async def write(self, data: bytes) -> None: ...


class Listener:
    """One who reads the stream, at a pace of its own."""

    def __init__(self, wanted: Wanted, response: Response, cut: Callable[[], None]) -> None:
        """`cut` breaks the connection off."""
        self.wanted = wanted
        self.response = response
        self.cut = cut
        self.ended = asyncio.Event()
        self.lost = 0
        self._waiting: deque[bytes] = deque()
        self._filled = asyncio.Event()

    def put(self, line: bytes, limit: int) -> None:
        """Queue a line, or lose it."""
        if len(self._waiting) >= limit:
            self.lost += 1
            return
        self._waiting.append(line)
        self._filled.set()

    async def deliver(self, thawed: asyncio.Event) -> None:
        """Write what is queued, as it comes, for ever; nothing while the engine is frozen."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._waiting:
                await thawed.wait()
                await self.response.write(self._waiting.popleft())

    async def flush(self) -> None:
        """Write what is left."""
        while self._waiting:
            await self.response.write(self._waiting.popleft())


class Stream:
    """The events of one engine."""

    def __init__(self, *, offset: float, backlog: int) -> None:
        self.ring: deque[Told] = deque(maxlen=RING)
        self.listeners: set[Listener] = set()
        self.offset = round(offset * NANOSECONDS)
        self.backlog = backlog
        self.thawed = asyncio.Event()
        self.thawed.set()
        self.written: dict[int, int] | None = None
        """Where not None: the monotonic clock's reading when an event of this time was told."""
        self._last = 0
        self._held: list[Told] | None = None
        self._silent = False
        self._losing: list[tuple[Callable[[Told], bool], int]] = []

    def now(self) -> int:
        """The engine's clock, in nanoseconds."""
        return time.time_ns() + self.offset

    def step(self, seconds: float) -> None:
        """Set the clock forward, or back."""
        self.offset += round(seconds * NANOSECONDS)
        self._last = 0

    def next_time(self) -> int:
        """The time of an event: no two have the same."""
        self._last = max(self.now(), self._last + 1)
        return self._last

    def tell(self, type_: str, action: str, actor: str, attributes: Mapping[str, str], *, status: bool = False) -> Told:
        """Tell of something that happens now. `status` adds the old fields that container events have."""
        told = event(self.next_time(), type_, action, actor, attributes, status=status)
        self.give(told)
        return told

    def give(self, told: Told) -> None:
        """Let an event go its way: into the ring, and to those who listen unless it is held or lost."""
        self.ring.append(told)
        if self._silent:
            return
        if self._held is not None:
            self._held.append(told)
        else:
            self._deliver(told)

    def _deliver(self, told: Told) -> None:
        if self._lose(told):
            return
        if self.written is not None:
            self.written[told.time] = time.monotonic_ns()
        for listener in self.listeners:
            if listener.wanted.takes(told):
                listener.put(listener.wanted.line(told), self.backlog)

    def _lose(self, told: Told) -> bool:
        for number, (matching, count) in enumerate(self._losing):
            if matching(told):
                if count > 1:
                    self._losing[number] = (matching, count - 1)
                else:
                    del self._losing[number]
                return True
        return False

    def lose(self, count: int, matching: Callable[[Told], bool]) -> None:
        """Those who listen do not get the next `count` events that match; the ring has them."""
        self._losing.append((matching, count))

    def past(self, wanted: Wanted) -> Iterator[bytes]:
        """What the ring holds of the time asked for."""
        if wanted.since is None and wanted.until is None:
            return
        for told in self.ring:
            after = wanted.since is None or told.time >= wanted.since
            if after and (wanted.until is None or told.time <= wanted.until) and wanted.takes(told):
                yield wanted.line(told)

    @contextmanager
    def burst(self, chance: random.Random) -> Iterator[None]:
        """Events told within are held, and come at the end in another order, each pair's own kept."""
        assert self._held is None, "bursts do not nest"
        self._held = []
        try:
            yield
        finally:
            held, self._held = self._held, None
            for told in reordered(held, chance):
                self._deliver(told)

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Events told within reach nobody."""
        self._silent = True
        try:
            yield
        finally:
            self._silent = False

    def raw(self, line: bytes) -> None:
        """A line as it is, to all who listen, whatever they asked for. It is not in the ring."""
        for listener in self.listeners:
            listener.put(line, self.backlog)

    async def push(self, lines: bytes, newest: Iterable[Told]) -> None:
        """Lines to all who listen, as fast as they read. `newest` are the last of them, for the ring."""
        self.ring.extend(newest)
        for listener in list(self.listeners):
            with suppress(ConnectionError):  # it has just gone: what it did not read is lost to it
                await listener.response.write(lines)

    def end(self) -> None:
        """Everyone's stream ends."""
        for listener in self.listeners:
            listener.ended.set()

    def cut(self) -> None:
        """Everyone's connection breaks off."""
        for listener in list(self.listeners):
            listener.cut()

    def forget(self) -> None:
        """As a new process of the engine: the ring is empty, and nobody listens."""
        self.end()
        self.ring.clear()
        self._losing.clear()
        self._last = 0


def event(
    time_: int, type_: str, action: str, actor: str, attributes: Mapping[str, str], *, status: bool = False
) -> Told:
    """An event, in both of its forms."""
    document: dict[str, Any] = {
        "Type": type_,
        "Action": action,
        "Actor": {"ID": actor, "Attributes": dict(sorted(attributes.items()))},
        "scope": "local",
        "time": time_ // NANOSECONDS,
        "timeNano": time_,
    }
    modern = orjson.dumps(document) + b"\n"
    old = {"status": action, "id": actor, "from": attributes.get("image", "")} if status else {}
    return Told(
        time=time_,
        type=type_,
        action=action,
        actor=actor,
        name=attributes.get("name", ""),
        container=attributes.get("container", "") if type_ == "network" else actor,
        line=orjson.dumps(old | document) + b"\n" if old else modern,
        modern=modern,
    )


def recorded(line: bytes) -> Told:
    """A recorded line as an event; it goes out as it is."""
    raw = orjson.loads(line)
    actor = raw["Actor"]
    line = line.rstrip(b"\n") + b"\n"
    attributes = actor.get("Attributes") or {}
    return Told(
        time=raw["timeNano"],
        type=raw["Type"],
        action=raw["Action"],
        actor=actor["ID"],
        name=attributes.get("name", ""),
        container=attributes.get("container", "") if raw["Type"] == "network" else actor["ID"],
        line=line,
        modern=line,
    )


def reordered(events: list[Told], chance: random.Random) -> list[Told]:
    """The same events in another order, in which those of one pair keep theirs (as it was measured)."""
    places = list(range(len(events)))
    chance.shuffle(places)
    by_pair: dict[tuple[str, str], list[Told]] = {}
    for told in events:
        by_pair.setdefault(told.pair, []).append(told)
    turns = [events[place].pair for place in places]
    queues = {pair: iter(queue) for pair, queue in by_pair.items()}
    return [next(queues[pair]) for pair in turns]
