"""A command on a terminal in a container, over WebSocket.

Binary messages are bytes, both ways. Text messages are JSON: a client sends `{"resize": {"columns": 80, "rows": 24}}`;
the server sends `{"started": {…}}` first and `{"exit_code": 0}` last, then closes with 1000. What is wrong before the
upgrade is an HTTP problem.

Concurrency: one task for each direction and one that waits for control's end; the first that is done ends the others.
Each direction waits for its receiver, so neither keeps more than one piece in memory. The command is ended with its
terminal. Nothing survives a crash of control but the command, which then nobody ends.
"""

import asyncio
import contextlib
import json
from typing import Annotated, Final

from prometheus_client import Gauge
from pydantic import BeforeValidator, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected, WebSocketState

from control import log
from control.api.asking import asking, enter
from control.api.http import Query, read_query, several
from control.api.methods import by_method
from control.api.operations import operation
from control.api.problems import problem_response
from control.api.state import State, state_of
from control.engine.terminals import Terminal
from control.errors import (
    Internal,
    LogUnavailable,
    NotRunning,
    Problem,
    StartFailed,
    TooManyTerminals,
    UpgradeRequired,
)
from control.wanted import Filled, TerminalMessage, WantedTerminal
from control.wanted.execs import Size, Term
from control.wanted.values import Path, Text

PROTOCOL: Final = "pontlevis.terminal"
OPEN: Final = Gauge("control_terminals", "Terminals that are open.")
ACTION: Final = "container.terminal"

GOING_AWAY: Final = 1001
NOT_UNDERSTOOD: Final = 1008
FAILED: Final = 1011


class TerminalQuery(Query):
    """What to run, as whom, where, and how large the terminal is."""

    command: Annotated[tuple[Text, ...], BeforeValidator(several), Field(min_length=1, max_length=4096)] = Field(
        ("sh",), description="Given once for each word."
    )
    user: Filled | None = None
    workdir: Path | None = None
    columns: Size = 80
    rows: Size = 24
    term: Term = "xterm"


@operation(
    answers={},
    problems=(UpgradeRequired, NotRunning, StartFailed, TooManyTerminals, LogUnavailable),
)
async def open_terminal(request: Request, query: TerminalQuery) -> Response:
    """Open a terminal: a command, its bytes over a WebSocket both ways.

    Binary messages are what is typed and what is shown. Text messages are JSON: send `{"resize": {"columns": 80,
    "rows": 24}}` when the size changes; the first that comes is `{"started": {"container": {"id", "name"},
    "command"}}`, the last `{"exit_code": 0}` (null where it is not known), and the server closes with 1000. It closes
    with 1001 when control stops, with 1008 for a text that it does not understand, and with 1011 when the engine fails;
    the command is ended (SIGHUP, then SIGKILL) whenever the terminal is closed. A browser, which can set no header,
    offers the subprotocols `pontlevis.terminal` and `bearer.TOKEN`; the `Origin`, where there is one, must be a host
    of CONTROL_ALLOWED_HOSTS. The event log has who opened it and when, and never what was typed.
    """
    del request, query
    raise UpgradeRequired(
        "Ask for this as a WebSocket (`Connection: Upgrade`, `Upgrade: websocket`), for instance with `pontlevis "
        "terminal`.",
        headers={"Upgrade": "websocket", "Connection": "Upgrade"},
    )


async def terminal(socket: WebSocket) -> None:
    """A terminal's WebSocket, from its request to its end."""
    scope = socket.scope
    entry = enter(socket, ACTION)
    problem: Problem | None = None
    try:
        await _serve(socket)
    except Problem as error:
        problem = error
    except WebSocketDisconnect:  # the client went away, and nothing is wrong
        pass
    except Exception as error:  # noqa: BLE001  (starlette's own handling answers no WebSocket)
        log.logger().error(log.REQUEST_FAILED, exc_info=error, **{log.PATH: scope["path"]})
        problem = Internal(f"This is a defect of control: report it with request id {scope['request_id']}.")
    finally:
        await asyncio.shield(entry.end(int(problem.status) if problem else 101, problem))
    if problem is not None:
        scope["problem"] = problem
        await _refuse(socket, problem)


async def _serve(socket: WebSocket) -> None:
    state = state_of(socket)
    wanted = WantedTerminal.model_validate(read_query(socket, TerminalQuery).model_dump())
    if state["terminals"].locked():
        raise TooManyTerminals(
            f"{state['settings'].terminals} are open. Close one; the operator allows more with CONTROL_TERMINALS."
        )
    async with state["terminals"]:
        container = await state["engine"].containers.resolve(socket.path_params["container"])
        await asking(socket, container=container)
        async with state["engine"].terminals.open(container.id, wanted) as opened:
            await socket.accept(PROTOCOL if PROTOCOL in socket.scope["subprotocols"] else None)
            started = {"container": {"id": container.id, "name": container.name}, "command": list(wanted.command)}
            await socket.send_text(json.dumps({"started": started}))
            with OPEN.track_inprogress():
                await _converse(socket, state, opened)


async def _converse(socket: WebSocket, state: State, opened: Terminal) -> None:
    """Pass bytes both ways until the command ends, the client goes away, or control stops."""
    shown = asyncio.create_task(_show(socket, opened, state["settings"].send_timeout))
    typed = asyncio.create_task(_type(socket, opened))
    stopped = asyncio.create_task(state["stopping"].wait())
    tasks = (shown, typed, stopped)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if not shown.cancelled():
        if await shown:
            await socket.send_text(json.dumps({"exit_code": await opened.exit_code()}))
            await socket.close(code=1000)
        return
    if not typed.cancelled():
        if (refusal := await typed) is not None:
            await socket.close(code=NOT_UNDERSTOOD, reason=refusal)
        return
    await socket.close(code=GOING_AWAY, reason="control stops")


async def _show(socket: WebSocket, opened: Terminal, seconds: float) -> bool:
    """Send what the command writes, to its end; False when the client reads nothing any more."""
    while data := await opened.read():
        try:
            async with asyncio.timeout(seconds):
                await socket.send_bytes(data)
        except TimeoutError:
            log.logger().warning(
                log.FOLLOWER_LOST, **{log.DETAIL: f"A terminal's client read nothing for {seconds:g} s."}
            )
            return False
    return True


async def _type(socket: WebSocket, opened: Terminal) -> str | None:
    """Type what the client sends, until it goes away; or why it was not understood."""
    while (message := await socket.receive())["type"] != "websocket.disconnect":
        if (data := message.get("bytes")) is not None:
            await opened.write(data)
            continue
        try:
            size = TerminalMessage.model_validate_json(message["text"]).resize
        except ValidationError:
            return 'a text message is {"resize": {"columns": 1..4096, "rows": 1..4096}}'
        await opened.resize(size.columns, size.rows)
    return None


async def _refuse(socket: WebSocket, problem: Problem) -> None:
    """Tell of a problem: as the HTTP response while there is none, else as the reason of the close."""
    with contextlib.suppress(WebSocketDisconnect, WebSocketDisconnected, RuntimeError):
        if socket.application_state is WebSocketState.CONNECTING:
            await socket.send_denial_response(problem_response(problem, socket.scope["request_id"]))
        else:
            await socket.close(code=FAILED, reason=problem.title)


routes = [
    Route("/containers/{container}/terminal", by_method(GET=open_terminal)),
    WebSocketRoute("/containers/{container}/terminal", endpoint=terminal),
]
