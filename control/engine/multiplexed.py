"""Standard output and error of a container, as the engine sends them.

Without a terminal the two share one connection, in frames of a stream number (1, 2), three zero bytes, the
length as 32 bits big-endian, and the data (Docker Engine API, "Attach to a container", Stream format).
"""

import struct
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import Final

_HEADER: Final = struct.Struct(">BxxxL")
_STDERR: Final = 2


@dataclass
class Output:
    """Bytes of the two streams, up to a limit for each. What came first is kept, or last where `last` says so."""

    limit: int
    last: bool = False
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    truncated: bool = False

    def add(self, stream: int, data: bytes) -> None:
        """Keep what there is room for."""
        kept = self.stderr if stream == _STDERR else self.stdout
        kept += data
        if len(kept) > self.limit:
            self.truncated = True
            if self.last:
                del kept[: len(kept) - self.limit]
            else:
                del kept[self.limit :]


async def frames(chunks: AsyncIterator[bytes], *, raw: bool) -> AsyncGenerator[tuple[int, bytes]]:
    """Which stream, and what. `raw` where a terminal makes one unframed stream of the two."""
    rest = bytearray()
    async for chunk in chunks:
        if raw:
            yield 1, chunk
            continue
        rest += chunk
        begin = 0
        while len(rest) - begin >= _HEADER.size:
            stream, length = _HEADER.unpack_from(rest, begin)
            end = begin + _HEADER.size + length
            if len(rest) < end:
                break
            yield stream, bytes(rest[begin + _HEADER.size : end])
            begin = end
        del rest[:begin]


async def collect(chunks: AsyncIterator[bytes], output: Output, *, raw: bool) -> None:
    """Read to the end."""
    async for stream, data in frames(chunks, raw=raw):
        output.add(stream, data)
