"""One life of a fake engine as a process: a socket that it listens at, and a pid of its own.

Who connects to a unix socket is told the pid of whoever called listen() on it, and control tells a restarted engine by
that. So a small process of each life's own calls listen() on the server's socket, and lives as long as that life. The
socket gets its name after that, so nobody sees it in between.
"""

import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from aiohttp import web

GRACE: Final = 0.05
"""Seconds that requests under way are given when a life ends."""

BODY_LIMIT: Final = 64 * 2**20
BACKLOG: Final = 128

_LISTENS: Final = """
import os, socket, sys
listening = socket.socket(fileno=int(sys.argv[1]))
listening.listen(int(sys.argv[2]))
listening.close()
os.write(1, b"!")
os.read(0, 1)
"""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Serving:
    """A server at a path. `begin` it once, and `end` it once."""

    def __init__(self, path: Path, handler: Handler, headers: dict[str, str]) -> None:
        """`headers` are of every answer."""
        self.path = path
        application = web.Application(client_max_size=BODY_LIMIT)
        application.router.add_route("*", "/{path:.*}", handler)

        async def sign(_: web.Request, response: web.StreamResponse) -> None:
            response.headers.update(headers)

        application.on_response_prepare.append(sign)
        self._runner = web.AppRunner(
            application, access_log=None, handle_signals=False, handler_cancellation=True, shutdown_timeout=GRACE
        )
        self._site: web.SockSite | None = None
        self._process: subprocess.Popen[bytes] | None = None

    async def begin(self) -> None:
        """Serve, under a pid of its own."""
        unnamed = self.path.with_suffix(".unnamed")
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(str(unnamed))
        await self._runner.setup()
        self._site = web.SockSite(self._runner, listening, backlog=BACKLOG)
        await self._site.start()
        self._process = subprocess.Popen(  # noqa: ASYNC220  (a moment's wait in which nothing else is to happen)
            [sys.executable, "-ISc", _LISTENS, str(listening.fileno()), str(BACKLOG)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[listening.fileno()],
            start_new_session=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.read(1) == b"!", "nobody listens"
        unnamed.rename(self.path)

    async def stop_listening(self) -> None:
        """Take no new connection; those that there are go on."""
        self.path.unlink(missing_ok=True)
        if self._site is not None:
            await self._site.stop()
            self._site = None

    async def end(self) -> None:
        """Every connection breaks off, and the process is gone."""
        await self.stop_listening()
        if self._runner.server is not None:
            for connection in self._runner.server.connections:
                if connection.transport is not None:
                    connection.transport.abort()
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
        await self._runner.cleanup()
