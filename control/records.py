"""What everyone here speaks of: networks, containers, endpoints, memberships, events. Pure values.

They are pydantic models so that one definition gives the Python type, the JSON of the API and its schema.
Names are the field's own (network, endpoint, alias, driver, IPAM, subnet, publish); ids are the engine's full
ids of 64 hexadecimal digits.
"""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from control.instants import Instant


class Record(BaseModel):
    """A value that never changes once made, and refuses fields that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NetworkName(Record):
    """A network as a membership names it."""

    id: str
    name: str


class NetworkRef(NetworkName):
    """A network as an event names it; driver and scope are null where never learned."""

    driver: str | None = None
    scope: str | None = None


class ContainerRef(Record):
    """A container as an event or a membership names it; name and image are null where never learned."""

    id: str
    name: str | None = None
    image: str | None = None


class Endpoint(Record):
    """A container's place on a network. `id` is new at every start and every connect: it names one interval
    of membership. What the engine did not say, or no longer knew when asked, is null (an inspect of a network
    leaves out gateway and aliases)."""

    id: str | None = None
    ipv4: str | None = None
    ipv6: str | None = None
    mac: str | None = None
    gateway: str | None = None
    aliases: tuple[str, ...] | None = None


class MembershipState(StrEnum):
    """`configured`: the container would join at its start; `connected`: it has a live endpoint."""

    ABSENT = "absent"
    CONFIGURED = "configured"
    CONNECTED = "connected"


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


class Port(Record):
    """One port of a container. Published where it has a host address and port."""

    container_port: int
    protocol: str
    host_address: str | None = None
    host_port: int | None = None


class Mount(Record):
    """Something mounted in a container: a named volume, a folder of the host, or a tmpfs."""

    type: str
    source: str | None
    target: str
    read_only: bool


class Container(Record):
    """A container as the engine has it. `exit_code` is null while it has not exited."""

    id: str
    name: str
    image: str
    image_id: str
    state: str
    created: Instant | None
    started: Instant | None
    finished: Instant | None
    exit_code: int | None
    health: str | None
    command: tuple[str, ...]
    labels: dict[str, str]
    network_mode: str
    restart: str
    networks: tuple[Membership, ...]
    ports: tuple[Port, ...]
    mounts: tuple[Mount, ...]


class Volume(Record):
    """A volume."""

    name: str
    driver: str
    scope: str
    created: Instant | None
    mountpoint: str | None
    labels: dict[str, str]
    options: dict[str, str]


class Image(Record):
    """An image. `size` is in bytes, layers shared with others included."""

    id: str
    tags: tuple[str, ...]
    created: Instant | None
    size: int
    labels: dict[str, str]


class ExecResult(Record):
    """What a command in a container gave. Output past the limit was cut where `truncated` says so."""

    exit_code: int
    stdout: str
    stderr: str
    truncated: bool = False


class EngineEvent(Record):
    """One event of the engine's stream, as the engine sent it.

    `actor` is the network's id for a network event; `attributes` then hold `container` (full id), `name` and
    `type` (the driver). Measured on Docker 20.10: there is no address, alias or endpoint id in them.
    """

    type: str
    action: str
    actor: str
    attributes: dict[str, str]
    time: Instant


class Source(StrEnum):
    """How a transition was learned: as it happened, from the engine's memory after an absence of ours, or by
    comparing what the engine shows with what the log says."""

    STREAM = "stream"
    REPLAY = "replay"
    RECONCILE = "reconcile"


class Event(Record):
    """One row of the event log: a real transition of one container on one network.

    `seq` counts from 1 without holes. `time` is the engine's. With source `reconcile` the true instant is not
    known, only that it lies in `observed_between`, whose start is null when nothing was known before.
    """

    seq: int
    kind: Literal["network.connect", "network.disconnect"]
    time: Instant
    network: NetworkRef
    container: ContainerRef
    endpoint: Endpoint | None
    before: MembershipState
    after: MembershipState
    source: Source
    observed_between: tuple[Instant | None, Instant] | None = None
