"""Networks that were read before, so that one that is still the same is not read again. Pure but for what it keeps.

What an engine says of a network hardly ever changes, and to compare it with what it said before, whole, is much faster
than to check and write it anew: a list of fifty costs a tenth. Nothing is ever told that the engine has not just said.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from control.engine.networkjson import Raw, network_of
from control.records import Network

MOST: Final = 10_000
"""Networks that are kept; with more than these all are forgotten, and read anew."""


@dataclass(slots=True, eq=False)
class Read:
    """A network, and its JSON in an answer."""

    raw: Raw
    network: Network
    _text: str | None = field(default=None, repr=False)

    @property
    def text(self) -> str:
        """The network's JSON."""
        if self._text is None:
            self._text = self.network.model_dump_json()
        return self._text


class Remembered:
    """Networks by their ids, as they were read last."""

    def __init__(self) -> None:
        self._read: dict[str, Read] = {}

    def read(self, raws: Iterable[Raw]) -> list[Read]:
        """What the engine says of each, in its order."""
        return [self._one(raw) for raw in raws]

    def _one(self, raw: Raw) -> Read:
        known = self._read.get(raw["Id"])
        if known is None or known.raw != raw:
            if len(self._read) >= MOST:
                self._read.clear()
            known = self._read[raw["Id"]] = Read(raw, network_of(raw))
        return known
