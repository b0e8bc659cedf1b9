"""A network to create."""

from control.wanted.values import Filled, Ip, Labels, Name, Options, Subnet, Wanted


class WantedPool(Wanted):
    """One subnet of a network: `range` limits what the engine gives out itself."""

    subnet: Subnet | None = None
    range: Subnet | None = None
    gateway: Ip | None = None
    auxiliary_addresses: dict[Name, Ip] = {}


class WantedIpam(Wanted):
    """How a network gives addresses; without pools the engine chooses a free subnet."""

    driver: Name = "default"
    options: Options = {}
    pools: tuple[WantedPool, ...] = ()


class WantedNetwork(Wanted):
    """A network to create. `bridge`, `overlay` and `macvlan` can be created; `host` and `none` are built in."""

    name: Name
    driver: Filled = "bridge"
    internal: bool = False
    attachable: bool = False
    ipv6: bool = False
    labels: Labels = {}
    options: Options = {}
    ipam: WantedIpam = WantedIpam()
