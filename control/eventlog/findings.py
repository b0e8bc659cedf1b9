"""What a comparison of the log with the engine found, folded into records. Pure."""

from collections.abc import Mapping

from control.eventlog.entries import Between, Entry, Known
from control.eventlog.register import Register, another
from control.eventlog.standing import ABSENT, CONFIGURED, CONNECTED, Life, Pair, Shown
from control.records import Cause, Container, Endpoint, Kind, MembershipState, NetworkRef, Source


class Findings:
    """Takes what comparisons found, when no event told of it."""

    def __init__(self, register: Register) -> None:
        self._register = register

    def pair(self, shown: Shown, at: int, *, boot: bool, first: bool) -> list[Entry]:
        """The records that a pair as it was seen makes. `boot`: the engine restarted since log and engine last agreed;
        `first`: the log begins with this comparison."""
        register, pair = self._register, shown.pair
        known = register.memberships.get(pair)
        between = register.between(pair, at)
        entries: list[Entry] = []
        if known is not None and known.state is shown.state:
            if shown.state is CONFIGURED or not another(known.endpoint, shown.endpoint):
                register.learn(pair, shown.endpoint)
                return []
            entries += register.missed(pair, at)
            known = None
        cause = _cause(known.state if known else ABSENT, shown, between, boot=boot)
        return entries + register.move(
            pair,
            shown.state,
            at,
            Source.RECONCILE,
            Cause.UNKNOWN if first else cause,
            endpoint=shown.endpoint,
            between=between,
        )

    def container(self, container: Container) -> None:
        """Take a container's state from a comparison, where no event told of it."""
        alive = container.state in {"running", "paused"}
        life = self._register.lives.get(container.id)
        if life is None or life.alive != alive:
            self._register.lives[container.id] = Life(alive=alive, died=not alive and container.state != "created")
            self._register.changes.lives.add(container.id)
        for network in self._register.networks_of(container.id):
            # Whatever an end still owed has been told by now, or will not be.
            self._register.clear_owed(Pair(network, container.id))

    def gone(self, container: str) -> None:
        """A comparison found it gone."""
        if self._register.lives.pop(container, None) is not None:
            self._register.changes.lives.add(container)

    def networks(self, present: Mapping[str, NetworkRef], at: int, *, first: bool) -> list[Entry]:
        """The records that a comparison of the networks makes. At first those that are there were there."""
        entries = []
        between: Between = (self._register.verified, at)
        for id_, ref in present.items():
            known = self._register.networks.get(id_)
            if known != ref:
                self._register.networks[id_] = ref
                self._register.changes.networks.add(id_)
                if known is None and not first:
                    entries.append(_network_found(Kind.NETWORK_CREATE, ref, at, between))
        for id_ in self._register.networks.keys() - present.keys():
            ref = self._register.networks[id_]
            if ref.scope == "swarm":
                continue  # a worker sees it while it has a container on it
            del self._register.networks[id_]
            self._register.changes.networks.add(id_)
            entries.append(_network_found(Kind.NETWORK_DESTROY, ref, at, between))
        return entries


def differences(
    known: Mapping[Pair, Known], shown: Mapping[Pair, tuple[MembershipState, Endpoint | None]]
) -> set[Pair]:
    """The pairs of which the engine shows something else than the log knows."""
    differing = set()
    for pair in known.keys() | shown.keys():
        held, (state, endpoint) = known.get(pair), shown.get(pair, (ABSENT, None))
        if (held.state if held else ABSENT) is not state or (
            held is not None and state is CONNECTED and another(held.endpoint, endpoint)
        ):
            differing.add(pair)
    return differing


def _cause(  # noqa: PLR0911  (a table of cases)
    before: MembershipState, shown: Shown, between: Between, *, boot: bool
) -> Cause:
    """Why a pair came to be as a comparison found it, as far as what is there now can tell."""
    container = shown.container
    if shown.state is ABSENT and not shown.network_exists:
        return Cause.NETWORK_REMOVED
    if container is None:
        return Cause.REMOVE
    if shown.state is CONNECTED:
        if container.started is None or between[0] is None:
            return Cause.UNKNOWN
        if container.started >= between[0]:
            return Cause.RESTART if boot or container.restart_count else Cause.START
        return Cause.UNKNOWN if boot else Cause.EXTERNAL
    if before is CONNECTED and shown.state is CONFIGURED:
        return Cause.ENGINE_STOPPED if boot else Cause.OOM if container.oom_killed else Cause.UNKNOWN
    # Nothing but a call of the engine's API puts a container on a network or takes it off.
    return Cause.UNKNOWN if boot else Cause.EXTERNAL


def _network_found(kind: Kind, ref: NetworkRef, at: int, between: Between) -> Entry:
    return Entry(kind, at, Source.RECONCILE, network=ref, cause=Cause.UNKNOWN, between=between)
