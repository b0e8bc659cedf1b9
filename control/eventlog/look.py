"""Looks at the engine for the recorder: who is on what now. Decides nothing and remembers nothing.

Two inspects tell of a membership, and each has its weakness (measured on Docker 20.10 and 26.1). A network's
shows live endpoints alone, and shows them before their connect event is out. A container's waits for what is
being done to that container, so once it answered, the events of what it shows are out; but one that died with
the engine keeps a stale endpoint. So the network's says whether an endpoint is live, and the container's says when,
what it is configured for, and the rest.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from control.errors import EngineTimeout, NotFound, Problem
from control.eventlog.standing import Pair, Shown
from control.records import (
    BUILT_IN,
    GATEWAYS,
    Container,
    Endpoint,
    Membership,
    MembershipState,
    Network,
    NetworkName,
    NetworkRef,
)

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
    """What there is: networks, and containers by id (None: it is gone), with the pairs that are not absent. `busy` are
    the containers that did not answer in time."""

    networks: dict[str, NetworkRef]
    containers: dict[str, Container | None]
    shown: dict[Pair, tuple[MembershipState, Endpoint | None]]
    busy: frozenset[str]

    def of(self, pair: Pair) -> Shown:
        """What was seen of one pair."""
        state, endpoint = self.shown.get(pair, (MembershipState.ABSENT, None))
        exists = pair.network in self.networks
        return Shown(pair, state, endpoint, self.containers.get(pair.container), network_exists=exists)


async def at(
    engine: "Engine", only: Collection[str] | None, swarm: Mapping[str, NetworkRef], known: Collection[str] = ()
) -> Look:
    """Look at all containers, or at these alone: first at each container, then at each network that it may be on, or
    (`known`) that the log has one of them on. `swarm` are the networks of the swarm's that are known: a worker sees one
    while a container of its own is on it, and may be configured for it all the same. Raises EngineAway and its like."""
    networks = {**swarm, **{network.id: ref_of(network) for network in await engine.networks.list()}}
    ids = await engine.containers.ids() if only is None else only
    found = await _each(ids, lambda id_: inspect_container(engine, id_), tolerate=(NotFound, EngineTimeout))
    containers = {
        id_: resolved(it, networks) if isinstance(it, Container) else None
        for id_, it in found.items()
        if not isinstance(it, EngineTimeout)
    }
    there = {id_: it for id_, it in containers.items() if it is not None}
    wanted = {member.network.id for it in there.values() for member in it.networks} | set(known)
    details = await _each((networks if only is None else wanted & networks.keys()), engine.networks.endpoints)
    live = {id_: detail[1] for id_, detail in details.items() if isinstance(detail, tuple)}
    shown: dict[Pair, tuple[MembershipState, Endpoint | None]] = {}
    for id_, container in there.items():
        for member in container.networks:
            if member.network.id in live or member.network.id in swarm:
                endpoint = live.get(member.network.id, {}).get(id_)
                shown[Pair(member.network.id, id_)] = (
                    (
                        MembershipState.CONFIGURED,
                        member.endpoint if member.state is MembershipState.CONFIGURED else None,
                    )
                    if endpoint is None
                    else (
                        MembershipState.CONNECTED,
                        member.endpoint if member.endpoint.id == endpoint.id else endpoint,
                    )
                )
    for network, endpoints in live.items():
        if networks[network].name == GATEWAYS:
            continue
        for id_ in endpoints.keys() & there.keys():
            # The engine forgot to take it from a container that it took off the network: it is still there.
            shown.setdefault(Pair(network, id_), (MembershipState.CONNECTED, endpoints[id_]))
    return Look(networks, containers, shown, frozenset(ids) - containers.keys())


def resolved(container: Container, networks: Mapping[str, NetworkRef]) -> Container:
    """The container with the ids of its networks, as it would join them at its start. One that never ran names them and
    leaves the ids empty; what no network, or more than one, is called by has no id."""
    members = tuple(
        member.model_copy(update={"network": NetworkName(id=found, name=member.network.name)})
        if (found := _network_of(member, networks)) != member.network.id
        else member
        for member in container.networks
    )
    return container.model_copy(update={"networks": members})


def _network_of(member: Membership, networks: Mapping[str, NetworkRef]) -> str:
    name, id_ = member.network.name, member.network.id
    # The built-in ones it is on by name: after a restart the engine has another `bridge`, and it joins that one.
    if id_ and name not in BUILT_IN:
        return id_
    if name in networks:
        return name
    called = [network for network, ref in networks.items() if ref.name == name]
    return called[0] if len(called) == 1 else ""


def ref_of(network: Network) -> NetworkRef:
    """A network as records name it."""
    return NetworkRef(network.id, network.name, network.driver, network.scope)


async def _patiently(inspecting: Awaitable[Found]) -> Found:
    try:
        async with asyncio.timeout(PATIENCE):
            return await inspecting
    except TimeoutError as error:
        raise EngineTimeout("The engine is busy with it: the inspect waits.") from error


async def inspect_container(engine: "Engine", id_: str) -> Container:
    """A container's inspect. Raises NotFound, EngineTimeout after `PATIENCE`, EngineAway."""
    return await _patiently(engine.containers.inspect(id_))


async def inspect_network(engine: "Engine", id_: str) -> tuple[Network, dict[str, Endpoint]]:
    """A network and the live endpoints on it. Raises NotFound, EngineTimeout after `PATIENCE`, EngineAway."""
    return await _patiently(engine.networks.endpoints(id_))


def endpoint_of(container: Container, network: str) -> Endpoint | None:
    """The live endpoint of a container on a network, by the container's inspect."""
    for member in container.networks:
        if member.network.id == network and member.state is MembershipState.CONNECTED:
            return member.endpoint
    return None


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
