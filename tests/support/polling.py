"""Waiting for what will be so, instead of for time to pass."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

DEADLINE_SECONDS: Final = 30.0


def eventually(look: Callable[[], T], *, within: float = DEADLINE_SECONDS) -> T:
    """The first true value of `look`, asked again and again. Fails after `within` seconds, generous on purpose:
    the machine may be busy, and this measures nothing."""
    deadline = time.monotonic() + within
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"not so after {within} s: {look}"
        time.sleep(0.05)
