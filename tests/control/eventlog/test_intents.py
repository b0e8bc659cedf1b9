"""What is asked of control: the intent is durable before the engine hears of it, the outcome whenever it can be."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from control.errors import EngineAway, LogUnavailable
from control.eventlog.clock import EngineClock
from control.eventlog.intents import Intents, outcome_detail
from control.eventlog.ledger import Asked, Ledger
from control.eventlog.reading import Filter
from control.eventlog.store import Store
from control.eventlog.writing import Batch
from control.records import RequestRef
from tests.control.eventlog.values import container, network

if TYPE_CHECKING:
    from control.engine import Engine
    from control.eventlog.entries import Entry

REQUEST = RequestRef("r1", "ana", "Wartung")
NET, CTR = network(1, "mynet"), container(2, "db")


class Away:
    """An engine that can't be asked for its clock."""

    async def clock(self) -> int:
        raise EngineAway("away")


class Desk:
    """Intents, and what they write to."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder)
        self.store.open()
        self.ledger = Ledger()
        self.clock = EngineClock()
        self.late: list[Entry] = []
        self.intents = Intents(cast("Engine", Away()), self.store, self.ledger, self.clock, later=self.late.append)

    async def begin(self, action: str = "network.connect", **more: Any) -> Asked:  # noqa: ANN401  (of `begin`)
        given = {"network": NET, "container": CTR, **more}
        return await self.intents.begin(REQUEST, action, method="POST", path="/x", **given)

    async def told(self) -> list[dict[str, Any]]:
        return [json.loads(it.line) for it in await self.store.read(Filter(), None, 100)]

    def claim(self, *, up: bool = True) -> Asked | None:
        return self.ledger.claim(NET.id, CTR.id, self.clock.now(), up=up)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


async def test_an_intent_is_durable_before_anything_is_asked(desk: Desk) -> None:
    asked = await desk.begin()
    [told] = await desk.told()
    assert asked.seq == told["seq"] == 1
    assert told["kind"] == "request"
    assert told["source"] == "control"
    assert told["request"] == {"id": "r1", "principal": "ana", "reason": "Wartung"}
    assert (told["network"]["name"], told["container"]["name"]) == ("mynet", "db")
    assert told["detail"] == {"phase": "intent", "action": "network.connect", "method": "POST", "path": "/x"}
    assert (told["cause"], told["before"], told["after"], told["observed_between"]) == (None, None, None, None)
    assert (await desk.store.checkpoint()).intents == (
        Asked(REQUEST, "network.connect", asked.began, network=NET.id, container=CTR.id, seq=1),
    )


async def test_what_follows_is_laid_at_its_door(desk: Desk) -> None:
    asked = await desk.begin()
    assert desk.claim() is asked


async def test_a_name_that_is_to_be_given_is_told(desk: Desk) -> None:
    """Where the thing that it is given to is not there yet."""
    asked = await desk.begin("container.run", network=None, container=None, name="db")
    [told] = await desk.told()
    assert told["detail"]["name"] == asked.name == "db"
    assert (told["network"], told["container"]) == (None, None)


async def test_an_outcome_closes_its_intent(desk: Desk) -> None:
    asked = await desk.begin()
    await desk.intents.end(asked, "failed", status=409, problem="already-connected", network=NET)
    _, told = await desk.told()
    assert told["detail"] == {
        "phase": "outcome",
        "action": "network.connect",
        "intent": 1,
        "outcome": "failed",
        "status": 409,
        "problem": "already-connected",
    }
    assert (told["request"]["id"], told["network"]["name"], told["container"]) == ("r1", "mynet", None)
    assert (await desk.store.checkpoint()).intents == ()
    assert asked.ended is not None
    assert asked.ended >= asked.began


async def test_what_is_refused_claims_nothing(desk: Desk) -> None:
    """It is in the log, and what others do meanwhile is not its doing."""
    await desk.begin(refused=True)
    assert len(await desk.told()) == 1
    assert desk.claim() is None


async def test_without_a_log_nothing_may_be_asked(desk: Desk) -> None:
    desk.store.close()
    with pytest.raises(LogUnavailable):
        await desk.begin()
    assert desk.claim() is None


async def test_an_outcome_that_can_not_be_written_is_written_later(desk: Desk, tmp_path: Path) -> None:
    """What the engine did is done, whatever the disk says: the caller is told of no trouble."""
    asked = await desk.begin()
    desk.store.close()
    await desk.intents.end(asked, "done", status=None, problem=None)
    [late] = desk.late
    assert late.detail == outcome_detail(asked, "done", status=None, problem=None)
    assert asked.ended is not None
    again = Store(tmp_path)
    again.open()
    assert len((await again.checkpoint()).intents) == 1
    await again.append(Batch(entries=(late,)))
    assert (await again.checkpoint()).intents == ()
    again.close()


async def test_two_requests_are_closed_each_by_its_own(desk: Desk) -> None:
    """Also where one request asks more than once."""
    first, second = await desk.begin(), await desk.begin("network.disconnect")
    await desk.intents.end(first, "done", status=200, problem=None)
    assert [it.seq for it in (await desk.store.checkpoint()).intents] == [second.seq]


async def test_an_engine_that_is_away_keeps_no_one_from_being_recorded(desk: Desk) -> None:
    """Its clock is asked for where it was never known; else this machine's has to do."""
    assert desk.clock.known is False
    asked = await desk.begin()
    assert abs(desk.clock.now() - asked.began) < 10**9
