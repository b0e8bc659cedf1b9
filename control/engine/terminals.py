"""Commands on a terminal in a container: bytes both ways.

The engine ends no command when its client goes away (`execs`), so that is done here.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiodocker.stream import Stream

from control.engine.connection import Connection
from control.engine.execs import Execs, Running, start_failed
from control.errors import Conflict, EngineFailed, EngineTimeout, Invalid, NotFound
from control.wanted import WantedTerminal


class Terminal:
    """A command that runs on a terminal. One reader and one writer at a time."""

    def __init__(self, connection: Connection, execs: Execs, running: Running, stream: Stream) -> None:
        self._connection = connection
        self._execs = execs
        self._running = running
        self._stream = stream
        self._first: asyncio.Task[bytes] | None = None

    async def begun(self) -> None:
        """Return once it runs. Raises StartFailed: the engine tells of a command that can't be run in the output."""
        self._first = asyncio.create_task(self._read())
        deadline = time.monotonic() + self._connection.timeout
        while time.monotonic() < deadline:
            state = await self._execs.inspect(self._running)
            if state["Pid"]:
                return
            if state["ExitCode"] is not None and not state["Running"]:
                raise start_failed(await self._first)
            await asyncio.sleep(0.01)
        raise EngineTimeout("The Docker Engine did not start the command in time. Ask again.")

    async def read(self) -> bytes:
        """What it writes next; empty at the end."""
        first, self._first = self._first, None
        return await (self._read() if first is None else first)

    async def write(self, data: bytes) -> None:
        """Type this. Waits while the command does not read."""
        await self._stream.write_in(data)

    async def resize(self, columns: int, rows: int) -> None:
        """Set its size; nothing happens where it has ended."""
        try:
            async with self._connection.use(within=5):
                await self._running.execution.resize(w=columns, h=rows)
        except (NotFound, Conflict, Invalid, EngineFailed):  # "cannot resize a stopped container", for one, is a 500
            return

    async def exit_code(self) -> int | None:
        """Its exit code once `read` gave the end; None where that is not known."""
        return await self._execs.exit_code(self._running)

    async def close(self) -> None:
        """Let go of it, and end it where it still runs."""
        if self._first is not None:
            self._first.cancel()
            await asyncio.gather(self._first, return_exceptions=True)
        await self._stream.close()
        await self._execs.end(self._running, "HUP")

    async def _read(self) -> bytes:
        message = await self._stream.read_out()
        return b"" if message is None else message.data


class Terminals:
    """Terminals in the engine's containers."""

    def __init__(self, connection: Connection, execs: Execs) -> None:
        self._connection = connection
        self._execs = execs

    @asynccontextmanager
    async def open(self, container_id: str, wanted: WantedTerminal) -> AsyncIterator[Terminal]:
        """A command on a terminal, ended at the end. Raises NotRunning, StartFailed."""
        running = await self._execs.create(container_id, wanted, stdin=True, tty=True, TERM=wanted.term)
        async with self._execs.started(running) as stream:
            terminal = Terminal(self._connection, self._execs, running, stream)
            try:
                await terminal.begun()
                await terminal.resize(wanted.columns, wanted.rows)
                yield terminal
            finally:
                await asyncio.shield(terminal.close())
