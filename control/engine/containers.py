"""Containers: observed and acted on.

What a reader may rely on (measured on Docker 20.10 and 26.1): an inspect of a created container names its
networks with every field empty; a stopped one keeps what it wants (aliases, fixed address) and loses what it
had (address, MAC, endpoint id); one that died with the engine keeps a stale address and endpoint id, so only
the state says whether an endpoint is live.
"""

import asyncio
import builtins
import re
from collections.abc import Mapping, Sequence
from typing import Any

from aiodocker.containers import DockerContainer
from aiodocker.utils import clean_filters

from control.engine.details import container_of, detail_of
from control.engine.lifecycle import Lifecycle
from control.engine.listed import Listed, listed_of
from control.engine.resolve import is_prefix, missing
from control.engine.sharing import told
from control.errors import NotFound
from control.records import Container, ContainerDetail

__all__ = ["Containers", "container_of"]

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")


class Containers(Lifecycle):
    """The engine's containers."""

    async def list(
        self, *, stopped: bool = True, filters: Mapping[str, Sequence[str]] | None = None
    ) -> list[Container]:
        """Every container that passes the engine's own filters; `stopped` ones too. Each is inspected, because
        the engine's list leaves out aliases, configured networks and exit codes."""
        listed = await self.listed(stopped=stopped, filters=filters)
        found = await self.inspect_each([container.id for container in listed])
        return told(found, listed, everyone=stopped and not filters)

    async def listed(
        self, *, stopped: bool = True, filters: Mapping[str, Sequence[str]] | None = None
    ) -> Sequence[Listed]:
        """Every container that passes the engine's own filters, as the engine's list has it: one call for all. Raises
        NotFound for a filter by a container that is not there."""
        params: dict[str, Any] = {"all": "true" if stopped else "false"}
        if filters:
            params["filters"] = clean_filters(filters)
        async with self._connection.use() as docker:
            return [listed_of(raw) for raw in await docker._query_json("containers/json", params=params)]

    async def inspect_each(self, ids: Sequence[str]) -> builtins.list[Container]:
        """The containers of these full ids, all at once; without those that are gone."""
        found = await asyncio.gather(*(self.inspect_or_none(id_) for id_ in ids))
        return [container for container in found if container is not None]

    async def ids(self) -> tuple[str, ...]:
        """The full id of every container, stopped ones too."""
        async with self._connection.use() as docker:
            return tuple(container.id for container in await docker.containers.list(all="true"))

    async def inspect_or_none(self, container_id: str) -> Container | None:
        """The container of this full id; None where it is gone."""
        try:
            return await self.inspect(container_id)
        except NotFound:
            return None

    async def sizes(self, ids: Sequence[str]) -> dict[str, int]:
        """The bytes that these containers have written beside their images, by id; without those that are gone."""

        async def size(id_: str) -> int | None:
            try:
                async with self._connection.use() as docker:
                    raw = await docker._query_json(f"containers/{id_}/json", params={"size": "true"})
            except NotFound:
                return None
            written: int | None = raw.get("SizeRw")
            return written

        found = zip(ids, await asyncio.gather(*map(size, ids)), strict=True)
        return {id_: written for id_, written in found if written is not None}

    async def resolve(self, reference: str) -> Container:
        """The one container of this name, full id, or id prefix of twelve digits or more. Raises NotFound,
        Ambiguous."""
        return container_of(await self.resolve_raw(reference))

    async def resolve_raw(self, reference: str) -> dict[str, Any]:
        """The engine's own inspect of what `resolve` finds."""
        # Only what may be a name goes into the path of a call: aiodocker does not escape it.
        if _NAME.fullmatch(reference) is None:
            raise missing("container", reference)
        raw = await self.raw(reference)
        if reference not in {raw["Id"], raw["Name"].removeprefix("/")} and not is_prefix(reference):
            # The engine takes a prefix of one digit.
            raise missing("container", reference)
        return raw

    async def inspect(self, container_id: str) -> Container:
        """The container of this full id (or of a name that `resolve` has checked). Raises NotFound."""
        return container_of(await self.raw(container_id))

    async def detail(self, container_id: str) -> ContainerDetail:
        """The container of this full id, with all that it was made with. Raises NotFound."""
        return detail_of(await self.raw(container_id))

    async def raw(self, container_id: str) -> dict[str, Any]:
        """The engine's own inspect of the container of this full id. Raises NotFound."""
        async with self._connection.use() as docker:
            return dict(await DockerContainer(docker, id=container_id).show())
