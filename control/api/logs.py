"""What containers wrote, over HTTP: whole, or followed as server-sent events.

A follower's place is a time, and how many writes near it it has read. It asks the engine from there on, so nothing is
kept here for who may come back; a slow one makes the engine wait, which reads a file.
"""

import contextlib
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Annotated, Final

from prometheus_client import Gauge
from pydantic import Field
from sse_starlette import ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control import instants
from control.api.http import Query, reply
from control.api.methods import by_method
from control.api.operations import Media, operation
from control.api.state import State, state_of
from control.api.streams import Following, problem_message, until
from control.engine.events import engine_time
from control.engine.loglines import SLACK, Line, Place
from control.errors import FollowerStalled, Invalid, NotFound, Problem, Unsupported
from control.instants import Instant
from control.records import Container, ContainerLogs, LogEnd, LogLine

FOLLOWERS: Final = Gauge("control_log_followers", "Streams of containers' logs that are open.")

LINES: Final = Media(
    "text/event-stream",
    LogLine,
    "With `follow`: a message `stdout` or `stderr` for each line, then one `end` with the container's state and exit "
    "code, or one `problem`.",
)
_STREAMS: Final = {1: "stdout", 2: "stderr"}
_ID: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z)(?:/(\d{1,7})/(\d{1,9}))?")


class LogsQuery(Query):
    """What to show of a container's output. `since` and `until` are RFC 3339. The engine counts the lines of `tail`
    over both streams, before it leaves one out."""

    tail: Annotated[int, Field(ge=0, le=1_000_000)] = 1000
    since: Instant | None = None
    until: Instant | None = None
    timestamps: bool = Field(default=False, description="Each line with its time in front.")
    stdout: bool = True
    stderr: bool = True
    follow: bool = Field(
        default=False, description="As server-sent events, those that there are and then each as it is written."
    )

    def options(self) -> dict[str, str]:
        """The engine's."""
        options = {
            "tail": str(self.tail),
            "timestamps": str(self.timestamps).lower(),
            "stdout": str(self.stdout).lower(),
            "stderr": str(self.stderr).lower(),
        }
        for key, instant in (("since", self.since), ("until", self.until)):
            if instant is not None:
                options[key] = engine_time(instant)
        return options


@operation(
    answers={200: (ContainerLogs, LINES)},
    problems=(Unsupported, FollowerStalled),
    headers={"Last-Event-ID": "With `follow`: the id of the line received last; goes on past it."},
)
async def show_logs(request: Request, query: LogsQuery) -> Response:
    """Show what the container wrote, the end of it. Or, with `follow`, what it writes, as it comes.

    The id of a followed line is the latest time so far, with what else is needed to find the place again: sent as
    `Last-Event-ID` the stream goes on past it, without loss and without repeats. A line may come without an id of its
    own, while a long one of the other stream is not through. With `timestamps` each line of `stdout` and `stderr`
    begins with its time.
    """
    if not (query.stdout or query.stderr):
        raise Invalid("Ask for stdout, stderr or both.")
    state = state_of(request)
    container = await state["engine"].containers.resolve(request.path_params["container"])
    if query.follow:
        return await _followed(request, state, container, query)
    output = await state["engine"].logs.read(container.id, limit=state["settings"].output_limit, **query.options())
    return reply(
        ContainerLogs(
            stdout=output.stdout.decode(errors="replace"),
            stderr=output.stderr.decode(errors="replace"),
            truncated=output.truncated,
        )
    )


async def _followed(request: Request, state: State, container: Container, query: LogsQuery) -> Response:
    if query.until is not None:
        raise Invalid("`until` is of the past and `follow` of the future: leave one out.")
    after = place_of(request.headers.get("last-event-id"))
    groups = state["engine"].logs.follow(
        container.id, limit=state["settings"].output_limit, after=after, options=query.options()
    )
    # What is wrong is told now, with its status, and not as a message.
    await anext(groups)
    return Following(_messages(state, container, groups), state, FOLLOWERS)


def place_of(given: str | None) -> Place | None:
    """Where a reader is whose last line had this id. Raises Invalid."""
    if not given:
        return None
    match = _ID.fullmatch(given)
    with contextlib.suppress(ValueError):  # no such day
        if match is not None:
            return Place(instants.parse(match[1]), *((int(match[2]), int(match[3])) if match[2] else ()))
    raise Invalid("Last-Event-ID is no line's: send the id of the last line received, or leave it out.")


def id_of(place: Place) -> str:
    """The id of the line with which a reader came to a place."""
    further = "" if (place.writes, place.back) == (1, SLACK) else f"/{place.writes}/{place.back}"
    return instants.render(place.time) + further


async def _messages(
    state: State, container: Container, groups: AsyncGenerator[Sequence[Line]]
) -> AsyncGenerator[ServerSentEvent | bytes, None]:
    yield ServerSentEvent(comment=f"log of {container.id}", retry=1000, sep="\n")
    try:
        async with aclosing(until(state["stopping"], groups)) as steps:
            async for lines in steps:
                if lines:
                    yield b"".join(_message(line) for line in lines)
        if state["stopping"].is_set():
            return
        yield ServerSentEvent((await _end(state, container)).model_dump_json(), event="end", sep="\n")
    except Problem as problem:
        yield problem_message(problem)


def _message(line: Line) -> bytes:
    told = LogLine(time=line.time, text=line.text.decode(errors="replace"), truncated=line.truncated)
    id_ = "" if line.place is None else f"id: {id_of(line.place)}\n"
    return f"{id_}event: {_STREAMS[line.stream]}\ndata: {told.model_dump_json()}\n\n".encode()


async def _end(state: State, container: Container) -> LogEnd:
    """Why the engine ended the log. It does so at each end of the container, also of one that starts again."""
    try:
        now = await state["engine"].containers.inspect(container.id)
    except NotFound:
        return LogEnd(state="removed", exit_code=None)
    return LogEnd(state=now.state, exit_code=now.exit_code)


routes = [Route("/containers/{container}/logs", by_method(GET=show_logs))]
