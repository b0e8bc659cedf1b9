"""The Docker Engine: the only place that speaks aiodocker. Observes, acts, and reads the event stream."""

from control import instants
from control.engine.connection import Connection
from control.engine.containers import Containers
from control.engine.events import Events
from control.engine.execs import Execs
from control.engine.images import Images
from control.engine.logs import Logs
from control.engine.networks import Networks
from control.engine.runs import Runs
from control.engine.swarm import Swarms
from control.engine.terminals import Terminals
from control.engine.volumes import Volumes


class Engine:
    """One Docker Engine, by what it has. Time-outs in seconds, limits in bytes.

    Every call raises EngineAway where the engine can't be reached, EngineTimeout where it does not answer, and
    works again by itself when the engine is back.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 30.0,
        build_timeout: float = 1800.0,
        exec_timeout: float = 60.0,
        output_limit: int = 1_048_576,
    ) -> None:
        self.connection = Connection(url, timeout=timeout)
        self.networks = Networks(self.connection)
        self.containers = Containers(self.connection)
        self.execs = Execs(self.connection, timeout=exec_timeout, limit=output_limit)
        self.logs = Logs(self.connection)
        self.terminals = Terminals(self.connection, self.execs)
        self.volumes = Volumes(self.connection)
        self.runs = Runs(self.connection, self.containers, self.networks, self.volumes)
        self.images = Images(self.connection, build_timeout=build_timeout)
        self.swarm = Swarms(self.connection)
        self.events = Events(self.connection)

    async def ping(self) -> str:
        """The engine's version, as a sign of life."""
        async with self.connection.use(within=3) as docker:
            version: str = (await docker.version())["Version"]
        return version

    async def clock(self) -> int:
        """The engine's clock, in nanoseconds since the epoch."""
        async with self.connection.use(within=5) as docker:
            return instants.parse((await docker.system.info())["SystemTime"])

    async def close(self) -> None:
        """Let go of the engine."""
        await self.runs.close()
        await self.connection.close()


__all__ = ["Engine"]
