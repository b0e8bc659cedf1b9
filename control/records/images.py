"""Images."""

from control.instants import Instant
from control.records.base import Record


class Image(Record):
    """An image. `size` is in bytes, layers shared with others included."""

    id: str
    tags: tuple[str, ...]
    created: Instant | None
    size: int
    labels: dict[str, str]
