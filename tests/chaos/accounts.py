"""The log held against the journal of the hands: each operation once, in its time, and by whom it was. Pure.

What an operation did is taken from the engine's own view of its container just before and just after it, where
nothing else touched that container between them: no other hand, no outage of the engine, no end of its own. Such an
operation is *clear*. Each change of a clear one must be in the log with a time between its bounds, or be covered: by
a transition of that pair found by comparison, or by a gap, whose `observed_between` meets the operation's bounds.
Anything else is an unmarked gap.

Some changes the engine tells nobody, and they may be undone before any comparison: a connect of a container that
does not run, by anyone; what follows from one that was never seen; and a creation that another operation on the
container overtakes, since the engine's event of it names no network. Where the log has no trace of these they are
counted apart, as *unobservable*.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.chaos.checker import Log, Problem, touches
from tests.chaos.journal import ABSENT, Done, Member, Outage, Pair
from tests.chaos.lines import Line

SLACK_NS: Final = 0
"""What two readings of one clock may differ by: the engine and the hands read the same."""

OVERTAKEN_NS: Final = 5_000_000_000
AFTER_RESTART_NS: Final = 5_000_000_000
CONTROL_CLOCK_NS: Final = 60_000_000_000

LONGEST: Final = {"run": 2, "restart": 2, "rm_force": 2}
"""Transitions of one pair by one operation at most; 1 for the others."""

ONCE: Final = frozenset({"net_create", "net_remove", "net_remove_force", "create", "run", "rm", "rm_force"})
"""What happens once in the life of an id, so that it can't be another's."""

TELLS: Final[Mapping[str, tuple[str, ...]]] = {
    "net_create": ("network.create",),
    "net_remove": ("network.destroy",),
    "net_remove_force": ("network.destroy",),
    "create": ("container.create",),
    "run": ("container.create", "container.start"),
    "start": ("container.start",),
    "stop": ("container.stop",),
    "kill": ("container.kill",),
    "restart": ("container.restart",),
    "pause": ("container.pause",),
    "unpause": ("container.unpause",),
    "rename": ("container.rename",),
    "rm": ("container.destroy",),
    "rm_force": ("container.destroy",),
}
"""What an operation that was done says beside the transitions."""


@dataclass
class Account:
    """What became of some operations in the log."""

    problems: list[Problem] = field(default_factory=list)
    told: int = 0
    """Transitions that the log has in their operation's time."""
    marked: int = 0
    """Changes covered by a comparison or a gap."""
    unobservable: list[str] = field(default_factory=list)
    clear: int = 0
    unclear: int = 0


def account(log: Log, journal: Sequence[Done], outages: Sequence[Outage] = ()) -> Account:
    """Hold the log against these operations. Those that may overlap must all be there."""
    return _Accountant(log, journal, outages).account()


class _Accountant:
    def __init__(self, log: Log, journal: Sequence[Done], outages: Sequence[Outage]) -> None:
        self.log = log
        self.journal = sorted(journal, key=lambda done: done.began)
        self.outages = outages
        self.result = Account()
        self.by_container: dict[str, list[Done]] = defaultdict(list)
        for done in self.journal:
            if done.container is not None:
                self.by_container[done.container].append(done)
        self.by_name = [done for done in self.journal if done.container is None and done.container_name is not None]
        # A container's entry for a network goes with it, and one by name comes with it.
        self.of_networks = [done for done in self.journal if done.verb.startswith("net_") and done.network]

    def account(self) -> Account:
        for done in self.journal:
            if not done.succeeded:
                continue
            if self._engine_away(done):
                self.result.unclear += 1
                continue
            self._intent(done)
            clear = self._clear(done)
            if clear or done.verb in ONCE:
                self._lifecycle(done)
            if clear:
                self.result.clear += 1
                self._transitions(done)
            elif done.container is not None:
                self.result.unclear += 1
        return self.result

    def _wrong(self, sort: str, done: Done, text: str) -> None:
        self.result.problems.append(Problem(sort, f"{text}; the operation: {tell(done)}"))

    def _engine_away(self, done: Done) -> bool:
        grace = AFTER_RESTART_NS if done.before is not None and done.before.restart != "no" else 0
        return any(
            outage.engine and outage.began <= done.settled and done.began <= outage.ended + grace
            for outage in self.outages
        )

    def _clear(self, done: Done) -> bool:
        before, after = done.before, done.after
        if before is None or after is None or done.spontaneous or done.container is None:
            return False
        if "restarting" in {before.status, after.status}:
            return False
        networks = before.members.keys() | after.members.keys() | self.log.networks.get(done.container, set())
        rivals = [other for other in self.by_container[done.container] if not _siblings(other, done)]
        # One that was asked of a name: of whatever bore it then.
        named = [other for other in self.by_name if other.container_name == done.container_name]
        rivals += [other for other in named if not _siblings(other, done)]
        rivals += [other for other in self.of_networks if other.network in networks]
        first, last = done.alone
        return not any(other.began <= last and first <= other.until for other in rivals)

    # -- transitions

    def _transitions(self, done: Done) -> None:
        assert done.before is not None
        assert done.after is not None
        assert done.container is not None
        known = self.log.networks.get(done.container, set())
        for network in sorted(done.before.members.keys() | done.after.members.keys() | known):
            was = done.before.members.get(network, ABSENT)
            now = done.after.members.get(network, ABSENT)
            self._pair(done, (network, done.container), was, now)

    def _pair(self, done: Done, pair: Pair, was: Member, now: Member) -> None:
        history = self.log.transitions.get(pair, [])
        told = [line for line in history if line.source != "reconcile" and _within(line, done)]
        changed = was.state != now.state or was.endpoint != now.endpoint
        if not changed:
            # A single one that should not be shows at the next rest, or is of what was changed by another.
            if len(told) > 1:
                self._wrong("duplicate", done, f"nothing changed, and the log has {_lines(told)}")
            return
        if _path(told, was, now):
            if len(told) > LONGEST.get(done.verb, 1):
                self._wrong("duplicate", done, f"{len(told)} transitions of one pair: {_lines(told)}")
            self.result.told += len(told)
            self._endpoint(done, told[-1], now)
            for line in told:
                self._attributed(done, line)
            return
        if self._covered(done, [line for line in history if line.source == "reconcile"]):
            self.result.marked += 1
            return
        if reason := self._unobservable(done, pair, told, was, now):
            self.result.unobservable.append(f"{reason}: {tell(done)}")
            return
        near = [line for line in history if abs(line.time - done.began) < 10 * 10**9]
        self._wrong(
            "unmarked gap",
            done,
            f"network {pair[0][:12]} container {pair[1][:12]} went from {was.state} to {now.state}; in its time the "
            f"log has {_lines(told) or 'nothing'}, no gap and no comparison; near it: {_lines(near) or 'nothing'}",
        )

    def _covered(self, done: Done, found: Iterable[Line]) -> bool:
        marks = [*found, *self.log.gaps]
        return any(touches(line.between, done.began - SLACK_NS, done.settled + SLACK_NS) for line in marks)

    def _unobservable(self, done: Done, pair: Pair, told: Sequence[Line], was: Member, now: Member) -> str | None:
        """Why nobody could see this change, or None."""
        assert done.before is not None
        if told:
            return None
        history = self.log.transitions.get(pair, [])
        earlier = [line for line in history if line.time < done.began]
        unknown = not earlier or earlier[-1].after == "absent"
        if done.verb == "connect" and not done.before.runs:
            return "a connect of a container that does not run"
        if unknown and was.state == "configured" and now.state == "absent":
            return "the end of what was never seen"
        if done.verb == "disconnect" and not done.before.runs and self._put_back(done, pair, history):
            return "a disconnect of a container that does not run, undone before any comparison"
        if done.verb in {"create", "run"} and now.state == "configured" and self._overtaken(done):
            return "a creation that was overtaken"
        return None

    def _put_back(self, done: Done, pair: Pair, history: Sequence[Line]) -> bool:
        """Whether the pair is configured again, with no word of it in the log meanwhile. The engine does tell of such
        a disconnect, but in the same words as of one that leaves the entry: only a look can tell which it was."""
        for later in self.by_container[pair[1]]:
            if later.began >= done.settled and later.after is not None and pair[0] in later.after.members:
                # Where control itself was asked to put it back, it knows that it was away.
                return later.via == "socket" and not any(done.began <= line.time <= later.settled for line in history)
        return False

    def _overtaken(self, done: Done) -> bool:
        """Whether the container was something else already when it could be looked at: soon after it was made, or
        whenever that was, where the log learned of it later."""
        assert done.container is not None
        made = self.log.others.get(("container.create", done.container), [])
        later = any(line.source == "replay" for line in made)
        return any(
            other.began >= done.began and (later or other.began <= done.settled + OVERTAKEN_NS)
            for other in self.by_container[done.container]
            if other != done
        )

    def _endpoint(self, done: Done, line: Line, now: Member) -> None:
        if line.endpoint is not None and now.endpoint is not None and line.endpoint != now.endpoint:
            self._wrong("endpoint", done, f"{line.brief()} has endpoint {line.endpoint}, the engine {now.endpoint}")

    # -- who it was

    def _attributed(self, done: Done, line: Line) -> None:
        if done.via == "socket" and (line.cause == "request" or line.request is not None):
            self._wrong("attribution", done, f"nobody asked control for it, and {line.brief()} says {line.request}")
        if done.via == "api":
            right = line.cause == "request" and line.request == done.request
            # Told after control came back: then who it was may be lost, but nobody else may be named.
            lost = line.source != "stream" and line.request is None and line.cause != "request"
            if not (right or lost):
                self._wrong("attribution", done, f"{line.brief()} has request {line.request}, not {done.request}")

    def _intent(self, done: Done) -> None:
        """What was done by control says so: an intent before, an outcome after."""
        if done.via != "api" or done.request is None:
            return
        if (done.verb, done.status) in {("connect", 200), ("disconnect", 204)} or _idle(done):
            return  # it may have been so already, and then the engine was not asked
        asked = self.log.requests.get(done.request, [])
        phases = [line.raw["detail"]["phase"] for line in asked]
        if "intent" not in phases:
            self._wrong("intent", done, f"no intent of request {done.request} is in the log")
        outcomes = {line.raw["detail"]["outcome"] for line in asked if line.raw["detail"]["phase"] == "outcome"}
        allowed = {"done", "unknown"} if self._control_ended(done) else {"done"}
        if outcomes and not outcomes & allowed:
            self._wrong("intent", done, f"it succeeded, and request {done.request} has outcome {sorted(outcomes)}")

    def _control_ended(self, done: Done) -> bool:
        return any(
            outage.control and outage.began <= done.settled + 10**9 and done.began <= outage.ended
            for outage in self.outages
        )

    # -- what else is told

    def _lifecycle(self, done: Done) -> None:
        if _idle(done):
            return
        subject = done.network if done.verb.startswith("net_") else done.container
        if subject is None:
            return
        for kind in TELLS.get(done.verb, ()):
            found = self.log.others.get((kind, subject), [])
            if any(_within(line, done) for line in found):
                continue
            if self._covered(done, [line for line in found if line.source == "reconcile"]):
                self.result.marked += 1
                continue
            self._wrong(
                "unmarked gap", done, f"no {kind} in its time, no gap; the log has of it: {_lines(found) or 'nothing'}"
            )


def attributions(log: Log, asked: Mapping[str, Done], after: int = 0) -> list[Problem]:
    """Every transition that says that it was requested names a request that was sent, for this container or network,
    and no earlier than it was sent."""
    found = []
    for line in log.lines[after:]:
        if line.kind == "request":
            continue
        if line.cause == "request" and line.request is None:
            found.append(Problem("attribution", f"{line.brief()}: cause request, and no request"))
        if line.request is None:
            continue
        done = asked.get(line.request)
        if done is None:
            found.append(Problem("attribution", f"{line.brief()}: nobody sent request {line.request}"))
            continue
        if not _concerns(done, line):
            found.append(Problem("attribution", f"{line.brief()}: is not of what {line.request} asked: {tell(done)}"))
        late = done.answered and line.source == "stream" and line.time > done.settled + SLACK_NS
        if line.source != "reconcile" and (line.time < done.began - SLACK_NS or late):
            found.append(Problem("attribution", f"{line.brief()}: is not of the time of {line.request}: {tell(done)}"))
    return found


def clocks(log: Log, asked: Mapping[str, Done], after: int = 0) -> list[Problem]:
    """What control writes itself has the engine's time, whatever control's own clock says."""
    found = []
    for line in log.lines[after:]:
        done = asked.get(line.request or "")
        if line.kind != "request" or done is None or not done.answered:
            continue
        if not done.began - CONTROL_CLOCK_NS <= line.time <= done.settled + CONTROL_CLOCK_NS:
            found.append(Problem("time", f"{line.text[:400]} is not of the time of {tell(done)}"))
    return found


def tell(done: Done) -> str:
    """An operation for a person."""
    what = [f"#{done.number}", f"hand {done.hand}", done.via, done.verb]
    if done.container is not None or done.container_name is not None:
        what.append(f"{done.container_name or '?'} ({(done.container or '?')[:12]})")
    if done.network is not None:
        what.append(f"network {done.network[:12]}")
    what.append(f"-> {done.status} {done.error}".rstrip())
    if done.request is not None:
        what.append(f"request {done.request}")
    what.append(f"[{done.began}, {done.settled}]")
    return " ".join(what)


def _concerns(done: Done, line: Line) -> bool:
    name = (line.raw["container"] or {}).get("name")
    if done.verb.startswith("net_"):
        return done.network is None or line.network == done.network
    if done.container is not None:
        return line.container == done.container
    # Asked for by its name, it may have been renamed meanwhile: `w6` and `w6x` are the names of one slot.
    return name is None or done.container_name is None or name.rstrip("x") == done.container_name.rstrip("x")


def _idle(done: Done) -> bool:
    """Whether it was so already, so that nothing needed doing."""
    if done.before is None or done.after is None:
        return False
    if done.verb == "stop" and not done.before.runs and done.before.status != "restarting":
        return True
    return done.verb in {"start", "stop", "rename"} and done.before == done.after


def _siblings(one: Done, other: Done) -> bool:
    """Whether they are calls of one operation, or the same one."""
    return (one.hand, one.number) == (other.hand, other.number)


def _within(line: Line, done: Done) -> bool:
    return done.began - SLACK_NS <= line.time <= done.settled + SLACK_NS


def _path(told: Sequence[Line], was: Member, now: Member) -> bool:
    """Whether these lead from the one state to the other. A configuration that was never seen is absent."""
    if not told or told[-1].after != now.state:
        return False
    return told[0].before == was.state or (told[0].before == "absent" and was.state == "configured")


def _lines(told: Sequence[Line]) -> str:
    return " | ".join(line.brief() for line in told)
