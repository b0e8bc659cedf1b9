"""How a container is to be on a network."""

from control.wanted.values import Alias, Ipv4, Ipv6, Reference, Wanted


class WantedEndpoint(Wanted):
    """How a container is to be on a network. What is left out or null, the engine chooses."""

    aliases: tuple[Alias, ...] | None = None
    ipv4: Ipv4 | None = None
    ipv6: Ipv6 | None = None


class WantedAttachment(WantedEndpoint):
    """A network for a new container, and how it is to be on it."""

    network: Reference
