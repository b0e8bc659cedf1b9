"""Networks, and containers as members of them."""

from control.instants import Instant
from control.records.base import Record
from control.records.events import ContainerRef, Endpoint, MembershipState


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
    """A network as the engine has it."""

    id: str
    name: str
    driver: str
    scope: str
    created: Instant | None
    internal: bool
    attachable: bool
    ingress: bool
    ipv6: bool
    labels: dict[str, str]
    options: dict[str, str]
    ipam: Ipam


class NetworkDetail(Network):
    """A network and the containers on it, those running first, each by name."""

    containers: tuple[Membership, ...]
