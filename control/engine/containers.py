"""Containers: observed and acted on.

What a reader may rely on (measured on Docker 20.10 and 26.1): an inspect of a created container names its
networks with every field empty; a stopped one keeps what it wants (aliases, fixed address) and loses what it
had (address, MAC, endpoint id); one that died with the engine keeps a stale address and endpoint id, so only
the state says whether an endpoint is live.
"""

import asyncio
import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from aiodocker.containers import DockerContainer
from aiodocker.utils import clean_filters

from control import instants
from control.engine import multiplexed
from control.engine.connection import Connection
from control.engine.memberships import memberships_of
from control.engine.networks import Networks
from control.engine.resolve import is_prefix, missing
from control.engine.spec import container_config
from control.errors import NotFound
from control.records import Container, ContainerRef, Mount, NetworkName, Port
from control.wanted import WantedContainer, WantedEndpoint

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")


def container_of(raw: Mapping[str, Any]) -> Container:
    """A container from the engine's JSON of an inspect."""
    state, config, host = raw["State"], raw["Config"], raw["HostConfig"]
    settings = raw.get("NetworkSettings") or {}
    status = state["Status"]
    identity = ContainerRef(id=raw["Id"], name=raw["Name"].removeprefix("/"), image=config.get("Image"))
    started = instants.parse_or_none(state.get("StartedAt"))
    return Container(
        id=identity.id,
        name=identity.name or "",
        image=config.get("Image") or "",
        image_id=raw["Image"],
        state=status,
        created=instants.parse_or_none(raw.get("Created")),
        started=started,
        finished=instants.parse_or_none(state.get("FinishedAt")),
        exit_code=state.get("ExitCode") if status in {"exited", "dead"} else None,
        oom_killed=bool(state.get("OOMKilled")),
        error=state.get("Error") or None,
        restart_count=raw.get("RestartCount") or 0,
        health=(state.get("Health") or {}).get("Status"),
        command=(*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())),
        labels=config.get("Labels") or {},
        # `default` is how the engine writes the default bridge when nothing was asked for.
        network_mode=(host.get("NetworkMode") or "bridge").replace("default", "bridge"),
        restart=(host.get("RestartPolicy") or {}).get("Name") or "no",
        networks=memberships_of(identity, status, settings.get("Networks") or {}),
        ports=ports_of(settings.get("Ports") or {}, host.get("PortBindings") or {}),
        mounts=tuple(
            Mount(
                type=mount["Type"],
                source=(mount.get("Name") if mount["Type"] == "volume" else mount.get("Source")) or None,
                target=mount["Destination"],
                read_only=not mount.get("RW", True),
            )
            for mount in sorted(raw.get("Mounts") or (), key=lambda mount: str(mount["Destination"]))
        ),
    )


def ports_of(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[Port, ...]:
    """Exposed and published ports; those of the engine's inspect where it runs, else those that it would have."""
    ports: set[Port] = set()
    for name in {**live, **wanted}:
        number, _, protocol = name.partition("/")
        bindings: Sequence[Mapping[str, str]] = live.get(name) or wanted.get(name) or ({},)
        for binding in bindings:
            ports.add(
                Port(
                    container_port=int(number),
                    protocol=protocol or "tcp",
                    host_address=binding.get("HostIp") or None,
                    host_port=int(binding["HostPort"]) if binding.get("HostPort") else None,
                )
            )
    return tuple(sorted(ports, key=lambda port: (port.container_port, port.protocol, port.host_address or "")))


class Containers:
    """The engine's containers."""

    def __init__(self, connection: Connection, networks: Networks) -> None:
        self._connection = connection
        self._networks = networks

    async def list(
        self, *, stopped: bool = True, filters: Mapping[str, Sequence[str]] | None = None
    ) -> list[Container]:
        """Every container that passes the engine's own filters; `stopped` ones too. Each is inspected, because
        the engine's list leaves out aliases, configured networks and exit codes."""
        params: dict[str, Any] = {"all": "true" if stopped else "false"}
        if filters:
            params["filters"] = clean_filters(filters)
        async with self._connection.use() as docker:
            ids = [container.id for container in await docker.containers.list(**params)]
        found = await asyncio.gather(*(self._inspect_or_none(id_) for id_ in ids))
        return [container for container in found if container is not None]

    async def ids(self) -> tuple[str, ...]:
        """The full id of every container, stopped ones too."""
        async with self._connection.use() as docker:
            return tuple(container.id for container in await docker.containers.list(all="true"))

    async def _inspect_or_none(self, container_id: str) -> Container | None:
        try:
            return await self.inspect(container_id)
        except NotFound:  # removed since the list
            return None

    async def resolve(self, reference: str) -> Container:
        """The one container of this name, full id, or id prefix of twelve digits or more. Raises NotFound,
        Ambiguous."""
        # Only what may be a name goes into the path of a call: aiodocker does not escape it.
        if _NAME.fullmatch(reference) is None:
            raise missing("container", reference)
        container = await self.inspect(reference)
        if reference not in {container.id, container.name} and not is_prefix(reference):
            # The engine takes a prefix of one digit.
            raise missing("container", reference)
        return container

    async def inspect(self, container_id: str) -> Container:
        """The container of this full id (or of a name that `resolve` has checked). Raises NotFound."""
        async with self._connection.use() as docker:
            return container_of(await DockerContainer(docker, id=container_id).show())

    async def run(self, wanted: WantedContainer, networks: Sequence[tuple[NetworkName, WantedEndpoint]]) -> Container:
        """Create a container on `networks` (in place of the references in `wanted`), and start it if so wanted.

        One that can't be connected or started is removed again: a failed run leaves nothing behind.
        """
        mode, endpoint = wanted.network_mode or "bridge", None
        if networks:
            mode, endpoint = networks[0][0].name, networks[0][1]
        async with self._connection.use() as docker:
            config = container_config(wanted, network_mode=mode, endpoint=endpoint)
            created = await docker.containers.create(config, name=wanted.name)
        try:
            for network, further in networks[1:]:
                # Docker before 25 takes one endpoint at creation; connecting the rest before the start works on all.
                await self._networks.connect(network.id, created.id, further)
            if wanted.start:
                await self.start(created.id)
            return await self.inspect(created.id)
        except BaseException:
            await asyncio.shield(self._discard(created.id))
            raise

    async def _discard(self, container_id: str) -> None:
        with contextlib.suppress(NotFound):
            await self.remove(container_id, force=True, volumes=True)

    async def start(self, container_id: str) -> None:
        """Start it; nothing happens where it runs already."""
        async with self._connection.use() as docker:
            await DockerContainer(docker, id=container_id).start()

    async def stop(self, container_id: str, *, timeout: int | None = None) -> None:  # noqa: ASYNC109  (the engine's own grace)
        """Stop it, with `timeout` seconds between the stop signal and the kill (10 where the container has none
        of its own); nothing happens where it does not run."""
        grace = 10 if timeout is None else timeout
        async with self._connection.use(within=self._connection.timeout + grace) as docker:
            await DockerContainer(docker, id=container_id).stop(t=timeout)

    async def remove(self, container_id: str, *, force: bool = False, volumes: bool = False) -> None:
        """Remove it; `force` kills a running one first, `volumes` takes its anonymous volumes along. Raises
        NotFound, InUse."""
        async with self._connection.use() as docker:
            await DockerContainer(docker, id=container_id).delete(force=force, v=volumes)

    async def logs(self, container_id: str, *, limit: int, **options: str) -> multiplexed.Output:
        """What it wrote, the last `limit` bytes of each stream. Options are the engine's: tail, since, until,
        timestamps, stdout, stderr."""
        output = multiplexed.Output(limit, last=True)
        async with self._connection.use() as docker:
            tty = bool((await DockerContainer(docker, id=container_id).show())["Config"]["Tty"])
            async with docker._query(f"containers/{container_id}/logs", params=options) as response:
                await multiplexed.collect(response.content.iter_any(), output, raw=tty)
        return output

    async def follow_logs(self, container_id: str, output: multiplexed.Output, **options: str) -> None:
        """Add what it writes to `output` as it comes, until it ends. Options as for `logs`."""
        async with self._connection.use(endless=True) as docker:
            tty = bool((await DockerContainer(docker, id=container_id).show())["Config"]["Tty"])
            params = {**options, "follow": "true"}
            async with docker._query(f"containers/{container_id}/logs", params=params) as response:
                await multiplexed.collect(response.content.iter_any(), output, raw=tty)
