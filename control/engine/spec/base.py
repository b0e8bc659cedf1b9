"""What every part of the engine's JSON is made with. Pure."""

from collections.abc import Sequence
from typing import Any


def present(**pairs: Any) -> dict[str, Any]:  # noqa: ANN401  (any JSON)
    """The pairs that have a value; what is None is left to the engine."""
    return {key: value for key, value in pairs.items() if value is not None}


def listed(words: Sequence[str] | None) -> list[str] | None:
    """A list of its own, or None."""
    return None if words is None else list(words)
