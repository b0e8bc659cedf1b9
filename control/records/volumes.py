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


class VolumeUser(Record):
    """A container that mounts a volume, and where."""

    id: str
    name: str
    state: str
    target: str
    read_only: bool


class VolumeDetail(Volume):
    """A volume, and the containers that mount it, stopped ones too."""

    users: tuple[VolumeUser, ...]
