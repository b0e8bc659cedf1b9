"""What is done to a container that is there: started, stopped, paused, renamed, waited for, removed."""

import asyncio
import contextlib
import json
from typing import Final, Literal

from aiodocker.containers import DockerContainer

from control.endpoints import version_of
from control.engine.connection import Connection, deadline_text
from control.engine.spec import update_config
from control.errors import Conflict, EngineAway, EngineTimeout, NotFound, NotRunning
from control.wanted import WantedUpdate

GRACE: Final = 10
"""Seconds between the stop signal and the kill, of a container that has no time of its own."""

SIGNAL_AT_STOP: Final = (1, 42)
"""The API version from which on a stop takes a signal."""

Condition = Literal["not-running", "next-exit", "removed"]


class Lifecycle:
    """The lives of the engine's containers, each by its full id. Each call raises NotFound where there is none."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def start(self, container_id: str) -> None:
        """Start it; nothing happens where it runs already. Raises StartFailed, PortTaken, AddressConflict, NotRunning
        for a paused one."""
        async with self._connection.use() as docker:
            await DockerContainer(docker, id=container_id).start()

    async def stop(self, container_id: str, *, grace: int | None = None, own: int | None = None) -> None:
        """Stop it, with `grace` seconds between the stop signal and the kill (else its `own`, else 10); nothing
        happens where it does not run."""
        async with self._connection.use(within=self._patience(grace, own)) as docker:
            await DockerContainer(docker, id=container_id).stop(t=grace)

    async def stop_by(self, container_id: str, signal: str, *, grace: int | None = None) -> None:
        """Stop a running one as `stop` does, with another stop signal than its own."""
        seconds = GRACE if grace is None else grace
        async with self._connection.use(within=self._patience(grace, None)) as docker:
            if version_of(self._connection.api_version) >= SIGNAL_AT_STOP:
                params = {"signal": signal, "t": str(seconds)}
                async with docker._query(f"containers/{container_id}/stop", method="POST", params=params):
                    return
        # Engines before that (Docker 20.10) know no signal here. The stop afterwards also ends what a restart policy
        # has started again.
        with contextlib.suppress(NotRunning):
            await self.kill(container_id, signal=signal)
        await self.wait(container_id, "not-running", seconds=seconds)
        await self.stop(container_id, grace=0)

    async def restart(self, container_id: str, *, grace: int | None = None, own: int | None = None) -> None:
        """Stop it as `stop` does, and start it; one that does not run is started."""
        async with self._connection.use(within=self._patience(grace, own)) as docker:
            await DockerContainer(docker, id=container_id).restart(t=grace)

    def _patience(self, grace: int | None, own: int | None) -> float:
        return self._connection.timeout + next(seconds for seconds in (grace, own, GRACE) if seconds is not None)

    async def kill(self, container_id: str, *, signal: str = "KILL") -> None:
        """Send a signal to its first process. Raises NotRunning."""
        async with self._connection.use() as docker:
            await DockerContainer(docker, id=container_id).kill(signal=signal)

    async def pause(self, container_id: str) -> None:
        """Freeze its processes. Raises NotRunning, also where it is paused."""
        async with self._connection.use() as docker:
            await DockerContainer(docker, id=container_id).pause()

    async def unpause(self, container_id: str) -> None:
        """Thaw its processes. Raises NotRunning where it is not paused."""
        async with self._connection.use() as docker:
            await DockerContainer(docker, id=container_id).unpause()

    async def rename(self, container_id: str, name: str) -> None:
        """Give it another name. Raises NameTaken."""
        async with self._connection.use() as docker:
            await DockerContainer(docker, id=container_id).rename(name)

    async def update(self, container_id: str, wanted: WantedUpdate) -> tuple[str, ...]:
        """Change its limits and policy, what is left out stays; the engine's warnings."""
        async with self._connection.use() as docker:
            told = await docker._query_json(
                f"containers/{container_id}/update", method="POST", data=update_config(wanted)
            )
        return tuple(told.get("Warnings") or ())

    async def wait(self, container_id: str, condition: Condition, *, seconds: float) -> int | None:
        """Its exit code once it does not run, has ended anew, or is removed; None where that is not so in time."""
        async with self._connection.use(endless=True) as docker:
            opening = asyncio.timeout(self._connection.timeout)
            try:
                async with (
                    opening,
                    # The engine answers the head at once, and the body when it is so (from API 1.30 on).
                    docker._query(
                        f"containers/{container_id}/wait", method="POST", params={"condition": condition}
                    ) as response,
                ):
                    opening.reschedule(None)
                    try:
                        async with asyncio.timeout(seconds):
                            body = await response.read()
                    except TimeoutError:
                        return None
            except TimeoutError as error:
                raise EngineTimeout(
                    f"The Docker Engine did not answer within {deadline_text(self._connection.timeout)}: look at the "
                    "container, then ask again."
                ) from error
        try:
            code: int = json.loads(body)["StatusCode"]
        except (ValueError, KeyError) as error:
            raise EngineAway(
                "The engine ended the wait before it had an exit code: is it shutting down? Look at the container.",
                headers={"Retry-After": "1"},
            ) from error
        return code

    async def remove(self, container_id: str, *, force: bool = False, volumes: bool = False) -> None:
        """Remove it; `force` kills a running one first, `volumes` takes its anonymous volumes along. Raises InUse."""
        try:
            async with self._connection.use() as docker:
                await DockerContainer(docker, id=container_id).delete(force=force, v=volumes)
        except Conflict as error:
            # One that is removed at its end (auto_remove), or by somebody else at this moment.
            if "already in progress" not in error.detail:
                raise
            with contextlib.suppress(NotFound):
                await self.wait(container_id, "removed", seconds=self._connection.timeout)
