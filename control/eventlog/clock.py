"""The engine's clock, as far as it is known here.

What the log dates itself (what a comparison found, a gap, a request) is dated by the engine's clock, like the engine's
own events. So a step of this machine's clock moves nothing in the log.
"""

import time
from typing import TYPE_CHECKING, Final

from control import instants

if TYPE_CHECKING:
    from control.engine import Engine

GOOD: Final = 20_000_000
"""Nanoseconds within which an answer is near enough to the moment at which it was true."""
TRIES: Final = 4
LITTLE: Final = 2_000_000
UNKNOWN: Final = 10**18
DRIFT: Final = 100e-6
"""By how much of itself each second may be wrong, where two clocks run apart."""


class EngineClock:
    """This machine's steady clock, set by the engine's."""

    def __init__(self) -> None:
        self._offset = instants.now() - time.monotonic_ns()
        self._error = UNKNOWN
        self._set_at = time.monotonic_ns()

    @property
    def error(self) -> int:
        """Nanoseconds by which it may be wrong, and a little more."""
        return LITTLE + min(self._error, GOOD)

    @property
    def known(self) -> bool:
        """Whether the engine was ever asked."""
        return self._error < UNKNOWN

    async def ask(self, engine: "Engine") -> int:
        """Set it by the engine's; what the engine showed first. Raises EngineAway and its like."""
        first: int | None = None
        for _ in range(TRIES):
            asked, here = time.monotonic_ns(), instants.now()
            shown = await engine.clock()
            answered = time.monotonic_ns()
            first = shown if first is None else first
            if engine.connection.local and here <= shown <= here + answered - asked:
                # One machine, one clock: what it shows now is as good as asking at no distance at all.
                self.set(here, asked, asked)
                break
            self.set(shown, asked, answered)
            if answered - asked < GOOD:
                break
        assert first is not None  # noqa: S101  (asked at least once)
        return first

    def set(self, shown: int, asked: int, answered: int) -> None:
        """The engine's clock showed this at some moment between two of the steady clock (nanoseconds)."""
        offset, error = shown - (asked + answered) // 2, (answered - asked) // 2
        known = self._error + int((answered - self._set_at) * DRIFT)
        # The better one counts, unless they can't both be right: then a clock was set.
        if error <= known or abs(offset - self._offset) > error + known:
            self._offset, self._error, self._set_at = offset, error, answered

    def now(self) -> int:
        """The engine's time, in nanoseconds since the epoch."""
        return time.monotonic_ns() + self._offset
