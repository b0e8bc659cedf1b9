"""Containers made and started. A run that fails leaves nothing behind, however it fails.

What a run makes on its way: the container, its anonymous volumes, and the named volumes that were not there, which bear
a label of this run alone, so that no other is ever taken away. Where this process dies in between, or the engine no
longer answers, they stay: a request with an Idempotency-Key then finds the container again.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from control.endpoints import version_of
from control.engine.connection import Connection
from control.engine.containers import Containers
from control.engine.networks import Networks
from control.engine.spec import container_config
from control.engine.starting import explained, host_port_of, place_of
from control.engine.volumes import Volumes
from control.errors import EngineAway, EngineTimeout, NotFound, PortTaken, Problem
from control.records import ContainerDetail, NetworkDetail, NetworkName
from control.wanted import WantedContainer, WantedEndpoint, WantedPort

RUN_LABEL: Final = "pontlevis.run"
"""On the volumes that a run makes."""

OWN_MAC: Final = (1, 44)
"""The API version from which on an endpoint's own MAC is taken when a container is created."""

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

    async def run(self, wanted: WantedContainer, networks: Networked) -> ContainerDetail:
        """Create a container on `networks` (in place of the references in `wanted`), and start it if so wanted."""
        created = await self.create(wanted, networks)
        async with self.whole(created, wanted):
            return await self.complete(created, wanted, networks)

    async def create(self, wanted: WantedContainer, networks: Networked) -> Created:
        """Create a container on the first of `networks`. Raises NotFound for an image that is not there, NameTaken,
        Invalid."""
        if wanted.publish_all:
            wanted = await self._published(wanted)
        run = secrets.token_hex(8)
        creating = asyncio.ensure_future(self._create(wanted, networks, run))
        try:
            return await asyncio.shield(creating)
        except asyncio.CancelledError:
            # The engine goes on all the same: what it makes is to be known.
            with contextlib.suppress(Problem):
                await self.discard(await creating, wanted)
            raise
        except Problem:
            await self._discard_volumes(run, wanted)
            raise

    async def _create(self, wanted: WantedContainer, networks: Networked, run: str) -> Created:
        mode, endpoint = wanted.network_mode or "bridge", None
        if networks:
            mode, endpoint = networks[0][0].name, networks[0][1]
        query = {"name": wanted.name, "platform": wanted.platform}
        async with self._connection.use() as docker:
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
    async def whole(self, created: Created, wanted: WantedContainer) -> AsyncIterator[None]:
        """What is done to make a created container whole: where it fails, the container is removed."""
        try:
            yield
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
        used: list[NetworkDetail] = []
        for member in container.networks:
            network = place_of(member, there)
            if network is not None and (member.wanted.ipv4 or member.wanted.ipv6):
                with contextlib.suppress(NotFound):
                    used.append(await self._networks.inspect(network.id))
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
