"""Images: observed, built, pulled and loaded.

Long work is an async iterator of `Progress`, so that who waits sees it move. The engine answers a build or a
pull with 200 before it has begun; a failure comes in-band and is raised from the iteration.
"""

import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any

from aiodocker.exceptions import DockerStreamError
from aiodocker.jsonstream import json_stream_stream
from yarl import URL

from control import instants
from control.engine.connection import Connection
from control.engine.faults import translate
from control.engine.resolve import missing
from control.errors import BuildFailed, Problem, RegistryAway
from control.records import Image, ImageDetail, Progress, User
from control.wanted import WantedBuild

Body = AsyncIterator[bytes] | bytes


def image_of(raw: Mapping[str, Any]) -> Image:
    """An image from the engine's JSON of an inspect or a list."""
    created = raw.get("Created")
    return Image(
        id=raw["Id"],
        tags=tuple(tag for tag in raw.get("RepoTags") or () if tag != "<none>:<none>"),
        digests=tuple(digest for digest in raw.get("RepoDigests") or () if digest != "<none>@<none>"),
        created=created * instants.NANOSECONDS if isinstance(created, int) else instants.parse_or_none(created),
        size=raw.get("Size") or 0,
        labels=raw.get("Labels") or (raw.get("Config") or {}).get("Labels") or {},
    )


def detail_of(raw: Mapping[str, Any], users: Sequence[User]) -> ImageDetail:
    """An image from the engine's JSON of an inspect, with who uses it."""
    config = raw.get("Config") or {}
    return ImageDetail(
        **dict(image_of(raw)),
        parent=raw.get("Parent") or None,
        author=raw.get("Author") or None,
        comment=raw.get("Comment") or None,
        architecture=raw.get("Architecture") or "",
        variant=raw.get("Variant") or None,
        os=raw.get("Os") or "",
        entrypoint=tuple(config.get("Entrypoint") or ()),
        command=tuple(config.get("Cmd") or ()),
        env=dict(it.partition("=")[::2] for it in config.get("Env") or ()),
        user=config.get("User") or None,
        workdir=config.get("WorkingDir") or None,
        exposed_ports=tuple(sorted(config.get("ExposedPorts") or ())),
        volumes=tuple(sorted(config.get("Volumes") or ())),
        stop_signal=config.get("StopSignal") or None,
        layers=len((raw.get("RootFS") or {}).get("Layers") or ()),
        users=tuple(users),
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

    async def inspect(self, reference: str) -> Image:
        """The image of this name or id. Raises NotFound."""
        return image_of(await self._raw(reference))

    async def detail(self, reference: str) -> ImageDetail:
        """The image of this name or id, whole. Raises NotFound."""
        raw = await self._raw(reference)
        return detail_of(raw, await self.users(raw["Id"]))

    async def users(self, image_id: str) -> list[User]:
        """The containers of this very image, stopped ones too, by name."""
        params = {"all": "true", "filters": json.dumps({"ancestor": [image_id]})}
        async with self._connection.use() as docker:
            found = await docker._query_json("containers/json", params=params)
        # The filter also passes containers of images that were made of this one.
        users = [
            User(id=it["Id"], name=(it.get("Names") or ["/"])[0].removeprefix("/"), state=it["State"])
            for it in found
            if it["ImageID"] == image_id
        ]
        return sorted(users, key=lambda user: user.name)

    async def _raw(self, reference: str) -> dict[str, Any]:
        if ".." in reference or any(character in reference for character in "?#% \\"):
            # The reference goes into the path of a call, and aiodocker does not escape it.
            raise missing("image", reference)
        async with self._connection.use() as docker:
            raw: dict[str, Any] = await docker.images.inspect(reference)
        return raw

    async def list(
        self, filters: Mapping[str, Sequence[str]] | None = None, *, intermediate: bool = False
    ) -> list[Image]:
        """Every image that has a tag or is no mere layer of another; `intermediate` ones too."""
        params = {"all": str(intermediate).lower(), **({"filters": json.dumps(filters)} if filters else {})}
        async with self._connection.use() as docker:
            return [image_of(raw) for raw in await docker._query_json("images/json", params=params)]

    async def remove(self, reference: str, *, force: bool = False, prune: bool = True) -> None:
        """Untag an image, and remove it with its last tag; `prune`: also what it was made of and nothing else needs.
        Raises NotFound, InUse."""
        image = await self.inspect(reference)
        names = (*image.tags, *image.digests)
        known = next((it for it in (reference, f"{reference}:latest") if it in names), image.id)
        async with self._connection.use() as docker:
            await docker.images.delete(known, force=force, noprune=not prune)

    async def tag(self, reference: str, repository: str, tag: str) -> None:
        """Give an image a further name."""
        image = await self.inspect(reference)
        async with self._connection.use() as docker:
            await docker.images.tag(image.id, repository, tag=tag)

    def build(self, wanted: WantedBuild, tar: Body) -> AsyncGenerator[Progress]:
        """Build an image from a tar of its context, plain or gzip'd. Raises BuildFailed with the last lines."""
        path = _path(
            "build",
            t=wanted.tags,
            dockerfile=wanted.dockerfile,
            target=wanted.target,
            buildargs=json.dumps(wanted.args),
            labels=json.dumps(wanted.labels),
            nocache="true" if wanted.no_cache else None,
            pull="true" if wanted.pull else None,
            networkmode=wanted.network,
            platform=wanted.platform,
            cachefrom=json.dumps(wanted.cache_from) if wanted.cache_from else None,
            extrahosts=",".join(f"{name}:{address}" for name, address in wanted.extra_hosts.items()) or None,
            rm="true",
            forcerm="true",
        )
        return self._long(path, tar, failure=BuildFailed)

    def pull(
        self,
        repository: str,
        version: str,
        *,
        platform: str | None = None,
        username: str | None = None,
        password: str = "",
    ) -> AsyncGenerator[Progress]:
        """Pull an image from the registry that its name stands for; `version` is a tag or a digest. Raises NotFound,
        Forbidden, RegistryAway, all of them before the first progress where it can be known then.

        Let go of, it is ended.
        """
        path = _path("images/create", fromImage=repository, tag=version, platform=platform)
        headers: dict[str, str] = {}
        if username is not None:
            told = json.dumps({"username": username, "password": password}).encode()
            headers["X-Registry-Auth"] = base64.urlsafe_b64encode(told).decode()
        return self._long(path, b"", headers=headers)

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
        failure: type[Problem] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncGenerator[Progress]:
        tail: list[str] = []
        async with self._connection.use(within=self._build_timeout) as docker:
            try:
                async with docker._query(
                    path,
                    "POST",
                    data=body,
                    headers={"Content-Type": "application/x-tar", **(headers or {})},
                ) as response:
                    try:
                        async for raw in json_stream_stream(response):
                            progress = progress_of(raw)
                            if progress.text:
                                tail = [*tail, progress.text][-40:]
                            yield progress
                    finally:
                        # The engine ends the work when its client goes, and leaving `_query` alone keeps the
                        # connection (seen with aiodocker 0.27).
                        response.close()
            except DockerStreamError as error:
                problem = translate(error.status, error.message)
                if failure is None or isinstance(problem, RegistryAway):
                    raise problem from error
                raise failure(f"The engine says: {error.message}", log="".join(tail)) from error


def _path(path: str, **parameters: str | Sequence[str] | None) -> URL:
    """A path with its query, where a sequence stands for the same name several times (aiodocker's own `params`
    would make it JSON)."""
    present = {key: value for key, value in parameters.items() if value is not None}
    return URL(path).with_query(present)
