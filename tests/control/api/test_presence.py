"""Work that is done while its client is there."""

import asyncio

import pytest
from starlette.requests import Request
from starlette.types import Message

from control.api.presence import while_there
from control.errors import ClientGone, NotFound


def request(gone: asyncio.Event) -> Request:
    """A request whose body was read, and whose client goes away when the event is set."""

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)


async def test_gives_what_the_work_gives() -> None:
    """Its result, and its error."""

    async def fails() -> int:
        raise NotFound("nothing")

    gone = asyncio.Event()
    assert await while_there(request(gone), asyncio.sleep(0, 7)) == 7
    with pytest.raises(NotFound):
        await while_there(request(gone), fails())


async def test_ends_the_work_when_the_client_goes() -> None:
    """It is cancelled, and has taken back what it did before anything is said."""
    gone, undone = asyncio.Event(), []

    async def work() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.01)
            undone.append(True)

    asyncio.get_running_loop().call_later(0.01, gone.set)
    with pytest.raises(ClientGone):
        await while_there(request(gone), work())
    assert undone == [True]


async def test_work_that_is_done_all_the_same_is_answered() -> None:
    """It may have come too far."""
    gone = asyncio.Event()

    async def work() -> str:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            return "done"
        return "never"

    asyncio.get_running_loop().call_later(0.01, gone.set)
    assert await while_there(request(gone), work()) == "done"


async def test_a_request_that_is_cancelled_itself_ends_its_work_first() -> None:
    """As at control's own end."""
    undone = []

    async def work() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            undone.append(True)

    task = asyncio.ensure_future(while_there(request(asyncio.Event()), work()))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert undone == [True]
