"""Turns: who may change what at the same time."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from control.errors import EngineTimeout
from control.ordering import Order

CONTAINERS = st.sets(st.sampled_from(["a", "b", "c"]), max_size=2)
NETWORKS = st.sets(st.sampled_from(["x", "y"]), max_size=2)


class Visit:
    """One request: waiting for its turn, in it until `leave` is set, or over."""

    def __init__(self, order: Order, containers: set[str], networks: set[str], alone: set[str]) -> None:
        self.containers, self.networks, self.alone = containers, networks | alone, alone
        self.inside = False
        self.leave = asyncio.Event()
        self.task = asyncio.create_task(self._go(order, containers, networks, alone))

    async def _go(self, order: Order, containers: set[str], networks: set[str], alone: set[str]) -> None:
        async with order.turn(containers=containers, networks=networks, alone=alone):
            self.inside = True
            try:
                await self.leave.wait()
            finally:
                self.inside = False

    def excludes(self, other: "Visit") -> bool:
        """Whether the two may not be in at once."""
        shared = self.networks & other.networks
        return bool(self.containers & other.containers or shared & (self.alone | other.alone))


async def _settle() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


class Turns(RuleBasedStateMachine):
    """Requests come, leave and are given up in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.order = Order(patience=3600)
        self.visits: list[Visit] = []

    @rule(containers=CONTAINERS, networks=NETWORKS, alone=NETWORKS)
    def come(self, containers: set[str], networks: set[str], alone: set[str]) -> None:
        """A request asks for its turn."""

        async def come() -> None:
            self.visits.append(Visit(self.order, containers, networks, alone))
            await _settle()

        self.runner.run(come())

    @precondition(lambda self: self.visits)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """One that is in, or will be, ends as soon as it is."""
        visit = data.draw(st.sampled_from(self.visits))

        async def leave() -> None:
            visit.leave.set()
            await _settle()

        self.runner.run(leave())

    @precondition(lambda self: self.visits)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        """One is cancelled, wherever it is."""
        visit = data.draw(st.sampled_from(self.visits))

        async def cancel() -> None:
            visit.task.cancel()
            await asyncio.gather(visit.task, return_exceptions=True)
            await _settle()

        self.runner.run(cancel())

    @precondition(lambda self: len(self.visits) > 1)
    @rule(data=st.data())
    def give_up_at_the_moment_of_entry(self, data: st.DataObject) -> None:
        """One leaves, and one that waits is cancelled before it learns that it may enter."""
        first, second = (data.draw(st.sampled_from(self.visits)) for _ in range(2))

        async def cancel() -> None:
            first.task.cancel()
            await asyncio.sleep(0)
            second.task.cancel()
            await _settle()

        self.runner.run(cancel())

    @invariant()
    def no_two_that_exclude_one_another_are_in(self) -> None:
        """Mutual exclusion."""
        self.visits = [visit for visit in self.visits if not visit.task.done()]
        inside = [visit for visit in self.visits if visit.inside]
        for number, one in enumerate(inside):
            assert not any(one.excludes(other) for other in inside[number + 1 :])

    @invariant()
    def nobody_waits_for_nothing(self) -> None:
        """Who has nothing in common with any other is in."""
        for visit in self.visits:
            others = [it for it in self.visits if it is not visit]
            if not any(it.networks & visit.networks or it.containers & visit.containers for it in others):
                assert visit.inside

    def teardown(self) -> None:
        """All leave, all come in, and nothing is kept."""

        async def end() -> None:
            for visit in self.visits:
                visit.leave.set()
            async with asyncio.timeout(30):
                await asyncio.gather(*(visit.task for visit in self.visits))

        self.runner.run(end())
        assert self.order._gates == {}
        self.runner.close()


TestTurns = Turns.TestCase
TestTurns.settings = settings(max_examples=60, stateful_step_count=25, deadline=None, derandomize=True, database=None)


@contextmanager
def _waiting(order: Order, **keys: list[str]) -> Iterator[Visit]:
    visit = Visit(order, *(set(keys.get(name, ())) for name in ("containers", "networks", "alone")))
    yield visit
    visit.leave.set()


async def test_first_come_first_served() -> None:
    """In the order in which they asked; those that may be in together are let in together."""
    order, entered = Order(patience=60), []

    async def visit(name: str, *, alone: bool) -> None:
        keys = {"alone": ["x"]} if alone else {"networks": ["x"]}
        async with order.turn(**keys):
            entered.append(name)
            await _settle()

    visits = [
        visit("one", alone=True),
        visit("two", alone=False),
        visit("three", alone=False),
        visit("four", alone=True),
    ]
    await asyncio.gather(*visits, visit("five", alone=False))
    assert entered == ["one", "two", "three", "four", "five"]


async def test_who_waits_too_long_is_told_and_leaves_nothing() -> None:
    """EngineTimeout that says that nothing was begun; what it had taken until then is free."""
    order = Order(patience=0.05)
    with _waiting(order, containers=["a"]) as holder:
        await _settle()
        with pytest.raises(EngineTimeout, match="was not begun"):
            async with order.turn(networks=["x"], containers=["a"]):
                raise AssertionError("it was not its turn")
        async with order.turn(alone=["x"]):
            pass
    await holder.task
    assert order._gates == {}


async def test_an_error_in_a_turn_ends_it() -> None:
    """Whoever comes next is let in."""
    order = Order(patience=60)
    with pytest.raises(ValueError, match="it"):
        async with order.turn(containers=["a"]):
            raise ValueError("it")
    async with order.turn(containers=["a"]):
        pass
    assert order._gates == {}


async def test_keys_of_networks_and_containers_differ() -> None:
    """A container and a network of one name are two."""
    order = Order(patience=1)
    async with order.turn(containers=["a"]), order.turn(alone=["a"]):
        pass


async def test_waiting_in_opposite_order_is_no_deadlock() -> None:
    """Keys are taken in one order, whatever the order in which they are named."""
    order = Order(patience=60)

    async def visit(names: list[str]) -> None:
        for _ in range(20):
            async with order.turn(containers=names):
                await asyncio.sleep(0)

    async with asyncio.timeout(30):
        await asyncio.gather(visit(["a", "b"]), visit(["b", "a"]), visit(["b", "c", "a"]))
