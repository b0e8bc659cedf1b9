"""Containers over HTTP."""

import re
import secrets
from typing import Annotated, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control import hostaccess
from control.api.asking import asking
from control.api.http import (
    Page,
    Paging,
    Query,
    Several,
    engine_filters,
    no_content,
    reply,
    reply_items,
    reply_page,
)
from control.api.methods import by_method
from control.api.operations import operation
from control.api.state import engine_of, state_of
from control.errors import (
    AddressConflict,
    Ambiguous,
    InUse,
    NameTaken,
    NetworkModeConflict,
    NotFound,
    PortTaken,
    StartFailed,
)
from control.records import Container, ContainerRun, NetworkName, Port
from control.wanted import WantedContainer, WantedEndpoint

LINKS_WARNING = (
    "links are deprecated by Docker and work one way only: put both containers on a network of your own, where "
    "each finds the other by name"
)


class ListQuery(Paging):
    """Filters are the engine's own: `name` is a part of the name, `label` is `key` or `key=value`."""

    all: bool = Field(default=True, description="Stopped ones too.")
    name: str | None = None
    status: Literal["created", "restarting", "running", "removing", "paused", "exited", "dead"] | None = None
    label: Several = Field((), description="May be given several times: all must match.")
    network: str | None = None


class StopQuery(Query):
    """Seconds between the stop signal and the kill; left out, the container's own (10)."""

    timeout: Annotated[int, Field(ge=0, le=3600)] | None = None


class RemoveQuery(Query):
    """`force` kills a running container first, `volumes` takes its anonymous volumes along."""

    force: bool = False
    volumes: bool = False


def given_name(image: str) -> str:
    """A name for a container that is run without one: the log knows by it which request a container came from, even
    after a crash in between."""
    plain = re.sub(r"[^a-zA-Z0-9_.-]", "", image.rpartition("/")[2].partition("@")[0].partition(":")[0])
    return f"{plain.lstrip('_.-') or 'container'}-{secrets.token_hex(4)}"


@operation(answers={200: Page[Container]})
async def list_containers(request: Request, query: ListQuery) -> Response:
    """Containers, by name."""
    filters = engine_filters(name=query.name, status=query.status, label=query.label, network=query.network)
    containers = await engine_of(request).containers.list(stopped=query.all, filters=filters)
    return reply_page(containers, query, lambda container: (container.name, container.id))


@operation(
    action="container.run",
    answers={201: ContainerRun},
    problems=(Ambiguous, NameTaken, PortTaken, AddressConflict, NetworkModeConflict, StartFailed, NotFound),
    creates=True,
)
async def run_container(request: Request, wanted: WantedContainer) -> Response:
    """Run a container: create it, and start it unless `start` is false. A run that fails leaves nothing behind."""
    state = state_of(request)
    engine = state["engine"]
    hostaccess.check_mounts(wanted.mounts, state["settings"].bind_roots)
    networks: list[tuple[NetworkName, WantedEndpoint]] = []
    for attachment in wanted.networks:
        network = await engine.networks.resolve(attachment.network)
        networks.append((NetworkName(id=network.id, name=network.name), attachment))
    if wanted.network_mode is not None and wanted.network_mode.startswith("container:"):
        target = await engine.containers.resolve(wanted.network_mode.removeprefix("container:"))
        wanted = wanted.model_copy(update={"network_mode": f"container:{target.id}"})
    wanted = wanted.model_copy(update={"name": wanted.name or given_name(wanted.image)})
    await asking(request, name=wanted.name)
    container = await engine.containers.run(wanted, networks)
    made = ContainerRun(**dict(container), warnings=(LINKS_WARNING,) if wanted.links else ())
    return reply(made, status=201, headers={"Location": f"/containers/{container.id}"})


@operation(answers={200: Container})
async def inspect_container(request: Request) -> Response:
    """A container, its networks, ports and mounts."""
    return reply(await engine_of(request).containers.resolve(request.path_params["container"]))


@operation(action="container.remove", answers={204: None}, problems=(InUse,))
async def remove_container(request: Request, query: RemoveQuery) -> Response:
    """Remove a container. 409 while it runs, unless forced."""
    containers = engine_of(request).containers
    container = await containers.resolve(request.path_params["container"])
    await asking(request, container=container)
    await containers.remove(container.id, force=query.force, volumes=query.volumes)
    return no_content()


@operation(action="container.start", answers={200: Container}, problems=(StartFailed, PortTaken, AddressConflict))
async def start_container(request: Request) -> Response:
    """The container, running; also when it ran already."""
    containers = engine_of(request).containers
    container = await containers.resolve(request.path_params["container"])
    await asking(request, container=container)
    await containers.start(container.id)
    return reply(await containers.inspect(container.id))


@operation(action="container.stop", answers={200: Container})
async def stop_container(request: Request, query: StopQuery) -> Response:
    """The container, stopped; also when it did not run."""
    containers = engine_of(request).containers
    container = await containers.resolve(request.path_params["container"])
    await asking(request, container=container)
    await containers.stop(container.id, timeout=query.timeout)
    return reply(await containers.inspect(container.id))


@operation(answers={200: Page[Port]})
async def show_ports(request: Request) -> Response:
    """Ports, exposed and published."""
    container = await engine_of(request).containers.resolve(request.path_params["container"])
    return reply_items(container.ports, None)


routes = [
    Route("/containers", by_method(GET=list_containers, POST=run_container)),
    Route("/containers/{container}", by_method(GET=inspect_container, DELETE=remove_container)),
    Route("/containers/{container}/start", by_method(POST=start_container)),
    Route("/containers/{container}/stop", by_method(POST=stop_container)),
    Route("/containers/{container}/ports", by_method(GET=show_ports)),
]
