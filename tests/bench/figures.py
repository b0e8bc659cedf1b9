"""What every section of the bench prints: promises, what was measured, and whether they hold."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One promise, what was measured, and whether it holds."""

    text: str
    wanted: str
    measured: str
    holds: bool


def table(told: Iterable[Figure], head: str) -> list[str]:
    """The rows of a Markdown table; `head` names the column of what was measured."""
    return [
        f"| figure | wanted | {head} | |",
        "|---|--:|--:|---|",
        *(f"| {f.text} | {f.wanted} | {f.measured} | {'holds' if f.holds else 'MISSED'} |" for f in told),
    ]


def strangers(share: float) -> str:
    """How far the figures can be trusted, by what others took of the machine."""
    return f"Other programs took {share:.0%} of the machine meanwhile: above 5 % trust no figure."
