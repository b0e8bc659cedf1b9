"""Requests whose client may have gone away.

uvicorn lets an endpoint go on when its client breaks off. Where that would leave something that nobody was told of,
or wait for something that nobody wants to know any more, the work is done `while_there`.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from control.errors import ClientGone

Result = TypeVar("Result")


async def while_there(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` gives. Where the client goes away before, it is cancelled, and when it has ended ClientGone is
    raised, unless it had done all by then. The request's body must have been read."""
    doing = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({doing, watching}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return doing.result()
        doing.cancel()
        await asyncio.wait({doing})
        if doing.cancelled():
            raise ClientGone("The client broke off before this was done; what was begun was taken back.")
        return doing.result()
    finally:
        watching.cancel()
        if not doing.done():  # this request itself was cancelled
            doing.cancel()
            await asyncio.wait({doing})


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
