"""What an event has to wait for before it can be folded. Pure.

A disconnect's event does not tell whether the container left the network or ended while it was on it. Up to Docker
20.10 (API 1.41) the death is told first, so the order says it. Later engines tell it after, so it takes a look at the
container, or the events that follow. Why a container ended is told after it ended (`stop`, `destroy`), and that it was
started as part of a restart after it was started (`restart`). So such an event waits for its container's next ones.
"""

from collections.abc import Sequence
from typing import Final

from control.eventlog.fold import Trait, ended_by, has_ended, signalled
from control.eventlog.register import Register
from control.eventlog.standing import CONFIGURED, CONNECTED, SECOND, Heard, Pair
from control.records import Source

HOLD: Final = 0.3
"""Seconds that an event waits for the next of its container. As measured they follow within milliseconds, and within
a tenth of a second where the engine is saturated."""
START_HOLD: Final = 5.0
"""The same, for a start soon after a stop: the start itself takes that long where the engine is saturated."""
AFTER_START: Final = 0.05
"""Seconds in which a `restart` follows the `start` that was part of it."""


class Waiting:
    """Says how long events wait."""

    def __init__(self, register: Register, trait: Trait) -> None:
        self._register = register
        self._trait = trait

    def until(self, heard: Heard, later: Sequence[Heard], now: float) -> float:
        """Seconds until this event may be handed to `hear`: 0 when nothing that may follow would change its meaning."""
        event = heard.event
        if event.type == "container":
            return self._wait_for_reason(heard, later, now) if event.action == "die" else 0
        if event.action == "connect":
            return self._wait_for_restart(heard, later, now)
        if event.action == "disconnect":
            return self._wait_for_death(heard, later, now)
        return 0

    def _wait_for_reason(self, heard: Heard, later: Sequence[Heard], now: float) -> float:
        container = heard.event.actor
        life = self._register.lives.get(container)
        if life is None or not signalled(life, heard.event.time) or life.oom or heard.boot:
            return 0
        if not any(
            self._register.memberships[Pair(it, container)].state is CONNECTED
            for it in self._register.networks_of(container)
        ):
            return 0
        if self._register.ledger.peek(None, container, heard.event.time, up=False) is not None:
            return 0
        if any(it.event.action in {"stop", "destroy", "start", "connect"} for it in later):
            return 0
        return max(0.0, HOLD - (now - heard.received))

    def _wait_for_restart(self, heard: Heard, later: Sequence[Heard], now: float) -> float:
        event, container = heard.event, heard.event.attributes.get("container", "")
        life = self._register.lives.get(container)
        if life is None or life.alive or life.stopped is None or event.time - life.stopped > 2 * SECOND or heard.boot:
            return 0
        if self._register.ledger.peek(event.actor, container, event.time, up=True) is not None:
            return 0
        for it in later:
            if it.event.action in {"restart", "die", "disconnect", "destroy"}:
                return 0
            if it.event.action == "start":
                return max(0.0, AFTER_START - (now - it.received))
        return max(0.0, START_HOLD - (now - heard.received))

    def _wait_for_death(self, heard: Heard, later: Sequence[Heard], now: float) -> float:
        if self._trait.death_first:
            return 0
        pair = Pair(heard.event.actor, heard.event.attributes.get("container", ""))
        known, life = self._register.memberships.get(pair), self._register.lives.get(pair.container)
        if known is None or known.state is not CONNECTED or (life is not None and not life.alive):
            return 0
        asked = self._register.ledger.peek(pair.network, pair.container, heard.event.time, up=False)
        if asked is not None and asked.network is not None:
            return 0  # just this was asked for
        ended = has_ended(pair, heard.glimpse)
        if ended is None:
            ended = ended_by(pair, later)
        if ended is None:
            return max(0.0, HOLD - (now - heard.received))
        reasoned = any(it.event.action in {"stop", "destroy", "start", "connect"} for it in later)
        if not ended or reasoned or asked is not None or not (life and signalled(life, heard.event.time)):
            return 0
        return max(0.0, HOLD - (now - heard.received))

    def wants_look(self, heard: Heard) -> bool:
        """Whether only a look at the container can tell what this event means."""
        event = heard.event
        if (
            event.type != "network"
            or event.action != "disconnect"
            or heard.glimpse
            or heard.source is not Source.STREAM
        ):
            return False
        pair = Pair(event.actor, event.attributes.get("container", ""))
        known = self._register.memberships.get(pair)
        if known is None:
            return False
        if known.state is CONFIGURED:
            return not known.owed
        life = self._register.lives.get(pair.container)
        return not self._trait.death_first or (life is not None and not life.alive)
