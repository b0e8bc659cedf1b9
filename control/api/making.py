"""Images built and pulled, over HTTP.

Both are long work: with `Accept: text/event-stream` progress is sent as it comes, else the answer waits for the end.
A client that goes away ends it, either way.
"""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import IO, Annotated, Final

from pydantic import BeforeValidator, Field
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control import hostaccess
from control.api.asking import asking, failed
from control.api.http import (
    NoQuery,
    Query,
    Several,
    checked,
    read_body,
    read_chunks,
    read_query,
    reply,
    require_type,
    several,
)
from control.api.methods import by_method
from control.api.operations import Media, operation
from control.api.presence import while_there
from control.api.state import State, state_of
from control.api.streams import in_a_task, problem_message
from control.contexts import write_context
from control.errors import Ambiguous, BuildFailed, Forbidden, Invalid, NotFound, Problem, RegistryAway
from control.records import BUILT_IN, ImageDetail, Progress
from control.wanted import Filled, ImageName, WantedBuild, WantedPull
from control.wanted.images import Platform

PROGRESS: Final = Media(
    "text/event-stream", Progress, "`progress` as it comes, then one `done` with the image or one `problem`."
)
_TAR_TYPES: Final = ("application/x-tar", "application/gzip", "application/x-gzip")
_CHUNK: Final = 1 << 20

Names = Annotated[tuple[ImageName, ...], BeforeValidator(several)]
Steps = AsyncGenerator[Progress, None]


class BuildQuery(Query):
    """The options of a build from a tar."""

    tag: Names = Field((), max_length=64, description="May be given several times.")
    dockerfile: Filled = "Dockerfile"
    target: Filled | None = None
    arg: Several = Field((), description="`key=value`; may be given several times.")
    label: Several = Field((), description="`key=value`; may be given several times.")
    no_cache: bool = False
    pull: bool = Field(default=False, description="Look for newer base images at their registries.")
    network: Filled | None = Field(None, description="What the steps run on: `none`, `host`, `bridge`, or a network.")
    platform: Platform | None = None
    cache_from: Names = Field((), max_length=64, description="May be given several times.")
    extra_host: Several = Field((), description="`name=address`; may be given several times.")


@operation(
    action="image.build",
    answers={200: (ImageDetail, PROGRESS)},
    problems=(BuildFailed, RegistryAway, Ambiguous, NotFound),
    bodies=(Media("application/json", WantedBuild), *(Media(kind) for kind in _TAR_TYPES)),
)
async def build_image(request: Request, query: BuildQuery) -> Response:
    """Build an image from a tar in the body, or by JSON from a folder where control runs.

    The context is stored before the engine sees it. A client that goes away ends the build.
    """
    state = state_of(request)
    given = require_type(request, "application/json", *_TAR_TYPES)
    # On the data folder's disk: a container's /tmp may be memory.
    context = tempfile.TemporaryFile(dir=state["settings"].data_dir)  # noqa: SIM115  (closed with the build)
    try:
        if given == "application/json":
            wanted = await _by_path(request, state, context)
        else:
            wanted = await _by_tar(request, query, state, context)
        wanted = await _on_a_network(state, wanted)
        context.seek(0)
        await asking(request, name=wanted.tags[0] if wanted.tags else None)
    except BaseException:
        context.close()
        raise

    async def made(image_id: str | None) -> ImageDetail:
        if image_id is None:
            raise BuildFailed("The engine ended the build without naming an image.")
        return await state["engine"].images.detail(image_id)

    return await _answered(request, state, _built(state, wanted, context), made)


@operation(action="image.pull", answers={200: (ImageDetail, PROGRESS)}, problems=(RegistryAway, NotFound, Forbidden))
async def pull_image(request: Request, wanted: WantedPull) -> Response:
    """Pull an image, from the registry that its name stands for.

    Where the registry does not begin to answer within CONTROL_REGISTRY_TIMEOUT, this is 502 and the pull is ended. 404
    where it has no such image or no such tag, or does not say so to everybody. A client that goes away ends the pull.
    The credentials are passed on to the engine, and kept nowhere.
    """
    state = state_of(request)
    await asking(request, name=wanted.name)
    credentials = wanted.credentials
    steps = in_a_task(
        state["engine"].images.pull(
            wanted.repository,
            wanted.version,
            platform=wanted.platform,
            username=credentials.username if credentials else None,
            password=credentials.password.get_secret_value() if credentials else "",
        )
    )
    first = await while_there(request, _first(steps, state["settings"].registry_timeout))

    async def rest() -> Steps:
        async with aclosing(steps):
            if first is not None:
                yield first
            async for progress in steps:
                yield progress

    async def made(_: str | None) -> ImageDetail:
        return await state["engine"].images.detail(wanted.name)

    return await _answered(request, state, rest(), made)


async def _first(steps: Steps, seconds: float) -> Progress | None:
    """The first progress, None where it ends without any. Raises RegistryAway when there is none in time."""
    try:
        async with asyncio.timeout(seconds):
            return await anext(steps, None)
    except TimeoutError as error:
        raise RegistryAway(
            f"The registry did not begin to answer within {seconds:g} s. Look at the image's name and at the engine's "
            "network, or load or build the image; the operator waits longer with CONTROL_REGISTRY_TIMEOUT."
        ) from error


async def _answered(
    request: Request, state: State, steps: Steps, made: Callable[[str | None], Awaitable[ImageDetail]]
) -> Response:
    """The work's answer: at its end, or as it goes on where that is wanted. `made` gives the image, of the id that the
    progress named."""
    if "text/event-stream" in request.headers.get("accept", ""):
        return EventSourceResponse(
            _events(request, steps, made),
            sep="\n",
            ping=int(max(1, state["settings"].heartbeat)),
            send_timeout=30,
            shutdown_event=state["stopping"],
        )

    async def whole() -> ImageDetail:
        image_id = None
        async with aclosing(steps):
            async for progress in steps:
                image_id = progress.image or image_id
        return await made(image_id)

    return reply(await while_there(request, whole()))


async def _events(
    request: Request, steps: Steps, made: Callable[[str | None], Awaitable[ImageDetail]]
) -> AsyncGenerator[ServerSentEvent]:
    image_id = None
    try:
        async with aclosing(steps):
            async for progress in steps:
                image_id = progress.image or image_id
                yield ServerSentEvent(progress.model_dump_json(exclude_none=True), event="progress", sep="\n")
        image = await made(image_id)
        yield ServerSentEvent(image.model_dump_json(), event="done", sep="\n")
    except Problem as problem:
        failed(request, problem)
        yield problem_message(problem)


async def _by_path(request: Request, state: State, context: IO[bytes]) -> WantedBuild:
    read_query(request, NoQuery)
    wanted = await read_body(request, WantedBuild)
    if wanted.context is None:
        raise Invalid("Name the folder in `context`, or send a tar of it with Content-Type: application/x-tar.")
    settings = state["settings"]
    folder = hostaccess.allowed_folder(wanted.context, settings.build_roots, "CONTROL_BUILD_ROOTS")
    await asyncio.to_thread(write_context, folder, context, dockerfile=wanted.dockerfile, limit=settings.build_limit)
    return wanted


async def _by_tar(request: Request, query: BuildQuery, state: State, context: IO[bytes]) -> WantedBuild:
    wanted = checked(
        WantedBuild,
        {
            "tags": query.tag,
            "dockerfile": query.dockerfile,
            "target": query.target,
            "args": _pairs("arg", query.arg),
            "labels": _pairs("label", query.label),
            "no_cache": query.no_cache,
            "pull": query.pull,
            "network": query.network,
            "platform": query.platform,
            "cache_from": query.cache_from,
            "extra_hosts": _pairs("extra_host", query.extra_host),
        },
        "query",
    )
    async for chunk in read_chunks(request, state["settings"].build_limit, "CONTROL_BUILD_LIMIT"):
        await asyncio.to_thread(context.write, chunk)
    return wanted


async def _on_a_network(state: State, wanted: WantedBuild) -> WantedBuild:
    """With the network's full id in the place of what it was called; of a container's network there is none."""
    if wanted.network is None or wanted.network in BUILT_IN or wanted.network == "default":
        return wanted
    network = await state["engine"].networks.resolve(wanted.network)
    return wanted.model_copy(update={"network": network.id})


def _pairs(name: str, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    for key, equals, _ in pairs:
        if not key or not equals:
            raise Invalid(f"{name}={key!r} is not of the form key=value.")
    return {key: value for key, _, value in pairs}


async def _built(state: State, wanted: WantedBuild, context: IO[bytes]) -> Steps:
    async def chunks() -> AsyncIterator[bytes]:
        while chunk := await asyncio.to_thread(context.read, _CHUNK):
            yield chunk

    with context:
        async for progress in state["engine"].images.build(wanted, chunks()):
            yield progress


routes = [
    Route("/images/build", by_method(POST=build_image), methods=["POST"]),
    Route("/images/pull", by_method(POST=pull_image), methods=["POST"]),
]
"""Other methods on these paths are of images that are called so."""
