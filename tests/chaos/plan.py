"""What is done, and when something dies: made from a seed, the same each time. Pure.

Operations name containers and networks by their slot (`c0`, `n3`); what stands in a slot at the time is the hands'
to know. The plan guesses what has become of each, so that most operations succeed, and now and then does not care,
so that some fail. Each slot is one hand's own, and others reach into it sometimes.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from tests.chaos.journal import Via

FaultKind = Literal[
    "kill control",
    "kill engine",
    "restart engine",
    "kill control and engine",
    "stop control",
    "fill disk",
    "step clock",
    "live restore",
]
SEGMENT: Final = 100
"""Operations between two rests at most."""

API_VERBS: Final = frozenset(
    {"net_create", "net_remove", "net_remove_force", "create", "run", "start", "stop", "rm", "rm_force"}
    | {"connect", "disconnect"}
)
"""What control's API can be asked; the rest goes to the socket."""

SUBNETS: Final = 3
"""The first networks have a subnet of their own, so that an address can be asked for."""


@dataclass(frozen=True)
class Operation:
    """One thing to do."""

    number: int
    hand: int
    via: Via
    verb: str
    container: str | None = None
    network: str | None = None
    mode: str | None = None  # of a new container: a slot, or bridge, host, none
    program: str = "sleep"  # of a new container: sleep, exits, bad
    restart: str = "no"
    address: int | None = None  # the last byte of an address that is asked for
    force: bool = False
    times: int = 1  # of a flap: disconnects and connects, as fast as they go
    pause: float = 0.0  # seconds before it

    def __str__(self) -> str:
        words = [str(self.number), f"hand {self.hand}", self.via, self.verb]
        words += [str(word) for word in (self.container, self.network or self.mode) if word is not None]
        words += [word for word in (self.program, self.restart) if word not in {"sleep", "no"}]
        return " ".join(words if self.address is None else [*words, f".{self.address}"])


@dataclass(frozen=True)
class Fault:
    """Something that dies, stops or lies: after so many operations of its segment, for so long."""

    kind: FaultKind
    after: int
    seconds: float
    offset: int = 0  # of control's clock, in seconds


@dataclass(frozen=True)
class Segment:
    """Operations, with at most one fault among them; a rest follows."""

    operations: tuple[Operation, ...]
    fault: Fault | None


@dataclass(frozen=True)
class Amounts:
    """How much of what."""

    operations: int
    control_kills: int = 0
    engine_kills: int = 0
    engine_restarts: int = 0
    stops: int = 0
    disk_fulls: int = 0
    clock_steps: int = 0
    hands: int = 4
    containers: int = 12
    networks: int = 6
    live_restore: bool = True  # the second half of the run has an engine that restores live


@dataclass
class _Guess:
    there: bool = False
    status: str = "stopped"
    networks: set[str] = field(default_factory=set)


_NEW: Final = {"create": 4, "run": 6, "start": 0.2, "rm": 0.2, "connect": 0.2}
_RUNNING: Final = {
    "connect": 4,
    "disconnect": 4,
    "flap": 1,
    "stop": 1,
    "kill": 0.8,
    "restart": 0.6,
    "pause": 0.5,
    "rename": 0.4,
    "rm": 0.2,
    "rm_force": 0.8,
    "start": 0.2,
}
_STOPPED: Final = {
    "start": 5,
    "connect": 1.2,
    "disconnect": 1,
    "rm": 0.8,
    "rm_force": 0.3,
    "rename": 0.3,
    "restart": 0.4,
    "stop": 0.2,
    "kill": 0.1,
    "create": 0.1,
}
_PAUSED: Final = {"unpause": 5, "connect": 1, "disconnect": 1, "kill": 0.3, "rm_force": 0.4, "rename": 0.2}


class _Generator:
    def __init__(self, chance: random.Random, amounts: Amounts) -> None:
        self.chance = chance
        self.amounts = amounts
        # No hexadecimal digits: Docker takes `c5` for the id that begins so where no container is called so.
        self.containers = {f"w{number}": _Guess() for number in range(amounts.containers)}
        self.networks = {f"n{number}": False for number in range(amounts.networks)}
        self.numbers = iter(range(1, 10**9))

    def operations(self) -> Iterator[Operation]:
        while True:
            for hand in range(self.amounts.hands):
                yield self._network(hand) or self._container(hand)

    def _own(self, slots: Sequence[str], hand: int) -> list[str]:
        return [slot for slot in slots if int(slot[1:]) % self.amounts.hands == hand]

    def _network(self, hand: int) -> Operation | None:
        """Now and then, and where one is missing."""
        own = self._own(list(self.networks), hand)
        missing = [slot for slot in own if not self.networks[slot]]
        if missing and self.chance.random() < 0.8:
            slot, verb = self.chance.choice(missing), "net_create"
        elif own and self.chance.random() < 0.04:
            slot = self.chance.choice(own)
            verb = self.chance.choice(["net_remove", "net_remove", "net_remove_force", "net_create"])
        else:
            return None
        self.networks[slot] = verb == "net_create" or (
            verb == "net_remove" and self.networks[slot] and self._used(slot)
        )
        return self._operation(hand, verb, network=slot)

    def _used(self, slot: str) -> bool:
        return any(slot in guess.networks and guess.status == "running" for guess in self.containers.values())

    def _container(self, hand: int) -> Operation:
        own = self._own(list(self.containers), hand)
        slot = self.chance.choice(own if own and self.chance.random() < 0.85 else list(self.containers))
        guess = self.containers[slot]
        weights = _NEW
        if guess.there:
            weights = {"running": _RUNNING, "paused": _PAUSED}.get(guess.status, _STOPPED)
        if self.chance.random() < 0.06:
            weights = dict.fromkeys([*_RUNNING, "unpause", "create"], 1)
        verb = self.chance.choices(list(weights), [float(weight) for weight in weights.values()])[0]
        if verb in {"create", "run"}:
            return self._create(hand, slot, verb)
        network = None
        if verb in {"connect", "disconnect", "flap"}:
            on, off = sorted(guess.networks), sorted(set(self.networks) - guess.networks)
            wanted = off if verb in {"connect", "flap"} else on
            network = self.chance.choice(wanted or list(self.networks))
            if self.chance.random() < 0.03:
                network = self.chance.choice(["bridge", "host", "none"])
        self._suppose(guess, verb, network)
        address = self.chance.choice([50, 51, 52]) if verb == "connect" and self._addressed(network, 0.25) else None
        return self._operation(
            hand,
            verb,
            container=slot,
            network=network,
            address=address,
            force=verb == "disconnect" and self.chance.random() < 0.3,
            times=self.chance.randint(2, 5) if verb == "flap" else 1,
        )

    def _addressed(self, network: str | None, share: float) -> bool:
        own = network is not None and network[0] == "n" and network[1:].isdigit() and int(network[1:]) < SUBNETS
        return own and self.chance.random() < share

    def _create(self, hand: int, slot: str, verb: str) -> Operation:
        mode = self.chance.choice(list(self.networks))
        if self.chance.random() < 0.3:
            mode = self.chance.choice(["bridge", "bridge", "host", "none"])
        program = self.chance.choices(["sleep", "exits", "bad"], [20, 2, 1])[0]
        restart = self.chance.choices(["no", "always", "unless-stopped", "on-failure"], [8, 2, 1, 1])[0]
        guess = self.containers[slot]
        guess.there, guess.networks = True, {mode}
        guess.status = "running" if verb == "run" and program == "sleep" else "stopped"
        return self._operation(
            hand,
            verb,
            container=slot,
            mode=mode,
            program=program,
            restart=restart,
            address=self.chance.choice([50, 51]) if self._addressed(mode, 0.3) else None,
        )

    def _suppose(self, guess: _Guess, verb: str, network: str | None) -> None:
        if verb == "connect" and network is not None and guess.there:
            guess.networks.add(network)
        elif verb == "disconnect" and network is not None:
            guess.networks.discard(network)
        elif verb == "rm_force" or (verb == "rm" and guess.status == "stopped"):
            guess.there, guess.networks = False, set()
        elif verb in {"start", "restart", "unpause"} and guess.there:
            guess.status = "running"
        elif verb in {"stop", "kill"}:
            guess.status = "stopped"
        elif verb == "pause" and guess.status == "running":
            guess.status = "paused"

    def _operation(
        self,
        hand: int,
        verb: str,
        *,
        container: str | None = None,
        network: str | None = None,
        mode: str | None = None,
        program: str = "sleep",
        restart: str = "no",
        address: int | None = None,
        force: bool = False,
        times: int = 1,
    ) -> Operation:
        api = verb in API_VERBS or verb == "flap"
        via: Via = "api" if api and self.chance.random() < 0.5 else "socket"
        if verb == "net_remove_force":
            via = "api"  # the engine itself has no such thing
        return Operation(
            number=next(self.numbers),
            hand=hand,
            via=via,
            verb=verb,
            container=container,
            network=network,
            mode=mode,
            program=program,
            restart=restart,
            address=address,
            force=force,
            times=times,
            pause=self.chance.choice([0.0, 0.0, 0.0, 0.02, 0.1]),
        )


def plan(seed: int, amounts: Amounts) -> list[Segment]:
    """The run of this seed: its operations cut into segments, its faults each in one of its own."""
    chance = random.Random(seed)
    faults = _faults(chance, amounts)
    count = max(-(-amounts.operations // SEGMENT), len(faults), 1)
    operations = _Generator(chance, amounts).operations()
    ordered: list[FaultKind | None] = [*faults, *([None] * (count - len(faults)))]
    chance.shuffle(ordered)
    segments, turns = [], 0
    for index, kind in enumerate(ordered):
        size = amounts.operations // count + (1 if index < amounts.operations % count else 0)
        taken = tuple(next(operations) for _ in range(size))
        fault = None
        if kind is not None:
            after, seconds, offset = chance.randint(0, max(size - 1, 0)), chance.uniform(0.2, 1.5), 0
            if kind == "stop control":
                seconds = chance.uniform(1, 4)
            if kind == "step clock":
                offset = chance.choice([-3600, 3600]) if turns % 2 == 0 else 0  # every other time the right one again
                turns += 1
            fault = Fault(kind, after, round(seconds, 2), offset)
        segments.append(Segment(taken, fault))
    if amounts.live_restore:
        segments.insert(len(segments) // 2, Segment((), Fault("live restore", 0, 0.0)))
    return segments


def _faults(chance: random.Random, amounts: Amounts) -> list[FaultKind]:
    """One of six kills is of both at once, where there are enough."""
    both = min(amounts.control_kills, amounts.engine_kills) // 6
    faults: list[FaultKind] = []
    faults += ["kill control and engine"] * both
    faults += ["kill control"] * (amounts.control_kills - both)
    faults += ["kill engine"] * (amounts.engine_kills - both)
    faults += ["restart engine"] * amounts.engine_restarts
    faults += ["stop control"] * amounts.stops
    faults += ["fill disk"] * amounts.disk_fulls
    faults += ["step clock"] * amounts.clock_steps
    chance.shuffle(faults)
    return faults
