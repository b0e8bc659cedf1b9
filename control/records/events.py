"""What the event log speaks of. What is made by the ten thousand a second is a plain dataclass."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from control.instants import Instant
from control.records.base import Record


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
