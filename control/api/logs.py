"""What containers wrote, over HTTP."""

from typing import Annotated

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control.api.http import Query, reply
from control.api.methods import by_method
from control.api.operations import operation
from control.api.state import state_of
from control.engine.events import engine_time
from control.instants import Instant
from control.records import ContainerLogs


class LogsQuery(Query):
    """What to show of a container's output. `since` and `until` are RFC 3339. The engine counts the lines of `tail`
    over both streams, before it leaves one out."""

    tail: Annotated[int, Field(ge=0, le=1_000_000)] = 1000
    since: Instant | None = None
    until: Instant | None = None
    timestamps: bool = False
    stdout: bool = True
    stderr: bool = True


@operation(answers={200: ContainerLogs})
async def show_logs(request: Request, query: LogsQuery) -> Response:
    """What the container wrote, the end of it."""
    state = state_of(request)
    containers = state["engine"].containers
    container = await containers.resolve(request.path_params["container"])
    options = {
        "tail": str(query.tail),
        "timestamps": str(query.timestamps).lower(),
        "stdout": str(query.stdout).lower(),
        "stderr": str(query.stderr).lower(),
    }
    for key, instant in (("since", query.since), ("until", query.until)):
        if instant is not None:
            options[key] = engine_time(instant)
    output = await containers.logs(container.id, limit=state["settings"].output_limit, **options)
    return reply(
        ContainerLogs(
            stdout=output.stdout.decode(errors="replace"),
            stderr=output.stderr.decode(errors="replace"),
            truncated=output.truncated,
        )
    )


routes = [Route("/containers/{container}/logs", by_method(GET=show_logs))]
