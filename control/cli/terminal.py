"""A terminal in a container: this one's keys and window, over a WebSocket.

Two threads: one shows what comes, the other sends what is typed and the window's size. A change of size is told to the
second by a pipe, because a signal's handler must not wait for the connection.
"""

import contextlib
import json
import os
import select
import signal
import sys
import termios
import threading
import tty
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from control.cli import places
from control.cli.client import CONNECT_SECONDS, is_here, path_of
from control.cli.errors import Failed

END_OF_INPUT: Final = b"\x04"
"""What Ctrl-D types: at a terminal, the end of the input is a key."""


def open_terminal(
    container: str, command: Sequence[str], *, user: str | None, workdir: str | None, reason: str | None
) -> int:
    """Have a terminal until its command ends. Returns the command's exit code."""
    url = places.url()
    columns, rows = _size()
    query = [("columns", columns), ("rows", rows), ("term", os.environ.get("TERM") or "xterm")]
    query += [("command", word) for word in command]
    query += [(key, value) for key, value in (("user", user), ("workdir", workdir)) if value is not None]
    headers = {"Authorization": f"Bearer {places.token()}"}
    if reason is not None:
        headers["Reason"] = reason
    try:
        with connect(
            f"ws{url.removeprefix('http')}{path_of('containers', container, 'terminal')}?{urlencode(query)}",
            additional_headers=headers,
            open_timeout=CONNECT_SECONDS + 30,
            compression=None,
            proxy=None if is_here(url) else True,
        ) as socket:
            return _converse(socket)
    except InvalidStatus as error:
        raise Failed(_detail(error.response.body, error.response.status_code)) from error
    except (InvalidHandshake, OSError, TimeoutError) as error:
        raise Failed(f"Control can't be reached at {url}: {error}.") from error


def _converse(socket: ClientConnection) -> int:
    told, tell = os.pipe()
    typing = threading.Thread(target=_type, args=(socket, told), daemon=True)
    code: int | None = None
    with _raw(), _resized(tell):
        typing.start()
        try:
            for message in socket:
                if isinstance(message, bytes):
                    sys.stdout.buffer.write(message)
                    sys.stdout.buffer.flush()
                else:
                    code = json.loads(message).get("exit_code", code)
        except ConnectionClosed:
            pass
        os.write(tell, b"e")
        typing.join(5)
    os.close(tell)
    os.close(told)
    if socket.close_code != 1000:  # noqa: PLR2004  (a close in order)
        raise Failed(f"The terminal was closed: {socket.close_reason or 'the connection broke'}.")
    return 0 if code is None else code


def _type(socket: ClientConnection, told: int) -> None:
    """Send what is typed, and the size when it changes, until the conversation is over."""
    keys = sys.stdin.fileno()
    waiting = [keys, told]
    with contextlib.suppress(ConnectionClosed):
        while True:
            ready, _, _ = select.select(waiting, [], [])
            if told in ready:
                if b"e" in os.read(told, 64):
                    return
                columns, rows = _size()
                socket.send(json.dumps({"resize": {"columns": columns, "rows": rows}}))
            if keys in ready:
                data = os.read(keys, 65_536)
                if not data:
                    waiting.remove(keys)
                socket.send(data or END_OF_INPUT)


@contextlib.contextmanager
def _raw() -> Iterator[None]:
    """Each key is sent as it is, also Ctrl-C: the terminal in the container knows what it means."""
    if not sys.stdin.isatty():
        yield
        return
    keys = sys.stdin.fileno()
    before = termios.tcgetattr(keys)
    try:
        tty.setraw(keys)
        yield
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _resized(tell: int) -> Iterator[None]:
    before = signal.signal(signal.SIGWINCH, lambda *_: os.write(tell, b"w") and None)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


def _size() -> tuple[int, int]:
    for stream in (sys.stdout, sys.stdin):
        with contextlib.suppress(OSError, ValueError):
            size = os.get_terminal_size(stream.fileno())
            return max(size.columns, 1), max(size.lines, 1)
    return 80, 24


def _detail(body: bytes | bytearray | None, status: int) -> str:
    try:
        return str(json.loads(body or b"")["detail"])
    except (ValueError, KeyError, TypeError):
        return f"Control answered {status}."
