"""Commands in containers, over HTTP."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control.api.asking import asking
from control.api.http import reply
from control.api.methods import by_method
from control.api.operations import operation
from control.api.state import engine_of
from control.errors import NotRunning, StartFailed
from control.records import ExecResult
from control.wanted import WantedExec


@operation(action="container.exec", answers={200: ExecResult}, problems=(NotRunning, StartFailed))
async def exec_in_container(request: Request, wanted: WantedExec) -> Response:
    """Exit code and output of a command, when it has ended. A command that fails is no error of this call."""
    engine = engine_of(request)
    container = await engine.containers.resolve(request.path_params["container"])
    await asking(request, container=container)
    return reply(await engine.execs.run(container.id, wanted))


routes = [Route("/containers/{container}/exec", by_method(POST=exec_in_container))]
