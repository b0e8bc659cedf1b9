"""Networks over HTTP.

Concurrency: a network is removed in a turn in which nobody here changes it or, with `force`, the containers on it, and
what is on it is looked at inside that turn. Creations are put in order by the engine's adapter.
"""

from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control.api import cursors
from control.api.asking import asking
from control.api.etags import check_match, etag_of
from control.api.http import Page, Paging, Query, Several, engine_filters, no_content, reply, reply_texts, several
from control.api.idempotency import LABEL, labels_of, mark_of
from control.api.methods import by_method
from control.api.operations import operation
from control.api.state import engine_of, state_of
from control.engine.remembered import Read
from control.errors import (
    AddressConflict,
    Ambiguous,
    Conflict,
    Forbidden,
    InUse,
    MemoryUnavailable,
    NameTaken,
    NoSwarm,
    NotFound,
    Unsupported,
)
from control.records import BUILT_IN, MembershipState, Network, NetworkDetail
from control.topology import reconnect
from control.wanted import WantedNetwork

LOOKS: Final = 4
"""Times that a network is looked at whose containers change while it is to be removed."""

Scopes = Annotated[tuple[Literal["local", "global", "swarm"], ...], BeforeValidator(several)]


class ListQuery(Paging):
    """Of a filter that is given several times any value may match, of `label` all must."""

    name: Several = Field((), description="A part of the name, or a regular expression.")
    id: Several = Field((), description="A part of the id.")
    driver: Several = ()
    scope: Scopes = ()
    label: Several = Field((), description="`key` or `key=value`. All must match.")
    dangling: bool | None = Field(
        None, description="Whether nothing uses it: no container that runs, and none that would join it at its start."
    )
    type: Literal["builtin", "custom"] | None = None


class RemoveQuery(Query):
    """What a removal may do first."""

    force: bool = Field(default=False, description="Disconnect its containers first, those that do not run too.")


@operation(answers={200: Page[Network]})
async def list_networks(request: Request, query: ListQuery) -> Response:
    """Networks, by name."""
    filters = engine_filters(
        name=query.name,
        id=query.id,
        driver=query.driver,
        scope=query.scope,
        label=query.label,
        type=query.type,
    )
    networks = engine_of(request).networks
    read = await networks.read(filters)
    if query.dangling is not None:
        used = await networks.used([it.network for it in read])
        read = [it for it in read if (it.network.id not in used) is query.dangling]
    chosen, following = cursors.page(read, key=_by_name, after=query.after, limit=query.limit)
    return reply_texts([it.text for it in chosen], following)


def _by_name(read: Read) -> tuple[str, str]:
    return read.network.name, read.network.id


@operation(
    action="network.create",
    answers={201: NetworkDetail},
    problems=(NameTaken, AddressConflict, Conflict, NoSwarm, Ambiguous, Unsupported, NotFound),
    creates=True,
)
async def create_network(request: Request, wanted: WantedNetwork) -> Response:
    """Create a network. 201 with the network; its place is in `Location`.

    A subnet that overlaps with that of another network, or with a route of the engine's host, is 409, and `suggestion`
    is one that is free; so it is where the engine has no subnet left to choose. The host's routes are known where
    control runs on it.
    """
    networks = engine_of(request).networks
    network = await _made_before(request, wanted)
    await asking(request, network=network, name=wanted.name)
    if network is None:
        network = await networks.create(wanted, labels=labels_of(request))
    made = await networks.inspect(network.id, name=network.name)
    return reply(made, status=201, headers={"Location": f"/networks/{made.id}", "ETag": etag_of(made)})


async def _made_before(request: Request, wanted: WantedNetwork) -> Network | None:
    """What a request with the same Idempotency-Key has made, whose answer was lost."""
    mark = mark_of(request)
    if mark is None or not mark.again:
        return None
    # A network that takes a configuration has that one's labels and none of its own: there the name must do.
    filters = {"label": [f"{LABEL}={mark.digest}"]} if wanted.config_from is None else {"name": [wanted.name]}
    found = await engine_of(request).networks.list(filters)
    return next(
        (it for it in found if it.name == wanted.name and (it.config_from is None) == (wanted.config_from is None)),
        None,
    )


@operation(answers={200: NetworkDetail}, problems=(Ambiguous,))
async def inspect_network(request: Request) -> Response:
    """A network: its options, its pools and the use of their addresses, and who is on it.

    Containers that do not run are there too, as `configured`; what an endpoint is to have is in `wanted`, what it has
    in `endpoint`. Of a swarm's network there are also `peers` and `services`. The `ETag` is for the `If-Match` of a
    later change.
    """
    network = await engine_of(request).networks.find(request.path_params["network"])
    return reply(network, headers={"ETag": etag_of(network)})


@operation(
    action="network.remove",
    answers={204: None},
    problems=(Ambiguous, InUse, Conflict, MemoryUnavailable),
    conditional=True,
)
async def remove_network(request: Request, query: RemoveQuery) -> Response:
    """Remove a network. 409 while containers use it, naming them; `force` disconnects them first.

    Containers that do not run keep no network. They are taken off it first, which is remembered for a restore: Docker
    would let the network go under them, and they could not start any more.
    """
    engine = engine_of(request)
    network = await engine.networks.resolve(request.path_params["network"])
    if network.name in BUILT_IN:
        raise Forbidden(f"{network.name} is one of the engine's own networks (bridge, host and none), which stay.")
    held: set[str] = set()
    for _ in range(LOOKS):
        async with state_of(request)["order"].turn(alone=[network.id], containers=held):
            detail = await engine.networks.inspect(network.id, name=network.name)
            check_match(request, etag_of(detail))
            there = {member.container.id for member in detail.containers}
            if users := await _users(request, detail, force=query.force):
                raise _in_use(detail, users)
            if there <= held:
                await asking(request, network=network)
                await _empty(request, network, detail, force=query.force)
                await _remove(request, network)
                return no_content()
        held |= there
    raise Conflict(f"Containers keep joining {network.name} while it is to be removed: see who does (GET /events).")


async def _users(request: Request, network: NetworkDetail, *, force: bool) -> list[str]:
    """Who stands against the removal: with `force`, those that can't be disconnected."""
    users = [service.name for service in network.services]
    if network.config_only:
        others = await engine_of(request).networks.list()
        users += sorted(other.name for other in others if other.config_from == network.name)
    if not force:
        users += [
            member.container.name or member.container.id
            for member in network.containers
            if member.state is MembershipState.CONNECTED
        ]
        # A load balancer of the swarm's goes with the network.
        users += [it.name or it.container or "" for it in network.other_endpoints if network.scope != "swarm"]
    return users


def _in_use(network: NetworkDetail, users: list[str]) -> InUse:
    named = f"{network.name} is in use by {', '.join(users)}."
    if network.config_only:
        return InUse(f"{named} Remove these networks first.", users=users)
    if network.services:
        return InUse(f"{named} Remove the services first, or take them off the network.", users=users)
    told = [named]
    forgotten = [it.name or "" for it in network.other_endpoints if network.scope != "swarm"]
    if forgotten:
        told.append(f"No container has the endpoint {', '.join(forgotten)}, which the engine forgot to remove.")
    told.append("Disconnect them first, or ask with force=true.")
    return InUse(" ".join(told), users=users)


async def _empty(request: Request, network: Network, detail: NetworkDetail, *, force: bool) -> None:
    """Disconnect all, and with `force` free what the engine forgot. How each was is remembered, if the network should
    stay."""
    engine, memory = engine_of(request), state_of(request)["memory"]
    for member in detail.containers:
        container = await engine.containers.inspect_or_none(member.container.id)
        if container is None:
            continue
        await reconnect.remember(memory, member, network)
        await reconnect.disconnect(engine, network, container)
    for other in detail.other_endpoints if force else ():
        if other.name is not None and (other.container is not None or network.scope != "swarm"):
            await engine.networks.free(network.id, other.name)


async def _remove(request: Request, network: Network) -> None:
    networks = engine_of(request).networks
    try:
        await networks.remove(network.id)
    except InUse as problem:
        detail = await networks.inspect(network.id, name=network.name)
        users = [member.container.name or "" for member in detail.containers]
        users += [it.name or "" for it in detail.other_endpoints]
        if users:
            raise InUse(
                f"{network.name} is in use by {', '.join(users)}: they came while it was being removed, or the engine "
                "does not let go of them. Look at the network, then ask again with force=true.",
                users=users,
            ) from problem
        raise InUse(
            f"{problem.detail} It shows none: they are left of containers that are gone, and a restart of the engine "
            "frees them.",
            users=[],
        ) from problem


routes = [
    Route("/networks", by_method(GET=list_networks, POST=create_network)),
    Route("/networks/{network}", by_method(GET=inspect_network, DELETE=remove_network)),
]
