"""The reader of the engine's event stream: it drains, and knows whether it can have missed anything.

Concurrency: one task reads and puts what it read into the inbox; it waits for nothing but the engine, because a
consumer that is slow loses events without a sign (past about 1,191 unread ones). A second task watches it: whether this
process stood still (a ticker that comes late), whether the stream is alive (a canary: an event that control has the
engine emit, when it was silent for a while), whether what waits to be recorded became too much to keep. Whenever one
of these is in doubt, the stream is taken up anew. Nothing here survives a crash but what the store has.

How it resumes: each connection asks for all that the engine still holds (its last 256 events, which it sends before
what is new) and passes over what was received before, by digest. So no event is lost or taken twice, whatever any
clock does. Continuity is shown by one event among those held that was received before, at a time when the reading was
in no doubt: then the engine forgot nothing in between. Where it can't be shown, a `gap` is recorded, from the last
instant at which it was known until now.
"""

import asyncio
import contextlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from control import instants, log
from control.errors import Conflict, Problem
from control.eventlog.clock import EngineClock
from control.eventlog.enrich import Enricher
from control.eventlog.entries import Entry
from control.eventlog.fold import HEALTH, KINDS
from control.eventlog.inbox import Inbox, Received, Told
from control.eventlog.reading import Checkpoint
from control.eventlog.standing import Heard
from control.records import EngineEvent, Kind, Source

if TYPE_CHECKING:
    from control.engine import Engine

TYPES: Final = ("network", "container")
REMEMBERED: Final = 1024
"""Digests of events received. The engine holds 256, so these are all that it can ever send again."""
DISORDER: Final = 20_000_000
"""Nanoseconds by which an event may be older than one that was delivered before it (13.5 ms on 20.10)."""

TICK: Final = 0.2
STALLED: Final = 1.0
"""Seconds by which a tick that comes late puts in doubt what was read meanwhile."""
ANSWER: Final = 5.0
"""Seconds in which the canary must have come through the stream."""
REPLAY: Final = 2.0
"""Seconds after which what the engine held has been sent, where no canary can tell."""
CALM: Final = 200
"""Events that may wait while each is looked into at once. With more, the writer looks for many together."""
MOST: Final = 50_000
"""Events that may wait to be recorded. Beyond it they are let go, and the log has a gap."""
BACKOFF: Final = (0.05, 0.1, 0.2, 0.5, 1.0)

DEATHS_FIRST: Final = (1, 41)
"""The last API version whose engines are known to tell a container's death before its disconnects (measured: 20.10)."""

CONTROL_AWAY, ENGINE_RESTARTED = "control-away", "engine-restarted"
STREAM_LOST, STALL, OVERFLOW = "stream-lost", "stalled", "overflow"


class Reader:
    """Reads one engine's events into an inbox."""

    def __init__(
        self,
        engine: "Engine",
        inbox: Inbox,
        enricher: Enricher,
        *,
        clock: EngineClock,
        checkpoint: Checkpoint,
        canary: float,
        on_up: Callable[[bool, bool], None],
        on_down: Callable[[], None],
    ) -> None:
        """`canary`: seconds of silence before a sign of life is asked for. `on_up(first, restarted)` is called when a
        connection's past has been read, `on_down` when a connection ends."""
        self._engine = engine
        self._inbox = inbox
        self._enricher = enricher
        self._clock = clock
        self._canary = canary
        self._on_up, self._on_down = on_up, on_down
        now = time.monotonic()
        self._received: OrderedDict[bytes, float] = OrderedDict((digest, 0.0) for digest in checkpoint.handled)
        self._cursor = checkpoint.cursor
        # A log of an earlier version knows no digests: there, what is older than its newest event was received.
        self._untold = not checkpoint.handled
        self._alive = checkpoint.cursor
        self._peer = checkpoint.engine
        self._trusted = math.inf
        self._doubt: str | None = CONTROL_AWAY
        self._reading: asyncio.Task[None] | None = None
        self._ticked = self._heard = now
        self._up = False
        self._lost = False
        self._refused = False
        self.lag = 0.0
        self.death_first = True

    @property
    def alive(self) -> int | None:
        """The engine's time up to which its stream is known to have been read; None for a log that has not begun."""
        return self._alive

    async def run(self) -> None:
        """Read until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read(), name="eventlog-reader")
            tasks.create_task(self._watch(), name="eventlog-watch")

    # The stream

    async def _read(self) -> None:
        failures = 0
        while True:
            self._reading = asyncio.create_task(self._connection(), name="eventlog-stream")
            try:
                await asyncio.wait([self._reading])
            finally:
                self._reading.cancel()
                with contextlib.suppress(asyncio.CancelledError, Problem, OSError):
                    await self._reading
            was_up = self._session_ended()
            failures = 0 if was_up else failures + 1
            await asyncio.sleep(BACKOFF[min(failures, len(BACKOFF) - 1)])

    def _session_ended(self) -> bool:
        was_up, self._up = self._up, False
        if was_up:
            if self._doubt is None:
                self._doubt = STREAM_LOST
                if time.monotonic() - self._ticked > TICK + STALLED:
                    self._trusted, self._doubt = self._ticked, STALL
            log.logger().warning(log.STREAM_LOST)
            self._on_down()
        return was_up

    async def _connection(self) -> None:
        try:
            peer = self._engine.connection.peer()
        except OSError:
            peer, self._refused = None, True
        began = await self._clock.ask(self._engine)
        session = Session(began=began, peer=peer)
        async with contextlib.AsyncExitStack() as stack:
            stream = await stack.enter_async_context(
                contextlib.aclosing(self._engine.events.stream(types=TYPES, since=0))
            )
            async for events in stream:
                self._heard = time.monotonic()
                if not session.open:
                    session.open = True
                    agreed = self._engine.connection.api_version
                    self.death_first = agreed is None or tuple(map(int, agreed.split("."))) <= DEATHS_FIRST
                    deadline = asyncio.get_running_loop().call_later(REPLAY, self._replayed, session)
                    stack.callback(deadline.cancel)
                    asking = asyncio.create_task(self._ask_for_canary(), name="eventlog-canary")
                    stack.callback(asking.cancel)
                for event in events:
                    self._take(session, event)

    def _take(self, session: "Session", event: EngineEvent) -> None:
        if event.type == "network":
            if event.action == "prune":
                self._pruned(session, event)
                return
        elif event.action not in KINDS and not event.action.startswith(HEALTH):
            return
        if not session.replayed:
            session.held.append(event)
        elif event.digest not in self._received:
            if self._lost or len(self._inbox) >= MOST:
                self._overflow()
                return
            self._remember(event)
            self._alive = event.time
            self.lag = max(0.0, (self._clock.now() - event.time) / instants.NANOSECONDS)
            self._put(Received(Heard(event, Source.STREAM, self._heard)))

    def _pruned(self, session: "Session", event: EngineEvent) -> None:
        """The canary, or what somebody pruned: a sign of life."""
        received = self._received.get(event.digest)
        if received is not None:
            session.overlap = session.overlap or received <= self._trusted
            return
        self._remember(event)
        if event.time >= session.began:
            self._replayed(session)
            self._alive = event.time
            self._inbox.put(Told(cursor=event.time, digest=event.digest))

    def _remember(self, event: EngineEvent) -> None:
        self._received[event.digest] = self._heard
        if len(self._received) > REMEMBERED:
            self._received.popitem(last=False)

    def _put(self, received: Received) -> None:
        calm = len(self._inbox) < CALM and not self._enricher.busy
        if calm and received.heard.source is Source.STREAM and not received.past:
            self._look(received)
        self._inbox.put(received)

    def _look(self, received: Received) -> None:
        event = received.heard.event
        if (pair := received.pair) is not None:
            if event.action == "connect":
                received.look = self._enricher.begin(pair)
            elif event.action == "disconnect" and not self.death_first:
                received.look = self._enricher.container(pair.container)
        elif event.type == "network":
            return
        elif event.action == "create":
            received.look = self._enricher.container(event.actor)
        elif event.action == "stop":
            # An engine that shuts down has stopped listening by the time that it tells of its containers' end.
            try:
                self._engine.connection.peer()
            except OSError:
                received.heard.stopping = True

    # The past

    def _replayed(self, session: "Session") -> None:
        """All that the engine held when this connection was made has come: put it in order, or say what is missing."""
        if session.replayed:
            return
        session.replayed = True
        first = self._cursor is None
        fresh: list[EngineEvent] = []
        for event in session.held:
            received = self._received.get(event.digest)
            if received is not None or (self._untold and event.time <= (self._cursor or 0)):
                session.overlap = session.overlap or (received or 0.0) <= self._trusted
            else:
                fresh.append(event)
        session.held.clear()
        known = None not in {session.peer, self._peer}
        # Where it can't be known who listens: what refused to be connected to in between came back as another.
        restarted = session.peer != self._peer if known else self._refused
        self._refused = False
        lost = not first and (restarted or not session.overlap)
        gap = self._gap(session, restarted=restarted) if lost else None
        began = session.began if first else None
        self._inbox.put(Told(gap, cursor=session.began, engine=session.peer, began=began))
        self._peer = session.peer or self._peer
        self._doubt, self._lost, self._trusted, self._untold = None, False, math.inf, False
        self._cursor = self._alive = session.began
        for event in fresh:
            self._remember(event)
            past = event.time < session.began
            source = Source.REPLAY if past else Source.STREAM
            self._put(Received(Heard(event, source, self._heard, boot=restarted and past), past=first and past))
        self._up = True
        self._on_up(first, restarted)

    def _gap(self, session: "Session", *, restarted: bool) -> Entry:
        begin = None if self._alive is None else self._alive - DISORDER
        return Entry(
            Kind.GAP,
            session.began,
            Source.CONTROL,
            between=(None if begin is None else min(begin, session.began), session.began),
            detail={"reason": ENGINE_RESTARTED if restarted else self._doubt or STREAM_LOST},
        )

    # The watch

    async def _watch(self) -> None:
        asked: float | None = None
        while True:
            await asyncio.sleep(TICK)
            now, last = time.monotonic(), self._ticked
            self._ticked = now
            if now - last > TICK + STALLED:
                self._distrust(last, STALL)
            elif self._lost and len(self._inbox) < MOST // 4:
                self._distrust(self._trusted, OVERFLOW)
            elif not self._up or (asked is not None and self._heard >= asked):
                asked = None
            elif asked is not None and now - asked > ANSWER:
                self._distrust(self._heard, STREAM_LOST)
            elif asked is None and now - self._heard > self._canary:
                asked = time.monotonic()
                if not await self._ask_for_canary():
                    self._heard = now  # it is not to be had: asked again after the next silence

    async def _ask_for_canary(self) -> bool:
        try:
            await self._engine.networks.prune_nothing()
        except Conflict:
            pass  # somebody prunes: that makes such an event too
        except Problem:
            return False
        return True

    def _distrust(self, trusted: float, reason: str) -> None:
        """Take the stream up anew: what was received since an instant does not show that nothing was missed."""
        if self._up and self._reading is not None:
            self._trusted, self._doubt = min(self._trusted, trusted), reason
            self._reading.cancel()

    def _overflow(self) -> None:
        if not self._lost:
            self._lost = True
            self._trusted = self._heard
            log.logger().error(log.INBOX_FULL)


class Session:
    """One connection of the stream. `overlap` tells that something was sent again that had been received for sure."""

    def __init__(self, *, began: int, peer: str | None) -> None:
        self.began = began
        self.peer = peer
        self.open = False
        self.replayed = False
        self.overlap = False
        self.held: list[EngineEvent] = []
