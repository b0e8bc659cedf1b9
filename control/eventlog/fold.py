"""What the engine tells, folded into records. Pure.

The engine's events are not balanced: a disconnect is told twice on Docker 20.10, a failed start tells a disconnect
that had no connect, a restart a second connect, and a killed engine tells nothing. So an event is never a toggle; it
says what the state is now, and a transition is what that changes.

Some events mean one thing or another by what follows them or by what a look at the container shows (`waiting` says for
how long they wait): `later` are the container's events received since.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from control.eventlog.entries import Entry, Known
from control.eventlog.register import Register, another
from control.eventlog.standing import ABSENT, CONFIGURED, CONNECTED, SECOND, Glimpse, Heard, Life, Pair
from control.records import Cause, Endpoint, EngineEvent, Kind, MembershipState, Source

SIGNALS_THAT_END: Final = frozenset({1, 2, 3, 6, 9, 15})
SIGNAL_REACH: Final = 30 * SECOND
"""How long after a signal a container's end is that signal's doing, by the engine's times."""

KINDS: Final = {
    action: Kind(f"container.{action}")
    for action in (
        "create", "start", "die", "stop", "kill", "oom", "destroy", "rename", "restart", "pause", "unpause",
    )
}  # fmt: skip
"""What is recorded of containers; health statuses besides. `exec_create: …` carries a command line, with whatever
secrets are in it, and is dropped before anything sees it."""
HEALTH: Final = "health_status"


@dataclass(slots=True)
class Trait:
    """What differs from engine to engine: whether a container's death is told before its disconnects."""

    death_first: bool = True


class Fold:
    """Folds events into records, in the order in which they are handed in."""

    def __init__(self, register: Register, trait: Trait) -> None:
        self._register = register
        self._trait = trait
        self._on_container: Mapping[str, Callable[[Heard, Sequence[Heard]], list[Entry]]] = {
            "create": self._created,
            "start": self._started,
            "die": self._died,
            "destroy": self._destroyed,
        }

    def hear(self, heard: Heard, later: Sequence[Heard] = ()) -> list[Entry]:
        """The records that an event makes. `later` are the container's events received since."""
        event = heard.event
        if event.type == "container":
            return self._hear_container(heard, later)
        if event.action == "connect" and "container" in event.attributes:
            return self._connected(heard, later)
        if event.action == "disconnect" and "container" in event.attributes:
            return self._disconnected(heard, later)
        if event.action == "create":
            return self._network_created(heard)
        if event.action in {"destroy", "remove"}:
            return self._network_destroyed(heard)
        return []

    def _hear_container(self, heard: Heard, later: Sequence[Heard]) -> list[Entry]:
        event = heard.event
        entries = [entry] if (entry := self._container_entry(heard)) is not None else []
        if (act := self._on_container.get(event.action)) is not None:
            entries += act(heard, later)
            self._register.changes.lives.add(event.actor)
        elif (life := self._register.lives.get(event.actor)) is not None:
            self._mark(life, event)
        self._register.ledger.passed(event.actor, event.action)
        return entries

    def _mark(self, life: Life, event: EngineEvent) -> None:
        match event.action:
            case "kill":
                signal = event.attributes.get("signal", "")
                if not signal.isdecimal() or int(signal) in SIGNALS_THAT_END:
                    life.signalled = event.time
            case "oom":
                life.oom = True
            case "stop":
                life.stopped, life.died = event.time, False
            case _:
                return
        self._register.changes.lives.add(event.actor)

    def _container_entry(self, heard: Heard) -> Entry | None:
        event = heard.event
        action, _, status = event.action.partition(": ")
        kind = Kind.CONTAINER_HEALTH if action == HEALTH else KINDS.get(action)
        if kind is None:
            return None
        told: dict[str, Any] | None = None
        attributes = event.attributes
        if kind is Kind.CONTAINER_DIE:
            told = {"exit_code": _number(attributes.get("exitCode"))}
        elif kind is Kind.CONTAINER_KILL:
            told = {"signal": _number(attributes.get("signal"))}
        elif kind is Kind.CONTAINER_RENAME:
            told = {"old_name": attributes.get("oldName", "").removeprefix("/")}
        elif kind is Kind.CONTAINER_HEALTH:
            told = {"health": status}
        container = self._register.names.container(event.actor)
        request = self._register.ledger.of_container(event.actor, container.name, action, event.time)
        return Entry(kind, event.time, heard.source, container=container, request=request, detail=told)

    def _created(self, heard: Heard, _: Sequence[Heard]) -> list[Entry]:
        event = heard.event
        self._register.lives[event.actor] = Life()
        container = heard.glimpse.container if heard.glimpse else None
        if container is None:
            return []
        wanted = {
            member.network.id: member.endpoint if member.state is CONFIGURED else None
            for member in container.networks
            # What was joined after the creation has events of its own, if it has begun to run by now.
            if container.state == "created" or container.network_mode in {member.network.name, member.network.id}
        }
        # The network that it was made for was its first, even if it has been taken off it by now.
        made_for = [id_ for id_, ref in self._register.networks.items() if container.network_mode in {id_, ref.name}]
        if len(made_for) == 1:
            wanted.setdefault(made_for[0], None)
        entries = []
        for network, endpoint in wanted.items():
            if network in self._register.networks:
                entries += self._move(Pair(network, event.actor), CONFIGURED, heard, Cause.EXTERNAL, endpoint=endpoint)
        return entries

    def _started(self, heard: Heard, _: Sequence[Heard]) -> list[Entry]:
        self._register.lives[heard.event.actor] = Life(alive=True)
        for network in self._register.networks_of(heard.event.actor):
            self._register.clear_owed(Pair(network, heard.event.actor))
        return []

    def _died(self, heard: Heard, later: Sequence[Heard]) -> list[Entry]:
        container = heard.event.actor
        life = self._register.lives.setdefault(container, Life(alive=True))
        cause = self._reason(life, heard, later)
        entries = []
        for network in self._register.networks_of(container):
            pair = Pair(network, container)
            if self._register.memberships[pair].state is CONNECTED:
                entries += self._move(pair, CONFIGURED, heard, cause)
                self._register.memberships[pair].owed = self._trait.death_first and not heard.boot
        # Whether `stop` was told already is a matter of the engine's version.
        self._register.lives[container] = Life(died=life.stopped is None, stopped=life.stopped, ended=heard.event.time)
        return entries

    def _reason(self, life: Life, heard: Heard, later: Sequence[Heard]) -> Cause:
        actions = {it.event.action for it in later}
        if heard.boot or any(it.stopping for it in later if it.event.action == "stop"):
            return Cause.ENGINE_STOPPED
        if life.oom or "oom" in actions:
            return Cause.OOM
        if not signalled(life, heard.event.time):
            return Cause.EXIT
        if "destroy" in actions:
            return Cause.REMOVE
        return Cause.STOP if "stop" in actions else Cause.KILL

    def _destroyed(self, heard: Heard, _: Sequence[Heard]) -> list[Entry]:
        container = heard.event.actor
        entries: list[Entry] = []
        for network in self._register.networks_of(container):
            entries += self._move(Pair(network, container), ABSENT, heard, Cause.REMOVE)
        self._register.lives.pop(container, None)
        return entries

    def _network_created(self, heard: Heard) -> list[Entry]:
        event = heard.event
        if event.actor in self._register.networks:
            return []
        self._register.networks[event.actor] = ref = self._register.names.network(event.actor)
        self._register.changes.networks.add(event.actor)
        request = self._register.ledger.of_network(event.actor, ref.name, "create", event.time)
        cause = Cause.REQUEST if request else Cause.EXTERNAL
        return [Entry(Kind.NETWORK_CREATE, event.time, heard.source, network=ref, cause=cause, request=request)]

    def _network_destroyed(self, heard: Heard) -> list[Entry]:
        event = heard.event
        ref = self._register.names.network(event.actor)
        if event.scope == "local" and ref.scope == "swarm":
            # It left this node with its last container here, and lives on in the swarm.
            return []
        entries: list[Entry] = []
        for container in self._register.containers_on(event.actor):
            entries += self._move(Pair(event.actor, container), ABSENT, heard, Cause.NETWORK_REMOVED)
        if self._register.networks.pop(event.actor, None) is None:
            return entries
        self._register.changes.networks.add(event.actor)
        request = self._register.ledger.of_network(event.actor, ref.name, "destroy", event.time)
        cause = Cause.REQUEST if request else Cause.EXTERNAL
        entries.append(Entry(Kind.NETWORK_DESTROY, event.time, heard.source, network=ref, cause=cause, request=request))
        return entries

    def _connected(self, heard: Heard, later: Sequence[Heard]) -> list[Entry]:
        event = heard.event
        pair = Pair(event.actor, event.attributes["container"])
        known = self._register.memberships.get(pair)
        endpoint = heard.glimpse.endpoint if heard.glimpse else None
        entries: list[Entry] = []
        if known is not None and known.state is CONNECTED:
            if not another(known.endpoint, endpoint):
                self._register.learn(pair, endpoint)
                return []
            entries += self._register.missed(pair, event.time)
        life = self._register.lives.get(pair.container)
        alive = life is not None and life.alive
        cause = Cause.EXTERNAL if alive else self._beginning(life, heard, later)
        if life is not None and not alive and cause is not Cause.EXTERNAL:
            life.starting, life.undone = True, None
            self._register.changes.lives.add(pair.container)
        return entries + self._move(pair, CONNECTED, heard, cause, endpoint=endpoint)

    def _beginning(self, life: Life | None, heard: Heard, later: Sequence[Heard]) -> Cause:
        container = heard.glimpse.container if heard.glimpse else None
        if container is not None and container.state == "restarting":
            return Cause.EXTERNAL  # between two runs, and not by starting
        if heard.boot or any(it.event.action == "restart" for it in later):
            return Cause.RESTART
        if container is not None and container.restart_count > 0:
            return Cause.RESTART
        if life is None or (life.died and container is None and heard.source is not Source.STREAM):
            return Cause.UNKNOWN
        return Cause.START

    def _disconnected(self, heard: Heard, later: Sequence[Heard]) -> list[Entry]:
        event = heard.event
        pair = Pair(event.actor, event.attributes["container"])
        known = self._register.memberships.get(pair)
        if known is None:
            return []
        life = self._register.lives.get(pair.container)
        if known.state is CONFIGURED:
            return self._left_while_down(pair, known, life, heard)
        if life is not None and not life.alive:
            entry = heard.glimpse.entry(pair.network) if heard.glimpse else None
            stays = entry is not None if heard.glimpse and heard.glimpse.container else life.starting
            if stays and life.undone is None:
                life.undone = event.time
                self._register.changes.lives.add(pair.container)
            return self._move(pair, CONFIGURED if stays else ABSENT, heard, Cause.START if stays else Cause.EXTERNAL)
        if not self._trait.death_first and self._ends(pair, heard, later):
            return self._move(pair, CONFIGURED, heard, self._reason(life or Life(alive=True), heard, later))
        return self._move(pair, ABSENT, heard, Cause.EXTERNAL)

    def _left_while_down(self, pair: Pair, known: Known, life: Life | None, heard: Heard) -> list[Entry]:
        if known.owed:
            self._register.clear_owed(pair)
            return []
        asked = self._register.ledger.peek(pair.network, pair.container, heard.event.time, up=False)
        if asked is not None and asked.network is not None and asked.container is not None:
            return self._move(pair, ABSENT, heard, Cause.EXTERNAL)  # just this was asked for
        if self._took_back(pair, known, life, heard):
            return []
        return self._move(pair, ABSENT, heard, Cause.EXTERNAL)

    def _took_back(self, pair: Pair, known: Known, life: Life | None, heard: Heard) -> bool:
        """Whether this tells of what had not been told, or tells it again, and the container is still to join."""
        starting = life is not None and life.starting
        if life is not None and life.undone is not None and heard.event.time - life.undone > SECOND:
            starting = False  # that start is over
        container = heard.glimpse.container if heard.glimpse else None
        if heard.glimpse is None or heard.glimpse.late:
            return starting
        if container is None and self._trait.death_first:
            # Removed since. What its end owed was told before, so nothing but a failed start would tell of it again.
            return starting
        if container is not None and heard.glimpse.entry(pair.network) is None:
            return False
        # A start that failed takes back what it had not told, and an end may be told after it was taken. Else it was
        # connected again since: of that nothing is told, and a comparison finds it. (As measured on 20.10: later ones
        # may tell of an end so.)
        time = heard.event.time
        ended = life is not None and life.ended is not None and time - life.ended < 2 * SECOND
        fresh = time - known.since < SECOND // 2  # told again, of what it was told of
        failed = container is not None and container.error is not None
        return starting or ended or fresh or failed or not self._trait.death_first

    def _ends(self, pair: Pair, heard: Heard, later: Sequence[Heard]) -> bool:
        ended = has_ended(pair, heard.glimpse)
        if ended is None and heard.glimpse is None:
            # Without a look, what is close in time belongs together.
            later = [it for it in later if it.event.time - heard.event.time < SECOND]
        return bool(ended_by(pair, later) if ended is None else ended)

    def _move(
        self, pair: Pair, after: MembershipState, heard: Heard, cause: Cause, *, endpoint: Endpoint | None = None
    ) -> list[Entry]:
        return self._register.move(pair, after, heard.event.time, heard.source, cause, endpoint=endpoint)


def signalled(life: Life, time: int) -> bool:
    """Whether a container that ended at `time` was sent a signal to end, not long before."""
    return life.signalled is not None and time - life.signalled < SIGNAL_REACH


def ended_by(pair: Pair, later: Sequence[Heard]) -> bool | None:
    """Whether a container ended, as the events say that follow a disconnect of it; None where they do not tell."""
    for it in later:
        if it.event.action in {"die", "stop", "destroy"}:
            return True
        if it.event.action == "start" or (it.event.action == "connect" and it.event.actor == pair.network):
            return False
    return None


def has_ended(pair: Pair, glimpse: Glimpse | None) -> bool | None:
    """Whether a container ended and did not leave the network, as a look after the disconnect shows; None where that is
    not clear."""
    if glimpse is None or glimpse.container is None:
        return None
    entry, runs = glimpse.entry(pair.network), glimpse.container.state in {"running", "paused"}
    if entry is None:
        # Where it does not run any more, it may have ended and then have been taken off.
        return False if runs else None
    return True if entry is CONFIGURED and not runs else None


def _number(text: str | None) -> int | None:
    return int(text) if text and text.lstrip("-").isdecimal() else None
