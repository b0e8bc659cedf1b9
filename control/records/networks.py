"""Networks, and containers as members of them."""

from typing import Final, Literal

from control.instants import Instant
from control.records.base import Record
from control.records.events import ContainerRef, Endpoint, MembershipState

BUILT_IN: Final = frozenset({"bridge", "host", "none"})
"""The networks that every engine has, and keeps."""

GATEWAYS: Final = "docker_gwbridge"
"""A swarm's bridge to the outside: its endpoints are of the engine's own making, of which it tells no events."""


class NetworkName(Record):
    """A network as a membership names it."""

    id: str
    name: str


class EndpointOptions(Record):
    """How a container is to be on a network, as far as the engine keeps and tells it: what was asked for and outlives
    a stop, beside the operational values in `Endpoint`. Null: the engine chooses, or does not tell.

    `link_local` are further addresses of the endpoint; `links` are `CONTAINER:ALIAS`; the endpoint with the highest
    `gateway_priority` gives the default route (told by API 1.48 and later); `options` are the driver's.
    """

    aliases: tuple[str, ...] = ()
    ipv4: str | None = None
    ipv6: str | None = None
    link_local: tuple[str, ...] = ()
    mac: str | None = None
    links: tuple[str, ...] = ()
    gateway_priority: int | None = None
    options: dict[str, str] = {}


class Membership(Record):
    """One container on one network: `wanted` is what it is configured with, `endpoint` what it has while it is
    connected, `dns_names` what the others of the network can call it by."""

    network: NetworkName
    container: ContainerRef
    state: MembershipState
    endpoint: Endpoint
    wanted: EndpointOptions = EndpointOptions()
    dns_names: tuple[str, ...] = ()


class MembershipMade(Membership):
    """A membership that was asked for: what was `done` for it, and in `warnings` what of the request the engine does
    not do, or did otherwise than it was."""

    done: Literal["connected", "reconnected", "nothing"]
    warnings: tuple[str, ...]


class AddressPool(Record):
    """One IPAM configuration of a network. `range` is the part of the subnet that addresses are given from."""

    subnet: str | None = None
    range: str | None = None
    gateway: str | None = None
    auxiliary_addresses: dict[str, str] = {}


class Ipam(Record):
    """How a network gives addresses."""

    driver: str = "default"
    options: dict[str, str] = {}
    pools: tuple[AddressPool, ...] = ()


class Network(Record):
    """A network as the engine has it. `config_only`: it only holds a configuration, for others to take; `config_from`
    is the name of that which this one took."""

    id: str
    name: str
    driver: str
    scope: str
    created: Instant | None
    internal: bool
    attachable: bool
    ingress: bool
    ipv4: bool
    ipv6: bool
    config_only: bool
    config_from: str | None
    labels: dict[str, str]
    options: dict[str, str]
    ipam: Ipam


class AddressUse(Record):
    """The addresses that the engine can give to containers from a pool, how many of them endpoints have (of a swarm's
    network: as far as this engine knows), and how many are free. A number above 2^53 - 1, which many readers of JSON
    can't hold, is told as that."""

    total: int
    taken: int
    free: int


class PoolInUse(AddressPool):
    """A pool, and the use of its addresses; null where the engine does not tell the subnet."""

    use: AddressUse | None


class IpamInUse(Ipam):
    """How a network gives addresses, and has given them."""

    pools: tuple[PoolInUse, ...] = ()


class OtherEndpoint(Record):
    """An endpoint of no container that this engine shows: a swarm's load balancer, or one that the engine has forgotten
    to remove. Its `container` is the id of the one that it was made for, where there was one."""

    name: str | None
    container: str | None
    endpoint: Endpoint


class Peer(Record):
    """Another engine of the swarm that has a part of the network."""

    name: str
    address: str


class ServiceTask(Record):
    """A task of a service on a swarm's network. `host` is the address of the engine that runs it."""

    name: str
    endpoint: Endpoint
    host: str | None


class Service(Record):
    """A service on a swarm's network. `address` is its virtual one."""

    name: str
    address: str | None
    ports: tuple[str, ...]
    tasks: tuple[ServiceTask, ...]


class NetworkDetail(Network):
    """A network, the use of its addresses, and who is on it: the containers of this engine, connected and configured to
    join at their start, by name; endpoints of none; and of a swarm's network, peers and services."""

    ipam: IpamInUse
    containers: tuple[Membership, ...]
    other_endpoints: tuple[OtherEndpoint, ...] = ()
    peers: tuple[Peer, ...] = ()
    services: tuple[Service, ...] = ()
