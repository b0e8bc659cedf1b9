"""Connects, disconnects and reconnects of one container on one network, which keep what they promise and leave nothing
behind.

Concurrency: each is called inside the container's turn (`control.ordering`), so nobody here changes it meanwhile;
others may, on the engine itself, so what was done is looked at afterwards. What a disconnect takes away is remembered
before it is made: after a crash in between, the membership is still there or can be restored.

What a failed connect leaves (measured on Docker 20.10): the entry of the network stays in the settings of a container
that runs, with the refused wish; where the interface could not be made, even with an endpoint id and address that are
nobody's. Neither a disconnect nor a forced one takes it away; a connect without any wish does, with a disconnect after
it, if only the network takes one more. With that entry, the container's next start fails. Of a container that does not
run, the engine refuses nothing that is well-formed, and a disconnect takes it away.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final, NamedTuple

from pydantic import ValidationError

from control import endpoints
from control.endpoints import membership_on
from control.engine import Engine
from control.engine.memberships import LIVE
from control.errors import AlreadyConnected, Conflict, EngineAway, EngineTimeout, NotConnected, NotFound, Problem
from control.memory import Memory
from control.records import Container, Endpoint, Membership, MembershipState, Network
from control.wanted import WantedEndpoint

KIND: Final = "endpoint"
REMEMBERED: Final = 30 * 86_400.0
"""Seconds for which it is remembered how a container was on a network."""

STEADY: Final = frozenset({"running", "paused"})
"""States in which a membership without an endpoint is what a failed connect left."""

PLAIN: Final = WantedEndpoint()


class Seen(NamedTuple):
    """A pair as it is now: the container and the network, its membership where it has one, and whether that is live;
    `endpoints` are all that are on the network, by their containers' ids."""

    container: Container
    network: Network
    member: Membership | None
    live: bool
    endpoints: Mapping[str, Endpoint]

    @property
    def residue(self) -> bool:
        """Whether the membership is only what a connect that failed has left."""
        return self.member is not None and not self.live and self.container.state in STEADY


async def look(engine: Engine, network_id: str, container_id: str) -> Seen:
    """The pair now, from both sides: each alone may tell what is not so. Raises NotFound."""
    container, (network, live) = await asyncio.gather(
        engine.containers.inspect(container_id), engine.networks.endpoints(network_id)
    )
    return Seen(container, network, membership_on(container, network), container_id in live, live)


async def look_at(engine: Engine, network: Network, container_id: str) -> Membership | None:
    """The container's membership now, as its own inspect tells it. Raises NotFound."""
    return membership_on(await engine.containers.inspect(container_id), network)


async def remember(memory: Memory, member: Membership, network: Network) -> None:
    """Keep how a container is on a network, for a restore. Raises MemoryUnavailable."""
    key = _key(network.id, member.container.id)
    await memory.put(KIND, key, member.model_dump(mode="json"), seconds=REMEMBERED)


async def recall(memory: Memory, network: Network, container: Container) -> Membership | None:
    """How a container was on a network when it was last disconnected here, or None. Raises MemoryUnavailable."""
    if network.id == network.name:  # an overlay that a worker does not show: what it is called is all that is known
        everything = await memory.all(KIND)
        found = [_validated(kept) for key, kept in everything.items() if key.endswith(f"/{container.id}")]
        named = [it for it in found if it is not None and network.name in {it.network.name, it.network.id}]
        return named[-1] if named else None
    return _validated(await memory.get(KIND, _key(network.id, container.id)))


def _validated(kept: object) -> Membership | None:
    try:
        return None if kept is None else Membership.model_validate(kept)
    except ValidationError:  # kept by another version, which told a membership in another way
        return None


def _key(network_id: str, container_id: str) -> str:
    return f"{network_id}/{container_id}"


async def connect(engine: Engine, network: Network, container: Container, wanted: WantedEndpoint) -> Membership:
    """Connect, and tell the membership as it then is. Where the engine refuses, what that leaves is cleaned away.

    Raises AlreadyConnected where somebody else has just connected it, what the engine says, and Conflict where it said
    yes and the container is not on the network.
    """
    try:
        await _connect(engine, network, container, wanted)
    except (AlreadyConnected, EngineAway, EngineTimeout, NotFound):
        raise  # somebody else's, or whether it was done is not known, or there is nothing that it could be left on
    except Problem as problem:
        if not await asyncio.shield(clean(engine, network, container.id)):
            problem.detail += (
                f" The engine has kept the refused wish in {container.name}'s settings, and can't let go of it while "
                f"{container.name} runs and {network.name} takes no more: with it, its next start may fail. Disconnect "
                "it (DELETE) when there is room again, or when it is stopped."
            )
            problem.members["residue"] = True
        raise
    return required(await look_at(engine, network, container.id), network, container)


async def _connect(engine: Engine, network: Network, container: Container, wanted: WantedEndpoint) -> None:
    try:
        await engine.networks.connect(network.id, container.id, wanted)
    except AlreadyConnected:
        member = await look_at(engine, network, container.id)
        if member is not None and member.state is MembershipState.CONNECTED:
            raise
        # An endpoint of its name that the engine forgot on the network: free it, and try once more.
        with contextlib.suppress(NotConnected):
            await engine.networks.disconnect(network.id, container.id, force=True)
        await engine.networks.connect(network.id, container.id, wanted)


def required(member: Membership | None, network: Network, container: Container) -> Membership:
    """The membership that there must be now."""
    if member is None:
        raise Conflict(
            f"The engine connected {container.name} to {network.name}, and does not show it there: somebody else takes "
            "it off. See who does (GET /events), then ask again."
        )
    return member


async def clean(engine: Engine, network: Network, container_id: str) -> bool:
    """Take away a membership that has no endpoint; whether there is none now, or one that lives."""
    seen = await look(engine, network.id, container_id)
    if seen.member is None or seen.live:
        return True
    with contextlib.suppress(Problem):
        if seen.container.state in LIVE:
            with contextlib.suppress(AlreadyConnected):
                await engine.networks.connect(network.id, container_id, PLAIN)
        await engine.networks.disconnect(network.id, container_id)
    return await look_at(engine, network, container_id) is None


async def disconnect(engine: Engine, network: Network, container: Container) -> None:
    """Disconnect; what the engine has forgotten or left of it goes too. Raises Conflict where it stays."""
    try:
        await engine.networks.disconnect(network.id, container.id)
    except NotConnected:
        # Somebody else was quicker, or it is what a failed connect left, or the container is between two restarts.
        if not await clean(engine, network, container.id):
            raise Conflict(
                f"{container.name} has no endpoint on {network.name}, and the engine keeps the network in its "
                f"settings: that is left by a connect that failed, and stays while {container.name} runs and "
                f"{network.name} takes no more. Make room there, or stop it, and disconnect it again."
            ) from None


async def reconnect(
    engine: Engine, network: Network, container: Container, member: Membership, wanted: WantedEndpoint
) -> Membership:
    """Disconnect and connect anew as wanted. Where that fails it is brought back as it was, and the problem says so."""
    await disconnect(engine, network, container)
    try:
        return await connect(engine, network, container, wanted)
    except Problem as problem:
        problem.members["rolled_back"] = await asyncio.shield(_roll_back(engine, network, container, member, problem))
        raise


async def _roll_back(
    engine: Engine, network: Network, container: Container, member: Membership, problem: Problem
) -> bool:
    try:
        await connect(engine, network, container, endpoints.exactly(member))
    except Problem as second:
        problem.detail += (
            f" Nor could {container.name} be brought back on {network.name} as it was: {second.detail} How it was is "
            'remembered: try again with PUT and {"restore": true}.'
        )
        return False
    problem.detail += f" {container.name} is on {network.name} again as it was."
    return True
