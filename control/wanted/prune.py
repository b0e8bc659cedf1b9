"""What is to be removed of what nothing uses."""

import re
from typing import Annotated, Final, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from control import instants
from control.wanted.values import Filled, Wanted

UNITS: Final = {"h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "µs": 10**3, "ns": 1}
"""Nanoseconds of each unit of a duration, as Docker writes them."""

_PIECE: Final = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)")


def instant_of(until: str, now: int) -> int:
    """The instant that `until` means: RFC 3339, or a duration before `now`. Raises ValueError."""
    pieces = _PIECE.findall(until)
    if pieces and "".join(number + unit for number, unit in pieces) == until:
        return now - round(sum(float(number) * UNITS[unit] for number, unit in pieces))
    return instants.parse(until)


def _until(value: str) -> str:
    try:
        instant_of(value, 0)
    except ValueError as error:
        raise ValueError("give RFC 3339 (2026-01-31T12:00:00Z), or a duration such as 24h or 1h30m") from error
    return value


Until = Annotated[str, StringConstraints(max_length=64), AfterValidator(_until)]
Filters = Annotated[tuple[Filled, ...], Field(max_length=64)]


class WantedPrune(Wanted):
    """What is to be removed of what nothing uses: what was created before `until` (RFC 3339, or a duration such as
    24h), has every `label` (`key` or `key=value`) and none of `not_label`.

    `dry_run` answers the plan, with a `token` that is good for 15 minutes. With that `token`, alone, exactly what was
    planned is removed, or nothing where any of it has changed.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"dry_run": True, "until": "24h", "not_label": ["keep"]}]}
    )

    dry_run: bool = False
    token: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    until: Until | None = None
    label: Filters = ()
    not_label: Filters = ()

    @model_validator(mode="after")
    def _token_alone(self) -> Self:
        if self.token is not None and self.model_fields_set != {"token"}:
            raise ValueError("a token stands for the whole plan: send it without anything else")
        return self


class WantedFullPrune(WantedPrune):
    """As for all; with `all` also what has a name: volumes that somebody named, images that have a tag."""

    all: bool = False
