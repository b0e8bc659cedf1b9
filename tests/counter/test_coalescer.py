"""The coalescer alone: what it promises whatever the order of arrivals, ends and failures."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counter.coalescer import Coalescer
from counter.errors import CounterError, CountInvalid, DatabaseAway, OutcomeUnknown


@dataclass
class Database:
    """Stands for the atomic increment: each commit waits for `gate`, then takes the next of `outcomes`."""

    outcomes: list[CounterError | None] = field(default_factory=list)
    value: int = 0
    sizes: list[int] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def commit(self, n: int) -> int:
        """One increment."""
        self.sizes.append(n)
        await self.gate.wait()
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if outcome is not None:
            raise outcome
        self.value += n
        return self.value


async def turns(count: int = 5) -> None:
    """Let everything that can run do so."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_those_who_arrive_during_a_commit_share_the_next() -> None:
    """The first request's commit starts alone; the ten that arrive meanwhile take one commit, in order."""
    database = Database()
    coalescer = Coalescer(database.commit)

    first = asyncio.create_task(coalescer.take())
    await turns()
    rest = [asyncio.create_task(coalescer.take()) for _ in range(10)]
    await turns()
    assert database.sizes == [1]
    database.gate.set()

    assert list(await asyncio.gather(first, *rest)) == list(range(1, 12))
    assert database.sizes == [1, 10]


async def test_a_waiter_that_leaves_before_its_commit_is_not_counted() -> None:
    """A request cancelled while it waits for its turn takes no number from those beside it."""
    database = Database()
    coalescer = Coalescer(database.commit)
    first = asyncio.create_task(coalescer.take())
    await turns()
    left, stayed = (asyncio.create_task(coalescer.take()) for _ in range(2))
    await turns()

    left.cancel()
    await turns()
    database.gate.set()

    assert list(await asyncio.gather(first, stayed)) == [1, 2]
    assert database.sizes == [1, 1]


async def test_a_waiter_that_leaves_during_its_commit_harms_no_one() -> None:
    """Its number is spent, and the others get theirs."""
    database = Database()
    coalescer = Coalescer(database.commit)
    tasks = [asyncio.create_task(coalescer.take()) for _ in range(3)]
    await turns()
    assert database.sizes == [3]

    tasks[1].cancel()
    await turns()
    database.gate.set()

    assert list(await asyncio.gather(tasks[0], tasks[2])) == [1, 3]


async def test_all_waiters_gone_is_no_commit() -> None:
    """Where everybody left before the cut, nothing is sent, and the next request is served."""
    database = Database()
    database.gate.set()
    coalescer = Coalescer(database.commit)

    gone = asyncio.create_task(coalescer.take())
    await asyncio.sleep(0)
    gone.cancel()
    await turns()

    assert await coalescer.take() == 1
    assert database.sizes == [1]


async def test_an_unknown_outcome_is_told_to_its_batch_alone() -> None:
    """Those who queued behind an unknown outcome were not sent: for them the database was away."""
    database = Database(outcomes=[OutcomeUnknown("?")])
    coalescer = Coalescer(database.commit)
    sent = asyncio.create_task(coalescer.take())
    await turns()
    queued = asyncio.create_task(coalescer.take())
    await turns()
    database.gate.set()

    with pytest.raises(OutcomeUnknown):
        await sent
    with pytest.raises(DatabaseAway):
        await queued
    assert await coalescer.take() == 1, "and the next is served"
    assert database.sizes == [1, 1]


async def test_a_fault_of_ours_reaches_the_waiter() -> None:
    """An error that is no CounterError is not swallowed, and the coalescer lives on."""

    async def broken(n: int) -> int:
        if n == 1:
            raise ZeroDivisionError
        return n

    coalescer = Coalescer(broken)
    with pytest.raises(ZeroDivisionError):
        await coalescer.take()
    assert list(await asyncio.gather(coalescer.take(), coalescer.take())) == [1, 2]


async def test_closing_waits_for_the_commit_under_way() -> None:
    """`close` returns when those who wait have been answered."""
    database = Database()
    coalescer = Coalescer(database.commit)
    waiting = asyncio.create_task(coalescer.take())
    await turns()
    closing = asyncio.create_task(coalescer.close())
    await turns()
    assert not closing.done()

    database.gate.set()
    await closing

    assert await waiting == 1
    await coalescer.close()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("arrive"), st.integers(1, 6)),
        st.tuples(st.just("leave"), st.integers(0, 30)),
        st.tuples(st.just("pass"), st.integers(0, 4)),
        st.tuples(st.just("open"), st.just(0)),
        st.tuples(st.just("shut"), st.just(0)),
    ),
    max_size=40,
)
OUTCOMES = st.lists(
    st.sampled_from([None, None, OutcomeUnknown("?"), DatabaseAway("!"), CountInvalid("#")]), max_size=15
)


@given(steps=STEPS, outcomes=OUTCOMES)
def test_whatever_happens(steps: list[tuple[str, int]], outcomes: list[CounterError | None]) -> None:
    """Every request ends; no number is given twice; none to a request that began after a larger was answered."""
    asyncio.run(_whatever_happens(steps, outcomes))


async def _whatever_happens(steps: list[tuple[str, int]], outcomes: list[CounterError | None]) -> None:
    database = Database(outcomes=list(outcomes))
    coalescer = Coalescer(database.commit)
    tasks: list[asyncio.Task[None]] = []
    answered: list[int] = []

    async def client() -> None:
        before = max(answered, default=0)
        with suppress(CounterError):
            number = await coalescer.take()
            assert number > before
            answered.append(number)

    for step, amount in steps:
        if step == "arrive":
            tasks += [asyncio.create_task(client()) for _ in range(amount)]
        elif step == "leave" and tasks:
            tasks[amount % len(tasks)].cancel()
        elif step == "pass":
            await turns(amount)
        elif step == "open":
            database.gate.set()
        elif step == "shut":
            database.gate.clear()
    database.gate.set()
    async with asyncio.timeout(5):
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        await coalescer.close()

    assert [end for end in ends if isinstance(end, AssertionError)] == []
    assert len(set(answered)) == len(answered)
    assert all(1 <= number <= database.value for number in answered)
    assert sum(database.sizes) <= len(tasks)
