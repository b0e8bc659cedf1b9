"""What an engine tells, as text, and what the log makes of it, as text.

    20 C mynet db | running mynet=1     at 20 ms; a look at db then shows it running, on mynet by endpoint 1
    30 kill db 15                       what an event of a container carries: signal, exit code, health, old name
    31 boot die db 137                  of the time in which the engine came up again; so `replay`, `stopping`
    32 D mynet db | exited mynet other  stopped, and configured for both; `running*2`: restarted twice; `gone`
    33 D mynet db | created! mynet      its last start failed

The events go through the queues of their containers as the recorder has them, on a clock that only moves with them.
What is made of them, a line each:

    31 mynet db connected>configured kill #1
    40 mynet destroyed external
"""

from collections import deque
from collections.abc import Iterable, Sequence

from control.eventlog.entries import Entry, Known
from control.eventlog.fold import Fold, Trait
from control.eventlog.ledger import Asked, Ledger
from control.eventlog.names import Names
from control.eventlog.register import Register
from control.eventlog.standing import CONFIGURED, CONNECTED, Glimpse, Heard, Life, Pair, Standing
from control.eventlog.waiting import Waiting
from control.records import (
    Cause,
    Container,
    ContainerRef,
    Endpoint,
    EngineEvent,
    Kind,
    Membership,
    MembershipState,
    NetworkName,
    NetworkRef,
    RequestRef,
    Source,
)

BEGIN = 1_000_000 * 10**9
MS = 10**6
TICK = 1e-6
"""Seconds by which this clock moves past what was waited for, as any clock does."""
NETWORKS = ("bridge", "mynet", "other")
CARRIED = {"kill": "signal", "die": "exitCode", "rename": "oldName"}


def id_of(name: str) -> str:
    return name.encode().hex().ljust(64, "0")


def at(ms: float) -> int:
    """The engine's time of a millisecond."""
    return BEGIN + int(ms * MS)


def endpoint(number: str) -> Endpoint:
    return Endpoint(id=f"{int(number):064x}", ipv4=f"172.18.0.{number}")


def network_ref(name: str, scope: str = "local") -> NetworkRef:
    return NetworkRef(id_of(name), name, "bridge", scope)


def inspected(name: str, text: str, started: int | None = None) -> Container:
    """A container as a look shows it: `running*2 mynet=1 other`."""
    state, *networks = text.split()
    state, _, restarts = state.partition("*")
    state, failed = state.rstrip("!"), state.endswith("!")
    identity = ContainerRef(id_of(name), name, "alpine")
    members = []
    for it in networks:
        called, _, number = it.partition("=")
        members.append(
            Membership(
                network=NetworkName(id=id_of(called), name=called),
                container=identity,
                state=CONNECTED if number else CONFIGURED,
                endpoint=endpoint(number) if number else Endpoint(aliases=()),
            )
        )
    return Container(
        id=identity.id, name=name, image="alpine", image_id="sha256:0", state=state, created=None, started=started,
        finished=None, exit_code=None, oom_killed=False,
        error="exec failed" if failed else None, restart_count=int(restarts or 0), health=None, command=(),
        labels={}, network_mode=members[0].network.name if members else "none", restart="no", networks=tuple(members),
        ports=(), mounts=(),
    )  # fmt: skip


def parse(line: str) -> Heard:
    """One event."""
    told, _, look = (part.strip() for part in line.partition("|"))
    ms, *words = told.split()
    flags = set()
    while words[0] in {"boot", "replay", "stopping"}:
        flags.add(words.pop(0))
    action, *rest = words
    if action in {"C", "D"}:
        kind, actor, scope = "network", rest[0], "local"
        attributes = {"container": id_of(rest[1]), "name": rest[0], "type": "bridge"}
        subject = rest[1]
        action = "connect" if action == "C" else "disconnect"
    elif action.startswith(("network-", "swarm-")):
        scope, _, action = action.partition("-")
        kind, actor, scope = "network", rest[0] if rest else "", scope.replace("network", "local")
        attributes = {"name": actor, "type": "bridge"} if actor else {"reclaimed": "0"}
        subject = ""
    else:
        kind, actor, scope = "container", rest[0], "local"
        attributes = {"name": actor, "image": "alpine"}
        if action in CARRIED and rest[1:]:
            attributes[CARRIED[action]] = rest[1]
        elif action == "health_status":
            action = f"health_status: {rest[1]}"
        subject = actor
    event = EngineEvent(kind, action, id_of(actor) if actor else "", attributes, at(float(ms)), scope, line.encode())
    source = Source.REPLAY if flags & {"boot", "replay"} else Source.STREAM
    glimpse = None
    if look == "gone":
        glimpse = Glimpse(None)
    elif look:
        seen = inspected(subject, look)
        made = None
        if action == "connect":
            live = (it for it in seen.networks if it.network.name == actor and it.state is CONNECTED)
            made = next((it.endpoint for it in live), None)
        glimpse = Glimpse(seen, made)
    return Heard(event, source, float(ms) / 1000, glimpse, boot="boot" in flags, stopping="stopping" in flags)


class Telling:
    """An engine that tells, and what is made of it: `entries`."""

    def __init__(
        self,
        *there: str,
        death_first: bool = True,
        networks: Iterable[NetworkRef] = tuple(map(network_ref, NETWORKS)),
        verified: float | None = None,
    ) -> None:
        """`there`: the containers that there are, `db running mynet=1`."""
        refs = {it.id: it for it in networks}
        standing = Standing(networks=refs)
        seen = [inspected(it.partition(" ")[0], it.partition(" ")[2]) for it in there]
        for it in seen:
            alive = it.state in {"running", "paused"}
            standing.lives[it.id] = Life(alive=alive, died=not alive and it.state != "created")
            for member in it.networks:
                known = Known(member.state, at(0), member.endpoint if member.state is CONNECTED else None)
                standing.memberships[Pair(member.network.id, it.id)] = known
        self.ledger = Ledger()
        self.names = Names(refs.values(), (ContainerRef(it.id, it.name, it.image) for it in seen))
        self.register = Register(standing, self.names, self.ledger, verified=None if verified is None else at(verified))
        self.trait = Trait(death_first=death_first)
        self.fold = Fold(self.register, self.trait)
        self.waiting = Waiting(self.register, self.trait)
        self.entries: list[Entry] = []
        self.folded: list[tuple[float, Heard]] = []
        self._stories: dict[str, deque[Heard]] = {}
        self._due: dict[str, float] = {}
        self._now = 0.0

    def asked(
        self, action: str, began: float, ended: float | None = None, *, network: str = "", container: str = "",
        name: str | None = None,
    ) -> Asked:  # fmt: skip
        """A request, from `began` until `ended`."""
        asked = Asked(
            RequestRef(action, "ana"), action, at(began), network=id_of(network) if network else None,
            container=id_of(container) if container else None, name=name, ended=None if ended is None else at(ended),
        )  # fmt: skip
        self.ledger.open(asked)
        return asked

    def tell(self, text: str) -> list[str]:
        """What these lines make, once nothing waits any longer."""
        begun = len(self.entries)
        for line in text.strip().splitlines():
            self.receive(parse(line.strip()))
        self.rest()
        return [it for entry in self.entries[begun:] if (it := brief(entry)) is not None]

    def receive(self, heard: Heard) -> None:
        """An event comes in."""
        self._now = heard.received = max(self._now, heard.received)
        self._pass(heard.received)
        container = heard.container
        if container is None:
            if heard.event.action in {"destroy", "remove"}:
                for it in [it for it in self._stories if Pair(heard.event.actor, it) in self.register.memberships]:
                    self._advance(it, heard.received, force=True)
            self._take(heard, (), heard.received)
            return
        self._stories.setdefault(container, deque()).append(heard)
        self._advance(container, heard.received)

    def rest(self) -> None:
        """Let time pass until nothing waits."""
        self._pass(None)

    def _pass(self, until: float | None) -> None:
        while self._due:
            container, due = min(self._due.items(), key=lambda it: it[1])
            if until is not None and due > until:
                return
            self._now = max(self._now, due + TICK)
            self._advance(container, self._now)

    def _advance(self, container: str, now: float, *, force: bool = False) -> None:
        story = self._stories[container]
        while story:
            heard = story[0]
            if heard.glimpse is None and self.waiting.wants_look(heard):
                raise AssertionError(f"{heard.event.digest.decode()}: what does a look show?")
            later = list(story)[1:]
            if not force and (wait := self.waiting.until(heard, later, now)) > 0:
                self._due[container] = now + wait
                return
            self._take(heard, later, now)
            story.popleft()
        del self._stories[container]
        self._due.pop(container, None)

    def _take(self, heard: Heard, later: Sequence[Heard], now: float) -> None:
        self.folded.append((now, heard))
        self.names.hear(heard.event)
        self.entries += self.fold.hear(heard, later)

    def states(self) -> dict[str, str]:
        """Who is on what: `mynet db: connected`."""
        return {f"{called(it.network)} {called(it.container)}": known.state.value
                for it, known in self.register.memberships.items()}  # fmt: skip


def called(id_: str) -> str:
    return bytes.fromhex(id_).rstrip(b"\0").decode()


def brief(entry: Entry) -> str | None:
    """A transition or a network's record in a line; None for the others."""
    ms = f"{(entry.time - BEGIN) / MS:g}"
    cause = entry.cause.value if entry.cause else "-"
    if entry.cause is Cause.REQUEST and entry.request is not None:
        cause = f"request:{entry.request.id}"
    more = ""
    if entry.source is Source.RECONCILE and entry.between is not None:
        begin = entry.between[0]
        more = f" [{'-' if begin is None else f'{(begin - BEGIN) / MS:g}'}..{(entry.between[1] - BEGIN) / MS:g}]"
    network = entry.network.name if entry.network else ""
    if entry.kind in {Kind.NETWORK_CREATE, Kind.NETWORK_DESTROY}:
        return f"{ms} {network} {'created' if entry.kind is Kind.NETWORK_CREATE else 'destroyed'} {cause}{more}"
    if entry.before is None or entry.after is None or entry.container is None:
        return None
    if entry.endpoint is not None and entry.endpoint.id is not None:
        more = f" #{int(entry.endpoint.id, 16)}{more}"
    return f"{ms} {network} {entry.container.name} {entry.before.value}>{entry.after.value} {cause}{more}"


def chains(entries: Iterable[Entry], first: dict[Pair, MembershipState]) -> dict[Pair, MembershipState]:
    """The states in which pairs end, after a check that each transition begins where the one before ended."""
    now = dict(first)
    for entry in entries:
        if entry.before is not None:
            assert entry.network is not None
            assert entry.container is not None
            pair = Pair(entry.network.id, entry.container.id)
            assert entry.before is now.get(pair, MembershipState.ABSENT)
            assert entry.after is not None
            assert entry.after is not entry.before
            now[pair] = entry.after
    return {pair: state for pair, state in now.items() if state is not MembershipState.ABSENT}
