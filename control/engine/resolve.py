"""From what a person wrote to the one thing meant. Pure."""

import re
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from control.errors import Ambiguous, NotFound

T = TypeVar("T")

SHORTEST_PREFIX: Final = 12
"""Digits of the short id that Docker's own commands print. It would take one digit, and so hit the wrong thing."""

_PREFIX = re.compile(r"[0-9a-f]{12,64}")


def resolve(kind: str, reference: str, things: Iterable[T], identity: Callable[[T], tuple[str, str]]) -> T:
    """The thing of this full id, else of this name, else of this id prefix (twelve digits or more).

    `identity` gives a thing's id and name. Raises NotFound, or Ambiguous with the ids it could be.
    """
    known = [(identity(thing), thing) for thing in things]
    for matches in (
        [thing for (id_, _), thing in known if id_ == reference],
        [thing for (_, name), thing in known if name == reference],
        [thing for (id_, _), thing in known if is_prefix(reference) and id_.startswith(reference)],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            ids = sorted(identity(thing)[0] for thing in matches)
            raise Ambiguous(f"{len(matches)} {kind}s are called {reference!r}. Use a full id.", ids=ids)
    raise missing(kind, reference)


def is_prefix(reference: str) -> bool:
    """Whether this may be an id or the beginning of one."""
    return _PREFIX.fullmatch(reference) is not None


def missing(kind: str, reference: str) -> NotFound:
    """The problem that says that there is none."""
    return NotFound(f"There is no {kind} {reference!r}. List the {kind}s, and use a name or full id from there.")
