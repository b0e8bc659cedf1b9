"""The engine's clock, as it is known here: the best answer counts, and a clock that was set is noticed."""

import time
from typing import TYPE_CHECKING, cast

import pytest

from control import instants
from control.errors import EngineAway
from control.eventlog.clock import GOOD, LITTLE, TRIES, EngineClock

if TYPE_CHECKING:
    from control.engine import Engine

AHEAD = 3600 * 10**9
MS = 10**6


class Shows:
    """An engine whose clock is ahead of this machine's, and which answers after some milliseconds."""

    def __init__(self, *milliseconds: float, local: bool = False, ahead: int = AHEAD) -> None:
        self.connection = self
        self.local = local
        self.asked = 0
        self._milliseconds = milliseconds
        self._ahead = ahead

    async def clock(self) -> int:
        shown = instants.now() + self._ahead
        time.sleep(self._milliseconds[min(self.asked, len(self._milliseconds) - 1)] / 1000)  # noqa: ASYNC251  (a slow engine)
        self.asked += 1
        return shown

    @property
    def engine(self) -> "Engine":
        return cast("Engine", self)


class Away(Shows):
    async def clock(self) -> int:
        raise EngineAway("away")


def shown_by(clock: EngineClock) -> int:
    """How far the clock is ahead of this machine's."""
    return clock.now() - instants.now()


def test_unasked_it_is_this_machines() -> None:
    clock = EngineClock()
    assert clock.known is False
    assert abs(shown_by(clock)) < 50 * MS
    assert clock.error == LITTLE + GOOD


async def test_asked_it_is_the_engines() -> None:
    clock, engine = EngineClock(), Shows(0)
    first = await clock.ask(engine.engine)
    assert clock.known is True
    assert abs(shown_by(clock) - AHEAD) < 50 * MS
    assert 0 <= clock.now() - first < 1000 * MS
    assert engine.asked == 1
    assert LITTLE <= clock.error < LITTLE + GOOD


async def test_it_asks_again_until_an_answer_is_good() -> None:
    """What the engine showed first is given back: nothing that happens later is before it."""
    clock, engine = EngineClock(), Shows(40, 30, 0)
    before = instants.now() + AHEAD
    first = await clock.ask(engine.engine)
    assert engine.asked == 3
    assert before <= first < before + 30 * MS
    assert abs(shown_by(clock) - AHEAD) < GOOD


async def test_it_asks_no_more_than_some_times() -> None:
    clock, engine = EngineClock(), Shows(GOOD / MS + 5)
    await clock.ask(engine.engine)
    assert engine.asked == TRIES
    assert abs(shown_by(clock) - AHEAD) < 2 * GOOD


async def test_on_one_machine_there_is_one_clock() -> None:
    """Then one answer is as good as it gets, however slow."""
    clock, engine = EngineClock(), Shows(GOOD / MS + 5, local=True, ahead=0)
    await clock.ask(engine.engine)
    assert (engine.asked, clock.error) == (1, LITTLE)
    assert abs(shown_by(clock)) < 5 * MS


async def test_an_engine_that_is_away_sets_nothing() -> None:
    clock = EngineClock()
    with pytest.raises(EngineAway):
        await clock.ask(Away(0).engine)
    assert clock.known is False


def test_the_better_answer_counts() -> None:
    """A later one that took longer, and agrees within what both may be wrong by, changes nothing."""
    clock, now = EngineClock(), time.monotonic_ns()
    clock.set(5_000 * MS, now, now + 2 * MS)
    offset = clock._offset
    clock.set(5_010 * MS, now + 2 * MS, now + 40 * MS)
    assert clock._offset == offset
    clock.set(5_040 * MS, now + 40 * MS, now + 41 * MS)
    assert clock._offset == 5_040 * MS - (now + 40 * MS + MS // 2)


def test_a_clock_that_was_set_is_noticed() -> None:
    """Two answers that can't both be right: the later one is."""
    clock, now = EngineClock(), time.monotonic_ns()
    clock.set(5_000 * MS, now, now + 2 * MS)
    clock.set(9_000 * MS, now + 2 * MS, now + 42 * MS)
    assert clock._offset == 9_000 * MS - (now + 22 * MS)


def test_an_answer_wears_out() -> None:
    """Clocks run apart; after long enough, a worse answer is the better one."""
    clock, now = EngineClock(), time.monotonic_ns()
    clock.set(5_000 * MS, now, now)
    day = 86_400 * 1_000 * MS
    clock.set(5_000 * MS + day + 10 * MS, now + day, now + day + 10 * MS)
    assert clock._offset == 5_000 * MS + day + 10 * MS - (now + day + 5 * MS)


def test_a_step_of_this_machines_clock_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = EngineClock()
    before = clock.now()
    monkeypatch.setattr(instants, "now", lambda: 0)
    assert 0 <= clock.now() - before < 1000 * MS
