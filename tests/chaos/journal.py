"""What the hands did: one entry for each call that was sent, with the engine's own view before and after. Pure.

All times are nanoseconds of the machine's clock, which is the engine's too. Control's clock may lie.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Pair = tuple[str, str]
"""A network's id and a container's."""

State = Literal["absent", "configured", "connected"]
Via = Literal["api", "socket"]

UNANSWERED_NS: Final = 5_000_000_000
"""How long after its call broke off an operation may still be carried out by the engine."""


@dataclass(frozen=True)
class Member:
    """A container on a network: how, and by which endpoint while it is connected."""

    state: State
    endpoint: str | None = None


ABSENT: Final = Member("absent")


@dataclass(frozen=True)
class View:
    """One container as the engine showed it: its status (`absent` where there is none) and its networks by id."""

    status: str
    members: Mapping[str, Member]
    name: str = ""
    restart: str = "no"

    @property
    def runs(self) -> bool:
        """Whether it may have live endpoints."""
        return self.status in {"running", "paused"}


NOTHING: Final = View("absent", {})


@dataclass(frozen=True)
class Done:
    """One call. `began` is just before it, `ended` its answer, `settled` after the view that followed it."""

    number: int
    hand: int
    via: Via
    verb: str
    began: int
    ended: int
    settled: int
    container: str | None = None
    container_name: str | None = None
    network: str | None = None
    request: str | None = None
    status: int | None = None  # None: no answer came
    error: str = ""
    before: View | None = None
    after: View | None = None
    spontaneous: bool = False  # its container ends by itself, so what changes then is not this call's
    since: int | None = None  # of several calls between one look before and one after: the bounds of all of them
    through: int | None = None

    @property
    def answered(self) -> bool:
        """Whether its outcome is known."""
        return self.status is not None

    @property
    def succeeded(self) -> bool:
        """Whether the engine did it now (304 and the like: it was so already)."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def until(self) -> int:
        """When it can have no effect any more."""
        return self.settled if self.answered else self.settled + UNANSWERED_NS

    @property
    def alone(self) -> tuple[int, int]:
        """In which no other may touch its container, for its views to show what it did."""
        first, last = self.since or self.began, self.through or self.settled
        return min(first, self.began), max(last, self.settled)


@dataclass(frozen=True)
class Outage:
    """An interval in which the engine, or control, was away or frozen, or in trouble."""

    kind: str
    began: int
    ended: int

    @property
    def engine(self) -> bool:
        """Whether it was the engine that was away."""
        return "engine" in self.kind or self.kind == "live restore"

    @property
    def control(self) -> bool:
        """Whether control may have lost what it was about to write."""
        return self.kind != "step clock"
