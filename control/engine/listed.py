"""The engine's list of containers: who there is, without a look at each. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Listed(NamedTuple):
    """A container as the engine's list has it."""

    name: str
    id: str
    status: str
    """In the engine's words: `running`, `exited` …"""
    image: str = ""
    mode: str = ""
    """The network mode."""


def listed_of(raw: Mapping[str, Any]) -> Listed:
    """A container from an entry of the list. One that others link to has a name for each link, `/alpine2/alpine1`."""
    own = [name for name in raw.get("Names") or () if name.count("/") == 1]
    mode = (raw.get("HostConfig") or {}).get("NetworkMode") or ""
    return Listed((own or [""])[0].removeprefix("/"), raw["Id"], raw.get("State") or "", raw.get("Image") or "", mode)
