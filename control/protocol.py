"""uvicorn's protocols, for clients that stop reading: HTTP with a way to say something last, WebSocket with an end.

Sending waits while a client reads nothing, so a response that is given up on could only break off. What is said last
goes past that wait, into the connection's own buffer, and the connection closes behind it: the client finds it when it
reads again.
"""

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

LAST_WORDS: Final = "pontlevis.last-words"
"""The ASGI extension: `scope["extensions"][LAST_WORDS](body)` ends a chunked response with this."""

LINGER: Final = 60.0
"""Seconds that they are kept for the client."""


class Protocol(HttpToolsProtocol):
    """For uvicorn's `http=`."""

    def on_headers_complete(self) -> None:
        """A request begins."""
        super().on_headers_complete()
        extensions: dict[str, Any] = {LAST_WORDS: self._say_last}
        self.scope["extensions"] = extensions

    def _say_last(self, body: bytes) -> None:
        cycle, transport = self.cycle, self.transport
        if transport.is_closing():
            return
        transport.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        cycle.response_complete = True
        transport.close()
        self.loop.call_later(LINGER, transport.abort)


class SocketProtocol(WebSocketsSansIOProtocol):
    """For uvicorn's `ws=`."""

    async def run_asgi(self) -> None:
        """A WebSocket, from its request to its end. uvicorn then closes the connection, which waits until the client
        has read all; one that reads nothing would stay for ever."""
        await super().run_asgi()
        self.loop.call_later(LINGER, self.transport.abort)
