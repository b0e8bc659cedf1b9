"""The swarm that this engine is in, over HTTP: begun, joined, left. Overlays need one."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control.api.asking import asking
from control.api.http import Query, no_content, reply
from control.api.methods import by_method
from control.api.operations import operation
from control.api.state import engine_of, state_of
from control.errors import InSwarm, NoSwarm, PortTaken, SwarmAway, Unsupported
from control.records import Swarm, SwarmRole, SwarmState, SwarmTokens
from control.wanted import WantedJoin, WantedSwarm

TURN: Final = "swarm"
"""What is done to the swarm is done one after the other."""


class LeaveQuery(Query):
    """`force` leaves also as a manager, which ends a swarm that has no other."""

    force: bool = False


@operation(answers={200: Swarm})
async def inspect_swarm(request: Request) -> Response:
    """The swarm that this engine is in, or that it is in none."""
    return reply(await engine_of(request).swarm.inspect())


@operation(
    action="swarm.init",
    answers={200: Swarm, 201: Swarm},
    problems=(InSwarm, PortTaken, Unsupported),
)
async def init_swarm(request: Request, wanted: WantedSwarm) -> Response:
    """Begin a swarm on this engine. 200 where it manages one just so, 409 where it is in one otherwise."""
    swarm = engine_of(request).swarm
    async with state_of(request)["order"].turn(networks=[], containers=[], alone=[TURN]):
        present = await swarm.inspect()
        await asking(request)
        if present.state is not SwarmState.INACTIVE and not wanted.force_new_cluster:
            _check_same(present, wanted)
            return reply(present)
        await swarm.init(wanted)
        return reply(await swarm.inspect(), status=201, headers={"Location": "/swarm"})


def _check_same(present: Swarm, wanted: WantedSwarm) -> None:
    """Raises InSwarm where the swarm that there is is not as wanted; what was not asked for does not differ."""
    if present.role is not SwarmRole.MANAGER:
        raise InSwarm("This engine is in a swarm that others manage, or is joining one. Leave it first: DELETE /swarm.")
    given = wanted.model_fields_set
    differs = {
        name: {"wanted": asked, "present": is_now}
        for name, asked, is_now in (
            ("advertise_address", wanted.advertise_address.rpartition("]")[2].partition(":")[0], present.address),
            ("default_pools", list(wanted.default_pools), list(present.default_pools)),
            ("subnet_size", wanted.subnet_size, present.subnet_size),
            ("data_path_port", wanted.data_path_port, present.data_path_port),
        )
        if name in given and asked != is_now
    }
    if differs:
        raise InSwarm(
            f"This engine manages a swarm with another {' and '.join(differs)}. Leave it first "
            "(DELETE /swarm?force=true), which ends its overlays, or ask without these.",
            difference=differs,
        )


@operation(action="swarm.leave", answers={204: None}, problems=(InSwarm,))
async def leave_swarm(request: Request, query: LeaveQuery) -> Response:
    """Leave the swarm. 204 also where the engine is in none; 409 for a manager, unless forced."""
    swarm = engine_of(request).swarm
    async with state_of(request)["order"].turn(alone=[TURN]):
        present = await swarm.inspect()
        await asking(request)
        if present.state is not SwarmState.INACTIVE:
            await swarm.leave(force=query.force)
    return no_content()


@operation(action="swarm.join", answers={200: Swarm, 201: Swarm}, problems=(InSwarm, PortTaken, SwarmAway, Unsupported))
async def join_swarm(request: Request, wanted: WantedJoin) -> Response:
    """Join a swarm. 200 where the engine is in one with such a manager, 409 where it is in another."""
    swarm = engine_of(request).swarm
    async with state_of(request)["order"].turn(alone=[TURN]):
        present = await swarm.inspect()
        await asking(request)
        if present.state is not SwarmState.INACTIVE:
            if {_host(it.address) for it in present.managers} & {_host(it) for it in wanted.remote_addresses}:
                return reply(present)
            raise InSwarm("This engine is in another swarm. Leave it first: DELETE /swarm.")
        await swarm.join(wanted)
        return reply(await swarm.inspect(), status=201, headers={"Location": "/swarm"})


def _host(place: str) -> str:
    """An address without its port."""
    host, bracket, _ = place.rpartition("]")
    return host + bracket if bracket else place.partition(":")[0]


@operation(answers={200: SwarmTokens}, problems=(NoSwarm,))
async def show_tokens(request: Request) -> Response:
    """What other engines join the swarm with. Secrets, which managers alone know; they are in no log."""
    return reply(await engine_of(request).swarm.tokens(), headers={"Cache-Control": "no-store"})


routes = [
    Route("/swarm", by_method(GET=inspect_swarm, POST=init_swarm, DELETE=leave_swarm)),
    Route("/swarm/join", by_method(POST=join_swarm)),
    Route("/swarm/tokens", by_method(GET=show_tokens)),
]
