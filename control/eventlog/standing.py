"""What is known of one engine, and what is heard and seen of it: the values that the event log works on. Pure."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from control.eventlog.entries import Known
from control.records import Container, Endpoint, EngineEvent, MembershipState, NetworkRef, Source

ABSENT, CONFIGURED, CONNECTED = MembershipState.ABSENT, MembershipState.CONFIGURED, MembershipState.CONNECTED
RANK: Final = {ABSENT: 0, CONFIGURED: 1, CONNECTED: 2}

SECOND: Final = 10**9


class Pair(NamedTuple):
    """A network and a container, by their full ids."""

    network: str
    container: str


@dataclass(frozen=True, slots=True)
class Glimpse:
    """A look at a container after an event: itself, None where it was gone, and the endpoint that a connect made.
    `late`: so long after it that what it shows may be of later steps."""

    container: Container | None
    endpoint: Endpoint | None = None
    late: bool = False

    def entry(self, network: str) -> MembershipState | None:
        """What the container's own inspect says of a network."""
        if self.container is None:
            return None
        return next((it.state for it in self.container.networks if it.network.id == network), None)


@dataclass(slots=True)
class Heard:
    """An event of the engine, and how and when (on this machine's steady clock) it came.

    `boot`: it is of the time in which the engine came up again. `stopping`: the engine had stopped listening by then.
    """

    event: EngineEvent
    source: Source
    received: float
    glimpse: Glimpse | None = None
    boot: bool = False
    stopping: bool = False

    @property
    def container(self) -> str | None:
        """The container that it is about, if any."""
        event = self.event
        return event.actor if event.type == "container" else event.attributes.get("container")


@dataclass(slots=True)
class Life:
    """What is known of a container's life: whether it runs, and what led to its end. `undone`: since when what a start
    that failed had connected is taken back."""

    alive: bool = False
    starting: bool = False
    undone: int | None = None
    signalled: int | None = None
    oom: bool = False
    stopped: int | None = None
    died: bool = False
    ended: int | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What a comparison saw of a pair. `container` is None where there is none any more."""

    pair: Pair
    state: MembershipState
    endpoint: Endpoint | None
    container: Container | None
    network_exists: bool


@dataclass(slots=True)
class Standing:
    """Where things stand: who is a member of what, which containers live, which networks there are."""

    memberships: dict[Pair, Known] = field(default_factory=dict)
    lives: dict[str, Life] = field(default_factory=dict)
    networks: dict[str, NetworkRef] = field(default_factory=dict)


@dataclass(slots=True)
class Changes:
    """What of the standing has changed since it was written last."""

    pairs: set[Pair] = field(default_factory=set)
    lives: set[str] = field(default_factory=set)
    networks: set[str] = field(default_factory=set)
