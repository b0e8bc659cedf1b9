"""Server-sent events that are followed for as long as a reader wants: heartbeats, who stops reading, the end."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

import anyio
from prometheus_client import Gauge
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.types import Receive, Scope, Send

from control import log
from control.api.state import State
from control.errors import FollowerStalled, Problem
from control.protocol import LAST_WORDS

Item = TypeVar("Item")


class Following(EventSourceResponse):
    """A stream of messages, counted by `gauge` while it is open. A reader that stopped reading is let go, and told so
    when it reads again."""

    def __init__(self, messages: AsyncGenerator[ServerSentEvent | bytes, None], state: State, gauge: Gauge) -> None:
        super().__init__(
            messages,
            sep="\n",
            ping=state["settings"].heartbeat,
            ping_message_factory=lambda: ServerSentEvent(comment="", sep="\n"),
            send_timeout=state["settings"].send_timeout,
            shutdown_event=state["stopping"],
            shutdown_grace_period=2,
        )
        self._gauge = gauge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The response."""
        self._gauge.inc()
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            problem = FollowerStalled(
                f"Nothing was read for {self.send_timeout:g} s, so this stream ends here. Ask again with the id of the "
                "last event as Last-Event-ID: nothing is lost."
            )
            log.logger().warning(log.FOLLOWER_LOST, **{log.DETAIL: problem.detail})
            say: Callable[[bytes], None] | None = (scope.get("extensions") or {}).get(LAST_WORDS)
            if say is not None:
                say(problem_message(problem).encode())
        finally:
            self._gauge.dec()


def problem_message(problem: Problem) -> ServerSentEvent:
    """A stream's last message, where it went wrong."""
    return ServerSentEvent(json.dumps(problem.document()), event="problem", sep="\n")


async def in_a_task(items: AsyncGenerator[Item, None]) -> AsyncGenerator[Item, None]:
    """The items, all made in one task of their own, whoever asks for them: a deadline inside is one of that task's."""
    made: asyncio.Queue[Item] = asyncio.Queue(1)

    async def make() -> None:
        async with aclosing(items):
            async for item in items:
                await made.put(item)

    making = asyncio.create_task(make())
    try:
        while not (making.done() and made.empty()):
            taking = asyncio.ensure_future(made.get())
            try:
                await asyncio.wait((making, taking), return_when=asyncio.FIRST_COMPLETED)
                if taking.done():
                    yield taking.result()
            finally:
                taking.cancel()
        await making
    finally:
        making.cancel()
        await asyncio.gather(making, return_exceptions=True)


async def until(stopping: anyio.Event, items: AsyncGenerator[Item, None]) -> AsyncGenerator[Item, None]:
    """The items, until control stops. Each is awaited in a task of its own: a deadline inside would miss its mark."""
    stop = asyncio.ensure_future(stopping.wait())
    step: asyncio.Future[Item] | None = None
    try:
        while not stop.done():
            step = asyncio.ensure_future(anext(items))
            await asyncio.wait((stop, step), return_when=asyncio.FIRST_COMPLETED)
            if step.done():
                try:
                    yield step.result()
                except StopAsyncIteration:
                    return
    finally:
        stop.cancel()
        if step is not None:
            step.cancel()
        await asyncio.gather(stop, *([] if step is None else [step]), return_exceptions=True)
        await items.aclose()
