"""A real client of a terminal: websockets' own."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.support.control import Control

PATIENCE = 20.0


class Terminal:
    """A terminal that is open. What the server says beside the bytes is in `said`."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.shown = b""
        self.said: list[dict[str, Any]] = []

    def type(self, text: str) -> None:
        """Send what is typed."""
        self.socket.send(text.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Tell the size."""
        self.socket.send(json.dumps({"resize": {"columns": columns, "rows": rows}}))

    def wait_for(self, text: bytes) -> None:
        """Read until this was shown."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown[-2000:]
            self._take(self.socket.recv(timeout=PATIENCE))

    def end(self) -> tuple[int, str]:
        """Read to the end: the close code and reason."""
        try:
            while True:
                self._take(self.socket.recv(timeout=PATIENCE))
        except ConnectionClosed:
            return self.socket.close_code or 0, self.socket.close_reason or ""

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.shown += message
        else:
            self.said.append(json.loads(message))


@contextmanager
def opened(
    control: Control,
    container: str,
    *command: str,
    headers: dict[str, str] | None = None,
    token: str | None = None,
    subprotocols: list[str] | None = None,
    **query: str | int,
) -> Iterator[Terminal]:
    """A terminal in a container. `headers` are further ones; `token` "" sends none."""
    wanted = [("command", word) for word in command] + [(key, str(value)) for key, value in query.items()]
    bearer = control.token if token is None else token
    sent = {**({"Authorization": f"Bearer {bearer}"} if bearer else {}), **(headers or {})}
    with connect(
        f"{control.url.replace('http', 'ws', 1)}/containers/{container}/terminal?{urlencode(wanted)}",
        additional_headers=sent,
        subprotocols=subprotocols,  # type: ignore[arg-type]  # plain text is one
        proxy=None,
        compression=None,
        close_timeout=5,
    ) as socket:
        yield Terminal(socket)
