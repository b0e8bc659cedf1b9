"""What stands against a network that is wanted, found before the engine is asked. Pure.

An engine has one space of addresses for all its networks (measured on Docker 20.10): a subnet that overlaps with
another's is refused for every driver, but that the very same subnet is taken twice where a range of it is asked for,
which is how several macvlan networks share what is behind their parents. An overlay over another's subnet is created
and never comes to be.
"""

from collections.abc import Iterable, Mapping, Sequence

from control import addresses
from control.addresses import Subnet, Taken
from control.engine.resolve import resolve
from control.errors import AddressConflict, Conflict, Invalid, NameTaken
from control.records import AddressPool, Network
from control.wanted import WantedNetwork, WantedPool

SHARED = frozenset({"macvlan", "ipvlan"})
"""Drivers whose networks have, by their nature, the subnet of an interface of the host."""

ROUTED = frozenset({"bridge", "overlay"})
"""Drivers whose subnets must be nobody else's on the host. What a plugin does, it knows alone."""

BRIDGE_NAME = "com.docker.network.bridge.name"

OWN_IPAM = "default"
"""The IPAM driver that is the engine's own."""

Pools = Sequence[WantedPool | AddressPool]


def check_name(name: str, known: Iterable[Network]) -> None:
    """Raises NameTaken where one of these networks has this name."""
    if any(network.name == name for network in known):
        raise NameTaken(f"There is a network {name!r}. Choose another name, or use the one there is.")


def configuration(wanted: WantedNetwork, known: Sequence[Network]) -> Network | None:
    """The network whose configuration is to be taken, or None. Raises NotFound, Ambiguous, Invalid."""
    if wanted.config_from is None:
        return None
    found = resolve("network", wanted.config_from, known, lambda network: (network.id, network.name))
    if not found.config_only:
        problem = f"{found.name} is no configuration: name a network that was created with config_only"
        raise Invalid(
            f"{problem}, or send options and addresses themselves.",
            errors=[{"at": "body.config_from", "message": problem}],
        )
    return found


def subnets_of(pools: Iterable[WantedPool | AddressPool]) -> list[Subnet]:
    """The subnets of pools, without those that the engine is to choose."""
    return [subnet for pool in pools if (subnet := addresses.as_subnet(pool.subnet)) is not None]


def in_use(known: Iterable[Network]) -> list[Taken]:
    """The subnets of networks. One that only holds a configuration has none, and those of an IPAM plugin are in a space
    of addresses of their own."""
    return [
        Taken(subnet, network=network.name)
        for network in known
        if not network.config_only and network.ipam.driver == OWN_IPAM
        for subnet in subnets_of(network.ipam.pools)
    ]


def bridges_of(known: Iterable[Network]) -> dict[str, str]:
    """The names of bridge networks by those of their interfaces on the engine's host."""
    return {
        network.options.get(BRIDGE_NAME) or f"br-{network.id[:12]}": network.name
        for network in known
        if network.driver == "bridge"
    }


def check_bridge(wanted: WantedNetwork, bridges: Mapping[str, str]) -> None:
    """Raises Conflict where another network has the interface that is wanted. The engine finds that of networks alone
    that somebody created, and gives docker0 away (20.10)."""
    name = wanted.options.get(BRIDGE_NAME)
    if wanted.driver == "bridge" and name is not None and name in bridges:
        raise Conflict(f"The bridge {name} is that of the network {bridges[name]}. Choose another {BRIDGE_NAME}.")


def check_subnets(wanted: WantedNetwork, pools: Pools, networks: Sequence[Taken], routes: Sequence[Taken]) -> None:
    """Raises AddressConflict, with a subnet that is free, where a pool overlaps with a network or a route."""
    against = [*networks]
    if wanted.driver in ROUTED:
        # A bridge that is there already, with its address, may be made a network.
        against += [route for route in routes if route.interface != wanted.options.get(BRIDGE_NAME)]
    for pool in pools:
        subnet = addresses.as_subnet(pool.subnet)
        if subnet is None:
            continue
        shares = wanted.driver in SHARED and pool.range is not None
        other = addresses.first_overlap(subnet, (it for it in against if not (shares and it.subnet == subnet)))
        if other is not None:
            free = suggestion(wanted.name, subnet, pools, (*networks, *routes))
            raise AddressConflict(
                f"{subnet} overlaps with {other}. {advice(free)}",
                suggestion=free,
                overlaps={"subnet": str(other.subnet), "network": other.network, "interface": other.interface},
            )


def suggestion(name: str, like: Subnet | None, pools: Pools, taken: Iterable[Taken]) -> str | None:
    """A subnet that none of these has, of the size of `like` (of the usual, where nothing was asked for)."""
    blocked = [*(it.subnet for it in taken), *subnets_of(pools)]
    likes = (like or addresses.USUAL, *(() if like is None or like.version == 4 else (addresses.local_subnet(name),)))  # noqa: PLR2004  (IPv4)
    return next((str(free) for it in likes if (free := addresses.free_subnet(blocked, like=it)) is not None), None)


def advice(free: str | None) -> str:
    """What to do about a subnet that is taken."""
    if free is None:
        return (
            "No private subnet of this size is free here: remove networks that are not used, or ask for a smaller one."
        )
    return f"{free} is free here: ask for that (ipam.pools), or choose another one."
