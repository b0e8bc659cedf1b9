"""Networks, and containers as members of them."""

from control.instants import Instant
from control.records.base import Record
from control.records.events import ContainerRef, Endpoint, MembershipState


class NetworkName(Record):
    """A network as a membership names it."""

    id: str
    name: str


class Membership(Record):
    """One container on one network."""

    network: NetworkName
    container: ContainerRef
    state: MembershipState
    endpoint: Endpoint


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
