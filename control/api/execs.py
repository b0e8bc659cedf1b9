"""Commands in containers, over HTTP."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control.api.asking import asking
from control.api.http import reply
from control.api.methods import by_method
from control.api.operations import operation
from control.api.state import state_of
from control.errors import CommandTimeout, Invalid, NotRunning, StartFailed
from control.records import ExecResult, ExecState
from control.wanted import WantedExec


@operation(
    action="container.exec",
    answers={200: ExecResult, 202: ExecState},
    problems=(NotRunning, StartFailed, CommandTimeout),
)
async def exec_in_container(request: Request, wanted: WantedExec) -> Response:
    """Run a command in a container. The answer comes when it has ended, with its exit code and output.

    A command that fails is no error of this call; one that can't be started is (422). With `detach` it is left to
    itself: 202 with its id, by which its state can be asked for. A command that takes longer than its time is ended,
    with what it started: first by SIGTERM, then by SIGKILL. It is found by the variable `PONTLEVIS_EXEC` in its
    environment, with the container's own `sh` and `grep`; where the container has none, `ended` is false and it may
    still run. Command lines are not kept in the event log.
    """
    state = state_of(request)
    limit = state["settings"].output_limit
    if (wanted.output_limit or 0) > limit:
        raise Invalid(f"output_limit is {limit} at most; the operator allows more with CONTROL_OUTPUT_LIMIT.")
    engine = state["engine"]
    container = await engine.containers.resolve(request.path_params["container"])
    await asking(request, container=container)
    if not wanted.detach:
        return reply(await engine.execs.run(container.id, wanted))
    exec_id = await engine.execs.detach(container.id, wanted)
    return reply(
        await engine.execs.state(container.id, exec_id),
        status=202,
        headers={"Location": f"/containers/{container.id}/exec/{exec_id}"},
    )


@operation(answers={200: ExecState})
async def show_exec(request: Request) -> Response:
    """Show whether a command still runs, and its exit code. 404 some minutes after its end, when the engine has
    forgotten it."""
    engine = state_of(request)["engine"]
    container = await engine.containers.resolve(request.path_params["container"])
    return reply(await engine.execs.state(container.id, request.path_params["exec"]))


routes = [
    Route("/containers/{container}/exec", by_method(POST=exec_in_container)),
    Route("/containers/{container}/exec/{exec}", by_method(GET=show_exec)),
]
