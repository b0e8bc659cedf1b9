"""Looks at the engine for the recorder: who has a live endpoint now. Decides nothing and remembers nothing.

Two inspects tell of a membership, and each has its weakness (measured on Docker 20.10 and 26.1). A network's
shows live endpoints alone, and shows them before their connect event is out. A container's waits for what is
being done to that container, so once it answered, the events of what it shows are out; but one that died with
the engine keeps a stale endpoint. So the network's says whether, and the container's says when, and the rest.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from control.errors import EngineTimeout, NotFound, Problem
from control.eventlog.fold import Pair
from control.records import Container, Endpoint, Membership, MembershipState, Network, NetworkDetail

if TYPE_CHECKING:
    from control.engine import Engine

AT_ONCE: Final = 8
PATIENCE: Final = 2.0
"""Seconds for an inspect. A container's waits for a start that is under way, and one stuck start must not hold up
the log."""

Key = TypeVar("Key")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Look:
    """Everything that is connected, and the networks there are."""

    networks: tuple[Network, ...]
    members: dict[Pair, Membership]

    @property
    def endpoints(self) -> dict[Pair, Endpoint]:
        return {pair: member.endpoint for pair, member in self.members.items()}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state of one pair, looked at closely."""

    state: MembershipState
    endpoint: Endpoint | None = None
    container: Container | None = None


async def everything(engine: "Engine") -> Look:
    """All live endpoints. Raises EngineAway and its like."""
    networks = await engine.networks.list()
    details = await _each((network.id for network in networks), engine.networks.inspect)
    members = {
        Pair(detail.id, member.container.id): member
        for detail in details.values()
        if isinstance(detail, NetworkDetail)
        for member in detail.containers
        if not _is_gateway(member)
    }
    return Look(tuple(networks), members)


async def closely(engine: "Engine", pairs: Collection[Pair]) -> dict[Pair, Verdict | None]:
    """The state of these pairs once nothing is being done to their containers.

    None stands for an endpoint that is no container's own; left out is a pair whose container is busy. Raises
    EngineAway and its like.
    """
    asked = (pair.container for pair in pairs)
    containers = await _each(asked, lambda id_: inspect_container(engine, id_), tolerate=(NotFound, EngineTimeout))
    networks = await _each((pair.network for pair in pairs), engine.networks.inspect)
    verdicts: dict[Pair, Verdict | None] = {}
    for pair in pairs:
        network, container = networks[pair.network], containers[pair.container]
        if isinstance(container, EngineTimeout):
            continue
        live = endpoint_on(network, pair.container) if isinstance(network, NetworkDetail) else None
        if live is None:
            verdicts[pair] = Verdict(MembershipState.ABSENT)
        elif isinstance(container, Container) and (fuller := endpoint_of(container, pair.network)) is not None:
            endpoint = fuller if fuller.id == live.id else live
            verdicts[pair] = Verdict(MembershipState.CONNECTED, endpoint, container)
        else:
            verdicts[pair] = None
    return verdicts


async def _patiently(inspecting: Awaitable[Found]) -> Found:
    try:
        async with asyncio.timeout(PATIENCE):
            return await inspecting
    except TimeoutError as error:
        raise EngineTimeout("The engine is busy with it: the inspect waits.") from error


async def inspect_container(engine: "Engine", id_: str) -> Container:
    """A container's inspect. Raises NotFound, EngineTimeout after `PATIENCE`, EngineAway."""
    return await _patiently(engine.containers.inspect(id_))


async def inspect_network(engine: "Engine", id_: str) -> NetworkDetail:
    """A network's inspect. Raises NotFound, EngineTimeout after `PATIENCE`, EngineAway."""
    return await _patiently(engine.networks.inspect(id_))


def endpoint_of(container: Container, network: str) -> Endpoint | None:
    """The live endpoint of a container on a network, by the container's inspect."""
    for member in container.networks:
        if member.network.id == network and member.state is MembershipState.CONNECTED:
            return member.endpoint
    return None


def endpoint_on(network: NetworkDetail, container: str) -> Endpoint | None:
    """The live endpoint of a container on a network, by the network's inspect."""
    for member in network.containers:
        if member.container.id == container:
            return member.endpoint
    return None


def _is_gateway(member: Membership) -> bool:
    # A swarm's bridge to the outside: an endpoint of the engine's own making, of which it tells no events.
    return member.network.name == "docker_gwbridge" and (member.container.name or "").startswith("gateway_")


async def _each(
    keys: Iterable[Key],
    ask: Callable[[Key], Awaitable[Found]],
    *,
    tolerate: tuple[type[Problem], ...] = (NotFound,),
) -> dict[Key, Found | Problem]:
    """Ask for each, some at once. Problems that are tolerated are answers too."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(key: Key) -> Found | Problem:
        async with turn:
            try:
                return await ask(key)
            except tolerate as problem:
                return problem

    wanted = list(dict.fromkeys(keys))
    return dict(zip(wanted, await asyncio.gather(*(one(key) for key in wanted)), strict=True))
