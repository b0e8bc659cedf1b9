"""Commands run in a container."""

import asyncio
from typing import Any

from aiodocker.containers import DockerContainer

from control.engine.connection import Connection
from control.engine.multiplexed import Output
from control.records import ExecResult
from control.wanted import WantedExec


class Execs:
    """Commands in the engine's containers."""

    def __init__(self, connection: Connection, *, timeout: float, limit: int) -> None:
        self._connection = connection
        self._timeout = timeout
        self._limit = limit

    async def run(self, container_id: str, wanted: WantedExec) -> ExecResult:
        """Run a command to its end, without a terminal. Raises NotRunning, StartFailed, EngineTimeout.

        After a time-out the command may still run: the engine has no call to end it.
        """
        options: dict[str, Any] = {
            "cmd": list(wanted.command),
            "environment": wanted.env,
            "user": wanted.user or "",
            "stdin": wanted.stdin is not None,
        }
        if wanted.workdir is not None:
            options["workdir"] = wanted.workdir
        output = Output(self._limit)
        async with self._connection.use(within=wanted.timeout or self._timeout) as docker:
            execution = await DockerContainer(docker, id=container_id).exec(**options)
            async with execution.start() as stream, asyncio.TaskGroup() as tasks:
                if wanted.stdin is not None:
                    tasks.create_task(_feed(stream, wanted.stdin.encode()))
                while (message := await stream.read_out()) is not None:
                    output.add(message.stream, message.data)
            state = await execution.inspect()
        return ExecResult(
            exit_code=state["ExitCode"],
            stdout=output.stdout.decode(errors="replace"),
            stderr=output.stderr.decode(errors="replace"),
            truncated=output.truncated,
        )


async def _feed(stream: Any, data: bytes) -> None:  # noqa: ANN401  (aiodocker's Stream has no types)
    await stream.write_in(data)
    # The half-close that tells the command that its input is at an end; aiodocker has no name for it.
    transport = stream._resp.connection.transport
    if transport is not None and transport.can_write_eof():
        transport.write_eof()
