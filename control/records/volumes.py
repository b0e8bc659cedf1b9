"""Volumes."""

from control.instants import Instant
from control.records.base import Record


class Volume(Record):
    """A volume."""

    name: str
    driver: str
    scope: str
    created: Instant | None
    mountpoint: str | None
    labels: dict[str, str]
    options: dict[str, str]
