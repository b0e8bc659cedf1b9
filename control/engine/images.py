"""Images: observed, built, pulled and loaded.

Long work is an async iterator of `Progress`, so that who waits sees it move. The engine answers a build or a
pull with 200 before it has begun; a failure comes in-band and is raised from the iteration.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any

from aiodocker.exceptions import DockerStreamError
from aiodocker.jsonstream import json_stream_stream
from pydantic import BaseModel, ConfigDict
from yarl import URL

from control import instants
from control.engine.connection import Connection
from control.engine.faults import translate
from control.engine.resolve import missing
from control.errors import BuildFailed, Problem
from control.records import Image
from control.wanted import WantedBuild

Body = AsyncIterator[bytes] | bytes


class Progress(BaseModel):
    """A piece of progress: a line of a build's output, or the state of one layer of a pull."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str | None = None
    id: str | None = None
    status: str | None = None
    current: int | None = None
    total: int | None = None
    image: str | None = None


def image_of(raw: Mapping[str, Any]) -> Image:
    """An image from the engine's JSON of an inspect or a list."""
    created = raw.get("Created")
    return Image(
        id=raw["Id"],
        tags=tuple(tag for tag in raw.get("RepoTags") or () if tag != "<none>:<none>"),
        created=created * instants.NANOSECONDS if isinstance(created, int) else instants.parse_or_none(created),
        size=raw.get("Size") or 0,
        labels=raw.get("Labels") or (raw.get("Config") or {}).get("Labels") or {},
    )


def progress_of(raw: Mapping[str, Any]) -> Progress:
    """One line of the engine's progress stream."""
    detail, aux = raw.get("progressDetail") or {}, raw.get("aux") or {}
    return Progress(
        text=raw.get("stream"),
        id=raw.get("id"),
        status=raw.get("status"),
        current=detail.get("current"),
        total=detail.get("total"),
        image=aux.get("ID") if isinstance(aux, dict) else None,
    )


class Images:
    """The engine's images."""

    def __init__(self, connection: Connection, *, build_timeout: float) -> None:
        self._connection = connection
        self._build_timeout = build_timeout

    async def list(self, filters: Mapping[str, Sequence[str]] | None = None) -> list[Image]:
        """Every image that has a tag or is no mere layer of another."""
        params = {"filters": json.dumps(filters)} if filters else {}
        async with self._connection.use() as docker:
            return [image_of(raw) for raw in await docker._query_json("images/json", params=params)]

    async def inspect(self, reference: str) -> Image:
        """The image of this name or id. Raises NotFound."""
        if ".." in reference or any(character in reference for character in "?#% \\"):
            # The reference goes into the path of a call, and aiodocker does not escape it.
            raise missing("image", reference)
        async with self._connection.use() as docker:
            return image_of(await docker.images.inspect(reference))

    async def remove(self, reference: str, *, force: bool = False) -> None:
        """Untag an image, and remove it with its last tag. Raises NotFound, InUse."""
        image = await self.inspect(reference)
        async with self._connection.use() as docker:
            await docker.images.delete(reference if reference in image.tags else image.id, force=force)

    async def tag(self, reference: str, repository: str, tag: str) -> None:
        """Give an image a further name."""
        image = await self.inspect(reference)
        async with self._connection.use() as docker:
            await docker.images.tag(image.id, repository, tag=tag)

    def build(self, wanted: WantedBuild, tar: Body) -> AsyncGenerator[Progress]:
        """Build an image from a tar of its context, plain or gzip'd. Raises BuildFailed with the last lines."""
        path = _path(
            "build",
            t=wanted.tag,
            dockerfile=wanted.dockerfile,
            target=wanted.target,
            buildargs=json.dumps(wanted.args),
            labels=json.dumps(wanted.labels),
            nocache="true" if wanted.no_cache else None,
            rm="true",
            forcerm="true",
        )
        return self._long(path, tar, failure=BuildFailed)

    def pull(self, repository: str, tag: str, *, within: float | None = None) -> AsyncGenerator[Progress]:
        """Pull an image from the registry that its name stands for."""
        return self._long(_path("images/create", fromImage=repository, tag=tag), b"", within=within)

    def load(self, tar: Body) -> AsyncGenerator[Progress]:
        """Load images from a tar as `docker save` writes it."""
        return self._long("images/load", tar)

    def import_rootfs(
        self, tar: Body, repository: str, tag: str, changes: Sequence[str] = ()
    ) -> AsyncGenerator[Progress]:
        """Make an image of one layer from a tar of a root folder. `changes` are Dockerfile instructions."""
        return self._long(_path("images/create", fromSrc="-", repo=repository, tag=tag, changes=changes), tar)

    async def save(self, references: Sequence[str]) -> AsyncGenerator[bytes]:
        """The tar of these images, as `images/load` takes it."""
        async with (
            self._connection.use(within=self._build_timeout) as docker,
            docker._query(_path("images/get", names=references)) as response,
        ):
            async for chunk in response.content.iter_chunked(1 << 20):
                yield chunk

    async def _long(
        self,
        path: str | URL,
        body: Body,
        *,
        within: float | None = None,
        failure: type[Problem] | None = None,
    ) -> AsyncGenerator[Progress]:
        tail: list[str] = []
        async with self._connection.use(within=within or self._build_timeout) as docker:
            try:
                async with docker._query(
                    path,
                    "POST",
                    data=body,
                    headers={"Content-Type": "application/x-tar"},
                ) as response:
                    async for raw in json_stream_stream(response):
                        progress = progress_of(raw)
                        if progress.text:
                            tail = [*tail, progress.text][-40:]
                        yield progress
            except DockerStreamError as error:
                if failure is None:
                    raise translate(error.status, error.message) from error
                raise failure(f"The engine says: {error.message}", log="".join(tail)) from error


def _path(path: str, **parameters: str | Sequence[str] | None) -> URL:
    """A path with its query, where a sequence stands for the same name several times (aiodocker's own `params`
    would make it JSON)."""
    present = {key: value for key, value in parameters.items() if value is not None}
    return URL(path).with_query(present)
