"""What a person reads: one line a step on standard error, progress on the long ones, one line when it fails."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from control.errors import Problem

EVERY: Final = 10.0
"""Seconds between signs of life where there is no terminal to rewrite a line on."""

Progress = Callable[[str], None]


class Trouble(Exception):
    """Why it can't go on, and what to do about it, in one line."""


def say(text: str) -> None:
    """One step."""
    print(f"pontlevis: {text}", file=sys.stderr, flush=True)


@contextmanager
def step(text: str) -> Iterator[Progress]:
    """A long step: says it, takes pieces of progress, and says how long it took."""
    terminal = sys.stderr.isatty()
    began = last = time.monotonic()
    say(text)

    def progress(detail: str) -> None:
        nonlocal last
        detail = " ".join(detail.split())
        now = time.monotonic()
        if terminal and now - last > 0.1:  # noqa: PLR2004  (a tenth of a second: as fast as anyone reads)
            print(f"\r\033[K  {now - began:4.0f} s  {detail[:90]}", end="", file=sys.stderr, flush=True)
            last = now
        elif not terminal and now - last > EVERY:
            say(f"  … {now - began:.0f} s: {detail[:100]}")
            last = now

    try:
        yield progress
    finally:
        if terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
    took = time.monotonic() - began
    if took > 1:
        say(f"  … done in {took:.0f} s")


def run(main: Callable[[], None]) -> None:
    """Run a command: trouble is one line and exit 1, Ctrl-C is 130."""
    try:
        main()
    except (Trouble, Problem) as trouble:
        say(" ".join(str(trouble).split()))
        sys.exit(1)
    except OSError as error:
        say(f"{error.filename or 'this machine'}: {error.strerror or error}")
        sys.exit(1)
    except KeyboardInterrupt:
        say("interrupted; `make down` takes away what was made so far")
        sys.exit(130)
