"""Volumes: observed and acted on."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiodocker.volumes import DockerVolume

from control import instants
from control.engine.connection import Connection
from control.engine.resolve import missing
from control.errors import Conflict, EngineFailed, EngineTimeout
from control.records import Volume, VolumeDetail, VolumeUser
from control.wanted import WantedVolume

SIZES_SECONDS: Final = 5.0

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")


def volume_of(raw: Mapping[str, Any]) -> Volume:
    """A volume from the engine's JSON."""
    return Volume(
        name=raw["Name"],
        driver=raw["Driver"],
        scope=raw.get("Scope") or "local",
        created=instants.parse_or_none(raw.get("CreatedAt")),
        mountpoint=raw.get("Mountpoint") or None,
        labels=raw.get("Labels") or {},
        options=raw.get("Options") or {},
    )


class Volumes:
    """The engine's volumes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self, filters: Mapping[str, Sequence[str]] | None = None) -> list[Volume]:
        """Every volume that passes the engine's own filters."""
        async with self._connection.use() as docker:
            return [volume_of(raw) for raw in (await docker.volumes.list(filters=filters or None))["Volumes"] or ()]

    async def sizes(self) -> dict[str, int]:
        """The bytes in each volume, by name, where the engine tells them soon: it has to read all of a volume for it,
        and does so for one asker at a time."""
        try:
            async with self._connection.use(within=SIZES_SECONDS) as docker:
                told = await docker._query_json("system/df")
        except (Conflict, EngineFailed, EngineTimeout):
            return {}
        sizes = {it["Name"]: (it.get("UsageData") or {}).get("Size", -1) for it in told.get("Volumes") or ()}
        return {name: size for name, size in sizes.items() if size >= 0}

    async def inspect(self, name: str) -> Volume:
        """The volume of this name. Raises NotFound."""
        self._check(name)
        async with self._connection.use() as docker:
            return volume_of(await DockerVolume(docker, name).show())

    async def detail(self, name: str) -> VolumeDetail:
        """The volume of this name, and who mounts it. Raises NotFound."""
        volume = await self.inspect(name)
        return VolumeDetail(**dict(volume), users=tuple(await self.users(name)))

    async def users(self, name: str) -> Sequence[VolumeUser]:
        """The containers that mount it, stopped ones too, by name."""
        params = {"all": "true", "filters": json.dumps({"volume": [name]})}
        async with self._connection.use() as docker:
            found = await docker._query_json("containers/json", params=params)
        users = [
            VolumeUser(
                id=container["Id"],
                name=(container.get("Names") or ["/"])[0].removeprefix("/"),
                state=container["State"],
                target=mount["Destination"],
                read_only=not mount.get("RW", True),
            )
            for container in found
            for mount in container.get("Mounts") or ()
            if mount.get("Name") == name
        ]
        return sorted(users, key=lambda user: (user.name, user.target))

    async def create(self, wanted: WantedVolume, name: str) -> Volume:
        """Create a volume. The engine answers with the one there is where the name is known to it."""
        config = {
            "Name": name,
            "Driver": wanted.driver,
            "DriverOpts": wanted.options,
            "Labels": wanted.labels,
        }
        async with self._connection.use() as docker:
            await docker.volumes.create(config)
        return await self.inspect(name)

    async def remove(self, name: str, *, force: bool = False) -> None:
        """Remove a volume and what is in it. Raises NotFound, InUse."""
        self._check(name)
        async with self._connection.use() as docker:
            await DockerVolume(docker, name).delete(force=force)

    def _check(self, name: str) -> None:
        # Only what may be a name goes into the path of a call: aiodocker does not escape it.
        if _NAME.fullmatch(name) is None:
            raise missing("volume", name)
