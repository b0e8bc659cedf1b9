"""What the engine showed, folded into transitions. Pure.

The engine's events are not balanced: a disconnect is told twice on Docker 20.10, a failed start tells a
disconnect that had no connect, a restart a second connect, and a killed engine tells nothing. So an event is
never a toggle; it says what the state is now, and a transition is what that changes. Each pair of network and
container is folded by itself, and the transitions of one pair chain: each begins in the state in which the one
before ended.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, NamedTuple

from control.records import ContainerRef, Endpoint, MembershipState, NetworkRef, Source

Kind = Literal["network.connect", "network.disconnect"]
Between = tuple[int | None, int]

_RANK: Final = {MembershipState.ABSENT: 0, MembershipState.CONFIGURED: 1, MembershipState.CONNECTED: 2}


class Pair(NamedTuple):
    """A network and a container, by their full ids."""

    network: str
    container: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What the engine showed of one pair: that it is in `state`, at or before the instant `at`.

    `verified` is the last instant at which the log was compared with the engine and agreed. It bounds when
    something happened that was not seen happening.
    """

    network: NetworkRef
    container: ContainerRef
    state: MembershipState
    at: int
    source: Source
    endpoint: Endpoint | None = None
    verified: int | None = None

    @property
    def pair(self) -> Pair:
        return Pair(self.network.id, self.container.id)


@dataclass(frozen=True, slots=True)
class Known:
    """What the log knows of one pair: its state since an instant, and the endpoint it has there."""

    state: MembershipState
    since: int
    endpoint: Endpoint | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of one pair's state: an event of the log that has no number yet."""

    network: NetworkRef
    container: ContainerRef
    before: MembershipState
    after: MembershipState
    at: int
    source: Source
    endpoint: Endpoint | None
    between: Between | None = field(default=None)

    @property
    def pair(self) -> Pair:
        return Pair(self.network.id, self.container.id)

    @property
    def kind(self) -> Kind:
        return "network.connect" if _RANK[self.after] > _RANK[self.before] else "network.disconnect"


def step(known: Known | None, seen: Seen) -> tuple[Known | None, tuple[Transition, ...]]:
    """What is known of a pair after something was seen of it, and the transitions that this makes.

    None stands for a pair that is absent: nothing need be remembered of it.
    """
    before = known.state if known else MembershipState.ABSENT
    held = known.endpoint if known else None
    if seen.state is before:
        if known is None:
            return None, ()
        if not _another(held, seen.endpoint):
            return replace(known, endpoint=_fuller(held, seen.endpoint)), ()
        # An endpoint's id is that of one interval: the end of the interval before, and the start of this one, were
        # missed. When it ended is not known.
        missed = _transition(known, replace(seen, state=MembershipState.ABSENT, endpoint=None, source=Source.RECONCILE))
        return Known(seen.state, seen.at, seen.endpoint), (missed, _transition(None, seen))
    change = _transition(known, seen)
    after = None if seen.state is MembershipState.ABSENT else Known(seen.state, seen.at, seen.endpoint)
    return after, (change,)


def differences(known: Mapping[Pair, Known], shown: Mapping[Pair, Endpoint]) -> set[Pair]:
    """The pairs whose live endpoints, as the engine shows them all, are not what the log knows."""
    connected = {pair for pair, what in known.items() if what.state is MembershipState.CONNECTED}
    moved = {pair for pair in connected & shown.keys() if _id(known[pair].endpoint) != shown[pair].id}
    return (connected ^ shown.keys()) | moved


def _transition(known: Known | None, seen: Seen) -> Transition:
    between = None
    if seen.source is Source.RECONCILE:
        # A pair is known to have been in its state when it entered it, and when all was last compared.
        bounds = [instant for instant in (known.since if known else None, seen.verified) if instant is not None]
        between = (min(max(bounds), seen.at) if bounds else None, seen.at)
    return Transition(
        network=seen.network,
        container=seen.container,
        before=known.state if known else MembershipState.ABSENT,
        after=seen.state,
        at=seen.at,
        source=seen.source,
        # Who leaves takes the endpoint along that it had.
        endpoint=seen.endpoint or (known.endpoint if known else None),
        between=between,
    )


def _id(endpoint: Endpoint | None) -> str | None:
    return endpoint.id if endpoint else None


def _another(held: Endpoint | None, shown: Endpoint | None) -> bool:
    return bool(held and shown and held.id and shown.id and held.id != shown.id)


def _fuller(held: Endpoint | None, shown: Endpoint | None) -> Endpoint | None:
    return held if held and held.id else shown or held
