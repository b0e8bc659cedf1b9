"""What is done to a container that is there, over HTTP.

Concurrency: each has the container's turn while it looks, acts and looks again, so what it answers is what it found and
made. Two have no turn: a wait, which changes nothing, and a kill, which must come through while a stop is waiting out
its grace; of a kill there is nothing to put in order, the engine sends the signal or says that nothing runs.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control.api.asking import asking
from control.api.http import Query, reply
from control.api.methods import by_method
from control.api.operations import operation
from control.api.presence import while_there
from control.api.state import engine_of, state_of
from control.engine import Engine
from control.engine.lifecycle import Condition
from control.errors import (
    AddressConflict,
    Ambiguous,
    ClientGone,
    Conflict,
    Invalid,
    NameTaken,
    NotRunning,
    PortTaken,
    StartFailed,
)
from control.records import ContainerDetail, ContainerRun, ContainerWait
from control.wanted import Signal, WantedName, WantedUpdate

Grace = Annotated[int, Field(ge=0, le=3600)]
Act = Callable[[Engine, ContainerDetail], Awaitable[object]]

PAUSED_FIRST: Final = "{name} is paused. Thaw it first: POST /containers/{name}/unpause."


class StopQuery(Query):
    """How to stop."""

    timeout: Grace | None = Field(
        None, description="Seconds between the stop signal and the kill; left out, the container's own, else 10."
    )
    signal: Signal | None = Field(
        None, description="The stop signal, by name or number; left out, the container's own, else TERM."
    )


class RestartQuery(Query):
    """How to restart."""

    timeout: Grace | None = Field(
        None, description="Seconds between the stop signal and the kill; left out, the container's own, else 10."
    )


class KillQuery(Query):
    """What to send."""

    signal: Signal = Field("KILL", description="A signal by name or number: `TERM`, `SIGTERM`, `15`.")


class WaitQuery(Query):
    """What to wait for."""

    condition: Condition = Field(
        "not-running",
        description="`not-running`: at once where it does not run; `next-exit`: the next end from now on; `removed`.",
    )
    timeout: Annotated[float, Field(ge=0, le=3600)] = Field(60.0, description="Seconds.")


async def change(request: Request, act: Act, *, networks: bool = False) -> Response:
    """Do something to the container of the path in its turn, and answer with the container as it is then. `networks`:
    with a share of its networks, because it joins them."""
    state = state_of(request)
    engine = state["engine"]
    found = await engine.containers.resolve(request.path_params["container"])
    joined = [member.network.id for member in found.networks if member.network.id] if networks else []
    async with state["order"].turn(containers=[found.id], networks=joined):
        before = await engine.containers.detail(found.id)
        await asking(request, container=before)
        await act(engine, before)
        return reply(await engine.runs.shown(before))


@operation(
    action="container.start",
    answers={200: ContainerDetail},
    problems=(Ambiguous, StartFailed, PortTaken, AddressConflict, NotRunning, Conflict),
)
async def start_container(request: Request) -> Response:
    """Start a container; 200 also when it ran already.

    Where it can't start, the problem tells which network is gone, which address or port is taken, and by whom. A paused
    one is thawed by `unpause`.
    """
    return await change(request, _start, networks=True)


async def _start(engine: Engine, found: ContainerDetail) -> None:
    if found.state == "paused":
        raise NotRunning(PAUSED_FIRST.format(name=found.name))
    async with engine.runs.explaining(found.id):
        await engine.containers.start(found.id)


@operation(action="container.stop", answers={200: ContainerDetail}, problems=(Ambiguous,))
async def stop_container(request: Request, query: StopQuery) -> Response:
    """Stop a container: its stop signal, and after `timeout` seconds the kill; 200 also when it did not run."""

    async def stop(engine: Engine, found: ContainerDetail) -> None:
        if query.signal is None or found.state not in {"running", "paused", "restarting"}:
            await engine.containers.stop(found.id, grace=query.timeout, own=found.stop_timeout)
        else:
            own = found.stop_timeout if query.timeout is None else query.timeout
            await engine.containers.stop_by(found.id, query.signal, grace=own)

    return await change(request, stop)


@operation(
    action="container.restart",
    answers={200: ContainerDetail},
    problems=(Ambiguous, StartFailed, PortTaken, AddressConflict, Conflict),
)
async def restart_container(request: Request, query: RestartQuery) -> Response:
    """Stop a container as `stop` does, and start it; one that does not run is started."""

    async def restart(engine: Engine, found: ContainerDetail) -> None:
        async with engine.runs.explaining(found.id):
            await engine.containers.restart(found.id, grace=query.timeout, own=found.stop_timeout)

    return await change(request, restart, networks=True)


@operation(action="container.kill", answers={200: ContainerDetail}, problems=(Ambiguous, NotRunning))
async def kill_container(request: Request, query: KillQuery) -> Response:
    """Send a signal to a container's first process, KILL unless said; 409 where it does not run.

    After any other signal it may run on: wait for its end with `wait`.
    """
    engine = engine_of(request)
    found = await engine.containers.resolve(request.path_params["container"])
    before = await engine.containers.detail(found.id)
    await asking(request, container=before)
    await engine.containers.kill(found.id, signal=query.signal)
    return reply(await engine.runs.shown(before))


@operation(action="container.pause", answers={200: ContainerDetail}, problems=(Ambiguous, NotRunning))
async def pause_container(request: Request) -> Response:
    """Freeze a container's processes; 200 also when they were frozen, 409 where it does not run."""

    async def pause(engine: Engine, found: ContainerDetail) -> None:
        if found.state != "paused":
            await engine.containers.pause(found.id)

    return await change(request, pause)


@operation(action="container.unpause", answers={200: ContainerDetail}, problems=(Ambiguous, NotRunning))
async def unpause_container(request: Request) -> Response:
    """Thaw a container's processes; 200 also when it ran, 409 where it does not."""

    async def unpause(engine: Engine, found: ContainerDetail) -> None:
        if found.state != "running":
            await engine.containers.unpause(found.id)

    return await change(request, unpause)


@operation(action="container.rename", answers={200: ContainerDetail}, problems=(Ambiguous, NameTaken, Conflict))
async def rename_container(request: Request, wanted: WantedName) -> Response:
    """Give a container another name, by which its networks' DNS finds it at once; 200 also when it has it already."""

    async def rename(engine: Engine, found: ContainerDetail) -> None:
        if found.name != wanted.name:
            await engine.containers.rename(found.id, wanted.name)

    return await change(request, rename)


@operation(action="container.update", answers={200: ContainerRun}, problems=(Ambiguous, Conflict))
async def update_container(request: Request, wanted: WantedUpdate) -> Response:
    """Change a container's limits and its restart policy; what is left out stays as it is."""
    state = state_of(request)
    containers = state["engine"].containers
    found = await containers.resolve(request.path_params["container"])
    async with state["order"].turn(containers=[found.id]):
        before = await containers.detail(found.id)
        if before.auto_remove and wanted.restart not in {None, "no"}:
            raise Invalid(f"{before.name} is removed when it ends (auto_remove), so it can't be started again.")
        await asking(request, container=before)
        warnings = await containers.update(found.id, wanted)
        return reply(ContainerRun(**dict(await containers.detail(found.id)), warnings=warnings))


@operation(answers={200: ContainerWait}, problems=(Ambiguous, ClientGone))
async def wait_for_container(request: Request, query: WaitQuery) -> Response:
    """Wait until a container has ended, and tell its exit code. `timed_out` where that is not so within `timeout`
    seconds, or control is stopped before."""
    state = state_of(request)
    containers = state["engine"].containers
    found = await containers.resolve(request.path_params["container"])

    async def wait() -> int | None:
        ended = asyncio.ensure_future(containers.wait(found.id, query.condition, seconds=query.timeout))
        stopping = asyncio.ensure_future(state["stopping"].wait())
        try:
            await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return ended.result() if ended.done() else None
        finally:
            ended.cancel()
            stopping.cancel()

    code = await while_there(request, wait())
    return reply(ContainerWait(exit_code=code, timed_out=code is None))


routes = [
    Route("/containers/{container}/start", by_method(POST=start_container)),
    Route("/containers/{container}/stop", by_method(POST=stop_container)),
    Route("/containers/{container}/restart", by_method(POST=restart_container)),
    Route("/containers/{container}/kill", by_method(POST=kill_container)),
    Route("/containers/{container}/pause", by_method(POST=pause_container)),
    Route("/containers/{container}/unpause", by_method(POST=unpause_container)),
    Route("/containers/{container}/rename", by_method(POST=rename_container)),
    Route("/containers/{container}/update", by_method(POST=update_container)),
    Route("/containers/{container}/wait", by_method(GET=wait_for_container)),
]
