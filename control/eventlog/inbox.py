"""What waits to be recorded, and the reader that puts it there.

Concurrency: the reader appends, the recorder takes; both run on the event loop, so nothing is locked. The reader
waits for nothing but the engine: a consumer that is slow loses events without a sign (past about 1,191 unread
ones). Nothing here survives a crash; the engine still holds what was not recorded, or a comparison finds it.
"""

import asyncio
import contextlib
import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from control import instants
from control.eventlog.enrich import Enricher
from control.eventlog.fold import Pair, Seen
from control.records import Endpoint, EngineEvent, MembershipState, Source

if TYPE_CHECKING:
    from control.engine import Engine

TYPES: Final = ("network", "container")
OVERLAP: Final = instants.NANOSECONDS
"""How far before the event handled last the stream is asked for again. Events are not delivered in the order of
their times (13.5 ms apart at worst as measured), and resuming without an overlap lost some."""

CONTAINER_ACTIONS: Final = frozenset({"create", "start", "die", "stop", "kill", "oom", "destroy", "rename", "restart"})
"""What is read of containers. `exec_create: …` carries a command line, with whatever secrets are in it, and is
dropped before anything sees it."""

_STATES: Final = {"connect": MembershipState.CONNECTED, "disconnect": MembershipState.ABSENT}


@dataclass(frozen=True, slots=True)
class Received:
    """An event of the engine, and how it came. `source` is None for what happened before the log began. `endpoint` is
    being looked for when the event is a connect that happened just now."""

    event: EngineEvent
    source: Source | None
    endpoint: asyncio.Task[Endpoint | None] | None = field(default=None, compare=False)

    @property
    def pair(self) -> Pair | None:
        """The network and container that the event is about, if it is a connect or disconnect."""
        container = self.event.attributes.get("container")
        if self.event.type != "network" or self.event.action not in _STATES or not container:
            return None
        return Pair(self.event.actor, container)

    @property
    def state(self) -> MembershipState:
        """The state that a connect or disconnect tells."""
        return _STATES[self.event.action]

    @property
    def connects(self) -> bool:
        """Whether it tells that a container is connected."""
        return self.pair is not None and self.state is MembershipState.CONNECTED

    @property
    def digest(self) -> bytes:
        """What tells this event from any other: its time, type, action, actor and attributes."""
        event = self.event
        whole = [event.time, event.type, event.action, event.actor, sorted(event.attributes.items())]
        return hashlib.blake2b(json.dumps(whole).encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Compared:
    """The outcome of a comparison with the engine that began at `began`: what differed, looked at twice. `whole`
    tells that nothing else differed; `written` is told whether log and engine agree now."""

    began: int
    session: int
    seen: tuple[Seen, ...]
    whole: bool
    written: asyncio.Future[bool] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Began:
    """The log begins at this instant: what the engine tells of the time before is not recorded."""

    at: int


Item = Received | Compared | Began


class Inbox:
    """A queue that can be looked through."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._filled = asyncio.Event()

    def put(self, item: Item) -> None:
        """Add an item. Never waits."""
        self._items.append(item)
        self._filled.set()

    async def take(self, limit: int) -> list[Item]:
        """The next items, at least one, up to `limit`."""
        await self._filled.wait()
        taken = [self._items.popleft() for _ in range(min(limit, len(self._items)))]
        if not self._items:
            self._filled.clear()
        return taken

    def events(self) -> Iterator[Received]:
        """The events that wait."""
        return (item for item in self._items if isinstance(item, Received))

    def __len__(self) -> int:
        return len(self._items)


async def drain(
    engine: "Engine", inbox: Inbox, enricher: Enricher, *, cursor: int | None, on_up: Callable[[], None]
) -> None:
    """Read one connection of the event stream into the inbox, to its end. `on_up` is called when it is open.

    With a cursor, the engine first sends what it still holds from a second before it on. Without, the log begins
    here, and all that it holds is sent to be known as past, and for its names. History and stream come through one
    subscription, which the engine makes in one step: nothing falls between. Raises
    EngineAway, EngineTimeout, EngineFailed.
    """
    asked = instants.now()
    since = 0 if cursor is None else cursor - OVERLAP
    async with contextlib.aclosing(engine.events.stream(types=TYPES, since=since)) as stream:
        async for event in stream:
            if event is None:
                if cursor is None:
                    inbox.put(Began(asked))
                on_up()
            elif event.type == "network" or event.action in CONTAINER_ACTIONS:
                # The engine sets no mark between the past and the present. What is older than the question is the
                # past, by this machine's clock; a wrong one makes the source wrong, and nothing else.
                past = event.time < asked
                source = Source.STREAM if not past else None if cursor is None else Source.REPLAY
                received = Received(event, source)
                if source is Source.STREAM and received.pair and received.connects:
                    received = replace(received, endpoint=enricher.begin(received.pair))
                inbox.put(received)
