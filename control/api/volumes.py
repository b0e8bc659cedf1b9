"""Volumes over HTTP."""

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control import hostaccess
from control.api.asking import asking
from control.api.http import Page, Paging, Query, Several, engine_filters, no_content, reply, reply_page
from control.api.methods import by_method
from control.api.operations import operation
from control.api.state import engine_of, state_of
from control.errors import InUse, NameTaken, NotFound
from control.records import Volume
from control.wanted import WantedVolume


class ListQuery(Paging):
    """Filters are the engine's own: `name` is a part of the name, `label` is `key` or `key=value`."""

    name: str | None = None
    driver: str | None = None
    label: Several = Field((), description="May be given several times: all must match.")
    dangling: bool | None = None


class RemoveQuery(Query):
    """`force` also forgets a volume whose driver is gone."""

    force: bool = False


@operation(answers={200: Page[Volume]})
async def list_volumes(request: Request, query: ListQuery) -> Response:
    """Volumes, by name."""
    filters = engine_filters(name=query.name, driver=query.driver, label=query.label, dangling=query.dangling)
    return reply_page(await engine_of(request).volumes.list(filters), query, lambda volume: (volume.name,))


@operation(action="volume.create", answers={200: Volume, 201: Volume}, problems=(NameTaken,), creates=True)
async def create_volume(request: Request, wanted: WantedVolume) -> Response:
    """Create a volume. 200 where there is one just so, 409 where there is one with other options."""
    state = state_of(request)
    hostaccess.check_volume(wanted.driver, wanted.options, state["settings"].bind_roots)
    volumes = state["engine"].volumes
    await asking(request, name=wanted.name)
    try:
        present = await volumes.inspect(wanted.name)
    except NotFound:
        volume = await volumes.create(wanted)
        return reply(volume, status=201, headers={"Location": f"/volumes/{volume.name}"})
    if not _as_wanted(present, wanted):
        raise NameTaken(f"There is a volume {wanted.name!r} with another driver, other options or other labels.")
    return reply(present)


def _as_wanted(volume: Volume, wanted: WantedVolume) -> bool:
    return (volume.driver, volume.options, volume.labels) == (wanted.driver, wanted.options, wanted.labels)


@operation(answers={200: Volume})
async def inspect_volume(request: Request) -> Response:
    """A volume."""
    return reply(await engine_of(request).volumes.inspect(request.path_params["volume"]))


@operation(action="volume.remove", answers={204: None}, problems=(InUse,))
async def remove_volume(request: Request, query: RemoveQuery) -> Response:
    """Remove a volume, and what is in it. 409 while a container uses it."""
    await asking(request, name=request.path_params["volume"])
    await engine_of(request).volumes.remove(request.path_params["volume"], force=query.force)
    return no_content()


routes = [
    Route("/volumes", by_method(GET=list_volumes, POST=create_volume)),
    Route("/volumes/{volume}", by_method(GET=inspect_volume, DELETE=remove_volume)),
]
