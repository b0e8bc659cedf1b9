"""Overlays that this engine does not show yet.

A worker of a swarm knows an attachable overlay only while one of its own containers is on it (measured on Docker 20.10:
404 for its id and name, and not in the list), yet finds it by name or id when a container is connected to it or started
on it. So where a name is not found on a worker, the engine is asked with the name itself.
"""

import re
from typing import Final

from starlette.requests import Request

from control.api.asking import asking
from control.api.state import state_of
from control.engine import Engine
from control.engine.swarm import hidden
from control.errors import NotFound, NotRunning
from control.records import Container, Membership, Network
from control.wanted import WantedEndpoint

_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}")


async def network_for(engine: Engine, reference: str) -> Network:
    """The network of this name or id, or one that stands for an overlay which this worker does not show: its id is the
    reference itself. Raises NotFound, Ambiguous."""
    try:
        return await engine.networks.resolve(reference)
    except NotFound:
        if _NAME.fullmatch(reference) and await engine.swarm.hides_networks():
            return hidden(reference)
        raise


def is_hidden(network: Network) -> bool:
    """Whether this stands for an overlay that is not shown."""
    return network.id == network.name


def missing_overlay(names: list[str]) -> NotFound:
    """The problem that says that the swarm has none of one of these names either."""
    return NotFound(
        f"There is no network {' or '.join(names)} on this engine, and the swarm has no attachable overlay of this "
        "name. List the networks here and on a manager."
    )


async def connect_hidden(
    request: Request, network: Network, container: Container, wanted: WantedEndpoint
) -> Membership:
    """Connect a running container to an overlay that is not shown. Raises NotFound where the swarm has none of this
    name, and NotRunning where nothing would be found out before the container's start."""
    state = state_of(request)
    engine = state["engine"]
    async with state["order"].turn(containers=[container.id], networks=[network.id]):
        if (await engine.containers.inspect(container.id)).state not in {"running", "paused"}:
            raise NotRunning(
                f"{container.name} does not run, so this engine can't look for {network.name} in the swarm. Start it "
                "first, or connect another container to it here."
            )
        await asking(request, container=container)
        await engine.networks.connect(network.name, container.id, wanted)
        for member in (await engine.containers.inspect(container.id)).networks:
            if network.name in {member.network.name, member.network.id}:
                return member
    raise NotFound(f"{container.name} is not on {network.name}. Connect it with PUT.")
