"""A fake engine's API over HTTP: the paths that control and the tests ask, versioned or not.

Concurrency: one loop, the engine's. A request waits where a fault says so, and an inspect of a container waits for
what is being done to it; nothing else does.
"""

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from aiohttp import web

from tests.support.fake import shapes
from tests.support.fake.daemon import Daemon
from tests.support.fake.model import Container, Network, Refusal
from tests.support.fake.networking import labelled
from tests.support.fake.stream import FIRST_WITHOUT_STATUS, NANOSECONDS, Listener, Wanted

SEEN: Final = 100_000
"""Requests that are remembered."""

BYPASS: Final = "X-Test"
"""A header of the tests' own requests: no fault is theirs, and they are not remembered."""

_PATH = re.compile(r"(?:/v(?P<version>\d+\.\d+))?(?P<path>/.*)")
_TIME = re.compile(r"(?P<seconds>\d+)(?:\.(?P<rest>\d{1,9}))?")


@dataclass(eq=False, slots=True)
class Fault:
    """What goes wrong with requests whose `METHOD /path` (without the version) matches."""

    matching: re.Pattern[str]
    seconds: float = 0.0
    stale: bool = False
    """Whether a slow answer is of the time of the question, and not of the time of the answer."""

    gate: asyncio.Event | None = None
    """Waited for, where there is one."""

    refusal: Refusal | None = None

    async def wait(self) -> None:
        """As long as it takes."""
        await asyncio.sleep(self.seconds)
        if self.gate is not None:
            await self.gate.wait()


@dataclass(slots=True)
class Call:
    """One request, parsed."""

    request: web.Request
    api: tuple[int, int]
    found: dict[str, str] = field(default_factory=dict)

    def query(self, name: str, default: str = "") -> str:
        """A query parameter."""
        return self.request.query.get(name, default)

    def flag(self, name: str) -> bool:
        """A query parameter that is a boolean."""
        return self.query(name).lower() in {"1", "true"}

    def filters(self) -> dict[str, list[str]]:
        """The `filters`, in either of the forms that the engine takes."""
        raw = orjson.loads(self.query("filters") or "{}")
        return {key: list(values) for key, values in raw.items()}

    async def body(self) -> dict[str, Any]:
        """The JSON body."""
        data = await self.request.read()
        body: dict[str, Any] = orjson.loads(data) if data else {}
        return body


Answer = web.StreamResponse
Handler = Callable[["Api", Call], Awaitable[Answer]]


def answer(document: object, status: int = 200) -> web.Response:
    """JSON, as the engine writes it."""
    return web.Response(body=orjson.dumps(document) + b"\n", status=status, content_type="application/json")


def empty(status: int = 204) -> web.Response:
    """Done."""
    return web.Response(status=status)


def nanoseconds(text: str) -> int:
    """`seconds[.nanoseconds]`; the engine takes no other form."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise Refusal(500, f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(match["seconds"]) * NANOSECONDS + int((match["rest"] or "0").ljust(9, "0"))


class Api:
    """The routes of one engine."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.faults: list[Fault] = []
        self.asked: deque[str] = deque(maxlen=SEEN)
        """`METHOD /path` of each request, without the version."""

    async def handle(self, request: web.Request) -> Answer:
        """Any request."""
        match = _PATH.fullmatch(request.path)
        assert match is not None
        asked = f"{request.method} {match['path']}"
        answering = self._answered(request, match["version"], asked)
        if asked == "GET /events":
            return await answering
        # As on the real engine, what was asked is done, whether or not the asker still waits.
        return await asyncio.shield(asyncio.ensure_future(answering))

    async def _answered(self, request: web.Request, version: str | None, asked: str) -> Answer:
        faults: list[Fault] = []
        if BYPASS not in request.headers:
            self.asked.append(asked)
            faults = [fault for fault in self.faults if fault.matching.search(asked)]
        try:
            return await self._answer(Call(request, self._version(version)), asked, faults)
        except Refusal as refusal:
            return answer({"message": refusal.message}, refusal.status)

    def _version(self, asked: str | None) -> tuple[int, int]:
        version = self.daemon.version
        if asked is None:
            return _pair(version.api)
        if _pair(asked) > _pair(version.api):
            raise Refusal(400, f"client version {asked} is too new. Maximum supported API version is {version.api}")
        if _pair(asked) < _pair(version.oldest_api):
            raise Refusal(
                400,
                f"client version {asked} is too old. Minimum supported API version is {version.oldest_api}, "
                "please upgrade your client to a newer version",
            )
        return _pair(asked)

    async def _answer(self, call: Call, asked: str, faults: list[Fault]) -> Answer:
        for fault in faults:
            if not fault.stale:
                await fault.wait()
            if fault.refusal is not None:
                raise fault.refusal
        for pattern, handler in ROUTES:
            match = pattern.fullmatch(asked)
            if match is not None:
                call.found = match.groupdict()
                answered = await handler(self, call)
                for fault in faults:
                    if fault.stale:
                        await fault.wait()
                return answered
        raise Refusal(404, "page not found")

    # What the engine is

    async def version(self, _: Call) -> Answer:
        return answer(shapes.version(self.daemon.version))

    async def ping(self, _: Call) -> Answer:
        return web.Response(text="OK", headers={"Cache-Control": "no-cache, no-store, must-revalidate"})

    async def info(self, _: Call) -> Answer:
        daemon = self.daemon
        return answer(shapes.info(daemon.world, daemon.stream.now(), live_restore=daemon.live_restore))

    async def nothing(self, _: Call) -> Answer:
        return answer([])

    async def volumes(self, _: Call) -> Answer:
        return answer({"Volumes": [], "Warnings": None})

    async def tag(self, call: Call) -> Answer:
        self.daemon.teller.of_tag(f"{call.query('repo')}:{call.query('tag', 'latest')}")
        return empty(201)

    # Networks

    async def networks(self, call: Call) -> Answer:
        filters, world = call.filters(), self.daemon.world
        chosen = [network for network in world.networks.values() if _takes_network(filters, network)]
        return answer([shapes.network(network, world, inspect=False) for network in chosen])

    async def network(self, call: Call) -> Answer:
        world = self.daemon.world
        return answer(shapes.network(world.network(call.found["id"]), world, inspect=True))

    async def create_network(self, call: Call) -> Answer:
        return answer(self.daemon.networks.create(await call.body()), 201)

    async def remove_network(self, call: Call) -> Answer:
        self.daemon.networks.remove(call.found["id"])
        return empty()

    async def prune_networks(self, call: Call) -> Answer:
        return answer({"NetworksDeleted": self.daemon.networks.prune(call.filters()) or None})

    async def connect(self, call: Call) -> Answer:
        await self.daemon.networks.connect(call.found["id"], await call.body())
        return empty(200)

    async def disconnect(self, call: Call) -> Answer:
        await self.daemon.networks.disconnect(call.found["id"], await call.body())
        return empty(200)

    # Containers

    async def containers(self, call: Call) -> Answer:
        filters, version = call.filters(), self.daemon.version
        everything = call.flag("all") or "status" in filters
        chosen = [
            container
            for container in self.daemon.world.containers.values()
            if (everything or container.running) and _takes_container(filters, container)
        ]
        return answer([shapes.listed(container, version) for container in chosen])

    async def container(self, call: Call) -> Answer:
        world = self.daemon.world
        identifier = world.container(call.found["id"]).id
        async with world.locks[identifier]:
            return answer(shapes.container(world.container(identifier), self.daemon.version))

    async def create_container(self, call: Call) -> Answer:
        container = self.daemon.containers.create(call.query("name"), await call.body())
        return answer({"Id": container.id, "Warnings": []}, 201)

    async def start(self, call: Call) -> Answer:
        return empty(204 if await self.daemon.containers.start(call.found["id"]) else 304)

    async def stop(self, call: Call) -> Answer:
        grace = call.query("t") != "0"
        return empty(204 if await self.daemon.containers.stop(call.found["id"], grace=grace) else 304)

    async def restart(self, call: Call) -> Answer:
        await self.daemon.containers.restart(call.found["id"], grace=call.query("t") != "0")
        return empty()

    async def kill(self, call: Call) -> Answer:
        await self.daemon.containers.kill(call.found["id"], call.query("signal", "KILL"))
        return empty()

    async def pause(self, call: Call) -> Answer:
        await self.daemon.containers.pause(call.found["id"])
        return empty()

    async def unpause(self, call: Call) -> Answer:
        await self.daemon.containers.unpause(call.found["id"])
        return empty()

    async def rename(self, call: Call) -> Answer:
        await self.daemon.containers.rename(call.found["id"], call.query("name"))
        return empty()

    async def remove(self, call: Call) -> Answer:
        await self.daemon.containers.remove(call.found["id"], force=call.flag("force"))
        return empty()

    async def create_exec(self, call: Call) -> Answer:
        body = await call.body()
        return answer({"Id": self.daemon.containers.prepare_exec(call.found["id"], body.get("Cmd") or [])}, 201)

    async def start_exec(self, call: Call) -> Answer:
        self.daemon.containers.start_exec(call.found["id"])
        return empty(200)

    # Events

    async def events(self, call: Call) -> Answer:
        stream = self.daemon.stream
        since, until = call.query("since"), call.query("until")
        wanted = Wanted(
            since=nanoseconds(since) if since else None,
            until=nanoseconds(until) if until else None,
            filters={key: frozenset(values) for key, values in call.filters().items()},
            modern=call.api >= FIRST_WITHOUT_STATUS,
        )
        kind = "application/x-ndjson" if wanted.modern else "application/json"
        response = web.StreamResponse(headers={"Content-Type": kind})
        response.enable_chunked_encoding()
        # The ring and the listener in one step: nothing falls between them.
        transport = call.request.transport
        assert transport is not None
        listener = Listener(wanted, response, cut=transport.abort)
        for line in stream.past(wanted):
            listener.put(line, stream.backlog)
        stream.listeners.add(listener)
        try:
            await response.prepare(call.request)
            with suppress(ConnectionError):
                await _follow(listener, stream.thawed, _left(wanted.until, stream.now()))
                await response.write_eof()
        finally:
            stream.listeners.discard(listener)
        return response


async def _follow(listener: Listener, thawed: asyncio.Event, seconds: float | None) -> None:
    """Deliver until the stream is ended, the reader is gone, or its time is over; then what is left."""
    delivering = asyncio.ensure_future(listener.deliver(thawed))
    ended = asyncio.ensure_future(listener.ended.wait())
    try:
        await asyncio.wait({delivering, ended}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (delivering, ended):
            task.cancel()
        with suppress(asyncio.CancelledError):
            await delivering
    await listener.flush()


def _left(until: int | None, now: int) -> float | None:
    return None if until is None else max((until - now) / NANOSECONDS, 0.0)


def _pair(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor)


def _takes_network(filters: Mapping[str, list[str]], network: Network) -> bool:
    kinds = {"custom": not network.predefined, "builtin": network.predefined}
    dangling = {"true": not network.endpoints, "false": bool(network.endpoints)}
    return (
        _any(filters, "name", lambda value: value in network.name)
        and _any(filters, "id", network.id.startswith)
        and _any(filters, "driver", network.driver.__eq__)
        and _any(filters, "scope", network.scope.__eq__)
        and _any(filters, "type", lambda value: kinds.get(value, False))
        and _any(filters, "dangling", lambda value: not network.predefined and dangling.get(value, False))
        and labelled(network.labels, filters.get("label", ()))
    )


def _takes_container(filters: Mapping[str, list[str]], container: Container) -> bool:
    networks = {*container.entries, *(entry.network_id for entry in container.entries.values())}
    return (
        _any(filters, "network", lambda value: value in networks)
        and _any(filters, "name", lambda value: value.removeprefix("/") in container.name)
        and _any(filters, "id", container.id.startswith)
        and _any(filters, "status", container.status.__eq__)
        and labelled(container.labels, filters.get("label", ()))
    )


def _any(filters: Mapping[str, list[str]], key: str, takes: Callable[[str], bool]) -> bool:
    return not filters.get(key) or any(takes(value) for value in filters[key])


def _route(text: str) -> re.Pattern[str]:
    return re.compile(text.replace("{id}", r"(?P<id>[^/]+)").replace("{image}", ".+"))


ROUTES: Final[tuple[tuple[re.Pattern[str], Handler], ...]] = tuple(
    (_route(text), handler)
    for text, handler in (
        ("GET /containers/{id}/json", Api.container),
        ("GET /networks/{id}", Api.network),
        ("GET /containers/json", Api.containers),
        ("GET /networks", Api.networks),
        ("GET /events", Api.events),
        ("GET /version", Api.version),
        ("(GET|HEAD) /_ping", Api.ping),
        ("GET /info", Api.info),
        ("POST /networks/prune", Api.prune_networks),
        ("POST /networks/create", Api.create_network),
        ("DELETE /networks/{id}", Api.remove_network),
        ("POST /networks/{id}/connect", Api.connect),
        ("POST /networks/{id}/disconnect", Api.disconnect),
        ("POST /containers/create", Api.create_container),
        ("POST /containers/{id}/start", Api.start),
        ("POST /containers/{id}/stop", Api.stop),
        ("POST /containers/{id}/restart", Api.restart),
        ("POST /containers/{id}/kill", Api.kill),
        ("POST /containers/{id}/pause", Api.pause),
        ("POST /containers/{id}/unpause", Api.unpause),
        ("POST /containers/{id}/rename", Api.rename),
        ("DELETE /containers/{id}", Api.remove),
        ("POST /containers/{id}/exec", Api.create_exec),
        ("POST /exec/{id}/start", Api.start_exec),
        ("GET /images/json", Api.nothing),
        ("POST /images/{image}/tag", Api.tag),
        ("GET /volumes", Api.volumes),
    )
)
