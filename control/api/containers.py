"""Containers over HTTP: listed, shown and removed. What is run is in `running`, what is done to one in `lifecycle`."""

from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control.api import cursors
from control.api.asking import asking
from control.api.http import Page, Paging, Query, Several, engine_filters, no_content, reply, reply_items
from control.api.methods import by_method
from control.api.operations import operation
from control.api.running import run_container
from control.api.state import engine_of, state_of
from control.engine.details import detail_of
from control.engine.listed import Listed
from control.engine.sharing import told
from control.errors import Ambiguous, InUse, NotFound
from control.records import Container, ContainerDetail, EngineObject, Port

State = Literal["created", "restarting", "running", "removing", "paused", "exited", "dead"]
States = Annotated[tuple[State, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]
PortFilter = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{1,5}(-[0-9]{1,5})?(/(tcp|udp|sctp))?$"),
    Field(examples=["80", "8000-8010/tcp"]),
]
SEVERAL: Final = "May be given several times: any may match."


class ListQuery(Paging):
    """Filters are the engine's own; all that are given must match."""

    all: bool = Field(default=True, description="Stopped ones too.")
    id: str | None = Field(None, description="A part of the id.")
    name: str | None = Field(None, description="A part of the name.")
    label: Several = Field((), description="`key` or `key=value`. May be given several times: all must match.")
    status: States = Field((), description=SEVERAL)
    network: Several = Field((), description=f"A network's name or full id. {SEVERAL}")
    volume: Several = Field((), description=f"A volume's name, or a place where something is mounted. {SEVERAL}")
    ancestor: Several = Field((), description=f"The image, or one that it was made from. {SEVERAL}")
    before: str | None = Field(None, description="A container: those made before it.")
    since: str | None = Field(None, description="A container: those made after it.")
    exited: Annotated[int, Field(ge=0, le=255)] | None = Field(None, description="The exit code of those that ended.")
    health: Literal["starting", "healthy", "unhealthy", "none"] | None = None
    publish: PortFilter | None = Field(None, description="A port of the host, at which one is published.")
    expose: PortFilter | None = Field(None, description="A port of the container that is exposed.")
    is_task: bool | None = Field(None, description="Whether it is a task of a swarm's service.")


class InspectQuery(Query):
    """What to show."""

    raw: bool = Field(default=False, description="The engine's own inspect, as it is, with the environment's values.")


class RemoveQuery(Query):
    """What goes along."""

    force: bool = Field(default=False, description="Kill it first where it runs.")
    volumes: bool = Field(default=False, description="Its anonymous volumes too.")


@operation(answers={200: Page[Container]}, problems=(NotFound,))
async def list_containers(request: Request, query: ListQuery) -> Response:
    """Containers, by name."""
    filters = engine_filters(
        id=query.id,
        name=query.name,
        label=query.label,
        status=query.status,
        network=query.network,
        volume=query.volume,
        ancestor=query.ancestor,
        before=query.before,
        since=query.since,
        exited=None if query.exited is None else str(query.exited),
        health=query.health,
        publish=query.publish,
        expose=query.expose,
    )
    if query.is_task is not None:
        filters["is-task"] = [str(query.is_task).lower()]
    containers = engine_of(request).containers
    # The list is one call, an inspect is one for each: only those of this page are inspected.
    listed = await containers.listed(stopped=query.all, filters=filters)
    page, following = cursors.page(listed, key=_by_name, after=query.after, limit=query.limit)
    found = await containers.inspect_each([it.id for it in page])
    return reply_items(told(found, listed, everyone=query.all and not filters), following)


def _by_name(listed: Listed) -> tuple[str, str]:
    return listed.name, listed.id


@operation(answers={200: (ContainerDetail, EngineObject)}, problems=(Ambiguous,))
async def inspect_container(request: Request, query: InspectQuery) -> Response:
    """A container: what it was made with, its state, networks, ports, mounts and health.

    With `raw` it is what the engine itself shows, whose members depend on the engine's version.
    """
    containers = engine_of(request).containers
    raw = await containers.resolve_raw(request.path_params["container"])
    return reply(EngineObject(raw) if query.raw else detail_of(raw))


@operation(action="container.remove", answers={204: None}, problems=(Ambiguous, InUse))
async def remove_container(request: Request, query: RemoveQuery) -> Response:
    """Remove a container: 204; 409 while it runs, unless forced. Its named volumes stay."""
    state = state_of(request)
    containers = state["engine"].containers
    found = await containers.resolve(request.path_params["container"])
    async with state["order"].turn(containers=[found.id]):
        container = await containers.inspect(found.id)
        await asking(request, container=container)
        await containers.remove(container.id, force=query.force, volumes=query.volumes)
    return no_content()


@operation(answers={200: Page[Port]}, problems=(Ambiguous,))
async def show_ports(request: Request) -> Response:
    """Ports, exposed and published."""
    container = await engine_of(request).containers.resolve(request.path_params["container"])
    return reply_items(container.ports, None)


routes = [
    Route("/containers", by_method(GET=list_containers, POST=run_container)),
    Route("/containers/{container}", by_method(GET=inspect_container, DELETE=remove_container)),
    Route("/containers/{container}/ports", by_method(GET=show_ports)),
]
