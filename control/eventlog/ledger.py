"""Who asked for what, so that what the engine then shows can be laid at a request's door. Pure.

An event of the engine does not say who caused it. So each request that changes something is entered here before the
engine is called, with what it may cause and when it began; what fits, in the time between begin and end, is its doing.
What was asked of one pair is spent with the first transition that fits, what was asked of a container with the event
that ends it (`start` for a start). Times are the engine's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from control.records import RequestRef

SLACK: Final = 5_000_000
"""Nanoseconds by which the engine's clock may be taken wrong, where that is not known better."""
KEPT: Final = 30 * 10**9
"""Nanoseconds for which a request that has ended is remembered: its events are told within far less."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What an action may cause: transitions upward or downward, events of the container, and which of those is the
    last of them."""

    up: bool = False
    down: bool = False
    events: frozenset[str] = frozenset()
    last: str | None = None
    to_absent: bool = False
    """Whether its downward transitions all end in absence."""
    renews: bool = False
    """Whether it makes another network of the name of the one that it is about."""


RULES: Final = {
    "network.create": Rule(events=frozenset({"create"})),
    "network.remove": Rule(down=True, events=frozenset({"destroy"}), to_absent=True),
    "network.connect": Rule(up=True),
    "network.disconnect": Rule(down=True, to_absent=True),
    "network.reconnect": Rule(up=True, down=True),
    "network.replace": Rule(up=True, down=True, events=frozenset({"create", "destroy"}), renews=True),
    "network.prune": Rule(down=True, events=frozenset({"destroy"}), to_absent=True),
    "container.run": Rule(
        up=True, down=True, events=frozenset({"create", "start", "kill", "die", "destroy"}), last="start"
    ),
    "container.start": Rule(up=True, down=True, events=frozenset({"start"}), last="start"),
    "container.stop": Rule(down=True, events=frozenset({"kill", "die", "stop"}), last="stop"),
    "container.kill": Rule(down=True, events=frozenset({"kill", "die"}), last="die"),
    "container.restart": Rule(
        up=True, down=True, events=frozenset({"kill", "die", "stop", "start", "restart"}), last="restart"
    ),
    "container.remove": Rule(down=True, events=frozenset({"kill", "die", "destroy"}), last="destroy"),
    "container.prune": Rule(down=True, events=frozenset({"destroy"}), to_absent=True),
    "container.rename": Rule(events=frozenset({"rename"}), last="rename"),
    "container.pause": Rule(events=frozenset({"pause"}), last="pause"),
    "container.unpause": Rule(events=frozenset({"unpause"}), last="unpause"),
}
"""By action. What has no rule changes no membership."""

NOTHING: Final = Rule()


@dataclass(slots=True)
class Asked:
    """One request: what it asked, of which network or container (by id, or by name where it makes one). `seq` is the
    number of its intent; `widened` the action whose rule holds in the place of its own, once it does more than that.
    `targets` are the ids of all that it is about, where it is about several."""

    request: RequestRef
    action: str
    began: int
    network: str | None = None
    container: str | None = None
    name: str | None = None
    ended: int | None = None
    seq: int | None = None
    spent: bool = False
    widened: str | None = None
    targets: frozenset[str] = frozenset()

    @property
    def rule(self) -> Rule:
        """What it may cause."""
        return RULES.get(self.widened or self.action, NOTHING)

    def covers(self, time: int, since: int | None = None, *, slack: int = 0) -> bool:
        """Whether something at `time` (or between `since` and then) fell into its time, give or take `slack`."""
        begun = time >= self.began - slack
        return begun and (self.ended is None or (time if since is None else since) <= self.ended + slack)


class Ledger:
    """The requests of late. `slack`: nanoseconds by which the times of the engine may be taken wrong; `network_name`:
    what a network of this id is called, or an empty text."""

    def __init__(self) -> None:
        self.slack = SLACK
        self.network_name: Callable[[str], str] = lambda _: ""
        self._asked: list[Asked] = []

    def open(self, asked: Asked) -> None:
        """Enter a request that is about to call the engine."""
        self._asked = [it for it in self._asked if it.ended is None or it.ended > asked.began - KEPT]
        self._asked.append(asked)

    def close(self, asked: Asked, ended: int) -> None:
        """The engine has answered, or will not."""
        asked.ended = ended

    def peek(self, network: str | None, container: str, time: int, *, up: bool) -> Asked | None:
        """The request at whose door a transition would be laid; `network` None for any of the container's."""
        return self._best(self._fitting(network, container, None, time, None, up=up), time)

    def claim(
        self,
        network: str,
        container: str,
        time: int,
        *,
        up: bool,
        since: int | None = None,
        name: str | None = None,
        to_absent: bool = True,
    ) -> Asked | None:
        """The request that caused a transition of a pair at `time`, or at some time from `since` until then; a downward
        one `to_absent`, or to being configured."""
        if not self._asked:
            return None
        fitting = self._fitting(network, container, name, time, since, up=up)
        found = self._best((it for it in fitting if up or to_absent or not it.rule.to_absent), time)
        if found is not None and found.network is not None and found.container is not None:
            found.spent = not (found.rule.up and found.rule.down)  # a reconnect goes both ways, back and forth
        return found

    def of_container(self, container: str, name: str | None, action: str, time: int) -> RequestRef | None:
        """The request that caused an event of a container. One that made it is known by the name until then, and by the
        container's id from then on."""
        for asked in self._asked:
            if asked.spent or not asked.action.startswith("container.") or action not in asked.rule.events:
                continue
            makes = action == "create" and asked.container is None and asked.name is not None and asked.name == name
            meant = makes or asked.container == container or container in asked.targets
            if meant and asked.covers(time, slack=self.slack):
                if makes:
                    asked.container = container
                return asked.request
        return None

    def of_network(self, network: str, name: str, action: str, time: int) -> RequestRef | None:
        """The request that caused an event of a network."""
        for asked in self._asked:
            meant = (
                asked.network == network or network in asked.targets or (asked.name is not None and asked.name == name)
            )
            fits = asked.action.startswith("network.") and action in asked.rule.events
            if meant and fits and asked.covers(time, slack=self.slack):
                return asked.request
        return None

    def _is_of(self, asked: Asked, network: str) -> bool:
        """Whether a network is the one that was asked about; one that takes its place has its name."""
        if asked.network == network:
            return True
        return asked.rule.renews and asked.name is not None and self.network_name(network) == asked.name

    def passed(self, container: str, action: str) -> None:
        """An event of a container was taken: what it is the last of is over."""
        for asked in self._asked:
            if asked.container == container and asked.rule.last == action:
                asked.spent = True

    @staticmethod
    def _best(fitting: Iterator[Asked], time: int) -> Asked | None:
        """Of those that fit, the one that asked for just this pair, was under way at the time, and came last."""

        def rank(asked: Asked) -> tuple[bool, bool, int]:
            exact = asked.network is not None and asked.container is not None
            return exact, asked.began <= time and (asked.ended is None or time <= asked.ended), asked.began

        return max(fitting, key=rank, default=None)

    def _fitting(
        self, network: str | None, container: str, name: str | None, time: int, since: int | None, *, up: bool
    ) -> Iterator[Asked]:
        for asked in self._asked:
            rule = asked.rule
            if asked.spent or not (rule.up if up else rule.down) or not asked.covers(time, since, slack=self.slack):
                continue
            if asked.targets:
                if not asked.targets.isdisjoint({network, container}):
                    yield asked
                continue
            if asked.network is None and asked.container is None and asked.name is None:
                continue  # refused before it was known what it was about
            if asked.network is not None and network is not None and not self._is_of(asked, network):
                continue
            if asked.network is not None and network is None:
                continue
            if asked.container is not None and asked.container != container:
                continue
            if asked.container is None and asked.network is None and (since is None or asked.name != name):
                continue  # what it makes is not there yet; what a comparison finds is known by its name
            yield asked
