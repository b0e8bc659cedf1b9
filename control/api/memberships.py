"""Memberships over HTTP: a container on a network, by PUT and DELETE, because saying it twice is saying it once.

Concurrency: what changes a container is done in its turn, and what it finds is looked at inside that turn, so requests
for one pair are answered in the order in which they are made.
"""

import asyncio

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control import endpoints
from control.api.asking import asking, widen
from control.api.ensuring import asked_of, ensure, told_of, warnings_of
from control.api.etags import check_match, etag_of
from control.api.history import AtQuery, MembershipsThen, members_at, networks_at
from control.api.http import Page, Query, no_content, reply, reply_page
from control.api.methods import by_method
from control.api.operations import operation
from control.api.overlays import connect_hidden, is_hidden, network_for
from control.api.state import engine_of, state_of
from control.endpoints import membership_on
from control.engine import Engine
from control.engine.memberships import LIVE
from control.errors import (
    AddressConflict,
    Ambiguous,
    Conflict,
    ConnectedOtherwise,
    MemoryUnavailable,
    NetworkModeConflict,
    NoSwarm,
    NotFound,
    NothingToRestore,
    NotRunning,
)
from control.records import Container, Membership, MembershipMade, Network
from control.topology import reconnect
from control.topology.reconnect import Seen
from control.wanted import WantedMembership


class ReplaceQuery(Query):
    """What a connect may do beside connecting."""

    replace: bool = Field(
        default=False, description="Where it is on the network with other options, disconnect it and connect it anew."
    )


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
    """One membership; 404 where the container is not on the network.

    The `ETag` is for the `If-Match` of a later change.
    """
    _, network, container = await _pair(request)
    member = membership_on(container, network)
    if member is None:
        told = endpoints.impossible(network, container)
        raise NotFound(told or f"{container.name} is not on {network.name}. Connect it with PUT.")
    return reply(member, headers={"ETag": etag_of(member)})


@operation(
    action="network.connect",
    answers={200: MembershipMade, 201: MembershipMade},
    problems=(
        Ambiguous,
        Conflict,
        ConnectedOtherwise,
        AddressConflict,
        NetworkModeConflict,
        NoSwarm,
        NothingToRestore,
        NotRunning,
        MemoryUnavailable,
    ),
    conditional=True,
)
async def connect(request: Request, query: ReplaceQuery, wanted: WantedMembership) -> Response:
    """Connect a container to a network: 201 connected now, 200 already so, 409 connected with other options.

    With `replace` it is reconnected with these options where it has others, and brought back as it was where that
    fails. With the body `{"restore": true}` it is connected as it was when it was last disconnected here: aliases,
    addresses, links and driver options. A container that does not run is `configured`: it joins at its start. What the
    engine did not do of the request is told in `warnings`.
    """
    engine, network, container = await _pair(request, hidden=True)
    if is_hidden(network):
        check_match(request, None)
        asked = await asked_of(request, network, container, wanted)
        member = await connect_hidden(request, network, container, asked.options)
        return _told(MembershipMade(**dict(member), done="connected", warnings=warnings_of(engine, asked, member)))
    async with state_of(request)["order"].turn(containers=[container.id], networks=[network.id]):
        seen = await _look(request, network, container)
        check_match(request, _etag(seen))
        asked = await asked_of(request, network, container, wanted)
        done = await ensure(request, asked, seen, replace=query.replace)
        warnings = told_of(engine, asked, seen, done)
        return _told(MembershipMade(**dict(done.member), done=done.what, warnings=warnings))


@operation(
    action="network.disconnect",
    answers={204: None},
    problems=(Ambiguous, Conflict, NetworkModeConflict, MemoryUnavailable),
    conditional=True,
)
async def disconnect(request: Request) -> Response:
    """Disconnect a container from a network: 204, also when it was not connected.

    How it was on the network is remembered for 30 days: PUT with `{"restore": true}` brings it back.
    """
    engine, network, container = await _pair(request)
    async with state_of(request)["order"].turn(containers=[container.id], networks=[network.id]):
        seen = await _look(request, network, container)
        check_match(request, _etag(seen))
        if told := endpoints.inseparable(network, seen.container, seen.member):
            raise NetworkModeConflict(told)
        if seen.member is not None and (seen.live or seen.container.state not in LIVE):
            await reconnect.remember(state_of(request)["memory"], seen.member, network)
        else:
            widen(request, "network.reconnect")  # to clear away what was left is to connect and disconnect
        if seen.member is not None or seen.live:
            await reconnect.disconnect(engine, network, container)
    return no_content()


def _told(made: MembershipMade) -> Response:
    headers = {"ETag": etag_of(Membership(**made.model_dump(exclude={"done", "warnings"})))}
    if made.done == "connected":
        headers["Location"] = f"/networks/{made.network.id}/containers/{made.container.id}"
    return reply(made, status=201 if made.done == "connected" else 200, headers=headers)


async def _look(request: Request, network: Network, container: Container) -> Seen:
    """The pair now; and while it is looked at, the intent is written."""
    written, seen = await asyncio.gather(
        asking(request, network=network, container=container),
        reconnect.look(engine_of(request), network.id, container.id),
        return_exceptions=True,  # an intent is written whole before its outcome can be, whatever the look comes to
    )
    if isinstance(written, BaseException):
        raise written
    if isinstance(seen, BaseException):
        raise seen
    return seen


def _etag(seen: Seen) -> str | None:
    return None if seen.member is None else etag_of(seen.member)


async def _pair(request: Request, *, hidden: bool = False) -> tuple[Engine, Network, Container]:
    engine, reference = engine_of(request), request.path_params["network"]
    network, container = await asyncio.gather(
        network_for(engine, reference) if hidden else engine.networks.resolve(reference),
        engine.containers.resolve(request.path_params["container"]),
    )
    return engine, network, container


routes = [
    Route("/networks/{network}/containers", by_method(GET=list_members)),
    Route("/containers/{container}/networks", by_method(GET=list_networks_of)),
    Route("/networks/{network}/containers/{container}", by_method(GET=show_member, PUT=connect, DELETE=disconnect)),
]
