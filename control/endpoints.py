"""How a container is to be on a network: compared with how it is, said again as it was, and what an engine does not do
of it. Pure.

What engines do with the options of a connect (read in the sources of Docker 20.10 to 28, measured on 20.10 and 26.1):
a MAC is taken from the request that creates a container, and ignored in one that connects it; a gateway priority is
known from API 1.48 on; an address that was not asked for is the lowest free one at each start and connect.
"""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from control.records import AddressPool, Container, Endpoint, Membership, MembershipState, Network
from control.wanted import WantedEndpoint

Version = tuple[int, int]

GATEWAY_PRIORITY: Final = (1, 48)
"""The first API version that knows it."""

DEFAULT_BRIDGE: Final = "bridge"
BRIDGE_PORTS: Final = 1023

WORDS: Final = {
    "aliases": "aliases",
    "ipv4": "IPv4 address",
    "ipv6": "IPv6 address",
    "link_local": "link-local addresses",
    "links": "links",
    "gateway_priority": "gateway priority",
    "options": "driver options",
}
"""The options that can be compared, as a sentence names them."""


def version_of(text: str | None) -> Version:
    """`1.41` → (1, 41); nothing known is the lowest."""
    major, _, minor = (text or "1.0").partition(".")
    return int(major), int(minor)


def membership_on(container: Container, network: Network) -> Membership | None:
    """The container's membership of the network, or None."""
    for member in container.networks:
        # A container that never ran names its networks and leaves their ids empty.
        if (member.network.id or network.id) == network.id and member.network.name in {network.name, network.id}:
            return member
    return None


def difference(wanted: WantedEndpoint, member: Membership, api: Version) -> dict[str, dict[str, object]]:
    """Where a membership is not as wanted: option → {wanted, present}. What was not asked for does not differ, nor does
    what this engine can't change by connecting anew."""
    differs: dict[str, dict[str, object]] = {}
    for option in WORDS:
        if option == "gateway_priority" and api < GATEWAY_PRIORITY:
            continue
        asked = _plain(option, getattr(wanted, option))
        if option == "aliases" and isinstance(asked, list):  # what it can be called by anyway, the engine may leave out
            asked = [alias for alias in asked if alias not in set(member.dns_names) - set(member.wanted.aliases)]
        if asked is not None and asked != (present := _plain(option, getattr(member.wanted, option))):
            differs[option] = {"wanted": asked, "present": present}
    return differs


def _plain(option: str, value: object) -> object:
    """A value of an option in the one form in which it can be compared and shown."""
    if value is None:
        return 0 if option == "gateway_priority" else None
    if option == "links":
        return sorted(link if ":" in link else f"{link}:{link}" for link in _texts(value))
    if option == "link_local":
        return sorted(str(ip_address(address)) for address in _texts(value))
    if option == "aliases":
        return sorted(set(_texts(value)))
    return str(ip_address(str(value))) if option in {"ipv4", "ipv6"} else value


def _texts(value: object) -> Iterator[str]:
    assert isinstance(value, tuple)  # noqa: S101  (these options are)
    yield from value


def exactly(member: Membership) -> WantedEndpoint:
    """The wish that brings a membership back as it is, for an engine to whom the one before is lost.

    An address that the engine chose is not asked for, which would pin it; a MAC is, unless it only follows the address.
    A swarm's network shows every address as one that was asked for (20.10), so there each comes back.
    """
    was = member.wanted
    mac = was.mac or (None if _derived(member) else member.endpoint.mac)
    # Not validated: Docker may keep what could not be asked for here, and all of it is to come back.
    return WantedEndpoint.model_construct(
        aliases=was.aliases,
        ipv4=was.ipv4,
        ipv6=was.ipv6,
        link_local=was.link_local,
        mac=mac,
        links=was.links,
        gateway_priority=was.gateway_priority or None,
        options=was.options,
    )


def _derived(member: Membership) -> bool:
    """Whether the MAC is the one that Docker before 28 makes of an IPv4 address: `02:42:` and its four bytes."""
    if member.endpoint.ipv4 is None:
        return False
    packed = IPv4Address(member.endpoint.ipv4).packed
    return member.endpoint.mac == ":".join(["02:42", *(f"{byte:02x}" for byte in packed)])


def unhonoured(wanted: WantedEndpoint, member: Membership, api: Version, *, made: bool) -> list[str]:
    """What of a wish the engine did not do, seen by the membership as it is now; `made`: by this very request."""
    warnings = [
        f"The engine left the {WORDS[option]} as {values['present']!r} in the place of {values['wanted']!r}."
        for option, values in difference(wanted, member, api).items()
    ]
    if wanted.gateway_priority and api < GATEWAY_PRIORITY:
        warnings.append(
            "gateway_priority was not heeded: this engine does not know it (it came with Docker 28, API 1.48). The "
            "default route is by the first network in the order of their names."
        )
    if wanted.mac is not None:
        connected = member.state is MembershipState.CONNECTED
        present = member.endpoint.mac if connected else None if made else member.wanted.mac
        if present != wanted.mac:
            has = f"it has {present}" if connected else "it will have another one when it starts"
            warnings.append(
                f"mac {wanted.mac} was not heeded: {has}. Docker takes a MAC when it creates a container, and none "
                "when it connects one: to have it, run the container anew with it."
            )
    return warnings


def changed_by_chance(was: Membership, member: Membership) -> list[str]:
    """What a restored membership has other than it had, because the engine chose it both times."""
    if MembershipState.CONFIGURED in {was.state, member.state}:
        return []
    warnings = []
    for option in ("ipv4", "ipv6"):
        before, now = getattr(was.endpoint, option), getattr(member.endpoint, option)
        if getattr(was.wanted, option) is None and before is not None and before != now:
            warnings.append(
                f"Its {WORDS[option]} is {now}, and was {before}: the engine chose both, the lowest that was free. Ask "
                f"for {option} to keep one."
            )
    return warnings


def misfit(wanted: WantedEndpoint, network: Network) -> str | None:
    """Why the network can never give what is wanted, or None. Of a container that runs the engine says it in fewer
    words; one that does not, it lets find out at its start."""
    if network.name == DEFAULT_BRIDGE and (wanted.aliases or wanted.ipv4 or wanted.ipv6):
        return (
            "The default bridge has no DNS and takes no fixed addresses. Make a network of your own (POST /networks, "
            "with a subnet for fixed addresses) and connect the container to that, or leave out aliases and addresses."
        )
    subnets = [ip_network(pool.subnet, strict=False) for pool in network.ipam.pools if pool.subnet]
    for option in ("ipv4", "ipv6"):
        text = getattr(wanted, option)
        if text is None:
            continue
        address = ip_address(text)
        own = [subnet for subnet in subnets if subnet.version == address.version]
        if not any(address in subnet for subnet in own):
            has = f"its subnets are {', '.join(map(str, own))}" if own else f"it has no IPv{address.version} subnet"
            return f"{text} is no address of {network.name}: {has}."
    if not network.ipv6 and any(":" in address for address in wanted.link_local or ()):
        # Docker 20.10 answers "permission denied", and a container that has it configured does not start.
        return f"{network.name} has no IPv6, so an endpoint on it has no IPv6 link-local address: leave it out."
    return None


def taken(wanted: WantedEndpoint, network: Network, live: Mapping[str, Endpoint], container: str) -> str | None:
    """Why an address that is wanted can't be had now, or None. `live` are the network's endpoints by their containers'
    ids."""
    for option in ("ipv4", "ipv6"):
        address = getattr(wanted, option)
        if address is None:
            continue
        for id_, endpoint in live.items():
            if id_ != container and getattr(endpoint, option) == address:
                return f"{address} is taken on {network.name}, by the container {id_[:12]}."
    return None


def reserved(wanted: WantedEndpoint, network: Network) -> str | None:
    """Why an address that is wanted is nobody's to have, or None: a gateway, or set aside when the network was made."""
    for address in filter(None, (wanted.ipv4, wanted.ipv6)):
        for pool in network.ipam.pools:
            if ip_address(address) == gateway_of(pool):
                return f"{address} is the gateway of {network.name}."
            if address in pool.auxiliary_addresses.values():
                return f"{address} is set aside on {network.name} (auxiliary_addresses)."
    return None


def gateway_of(pool: AddressPool) -> IPv4Address | IPv6Address | None:
    """A pool's gateway: where it was not given, the engine took the first address that it gives (and 20.10 does not
    tell it)."""
    if pool.gateway:
        return ip_address(pool.gateway)
    if not pool.subnet:
        return None
    given = ip_network(pool.range or pool.subnet)
    subnet = ip_network(pool.subnet)
    return given.network_address + (given.network_address == subnet.network_address)


def full(network: Network, live: Mapping[str, Endpoint]) -> str | None:
    """Why the network takes no more endpoints, as far as can be told, or None.

    A connect that fails for this leaves what can't be cleaned away while the container runs, so it is better not tried.
    """
    if network.driver == "bridge" and len(live) >= BRIDGE_PORTS:
        return f"{network.name} has {len(live)} endpoints, and a Linux bridge takes no more."
    pools = [pool for pool in network.ipam.pools if pool.subnet and ":" not in pool.subnet]
    if not pools or network.scope != "local":
        return None
    for pool in pools:
        subnet, given = ip_network(pool.subnet or "", strict=False), ip_network(pool.range or pool.subnet or "")
        if subnet.prefixlen > 30:  # noqa: PLR2004  (too small for the usual rules)
            return None
        out = {subnet.network_address, subnet.broadcast_address}
        out |= {it for it in (gateway_of(pool), *map(ip_address, pool.auxiliary_addresses.values())) if it}
        out |= {ip_address(it.ipv4) for it in live.values() if it.ipv4}
        if sum(address in given for address in out) < given.num_addresses:
            return None
    return f"{network.name} has given all its addresses."


def inseparable(network: Network, container: Container, member: Membership | None) -> str | None:
    """Why this container can't be taken off this network, in words that say what to do, or None."""
    if container.network_mode.startswith("container:") and member is None:
        return impossible(network, container)
    if container.network_mode == "host" and network.driver == "host":
        # Of one that is stopped the engine takes it away, and the container has no network at all then (20.10).
        return impossible(network, container)
    return None


def impossible(network: Network, container: Container) -> str | None:
    """Why this container can never be on this network as it is, in words that say what to do, or None."""
    mode = container.network_mode
    if mode.startswith("container:"):
        owner = mode.partition(":")[2]
        return (
            f"{container.name} has no network of its own: it shares that of the container {owner}. Connect or "
            f"disconnect {owner}, and {container.name} goes along; or run it anew with networks of its own."
        )
    if mode == "host":
        return (
            f"{container.name} uses the network of the engine's host, and can't be on any other. Run it anew without "
            "network_mode host."
        )
    if network.driver == "host":
        return (
            f"A container uses the host's network from its creation or never: run {container.name} anew with "
            "network_mode host."
        )
    others = [member.network.name for member in container.networks if member.network.name != network.name]
    if network.driver == "null" and others:
        return (
            f"none stands alone, and {container.name} is on {' and '.join(others)}. Disconnect it from there: then it "
            "is on no network, which is what none means."
        )
    if "none" in others:
        return (
            f"{container.name} is on none, which stands alone. Disconnect it first (DELETE "
            f"/networks/none/containers/{container.name}), then connect it to {network.name}; nothing is lost by that."
        )
    return None
