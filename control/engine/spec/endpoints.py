"""How a container is to be on a network, as the engine's JSON. Pure."""

from typing import Any

from control.engine.spec.base import listed, present
from control.wanted import WantedEndpoint


def endpoint_config(wanted: WantedEndpoint) -> dict[str, Any]:
    """An `EndpointSettings`; what is not wanted is left to the engine."""
    addresses = present(
        IPv4Address=wanted.ipv4, IPv6Address=wanted.ipv6, LinkLocalIPs=listed(wanted.link_local or None)
    )
    return present(
        Aliases=listed(wanted.aliases or None),
        Links=listed(wanted.links or None),
        MacAddress=wanted.mac,
        GwPriority=wanted.gateway_priority,
        DriverOpts=wanted.options or None,
        IPAMConfig=addresses or None,
    )
