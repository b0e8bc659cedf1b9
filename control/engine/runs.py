"""Containers made and started. A run that fails leaves nothing behind, however it fails.

What a run makes on its way: the container, its anonymous volumes, and the named volumes that were not there, which bear
a label of this run alone, so that no other is ever taken away. Where the engine does not answer, they are removed as
soon as it does, by tasks that end with this process; where that dies in between, they stay. A request with an
Idempotency-Key leaves them to the next one with that key (`keep`).
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from control.endpoints import version_of
from control.engine.connection import Connection, deadline_text
from control.engine.containers import Containers
from control.engine.networks import Networks
from control.engine.spec import container_config
from control.engine.starting import Used, explained, host_port_of, place_of
from control.engine.volumes import Volumes
from control.errors import EngineAway, EngineTimeout, NotFound, PortTaken, Problem
from control.records import ContainerDetail, NetworkName
from control.wanted import WantedContainer, WantedEndpoint, WantedPort

RUN_LABEL: Final = "pontlevis.run"
"""On the volumes that a run makes."""

OWN_MAC: Final = (1, 44)
"""The API version from which on an endpoint's own MAC is taken when a container is created."""

PAUSES: Final = (0.5, 1, 2, 4, 8, *[15] * 40)
"""Seconds between attempts to remove what a run has left on an engine that does not answer: ten minutes."""

TAKEN_BACK: Final = "What was made of it is removed when the engine answers again."
KEPT: Final = "Send it again with its Idempotency-Key: what was made of it is found then."

Networked = Sequence[tuple[NetworkName, WantedEndpoint]]


class Created(NamedTuple):
    """A container that was made and not started. `run` is the label of the volumes that were made for it."""

    id: str
    run: str
    warnings: tuple[str, ...]


class Runs:
    """Containers to make and to start."""

    def __init__(self, connection: Connection, containers: Containers, networks: Networks, volumes: Volumes) -> None:
        self._connection = connection
        self._containers = containers
        self._networks = networks
        self._volumes = volumes
        self._leftovers: set[asyncio.Future[None]] = set()

    async def run(self, wanted: WantedContainer, networks: Networked) -> ContainerDetail:
        """Create a container on `networks` (in place of the references in `wanted`), and start it if so wanted."""
        created = await self.create(wanted, networks)
        async with self.whole(created, wanted):
            return await self.complete(created, wanted, networks)

    async def create(self, wanted: WantedContainer, networks: Networked, *, keep: bool = False) -> Created:
        """Create a container on the first of `networks`. Raises NotFound for an image that is not there, NameTaken,
        Invalid. `keep`: where the engine does not answer, leave what it makes."""
        if wanted.publish_all:
            wanted = await self._published(wanted)
        run = secrets.token_hex(8)
        creating = asyncio.ensure_future(self._create(wanted, networks, run))
        try:
            async with asyncio.timeout(self._connection.timeout):
                return await asyncio.shield(creating)
        except TimeoutError as error:
            if not keep:
                self._later(self._take_back(creating, wanted))
            raise EngineTimeout(
                f"The Docker Engine did not answer within {deadline_text(self._connection.timeout)}. "
                + (KEPT if keep else TAKEN_BACK)
            ) from error
        except asyncio.CancelledError:
            self._later(self._take_back(creating, wanted))
            raise
        except Problem:
            await self._discard_volumes(run, wanted)
            raise

    async def _take_back(self, creating: asyncio.Future[Created], wanted: WantedContainer) -> None:
        """Remove what is being made, as soon as it is known. The engine makes it also when nobody waits for it."""
        try:
            created = await creating
        except Problem:
            return
        await self._discard_at_last(created, wanted)

    async def _discard_at_last(self, created: Created, wanted: WantedContainer) -> None:
        for pause in PAUSES:
            try:
                await self.discard(created, wanted)
            except Problem:
                await asyncio.sleep(pause)
            else:
                return

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._leftovers.add(task)
        task.add_done_callback(self._leftovers.discard)

    async def close(self) -> None:
        """Let go of what is still to be taken back."""
        for task in self._leftovers:
            task.cancel()
        await asyncio.gather(*self._leftovers, return_exceptions=True)

    async def _create(self, wanted: WantedContainer, networks: Networked, run: str) -> Created:
        mode, endpoint = wanted.network_mode or "bridge", None
        if networks:
            mode, endpoint = networks[0][0].name, networks[0][1]
        query = {"name": wanted.name, "platform": wanted.platform}
        async with self._connection.use(endless=True) as docker:  # `create` has the deadline
            config = container_config(
                wanted,
                network_mode=mode,
                endpoint=endpoint,
                volume_labels={RUN_LABEL: run},
                container_mac=version_of(self._connection.api_version) < OWN_MAC,
            )
            told = await docker._query_json(
                "containers/create",
                method="POST",
                params={key: value for key, value in query.items() if value},
                data=config,
            )
        return Created(told["Id"], run, tuple(told.get("Warnings") or ()))

    async def _published(self, wanted: WantedContainer) -> WantedContainer:
        """With each port that it exposes, and that is not published yet, at a free one of 127.0.0.1. (The engine's own
        `PublishAllPorts` takes every address there is.)"""
        async with self._connection.use() as docker:
            image: dict[str, Any] = await docker.images.inspect(wanted.image)
        exposed = {
            (int(port), protocol or "tcp") for port, protocol in map(_port, image["Config"].get("ExposedPorts") or ())
        }
        exposed |= {(port.container_port, port.protocol) for port in wanted.expose}
        exposed -= {(port.container_port, port.protocol) for many in wanted.publish for port in many.each()}
        further = [WantedPort.model_validate({"container_port": port, "protocol": it}) for port, it in sorted(exposed)]
        return wanted.model_copy(update={"publish": (*wanted.publish, *further)})

    @asynccontextmanager
    async def whole(self, created: Created, wanted: WantedContainer, *, keep: bool = False) -> AsyncIterator[None]:
        """What is done to make a created container whole: where it fails, the container is removed; where the engine
        does not answer, as soon as it does, or not at all (`keep`)."""
        try:
            yield
        except (EngineAway, EngineTimeout) as error:
            if keep:
                raise type(error)(f"{error.detail} {KEPT}", headers=error.headers) from error
            self._later(self._discard_at_last(created, wanted))
            raise type(error)(f"{error.detail} {TAKEN_BACK}", headers=error.headers) from error
        except BaseException:
            await asyncio.shield(self.discard(created, wanted))
            raise

    async def complete(self, created: Created, wanted: WantedContainer, networks: Networked) -> ContainerDetail:
        """Connect a created container to the rest of its networks, start it if so wanted, and show it."""
        for network, further in networks[1:]:
            # Docker before 25 takes one endpoint at creation; connecting the rest before the start works on all.
            await self._networks.connect(network.id, created.id, further)
        before = await self._containers.detail(created.id)
        if not wanted.start:
            return before
        async with self.explaining(created.id):
            await self._containers.start(created.id)
        return await self.shown(before)

    async def shown(self, before: ContainerDetail) -> ContainerDetail:
        """The container now; one that was removed at its end (`auto_remove`) as it was, in the state `removing`."""
        try:
            return await self._containers.detail(before.id)
        except NotFound:
            if not before.auto_remove:
                raise
            return before.model_copy(update={"state": "removing", "health": None})

    @asynccontextmanager
    async def explaining(self, container_id: str) -> AsyncIterator[None]:
        """What a start fails of, in words that say what to do."""
        try:
            yield
        except (EngineAway, EngineTimeout):
            raise
        except Problem as problem:
            try:
                told = await self._explained(container_id, problem)
            except Problem:  # then the engine's words must do
                raise problem from None
            raise told from problem

    async def _explained(self, container_id: str, problem: Problem) -> Problem:
        container = await self._containers.inspect(container_id)
        there = await self._networks.list()
        names = {it.id: it.name for it in await self._containers.listed()}
        used: list[Used] = []
        for member in container.networks:
            network = place_of(member, there)
            if network is not None and (member.wanted.ipv4 or member.wanted.ipv6):
                with contextlib.suppress(NotFound):
                    used.append(Used(*await self._networks.endpoints(network.id), names))
        users: tuple[str, ...] = ()
        if isinstance(problem, PortTaken) and (port := host_port_of(problem.detail)) is not None:
            listed = await self._containers.listed(stopped=False, filters={"publish": [str(port)]})
            users = tuple(sorted(it.name for it in listed if it.id != container_id))
        return explained(problem, container, there, used, users)

    async def discard(self, created: Created, wanted: WantedContainer) -> None:
        """Take away what a run made."""
        with contextlib.suppress(NotFound):
            await self._containers.remove(created.id, force=True, volumes=True)
        await self._discard_volumes(created.run, wanted)

    async def _discard_volumes(self, run: str, wanted: WantedContainer) -> None:
        if not any(mount.type == "volume" and mount.source for mount in wanted.mounts):
            return
        with contextlib.suppress(Problem):
            for volume in await self._volumes.list({"label": [f"{RUN_LABEL}={run}"]}):
                with contextlib.suppress(Problem):  # someone else uses it already
                    await self._volumes.remove(volume.name)


def _port(text: str) -> tuple[str, str]:
    number, _, protocol = text.partition("/")
    return number, protocol
