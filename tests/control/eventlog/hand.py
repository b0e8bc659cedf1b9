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
from control.eventlog.reading import Filter
from control.eventlog.recorder import Recorder
from control.eventlog.store import Store
from control.records import Event, Kind, Source
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

    async def shown(self) -> dict[tuple[str, str], str]:
        """Everything that is not absent now, as the engine's own inspects tell it: `connected ENDPOINT` or
        `configured`."""
        networks = {network["Id"]: network["Name"] for network in await self.call("GET", "/networks")}
        live = {
            id_: {container: entry["EndpointID"] for container, entry in detail["Containers"].items()}
            for id_ in networks
            if (detail := await self.call("GET", f"/networks/{id_}"))
        }
        found = {}
        for container in await self.call("GET", "/containers/json", all="true"):
            detail = await self.call("GET", f"/containers/{container['Id']}/json")
            for name, entry in detail["NetworkSettings"]["Networks"].items():
                own = name in {"bridge", "host", "none"} or not entry["NetworkID"]
                id_ = next((it for it, called in networks.items() if called == name), "") if own else entry["NetworkID"]
                if id_ in networks:
                    endpoint = live[id_].get(container["Id"])
                    found[id_, container["Id"]] = f"connected {endpoint}" if endpoint else "configured"
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
        recorder = self.recorder = Recorder(adapter, self.store, interval=interval, canary=10)
        task = asyncio.create_task(recorder.run())
        try:
            await until(lambda: recorder.trouble() is None)
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await adapter.close()

    async def records(self, after: int = 0, **wanted: Any) -> list[Event]:  # noqa: ANN401  (of a filter)
        """All records past a number."""
        found = await self.store.read(Filter(**wanted), after, 100_000)
        return [Event.model_validate_json(record.line) for record in found]

    async def events(self, after: int = 0, **wanted: Any) -> list[Event]:  # noqa: ANN401  (of a filter)
        """The transitions past a number."""
        return await self.records(after, kinds=(Kind.CONNECT, Kind.DISCONNECT), **wanted)

    async def told(self, **wanted: Any) -> list[Event]:  # noqa: ANN401  (of a filter)
        """The records that pass, once there is one."""
        async with asyncio.timeout(DEADLINE):
            while True:
                last = self.store.last
                if found := await self.records(**wanted):
                    return found
                await self.store.past(last)

    async def grown(self, count: int, after: int = 0) -> list[Event]:
        """The transitions past a number, once there are so many of them."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DEADLINE):
                while True:
                    last = self.store.last
                    if len(found := await self.events(after)) >= count:
                        return found
                    await self.store.past(last)
        told = "\n".join(brief(await self.events()))
        raise AssertionError(f"{len(await self.events(after))} transitions, not {count}:\n{told}")

    async def agreeing(self, hand: Hand) -> list[Event]:
        """All records, once they say what the engine shows; the chain of every pair is checked on the way."""
        events = await self.records()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DEADLINE):
                while not same(standing(events), await hand.shown()):
                    await asyncio.sleep(0.1)
                    events = await self.records()
        assert same(standing(events), await hand.shown()), "\n".join(brief(events))
        return events


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not holds():  # noqa: ASYNC110  (what is polled has no event)
            await asyncio.sleep(0.01)


def brief(events: Iterable[Event]) -> list[str]:
    """`mynet db absent>connected external`, the transitions in their order; what was not learned at once says so."""
    told = []
    for event in events:
        if event.before is not None and event.network is not None and event.container is not None:
            learned = "" if event.source is Source.STREAM else f" ({event.source.value})"
            told.append(
                f"{event.network.name} {event.container.name} {event.before}>{event.after} {event.cause}{learned}"
            )
    return told


def standing(events: Iterable[Event]) -> dict[tuple[str, str], str]:
    """What the log says that there is after these records, in the words of `Hand.shown`. Checks on the way that the
    numbers have no hole and that the transitions of each pair chain."""
    now: dict[tuple[str, str], str] = {}
    states: dict[tuple[str, str], str] = {}
    ranks = {"absent": 0, "configured": 1, "connected": 2}
    for expected, event in enumerate(events, 1):
        assert event.seq == expected
        if event.before is None or event.after is None:
            continue
        assert event.network is not None
        assert event.container is not None
        pair = (event.network.id, event.container.id)
        assert states.get(pair, "absent") == event.before.value, f"{expected} does not follow"
        up = ranks[event.after.value] > ranks[event.before.value]
        assert event.kind.value == ("network.connect" if up else "network.disconnect")
        states[pair] = event.after.value
        if event.after.value == "absent":
            now.pop(pair, None)
        elif event.after.value == "connected":
            now[pair] = f"connected {event.endpoint.id if event.endpoint else None}"
        else:
            now[pair] = "configured"
    return now


def same(log: dict[tuple[str, str], str], engine: dict[tuple[str, str], str]) -> bool:
    """Whether both say the same, as far as the log knows the endpoints."""
    return log.keys() == engine.keys() and all(
        told == engine[pair] or (told == "connected None" and engine[pair].startswith("connected"))
        for pair, told in log.items()
    )
