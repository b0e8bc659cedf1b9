"""Whoever listens to an engine, real or fake, and keeps what it is told."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.support.polling import eventually

QUIET: Final = 0.5
"""Seconds without an event after which no more are waited for."""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, *, timeout: float | None = None) -> None:
        super().__init__("engine", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """To the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Recording:
    """Lines of an engine's stream, as they come. It ends when the stream does."""

    def __init__(self, path: Path, query: str) -> None:
        self.lines: list[bytes] = []
        self.content_type = ""
        self._newest = time.monotonic()
        self._connection = UnixConnection(path)
        self._connection.request("GET", f"/events?{query}")
        self._reading = threading.Thread(target=self._read, name="recording", daemon=True)
        self._reading.start()
        eventually(lambda: self.content_type)

    def _read(self) -> None:
        # The connection breaks off where the engine's does, and when this is closed.
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError, AttributeError):
            response = self._connection.getresponse()
            self.content_type = response.headers["Content-Type"]
            while line := response.readline():
                self.lines.append(line)
                self._newest = time.monotonic()

    @property
    def ended(self) -> bool:
        """Whether the stream has ended."""
        return not self._reading.is_alive()

    def settled(self) -> list[dict[str, Any]]:
        """All events so far, once no more have come for a while."""
        self._newest = max(self._newest, time.monotonic() - QUIET + 0.1)
        eventually(lambda: self.ended or time.monotonic() - self._newest > QUIET)
        return [json.loads(line) for line in self.lines]

    def reached(self, count: int) -> list[dict[str, Any]]:
        """All events so far, once there are so many."""
        eventually(lambda: len(self.lines) >= count)
        return [json.loads(line) for line in self.lines]

    def close(self) -> None:
        """Stop listening."""
        with contextlib.suppress(OSError, AttributeError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._reading.join(5)
        self._connection.close()


@contextmanager
def recording(path: Path, query: str = 'filters={"type":["network","container"]}') -> Iterator[Recording]:
    """Listen at an engine's socket from now on, until left."""
    listening = Recording(path, query.replace('"', "%22").replace("{", "%7B").replace("}", "%7D"))
    try:
        yield listening
    finally:
        listening.close()
