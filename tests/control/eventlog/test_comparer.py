"""When the comparer does not look."""

import asyncio

import pytest

from control.eventlog.clock import EngineClock
from control.eventlog.comparer import Comparer
from control.eventlog.inbox import OVERWHELMED, Inbox, Told
from control.eventlog.ledger import Ledger
from control.eventlog.names import Names
from control.eventlog.register import Register
from control.eventlog.standing import Standing


async def test_what_was_compared_is_not_compared_again_while_much_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is told of meanwhile would be in doubt. Once it is recorded, the comparison comes."""
    looked = asyncio.Event()

    async def everything(self: Comparer) -> None:
        looked.set()
        self._compared = self._session
        self._whole_due = float("inf")

    monkeypatch.setattr(Comparer, "_everything", everything)
    inbox, up = Inbox(), asyncio.Event()
    up.set()
    register = Register(Standing(), Names(), Ledger())
    comparer = Comparer(None, inbox, register, {}, EngineClock(), interval=60, up=up)  # type: ignore[arg-type]
    running = asyncio.create_task(comparer.run())
    try:
        for _ in range(OVERWHELMED):
            inbox.put(Told())
        comparer.begin(first=True, boot=False)
        async with asyncio.timeout(5):
            await looked.wait()  # the first of a session does not wait
        looked.clear()
        comparer._whole_due = 0.0
        comparer._whole_began = asyncio.get_running_loop().time()
        await asyncio.sleep(0.7)
        assert not looked.is_set()
        await inbox.take(OVERWHELMED, None)
        async with asyncio.timeout(5):
            await looked.wait()
    finally:
        running.cancel()
