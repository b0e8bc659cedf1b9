"""Memberships over HTTP: a container on a network, by PUT and DELETE, because saying it twice is saying it once."""

import contextlib

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control.api.asking import asking
from control.api.history import AtQuery, MembershipsThen, members_at, networks_at
from control.api.http import Page, no_content, reply, reply_page
from control.api.methods import by_method
from control.api.operations import operation
from control.api.state import engine_of
from control.engine import Engine
from control.errors import (
    AddressConflict,
    AlreadyConnected,
    Ambiguous,
    ConnectedOtherwise,
    NetworkModeConflict,
    NotConnected,
    NotFound,
)
from control.records import Container, Membership, Network
from control.wanted import WantedEndpoint


def membership_on(container: Container, network: Network) -> Membership | None:
    """The container's membership of the network, or None."""
    for member in container.networks:
        # A container that never ran names its networks and leaves their ids empty.
        if (member.network.id or network.id) == network.id and member.network.name in {network.name, network.id}:
            return member
    return None


def difference(wanted: WantedEndpoint, member: Membership) -> dict[str, dict[str, object]]:
    """Where a membership is not as wanted: option → {wanted, present}. What was not asked for does not differ."""
    present = member.endpoint
    differs: dict[str, dict[str, object]] = {}
    if wanted.aliases is not None and set(wanted.aliases) != set(present.aliases or ()):
        differs["aliases"] = {"wanted": sorted(wanted.aliases), "present": sorted(present.aliases or ())}
    for option in ("ipv4", "ipv6"):
        asked, is_now = getattr(wanted, option), getattr(present, option)
        if asked is not None and asked != is_now:
            differs[option] = {"wanted": asked, "present": is_now}
    return differs


@operation(answers={200: (Page[Membership], MembershipsThen)}, problems=(Ambiguous,))
async def list_members(request: Request, query: AtQuery) -> Response:
    """The containers on a network, by name: connected, and configured to join at their start. Now, as the engine has
    it, or at an instant, as the log has it."""
    if query.at is not None:
        return await members_at(request, request.path_params["network"], query)
    engine = engine_of(request)
    network = await engine.networks.resolve(request.path_params["network"])
    containers = await engine.containers.list(filters={"network": [network.id, network.name]})
    # A container that never ran on it is known to the engine by the network's name alone; one of another network of
    # this name is sorted out by its id.
    members = [member for container in containers if (member := membership_on(container, network)) is not None]
    return reply_page(members, query, lambda member: (member.container.name or "", member.container.id))


@operation(answers={200: (Page[Membership], MembershipsThen)}, problems=(Ambiguous,))
async def list_networks_of(request: Request, query: AtQuery) -> Response:
    """The networks that a container is on, by name; now, or at an instant."""
    reference = request.path_params["container"]
    if query.at is not None:
        return await networks_at(request, reference, query)
    container = await engine_of(request).containers.resolve(reference)
    return reply_page(container.networks, query, lambda member: (member.network.name, member.network.id))


@operation(answers={200: Membership}, problems=(Ambiguous,))
async def show_member(request: Request) -> Response:
    """One membership; 404 where the container is not on the network."""
    _, network, container = await _pair(request)
    return reply(_required(container, network))


@operation(
    action="network.connect",
    answers={200: Membership, 201: Membership},
    problems=(Ambiguous, ConnectedOtherwise, AddressConflict, NetworkModeConflict),
)
async def connect(request: Request, wanted: WantedEndpoint) -> Response:
    """201 connected now, 200 already so, 409 connected with other options."""
    engine, network, container = await _pair(request)
    await asking(request, network=network, container=container)
    member = membership_on(container, network)
    if member is None:
        try:
            await engine.networks.connect(network.id, container.id, wanted)
        except AlreadyConnected:  # by someone else, since it was looked at
            member = _required(await engine.containers.inspect(container.id), network)
        else:
            member = _required(await engine.containers.inspect(container.id), network)
            place = f"/networks/{network.id}/containers/{container.id}"
            return reply(member, status=201, headers={"Location": place})
    if differs := difference(wanted, member):
        raise ConnectedOtherwise(
            f"{container.name} is on {network.name} with another {' and '.join(differs)}. Disconnect it first "
            "(DELETE), then connect it as you want it.",
            difference=differs,
        )
    return reply(member)


@operation(action="network.disconnect", answers={204: None}, problems=(Ambiguous, NetworkModeConflict))
async def disconnect(request: Request) -> Response:
    """204, also when it was not connected."""
    engine, network, container = await _pair(request)
    await asking(request, network=network, container=container)
    if membership_on(container, network) is not None:
        with contextlib.suppress(NotConnected):  # someone else was quicker
            await engine.networks.disconnect(network.id, container.id)
    return no_content()


async def _pair(request: Request) -> tuple[Engine, Network, Container]:
    engine = engine_of(request)
    network = await engine.networks.resolve(request.path_params["network"])
    container = await engine.containers.resolve(request.path_params["container"])
    return engine, network, container


def _required(container: Container, network: Network) -> Membership:
    member = membership_on(container, network)
    if member is None:
        raise NotFound(f"{container.name} is not on {network.name}. Connect it with PUT.")
    return member


routes = [
    Route("/networks/{network}/containers", by_method(GET=list_members)),
    Route("/containers/{container}/networks", by_method(GET=list_networks_of)),
    Route("/networks/{network}/containers/{container}", by_method(GET=show_member, PUT=connect, DELETE=disconnect)),
]
