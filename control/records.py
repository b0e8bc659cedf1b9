"""What everyone here speaks of: networks, containers, endpoints, memberships, events. Pure values.

They are pydantic models so that one definition gives the Python type, the JSON of the API and its schema.
Names are the field's own (network, endpoint, alias, driver, IPAM, subnet, publish); ids are the engine's full
ids of 64 hexadecimal digits (of 25 letters and digits for a swarm's networks).

What the event log makes by the ten thousand a second (references, endpoints, engine events) is a plain dataclass.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from control.instants import Instant


class Record(BaseModel):
    """A value that never changes once made, and refuses fields that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NetworkName(Record):
    """A network as a membership names it."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class NetworkRef:
    """A network as an event names it; driver and scope are null where never learned."""

    id: str
    name: str
    driver: str | None = None
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class ContainerRef:
    """A container as an event or a membership names it; name and image are null where never learned."""

    id: str
    name: str | None = None
    image: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
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
    """A container as the engine has it. `exit_code` is null while it has not exited. `restart_count` counts the
    restarts by its policy since it was last started by somebody; `oom_killed` is about its last death; `error` is why
    its last start failed, null where it did not."""

    id: str
    name: str
    image: str
    image_id: str
    state: str
    created: Instant | None
    started: Instant | None
    finished: Instant | None
    exit_code: int | None
    oom_killed: bool
    error: str | None
    restart_count: int
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


@dataclass(slots=True)
class EngineEvent:
    """One event of the engine's stream, as the engine sent it.

    `actor` is the network's id for a network event; `attributes` then hold `container` (full id), `name` and
    `type` (the driver). Measured on Docker 20.10: there is no address, alias or endpoint id in them. `scope` is
    `swarm` for what happens to a swarm's own networks. `digest` tells this event from any other, and is the same
    whenever the engine sends it again.
    """

    type: str
    action: str
    actor: str
    attributes: dict[str, str]
    time: int
    scope: str
    digest: bytes


class Source(StrEnum):
    """How a record was learned: as it happened, from the engine's memory after an absence of ours, by comparing what
    the engine shows with what the log says, or because control itself did it."""

    STREAM = "stream"
    REPLAY = "replay"
    RECONCILE = "reconcile"
    CONTROL = "control"


class Cause(StrEnum):
    """Why a membership changed. `request` was asked for here, `external` was asked of the engine by somebody else;
    `stop`, `kill`, `exit` and `oom` are the ways in which a container ends, `start` and `restart` those in which it
    begins (a failed start takes back its connects with the cause `start`)."""

    REQUEST = "request"
    EXTERNAL = "external"
    START = "start"
    STOP = "stop"
    EXIT = "exit"
    KILL = "kill"
    OOM = "oom"
    RESTART = "restart"
    REMOVE = "remove"
    NETWORK_REMOVED = "network-removed"
    ENGINE_STOPPED = "engine-stopped"
    UNKNOWN = "unknown"


class Kind(StrEnum):
    """What a record of the log tells."""

    CONNECT = "network.connect"
    DISCONNECT = "network.disconnect"
    NETWORK_CREATE = "network.create"
    NETWORK_DESTROY = "network.destroy"
    CONTAINER_CREATE = "container.create"
    CONTAINER_START = "container.start"
    CONTAINER_DIE = "container.die"
    CONTAINER_STOP = "container.stop"
    CONTAINER_KILL = "container.kill"
    CONTAINER_OOM = "container.oom"
    CONTAINER_DESTROY = "container.destroy"
    CONTAINER_RENAME = "container.rename"
    CONTAINER_RESTART = "container.restart"
    CONTAINER_PAUSE = "container.pause"
    CONTAINER_UNPAUSE = "container.unpause"
    CONTAINER_HEALTH = "container.health"
    GAP = "gap"
    REQUEST = "request"


@dataclass(frozen=True, slots=True)
class RequestRef:
    """Who asked for it here, and why: the request's id, the principal of its token, its `Reason` header."""

    id: str
    principal: str
    reason: str | None = None


class Event(Record):
    """One record of the event log.

    `seq` counts without holes. `time` is the engine's. A connect or disconnect is a real transition of one container
    on one network, from `before` to `after`; the transitions of a pair chain. With source `reconcile` the true instant
    is not known, only that it lies in `observed_between`, whose start is null when nothing was known before; a `gap`
    has there the interval in which the stream may have lost something. `detail` holds what one kind alone has.
    `hash` is the SHA-256 of the hash before (32 bytes, zeros at first) and of this record's JSON without `hash`.
    """

    seq: int
    kind: Kind
    time: Instant
    network: NetworkRef | None
    container: ContainerRef | None
    endpoint: Endpoint | None
    before: MembershipState | None
    after: MembershipState | None
    cause: Cause | None
    request: RequestRef | None
    source: Source
    observed_between: tuple[Instant | None, Instant] | None
    detail: dict[str, Any] | None
    hash: str
