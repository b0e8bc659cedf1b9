"""The networks of a container, as its inspect shows them. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from control.records import ContainerRef, Endpoint, EndpointOptions, Membership, MembershipState, NetworkName

LIVE: Final = frozenset({"running", "paused", "restarting"})
"""States in which a container may have live endpoints."""

WITHOUT_DNS: Final = frozenset({"bridge", "host", "none"})
"""The engine's own networks, which have no DNS."""


def memberships_of(
    container: ContainerRef, status: str, networks: Mapping[str, Any], *, hostname: str = ""
) -> tuple[Membership, ...]:
    """The networks of a container, from `NetworkSettings.Networks` of its inspect, by name."""
    short = container.id[:12]
    found = []
    for name, entry in sorted(networks.items()):
        live = status in LIVE and bool(entry.get("EndpointID"))
        wanted = entry.get("IPAMConfig") or {}
        found.append(
            Membership(
                network=NetworkName(id=entry.get("NetworkID") or "", name=name),
                container=container,
                state=MembershipState.CONNECTED if live else MembershipState.CONFIGURED,
                endpoint=Endpoint(
                    id=entry["EndpointID"] if live else None,
                    ipv4=(entry.get("IPAddress") if live else wanted.get("IPv4Address")) or None,
                    ipv6=(entry.get("GlobalIPv6Address") if live else wanted.get("IPv6Address")) or None,
                    mac=(entry.get("MacAddress") if live else None) or None,
                    gateway=(entry.get("Gateway") if live else None) or None,
                    aliases=tuple(
                        # Up to 25 the engine adds the short id to the aliases; since 26 it is in DNSNames alone.
                        alias
                        for alias in entry.get("Aliases") or ()
                        if alias != short
                    ),
                ),
                wanted=_options_of(entry, short, hostname, live=live),
                dns_names=_dns_names(name, entry, container),
            )
        )
    return tuple(found)


def _options_of(entry: Mapping[str, Any], short: str, hostname: str, *, live: bool) -> EndpointOptions:
    """What an endpoint is configured with.

    Before API 1.44 the engine adds the short id and the host's name to the aliases by itself (measured on Docker 20.10:
    at a connect and at each start), after it the short id at most. An endpoint that lives shows the MAC that it has in
    the place of the one that it may want, so that is told of those alone that do not.
    """
    addresses = entry.get("IPAMConfig") or {}
    added = {short} if "DNSNames" in entry else {short, hostname}
    return EndpointOptions(
        aliases=tuple(alias for alias in entry.get("Aliases") or () if alias not in added),
        ipv4=addresses.get("IPv4Address") or None,
        ipv6=addresses.get("IPv6Address") or None,
        link_local=tuple(addresses.get("LinkLocalIPs") or ()),
        mac=(None if live else entry.get("MacAddress")) or None,
        links=tuple(entry.get("Links") or ()),
        gateway_priority=entry.get("GwPriority"),
        options=entry.get("DriverOpts") or {},
    )


def _dns_names(network: str, entry: Mapping[str, Any], container: ContainerRef) -> tuple[str, ...]:
    """What the engine's DNS answers to on a network: what it says from API 1.44 on, before that what it does."""
    if network in WITHOUT_DNS:
        return ()
    told = entry.get("DNSNames")
    names = told if told is not None else (container.name, *(entry.get("Aliases") or ()), container.id[:12])
    return tuple(dict.fromkeys(name for name in names if name))
