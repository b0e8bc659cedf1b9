"""The swarm that an engine is in."""

from enum import StrEnum

from control.records.base import Record


class SwarmState(StrEnum):
    """`pending`: joining, or without a manager that answers; `locked`: it needs its unlock key."""

    INACTIVE = "inactive"
    PENDING = "pending"
    ACTIVE = "active"
    ERROR = "error"
    LOCKED = "locked"


class SwarmRole(StrEnum):
    """Managers decide for the swarm, workers run what they are told."""

    MANAGER = "manager"
    WORKER = "worker"


class SwarmManager(Record):
    """A manager of the swarm, and where it is reached."""

    node: str
    address: str


class Swarm(Record):
    """The swarm that this engine is in; all but `state` is null or empty where it is in none. `node` and `address` are
    this engine's. What managers alone know is null on a worker: `cluster`, the swarm's id; how many `nodes` there are;
    the `default_pools` and `subnet_size` of its overlays; `data_path_port`, the UDP port of their traffic. `error` is
    why its state is no better."""

    state: SwarmState
    role: SwarmRole | None
    node: str | None
    address: str | None
    managers: tuple[SwarmManager, ...]
    cluster: str | None
    nodes: int | None
    default_pools: tuple[str, ...]
    subnet_size: int | None
    data_path_port: int | None
    error: str | None


class SwarmTokens(Record):
    """What an engine joins the swarm with: secrets."""

    worker: str
    manager: str
