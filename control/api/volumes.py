"""Volumes over HTTP."""

import secrets

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
from control.records import Volume, VolumeDetail
from control.wanted import WantedVolume


class ListQuery(Paging):
    """Filters are the engine's own."""

    name: Several = Field((), description="A part of the name; several: any of them.")
    driver: Several = Field((), description="Several: any of them.")
    label: Several = Field((), description="`key` or `key=value`; several: all must match.")
    dangling: bool | None = Field(None, description="Whether no container mounts it.")


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
    name = wanted.name or secrets.token_hex(32)
    volumes = state["engine"].volumes
    await asking(request, name=name)
    # One at a time of a name, so that each is told what it found.
    async with state["order"].turn(containers=[f"volume {name}"]):
        try:
            present = await volumes.inspect(name)
        except NotFound:
            volume = await volumes.create(wanted, name)
            return reply(volume, status=201, headers={"Location": f"/volumes/{name}"})
    if differs := _difference(present, wanted):
        raise NameTaken(f"There is a volume {name!r} with {' and '.join(differs)} other than these.", differs=differs)
    return reply(present)


def _difference(volume: Volume, wanted: WantedVolume) -> list[str]:
    return [key for key in ("driver", "options", "labels") if getattr(volume, key) != getattr(wanted, key)]


@operation(answers={200: VolumeDetail})
async def inspect_volume(request: Request) -> Response:
    """A volume, and the containers that mount it: where, and whether they may write."""
    return reply(await engine_of(request).volumes.detail(request.path_params["volume"]))


@operation(action="volume.remove", answers={204: None}, problems=(InUse,))
async def remove_volume(request: Request, query: RemoveQuery) -> Response:
    """Remove a volume, and what is in it. 409 while a container uses it, also a stopped one, naming the containers."""
    volumes = engine_of(request).volumes
    name = request.path_params["volume"]
    await asking(request, name=name)
    try:
        await volumes.remove(name, force=query.force)
    except InUse as problem:
        users = list(dict.fromkeys(user.name for user in await volumes.users(name)))
        raise InUse(
            f"{name} is mounted by {' and '.join(users) or 'a container'}. Remove what uses it first.", users=users
        ) from problem
    return no_content()


routes = [
    Route("/volumes", by_method(GET=list_volumes, POST=create_volume)),
    Route("/volumes/{volume}", by_method(GET=inspect_volume, DELETE=remove_volume)),
]
