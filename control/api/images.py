"""Images over HTTP: listed, inspected, built and removed.

A build is long work: with `Accept: text/event-stream` its progress is sent as it comes, else the answer waits for
the end. A client that goes away ends the build.
"""

import asyncio
import json
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import IO, Final

from pydantic import Field
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control import hostaccess
from control.api.asking import asking, failed
from control.api.http import (
    NoQuery,
    Page,
    Paging,
    Query,
    Several,
    engine_filters,
    no_content,
    read_body,
    read_chunks,
    read_query,
    reply,
    reply_page,
    require_type,
)
from control.api.methods import by_method
from control.api.operations import Media, operation
from control.api.state import State, engine_of, state_of
from control.contexts import write_context
from control.engine.images import Progress
from control.errors import BuildFailed, InUse, Invalid, Problem
from control.records import Image
from control.wanted import Filled, ImageName, WantedBuild

PROGRESS: Final = Media(
    "text/event-stream", Progress, "`progress` as it comes, then one `done` with the image or one `problem`."
)
_TAR_TYPES = ("application/x-tar", "application/gzip", "application/x-gzip")
_CHUNK = 1 << 20


class ListQuery(Paging):
    """Filters are the engine's own: `reference` is a name with `*`, `label` is `key` or `key=value`."""

    reference: str | None = None
    label: Several = Field((), description="May be given several times: all must match.")
    dangling: bool | None = None


class RemoveQuery(Query):
    """`force` removes it also when it has other names or a stopped container uses it."""

    force: bool = False


class BuildQuery(Query):
    """The options of a build from a tar. `arg` and `label` are `key=value` and may be given several times."""

    tag: ImageName | None = None
    dockerfile: Filled = "Dockerfile"
    target: Filled | None = None
    arg: Several = ()
    label: Several = ()
    no_cache: bool = False


@operation(answers={200: Page[Image]})
async def list_images(request: Request, query: ListQuery) -> Response:
    """Images, by tag."""
    filters = engine_filters(reference=query.reference, label=query.label, dangling=query.dangling)
    return reply_page(await engine_of(request).images.list(filters), query, _by_tag)


def _by_tag(image: Image) -> tuple[str, str]:
    return (image.tags or ("",))[0], image.id


@operation(answers={200: Image})
async def inspect_image(request: Request) -> Response:
    """An image."""
    return reply(await engine_of(request).images.inspect(request.path_params["image"]))


@operation(action="image.remove", answers={204: None}, problems=(InUse,))
async def remove_image(request: Request, query: RemoveQuery) -> Response:
    """Remove an image. 409 while a container uses it."""
    await asking(request, name=request.path_params["image"])
    await engine_of(request).images.remove(request.path_params["image"], force=query.force)
    return no_content()


@operation(
    action="image.build",
    answers={200: (Image, PROGRESS)},
    problems=(BuildFailed,),
    bodies=(Media("application/json", WantedBuild), *(Media(kind) for kind in _TAR_TYPES)),
)
async def build_image(request: Request, query: BuildQuery) -> Response:
    """Build an image from a tar in the body, or by JSON from a folder where control runs."""
    state = state_of(request)
    given = require_type(request, "application/json", *_TAR_TYPES)
    # On the data folder's disk: a container's /tmp may be memory.
    context = tempfile.TemporaryFile(dir=state["settings"].data_dir)  # noqa: SIM115  (closed with the build)
    try:
        if given == "application/json":
            wanted = await _by_path(request, state, context)
        else:
            wanted = await _by_tar(request, query, state, context)
        context.seek(0)
        await asking(request, name=wanted.tag)
    except BaseException:
        context.close()
        raise
    if "text/event-stream" in request.headers.get("accept", ""):
        return EventSourceResponse(
            _events(request, state, wanted, context),
            sep="\n",
            ping=int(max(1, state["settings"].heartbeat)),
            send_timeout=30,
            shutdown_event=state["stopping"],
        )
    with context:
        image_id = None
        async with aclosing(_build(state, wanted, context)) as steps:
            async for progress in steps:
                image_id = progress.image or image_id
    return reply(await _built(state, wanted, image_id))


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
    wanted = WantedBuild(
        tag=query.tag,
        dockerfile=query.dockerfile,
        target=query.target,
        args=_pairs("arg", query.arg),
        labels=_pairs("label", query.label),
        no_cache=query.no_cache,
    )
    async for chunk in read_chunks(request, state["settings"].build_limit, "CONTROL_BUILD_LIMIT"):
        await asyncio.to_thread(context.write, chunk)
    return wanted


def _pairs(name: str, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    for key, equals, _ in pairs:
        if not key or not equals:
            raise Invalid(f"{name}={key!r} is not of the form key=value.")
    return {key: value for key, _, value in pairs}


async def _build(state: State, wanted: WantedBuild, context: IO[bytes]) -> AsyncGenerator[Progress]:
    async def chunks() -> AsyncIterator[bytes]:
        while chunk := await asyncio.to_thread(context.read, _CHUNK):
            yield chunk

    async for progress in state["engine"].images.build(wanted, chunks()):
        yield progress


async def _built(state: State, wanted: WantedBuild, image_id: str | None) -> Image:
    reference = image_id or wanted.tag
    if reference is None:
        raise BuildFailed("The engine ended the build without naming an image.")
    return await state["engine"].images.inspect(reference)


async def _events(
    request: Request, state: State, wanted: WantedBuild, context: IO[bytes]
) -> AsyncGenerator[ServerSentEvent]:
    """`progress` as it comes, then one `done` with the image or one `problem`."""
    image_id = None
    with context:
        try:
            async with aclosing(_build(state, wanted, context)) as steps:
                async for progress in steps:
                    image_id = progress.image or image_id
                    yield ServerSentEvent(progress.model_dump_json(exclude_none=True), event="progress", sep="\n")
            image = await _built(state, wanted, image_id)
            yield ServerSentEvent(image.model_dump_json(), event="done", sep="\n")
        except Problem as problem:
            failed(request, problem)
            yield ServerSentEvent(json.dumps(problem.document()), event="problem", sep="\n")


routes = [
    Route("/images", by_method(GET=list_images)),
    Route("/images/build", by_method(POST=build_image)),
    Route("/images/{image:path}", by_method(GET=inspect_image, DELETE=remove_image)),
]
