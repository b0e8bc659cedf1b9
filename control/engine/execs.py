"""Commands run in a container.

The engine has no call that ends a command, and ends none when its client goes away (measured on Docker 20.10: of a
shell, `sleep`, `cat` and `yes`, each with and without a terminal, only the shell whose input was a pipe ended). So
each command has a mark in its environment, by which a further command, of the same user, finds it and what it
started, and sends them signals. That takes a container with `sh` and `grep` that is not paused.
"""

import asyncio
import base64
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from aiodocker.containers import DockerContainer
from aiodocker.execs import Exec
from aiodocker.stream import Stream

from control import log
from control.engine.connection import Connection
from control.engine.multiplexed import Output
from control.engine.resolve import missing
from control.errors import CommandTimeout, NotFound, Problem, StartFailed
from control.records import ExecResult, ExecState
from control.wanted import WantedCommand, WantedExec

MARK: Final = "PONTLEVIS_EXEC"
"""The variable that tells a command of ours, and what it started, from all others."""

END_SECONDS: Final = 6.0

# Its user's processes are those that it may look into. No -F: busybox's looks no further than the first NUL.
_END: Final = """
for signal in $2 KILL KILL KILL; do
  found=
  for file in /proc/[0-9]*/environ; do
    pid=${file#/proc/}; pid=${pid%/environ}
    if grep -qs "$1" "$file" && kill -"$signal" "$pid" 2>/dev/null; then found=1; fi
  done
  [ "$found" ] || exit 0
  tries=0
  while [ $tries -lt 10 ] && grep -qs "$1" /proc/[0-9]*/environ; do tries=$((tries + 1)); sleep 0.1; done
done
exit 1
"""

_ID: Final = re.compile(r"[0-9a-f]{64}")


class Running:
    """A command that was made in a container. `mark` is in its environment."""

    def __init__(self, container_id: str, user: str | None, mark: str, execution: Exec) -> None:
        self.container_id = container_id
        self.user = user
        self.mark = mark
        self.execution = execution

    @property
    def id(self) -> str:
        """The engine's id of it."""
        return self.execution.id


class Execs:
    """Commands in the engine's containers."""

    def __init__(self, connection: Connection, *, timeout: float, limit: int) -> None:
        self._connection = connection
        self._timeout = timeout
        self._limit = limit

    async def run(self, container_id: str, wanted: WantedExec) -> ExecResult:
        """Run a command to its end, without a terminal. Raises NotRunning, StartFailed, CommandTimeout."""
        limit = min(wanted.output_limit or self._limit, self._limit)
        seconds = wanted.timeout or self._timeout
        output = Output(limit)
        running = await self.create(container_id, wanted, stdin=wanted.stdin is not None)
        data = wanted.stdin_bytes()
        try:
            async with asyncio.timeout(seconds), self.started(running) as stream:
                feeding = asyncio.create_task(_feed(stream, data)) if data is not None else None
                try:
                    while (message := await stream.read_out()) is not None:
                        output.add(message.stream, message.data)
                finally:
                    if feeding is not None:
                        feeding.cancel()
                        await asyncio.gather(feeding, return_exceptions=True)
        except TimeoutError as error:
            ended = await self.end(running, "TERM")
            raise CommandTimeout(
                f"The command did not end within {seconds:g} s. "
                + (
                    "It was ended."
                    if ended
                    else "It may still run: ending it takes a container that has sh and grep and is not paused."
                ),
                ended=ended,
                **_texts(output, wanted.output_encoding),
            ) from error
        state = await self._ended(running)
        if state["Pid"] == 0:
            # It never ran: the engine says why in the output (measured on Docker 20.10).
            raise start_failed(bytes(output.stdout + output.stderr))
        return ExecResult(exit_code=state["ExitCode"], **_texts(output, wanted.output_encoding))

    async def detach(self, container_id: str, wanted: WantedExec) -> str:
        """Start a command and leave it to itself; its id. Raises NotRunning, StartFailed."""
        running = await self.create(container_id, wanted, stdin=False)
        async with self._connection.use() as docker:
            await Exec(docker, running.id, tty=False).start(detach=True)
        return running.id

    async def state(self, container_id: str, exec_id: str) -> ExecState:
        """A command of this container. Raises NotFound, also when the engine has forgotten it, some minutes after its
        end."""
        if _ID.fullmatch(exec_id) is None:
            raise missing("exec", exec_id)
        async with self._connection.use() as docker:
            raw = await Exec(docker, exec_id).inspect()
        if raw["ContainerID"] != container_id:
            raise missing("exec", exec_id)
        return ExecState(id=raw["ID"], running=raw["Running"], exit_code=None if raw["Running"] else raw["ExitCode"])

    async def create(
        self, container_id: str, wanted: WantedCommand, *, stdin: bool, tty: bool = False, **further: str
    ) -> Running:
        """Make a command, not started yet, with `further` variables. Raises NotRunning, StartFailed."""
        mark = secrets.token_hex(16)
        options: dict[str, Any] = {
            "cmd": list(wanted.command),
            "environment": {**wanted.env, **further, MARK: mark},
            "user": wanted.user or "",
            "stdin": stdin,
            "tty": tty,
        }
        if wanted.workdir is not None:
            options["workdir"] = wanted.workdir
        async with self._connection.use() as docker:
            execution = await DockerContainer(docker, id=container_id).exec(**options)
        return Running(container_id, wanted.user, mark, execution)

    @asynccontextmanager
    async def started(self, running: Running) -> AsyncIterator[Stream]:
        """Its input and output, from its start on."""
        async with self._connection.use(endless=True), running.execution.start() as stream:
            yield stream

    async def inspect(self, running: Running) -> dict[str, Any]:
        """The engine's own words on it."""
        async with self._connection.use():
            return await running.execution.inspect()

    async def _ended(self, running: Running) -> dict[str, Any]:
        """Its inspect, once it has an exit code: that comes a moment after the end of the output."""
        async with self._connection.use():
            while True:
                state = await running.execution.inspect()
                if not state["Running"] and state["ExitCode"] is not None:
                    return state
                await asyncio.sleep(0.02)

    async def exit_code(self, running: Running) -> int | None:
        """Its exit code, once its output is at an end; None where that is not known, because the container is gone or
        its output was cut off."""
        try:
            async with asyncio.timeout(3):
                code: int = (await self._ended(running))["ExitCode"]
        except (Problem, TimeoutError):
            return None
        return code

    async def end(self, running: Running, signal: str) -> bool:
        """End a command and what it started: `signal` first, KILL a second later. Whether it has ended."""
        try:
            async with asyncio.timeout(END_SECONDS), self._connection.use(within=END_SECONDS) as docker:
                if not (await running.execution.inspect())["Running"]:
                    return True
                ending = await DockerContainer(docker, id=running.container_id).exec(
                    cmd=["sh", "-c", _END, "sh", f"{MARK}={running.mark}", signal], user=running.user or ""
                )
                async with ending.start() as stream:
                    while await stream.read_out() is not None:
                        pass
                for _ in range(20):
                    if not (await running.execution.inspect())["Running"]:
                        return True
                    await asyncio.sleep(0.05)
        except NotFound:
            return True  # the container is gone
        except (Problem, TimeoutError) as error:
            log.logger().warning(log.COMMAND_LEFT, **{log.CONTAINER_ID: running.container_id, log.DETAIL: str(error)})
            return False
        log.logger().warning(log.COMMAND_LEFT, **{log.CONTAINER_ID: running.container_id})
        return False


def start_failed(words: bytes) -> StartFailed:
    """The problem of a command that never ran, in the engine's words."""
    told = words.decode(errors="replace").strip().removesuffix(": unknown")[:2000]
    return StartFailed(f"The engine says: {told or 'nothing'}. Correct the command, the user or the folder.")


def _texts(output: Output, encoding: str) -> dict[str, Any]:
    def text(data: bytearray) -> str:
        return base64.b64encode(data).decode() if encoding == "base64" else data.decode(errors="replace")

    return {"stdout": text(output.stdout), "stderr": text(output.stderr), "truncated": output.truncated}


async def _feed(stream: Stream, data: bytes) -> None:
    await stream.write_in(data)
    # The half-close that tells the command that its input is at an end; aiodocker has no name for it.
    response = stream._resp
    transport = response.connection.transport if response is not None and response.connection is not None else None
    if transport is not None and transport.can_write_eof():
        transport.write_eof()
