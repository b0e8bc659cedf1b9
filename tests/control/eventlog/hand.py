"""Someone else at the engine's socket, and a recorder in this process beside it.

What is asserted about the log is computed here from its rows alone, by other means than the fold.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from control.engine import Engine
from control.eventlog.recorder import Recorder
from control.eventlog.rows import Filter
from control.eventlog.store import Store
from control.records import Event
from tests.support.api import ALPINE, SLEEP
from tests.support.engine import PrivateEngine

DEADLINE: Final = 20.0


class Hand:
    """The engine's bare API, without control."""

    def __init__(self, engine: PrivateEngine) -> None:
        self.engine = engine

    async def call(self, method: str, path: str, body: object = None, **query: str) -> Any:  # noqa: ANN401  (any JSON)
        """One call; in a thread, so that it does not hold up the recorder."""
        return await asyncio.to_thread(self.engine.call, method, path, json=body, **query)

    async def network(self, name: str, **options: Any) -> str:  # noqa: ANN401  (any JSON)
        created = await self.call("POST", "/networks/create", {"Name": name, **options})
        return str(created["Id"])

    async def container(
        self, name: str, network: str = "bridge", *, command: list[str] | None = None, restart: str = "no"
    ) -> str:
        """Created, not started."""
        body = {
            "Image": ALPINE,
            "Cmd": command or SLEEP,
            "HostConfig": {"NetworkMode": network, "Init": command is None, "RestartPolicy": {"Name": restart}},
        }
        created = await self.call("POST", "/containers/create", body, name=name)
        return str(created["Id"])

    async def start(self, container: str) -> None:
        await self.call("POST", f"/containers/{container}/start")

    async def run(self, name: str, network: str = "bridge", *, restart: str = "no") -> str:
        container = await self.container(name, network, restart=restart)
        await self.start(container)
        return container

    async def connect(self, network: str, container: str, *aliases: str) -> None:
        body = {"Container": container, "EndpointConfig": {"Aliases": list(aliases)}}
        await self.call("POST", f"/networks/{network}/connect", body)

    async def disconnect(self, network: str, container: str) -> None:
        await self.call("POST", f"/networks/{network}/disconnect", {"Container": container})

    async def remove(self, container: str) -> None:
        await self.call("DELETE", f"/containers/{container}", force="true")

    async def remove_network(self, network: str) -> None:
        await self.call("DELETE", f"/networks/{network}")

    async def forget(self) -> None:
        """Fill the engine's memory of events, so that it holds none of networks and containers."""

        def tags() -> None:
            for number in range(300):
                self.engine.call("POST", f"/images/{ALPINE}/tag", repo="pontlevis-forget", tag=str(number % 2))

        await asyncio.to_thread(tags)

    async def connected(self) -> dict[tuple[str, str], str]:
        """Everything that is connected now, as the engine's own inspects tell it: the endpoint of each pair."""
        found = {}
        for network in await self.call("GET", "/networks"):
            detail = await self.call("GET", f"/networks/{network['Id']}")
            for container, entry in detail["Containers"].items():
                found[detail["Id"], container] = entry["EndpointID"]
        return found

    async def clear(self) -> None:
        await asyncio.to_thread(self.engine.clear)


class Recording:
    """A store, and the recorder that fills it while it runs."""

    def __init__(self, engine: PrivateEngine, folder: Path) -> None:
        self._url = engine.url
        self.store = Store(folder)
        self.store.open()
        self.recorder: Recorder | None = None

    @asynccontextmanager
    async def running(self, *, interval: float = 3600) -> AsyncIterator["Recording"]:
        """The recorder at work, ready. Left, it is cancelled in whatever it does."""
        adapter = Engine(self._url)
        recorder = self.recorder = Recorder(adapter, self.store, interval=interval)
        task = asyncio.create_task(recorder.run())
        try:
            await until(lambda: recorder.trouble() is None)
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await adapter.close()

    async def events(self, after: int = 0, **wanted: Any) -> list[Event]:  # noqa: ANN401  (of a filter)
        return await self.store.read(Filter(**wanted), after, 100_000)

    async def grown(self, count: int, after: int = 0) -> list[Event]:
        """The events past a number, once there are so many of them."""
        try:
            async with asyncio.timeout(DEADLINE):
                await self.store.past(after + count - 1)
        except TimeoutError:
            told = "\n".join(brief(await self.events()))
            raise AssertionError(f"{self.store.last} events, not {after + count}:\n{told}") from None
        return await self.events(after)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not holds():  # noqa: ASYNC110  (what is polled has no event)
            await asyncio.sleep(0.01)


def brief(events: Iterable[Event]) -> list[str]:
    """`connect mynet db stream`, in their order."""
    return [
        f"{event.kind.removeprefix('network.')} {event.network.name} {event.container.name} {event.source.value}"
        for event in events
    ]


def standing(events: Iterable[Event]) -> dict[tuple[str, str], str | None]:
    """Who is connected after these events, with the endpoint's id. Checks on the way that the numbers have no hole
    and that the events of each pair alternate."""
    now: dict[tuple[str, str], str | None] = {}
    for expected, event in enumerate(events, 1):
        assert event.seq == expected
        pair = (event.network.id, event.container.id)
        if event.kind == "network.connect":
            assert pair not in now, f"{expected}: connected twice"
            assert (event.before.value, event.after.value) == ("absent", "connected")
            now[pair] = event.endpoint.id if event.endpoint else None
        else:
            assert pair in now, f"{expected}: disconnected without having been connected"
            assert (event.before.value, event.after.value) == ("connected", "absent")
            del now[pair]
    return now
