"""How the stream is taken up: what is new, what was received before, and where it must be said that something may lack.

The engine here is a list of what it holds and a queue of what it tells; `tests/faults` has real ones.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest

from control import instants
from control.errors import Conflict, EngineAway
from control.eventlog import reader
from control.eventlog.clock import EngineClock
from control.eventlog.enrich import Enricher
from control.eventlog.inbox import Inbox, Received, Told
from control.eventlog.names import Names
from control.eventlog.reader import DISORDER, Reader
from control.eventlog.reading import Checkpoint
from control.records import EngineEvent, Kind
from tests.control.eventlog.telling import id_of

if TYPE_CHECKING:
    from control.engine import Engine

PEER = "1:1"


class Telling:
    """An engine that holds events, and tells those that come."""

    def __init__(self) -> None:
        self.connection = self.events = self.networks = self.containers = self
        self.api_version: str | None = "1.41"
        self.local = True
        self.name: str | None = PEER
        self.held: list[EngineEvent] = []
        self.streams = 0
        self.canary: Exception | None = None
        self.listening = True
        self._open: asyncio.Queue[Sequence[EngineEvent] | None] = asyncio.Queue()

    def peer(self) -> str | None:
        if not self.listening:
            raise ConnectionRefusedError
        return self.name

    async def clock(self) -> int:
        return instants.now()

    async def stream(self, *, types: tuple[str, ...], since: int | None) -> AsyncGenerator[Sequence[EngineEvent]]:
        assert (types, since) == (("network", "container"), 0)
        self.streams += 1
        self._open = asyncio.Queue()
        yield ()
        if self.held:
            yield list(self.held)
        while (events := await self._open.get()) is not None:
            yield events

    async def prune_nothing(self) -> None:
        if self.canary is not None:
            raise self.canary
        self.tell(event("prune", ""))

    async def inspect(self, _: str) -> None:
        raise EngineAway("not looked at here")

    endpoints = inspect

    def tell(self, *events: EngineEvent) -> None:
        """What happens now."""
        self.held += events
        self._open.put_nowait(events)

    def end(self) -> None:
        """The stream ends."""
        self._open.put_nowait(None)


def event(action: str, actor: str = "db", *, time: int | None = None, kind: str | None = None) -> EngineEvent:
    time = instants.now() if time is None else time
    kind = kind or ("network" if action in {"prune", "connect", "disconnect"} else "container")
    attributes = {"name": actor}
    if action in {"connect", "disconnect"}:
        attributes["container"] = id_of("db")
    return EngineEvent(kind, action, id_of(actor), attributes, time, "local", f"{action} {actor} {time}".encode())


class Desk:
    """A reader at work, and what it puts into the inbox."""

    def __init__(self, engine: Telling, checkpoint: Checkpoint, *, canary: float = 3600) -> None:
        self.engine = engine
        self.inbox = Inbox()
        self.ups: list[tuple[bool, bool]] = []
        self.downs = 0
        self.up = asyncio.Event()
        names = Names()
        self.enricher = Enricher(cast("Engine", engine), names)
        self.reader = Reader(
            cast("Engine", engine), self.inbox, self.enricher, clock=EngineClock(), checkpoint=checkpoint,
            canary=canary, on_up=self._on_up, on_down=self._on_down,
        )  # fmt: skip

    def _on_up(self, first: bool, restarted: bool) -> None:
        self.ups.append((first, restarted))
        self.up.set()

    def _on_down(self) -> None:
        self.downs += 1
        self.up.clear()

    async def items(self) -> list[Any]:
        """All that is in the inbox, once it grows no more."""
        await asyncio.wait_for(self.up.wait(), 5)
        await asyncio.sleep(0.05)
        return await self.inbox.take(1000, 0.01)

    async def told(self) -> list[str]:
        """The same, a line each; signs of life are left out."""
        return [it for item in await self.items() if (it := brief(item)) is not None]


def brief(item: Received | Told) -> str | None:
    """`start db replay boot`, or `gap engine-restarted`."""
    if isinstance(item, Told):
        if item.entry is None:
            return None
        assert item.entry.kind is Kind.GAP
        return f"gap {(item.entry.detail or {})['reason']}"
    heard = item.heard
    flags = [name for name, it in (("past", item.past), ("boot", heard.boot), ("stopping", heard.stopping)) if it]
    return " ".join((heard.event.action, heard.event.attributes["name"], heard.source.value, *flags))


@asynccontextmanager
async def reading(
    engine: Telling, checkpoint: Checkpoint | None = None, *, canary: float = 3600
) -> AsyncIterator[Desk]:
    desk = Desk(engine, checkpoint or Checkpoint(), canary=canary)
    task = asyncio.create_task(desk.reader.run())
    try:
        yield desk
    finally:
        desk.enricher.stop()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, BaseExceptionGroup):
            await task


def handled(*events: EngineEvent, cursor: int = 5, engine: str | None = PEER) -> Checkpoint:
    """A log that took these."""
    return Checkpoint(last=1, cursor=cursor, engine=engine, handled=tuple(it.digest for it in events))


async def test_a_log_that_begins_passes_over_what_was_before() -> None:
    """Its names count, and the instant from which on it is complete."""
    engine = Telling()
    engine.held = [event("create", time=10), event("start", time=20)]
    async with reading(engine) as desk:
        items = await desk.items()
        assert [brief(it) for it in items if isinstance(it, Received)] == [
            "create db replay past", "start db replay past",
        ]  # fmt: skip
        first = items[0]
        assert isinstance(first, Told)
        assert (first.entry, first.engine) == (None, PEER)
        assert first.began == first.cursor
        assert first.began is not None
        assert desk.ups == [(True, False)]
        engine.tell(event("die"))
        assert await desk.told() == ["die db stream"]


async def test_what_was_received_before_is_not_taken_twice() -> None:
    """One event that was received shows that nothing was missed."""
    engine = Telling()
    engine.held = [event("create", time=10), event("start", time=20), event("die", time=30)]
    async with reading(engine, handled(engine.held[0], engine.held[1])) as desk:
        assert await desk.told() == ["die db replay"]
        assert desk.ups == [(False, False)]


async def test_a_canary_of_before_shows_continuity_too() -> None:
    engine = Telling()
    engine.held = [event("prune", "", time=10), event("die", time=30)]
    async with reading(engine, handled(engine.held[0])) as desk:
        assert await desk.told() == ["die db replay"]


async def test_without_one_there_may_be_a_gap() -> None:
    """From the last instant that was read until now."""
    engine = Telling()
    engine.held = [event("die", time=30)]
    before = instants.now()
    async with reading(engine, handled(event("create", time=10), cursor=25)) as desk:
        items = await desk.items()
        assert [it for it in map(brief, items) if it is not None] == ["gap control-away", "die db replay"]
        gap = items[0].entry
        assert gap.between == (25 - DISORDER, gap.time)
        assert gap.time >= before
        assert gap.time == items[0].cursor


async def test_an_engine_that_restarted_forgot() -> None:
    """What it holds is of its boot, even where it holds what was received."""
    engine = Telling()
    engine.held = [event("create", time=10), event("die", time=30), event("start", time=40)]
    async with reading(engine, handled(engine.held[0], engine="another")) as desk:
        assert await desk.told() == ["gap engine-restarted", "die db replay boot", "start db replay boot"]
        assert desk.ups == [(False, True)]


async def test_an_engine_that_can_not_be_told_from_another_is_taken_for_the_same() -> None:
    engine = Telling()
    engine.name = None
    engine.held = [event("create", time=10), event("die", time=30)]
    async with reading(engine, handled(engine.held[0])) as desk:
        assert await desk.told() == ["die db replay"]


async def test_a_log_of_the_first_version_knows_what_it_took_by_its_time() -> None:
    """It has no digests of this kind."""
    engine = Telling()
    engine.held = [event("create", time=10), event("start", time=20), event("die", time=30)]
    async with reading(engine, handled(cursor=20)) as desk:
        assert await desk.told() == ["die db replay"]


async def test_a_stream_that_ends_is_taken_up_again() -> None:
    """Each event is taken once, and nothing lacks."""
    engine = Telling()
    async with reading(engine) as desk:
        engine_told = await desk.told()
        engine.tell(event("create"), event("start"))
        assert [*engine_told, *await desk.told()] == ["create db stream", "start db stream"]
        engine.held.append(event("die"))
        engine.end()
        await asyncio.sleep(0.1)
        assert await desk.told() == ["die db replay"]
        assert (desk.ups, desk.downs, engine.streams) == ([(True, False), (False, False)], 1, 2)


async def test_a_stream_that_ends_while_much_happens_leaves_a_gap() -> None:
    """The engine holds none of what was received any more."""
    engine = Telling()
    async with reading(engine) as desk:
        await desk.told()
        engine.tell(event("create"))
        assert await desk.told() == ["create db stream"]
        engine.held = [event("die")]
        engine.end()
        await asyncio.sleep(0.1)
        assert await desk.told() == ["gap stream-lost", "die db replay"]


async def test_what_is_told_twice_is_taken_once() -> None:
    engine = Telling()
    async with reading(engine) as desk:
        await desk.told()
        told = event("start")
        engine.tell(told)
        engine.tell(told, event("die"))
        assert await desk.told() == ["start db stream", "die db stream"]


async def test_what_happens_while_the_past_is_read_is_no_past() -> None:
    """It comes after the moment at which the reading began, and so is of the stream."""
    engine = Telling()
    engine.held = [event("create", time=10), event("start", time=instants.now() + 60 * 10**9)]
    async with reading(engine, handled(event("create", time=10))) as desk:
        assert await desk.told() == ["start db stream"]


async def test_what_is_not_recorded_is_not_received() -> None:
    """A command line may hold secrets; nothing sees it."""
    engine = Telling()
    async with reading(engine) as desk:
        await desk.told()
        engine.tell(event("exec_create: mongo -p secret"), event("top"), event("health_status: healthy"))
        assert await desk.told() == ["health_status: healthy db stream"]


@pytest.mark.parametrize("canary", [Conflict("a prune operation is already running"), EngineAway("refused")])
async def test_without_a_canary_the_past_ends_after_a_while(canary: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "REPLAY", 0.2)
    engine = Telling()
    engine.canary = canary
    engine.held = [event("create", time=10), event("die", time=30)]
    async with reading(engine, handled(engine.held[0])) as desk:
        assert await desk.told() == ["die db replay"]


async def test_somebody_elses_prune_is_a_sign_of_life_too() -> None:
    """And how far the stream was read."""
    engine = Telling()
    async with reading(engine) as desk:
        await desk.items()
        prune = event("prune", "")
        engine.tell(prune)
        [item] = await desk.items()
        assert (item.cursor, item.digest, item.entry) == (prune.time, prune.digest, None)


async def test_an_engine_that_stops_listening_is_stopping() -> None:
    """By the time that it tells of its containers' end."""
    engine = Telling()
    async with reading(engine) as desk:
        await desk.told()
        engine.tell(event("stop", "web"))
        assert await desk.told() == ["stop web stream"]
        engine.listening = False
        engine.tell(event("stop", "db"))
        assert await desk.told() == ["stop db stream stopping"]


@pytest.mark.parametrize(("version", "first"), [("1.41", True), ("1.42", False), ("1.45", False), (None, True)])
async def test_whether_deaths_come_first_is_a_matter_of_the_version(version: str | None, first: bool) -> None:
    engine = Telling()
    engine.api_version = version
    async with reading(engine) as desk:
        await desk.items()
        assert desk.reader.death_first is first


@pytest.mark.parametrize(("version", "looked"), [("1.41", False), ("1.45", True)])
async def test_what_is_looked_at_at_once(version: str, looked: bool) -> None:
    """A connect, a creation; a disconnect where it may be a death's. Nothing of the past."""
    engine = Telling()
    engine.api_version = version
    engine.held = [event("create", "old", time=10)]
    async with reading(engine, handled(event("x", time=1))) as desk:
        items = [it for it in await desk.items() if isinstance(it, Received)]
        engine.tell(event("connect", "mynet"), event("disconnect", "mynet"), event("create"), event("start"))
        items += await desk.items()
        assert {
            it.heard.event.action + " " + it.heard.event.attributes["name"]: it.look is not None for it in items
        } == {
            "create old": False,
            "connect mynet": True,
            "disconnect mynet": looked,
            "create db": True,
            "start db": False,
        }


async def test_more_than_can_be_kept_is_let_go_and_leaves_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the moment on at which it was too much; once it is less, the stream is taken up anew."""
    monkeypatch.setattr(reader, "MOST", 8)
    engine = Telling()
    async with reading(engine) as desk:
        await desk.told()
        engine.tell(*[event("start", f"ctr{number}", time=instants.now() + number) for number in range(20)])
        await asyncio.sleep(0.05)
        assert len(desk.inbox) == 8
        engine.held = []
        assert len(await desk.told()) == 8
        await asyncio.sleep(0.5)
        assert await desk.told() == ["gap overflow"]
        assert engine.streams == 2


async def test_a_silent_stream_is_asked_for_a_sign_of_life() -> None:
    engine = Telling()
    async with reading(engine, canary=0.1) as desk:
        await desk.items()
        await asyncio.sleep(0.6)
        assert len([it for it in engine.held if it.action == "prune"]) >= 2
        assert desk.downs == 0


async def test_a_stream_that_gives_no_sign_of_life_is_taken_up_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is open and tells nothing: what it dropped is in what the engine holds."""
    monkeypatch.setattr(reader, "ANSWER", 0.2)
    engine = Telling()
    async with reading(engine, canary=0.1) as desk:
        await desk.told()
        dead = engine._open
        engine._open = asyncio.Queue()
        engine.tell(event("start"))
        assert dead.empty()
        await asyncio.sleep(1.2)
        assert await desk.told() == ["start db replay"]
        assert desk.downs >= 1
