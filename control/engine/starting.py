"""Why a container can't start, in words that say what to do. Pure.

The engine names a network by an id that is of nobody any more, an address without its network, and a port without who
has it. What a failed connect has left in a container's settings it refuses at the next start, with the same words.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import NamedTuple

from control import endpoints
from control.errors import PortTaken, Problem, StartFailed
from control.records import Container, Endpoint, Membership, Network


class Used(NamedTuple):
    """A network, the endpoints on it by their containers' ids, and what containers are called."""

    network: Network
    endpoints: Mapping[str, Endpoint]
    names: Mapping[str, str]


_HOST_PORT = re.compile(r"(?:[0-9.]+|\[?[0-9a-fA-F:]*\]?):(\d+)(?::| |$)")


def place_of(member: Membership, networks: Iterable[Network]) -> Network | None:
    """The network of a membership, or None where it is gone. A container that never ran has a name alone."""
    for network in networks:
        if network.id == member.network.id or (
            not member.network.id and member.network.name in {network.name, network.id}
        ):
            return network
    return None


def host_port_of(text: str) -> int | None:
    """The host port of which the engine says that it can't be had."""
    found = _HOST_PORT.search(text)
    return int(found[1]) if found else None


def explained(
    problem: Problem,
    container: Container,
    networks: Sequence[Network],
    used: Sequence[Used],
    users: Sequence[str],
) -> Problem:
    """The problem with which a start failed, explained where it can be; `used` are the container's networks on which it
    wants an address, `users` who publishes the port."""
    if isinstance(problem, PortTaken):
        if not users:
            return problem
        return PortTaken(f"{problem.detail} {' and '.join(users)} publishes it now.", users=list(users))
    gone = [member.network.name for member in container.networks if place_of(member, networks) is None]
    if gone:
        names = " and ".join(gone)
        return StartFailed(
            f"{container.name} can't start: the network {names}, on which it is to be, is gone. Docker takes another "
            "of that name for it only when the container is connected to that: make one where there is none (POST "
            f"/networks), connect it (PUT /networks/{gone[0]}/containers/{container.name}), and start it. Or remove "
            "the container, and run it anew on a network that is there."
        )
    if reasons := [*_misfits(container, networks), *_taken(container, used)]:
        return type(problem)(f"{container.name} can't start: {' '.join(reasons)}")
    return problem


def _misfits(container: Container, networks: Sequence[Network]) -> Iterator[str]:
    for member in container.networks:
        network = place_of(member, networks)
        if network is not None and (told := endpoints.misfit(endpoints.exactly(member), network)):
            yield f"{told} {_way_out(container, member)}"


def _taken(container: Container, used: Sequence[Used]) -> Iterator[str]:
    for it in used:
        members = [member for member in container.networks if place_of(member, [it.network]) is not None]
        for member in members:
            for wanted in filter(None, (member.wanted.ipv4, member.wanted.ipv6)):
                if holder := _holder(wanted, it, container.id):
                    yield f"its address {wanted} on {it.network.name} is {holder}. {_way_out(container, member)}"


def _holder(address: str, used: Used, container_id: str) -> str | None:
    meant = ip_address(address)
    for other, endpoint in used.endpoints.items():
        theirs = {it for it in (endpoint.ipv4, endpoint.ipv6) if it}
        if other != container_id and meant in map(ip_address, theirs):
            return f"{used.names.get(other, other)}'s now"
    if any(pool.gateway and ip_address(pool.gateway) == meant for pool in used.network.ipam.pools):
        return "the network's gateway"
    return None


def _way_out(container: Container, member: Membership) -> str:
    return (
        f"Free it, or disconnect {container.name} from there (DELETE /networks/{member.network.name}/containers/"
        f"{container.name}) and connect it as it can be."
    )
