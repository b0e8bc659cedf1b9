"""Standard output and error of a container, as the engine sends them.

Without a terminal the two share one connection, in frames of a stream number (1, 2), three zero bytes, the
length as 32 bits big-endian, and the data (Docker Engine API, "Attach to a container", Stream format).
"""

import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

_HEADER: Final = struct.Struct(">BxxxL")
_STDERR: Final = 2


@dataclass
class Output:
    """Bytes of the two streams, up to a limit in all. What came first is kept."""

    limit: int
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    truncated: bool = False

    def add(self, stream: int, data: bytes) -> None:
        """Keep what there is room for."""
        room = self.limit - len(self.stdout) - len(self.stderr)
        if len(data) > room:
            self.truncated = True
        (self.stderr if stream == _STDERR else self.stdout).extend(data[: max(room, 0)])


async def collect(chunks: AsyncIterator[bytes], *, limit: int, raw: bool = False) -> Output:
    """Read to the end. `raw` where a terminal makes one unframed stream of the two."""
    output = Output(limit)
    rest = bytearray()
    async for chunk in chunks:
        if raw:
            output.add(1, chunk)
            continue
        rest += chunk
        while len(rest) >= _HEADER.size:
            stream, length = _HEADER.unpack_from(rest)
            end = _HEADER.size + length
            if len(rest) < end:
                break
            output.add(stream, bytes(rest[_HEADER.size : end]))
            del rest[:end]
    return output
