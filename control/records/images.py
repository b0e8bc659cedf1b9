"""Images, and what is told while one is made."""

from control.instants import Instant
from control.records.base import Record


class Image(Record):
    """An image. `digests` are the names by which a registry has it; `size` is in bytes, layers shared with others
    included."""

    id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    created: Instant | None
    size: int
    labels: dict[str, str]


class User(Record):
    """A container that uses something."""

    id: str
    name: str
    state: str


class ImageDetail(Image):
    """An image, how its containers run where nothing else is said, and the containers that use it, stopped ones too.
    `layers` is their number."""

    parent: str | None
    author: str | None
    comment: str | None
    architecture: str
    variant: str | None
    os: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    env: dict[str, str]
    user: str | None
    workdir: str | None
    exposed_ports: tuple[str, ...]
    volumes: tuple[str, ...]
    stop_signal: str | None
    layers: int
    users: tuple[User, ...]


class Progress(Record):
    """A piece of progress: a line of a build's output, or the state of one layer of a pull, in bytes. What does not
    apply is left out."""

    text: str | None = None
    id: str | None = None
    status: str | None = None
    current: int | None = None
    total: int | None = None
    image: str | None = None
