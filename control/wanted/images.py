"""Images to build, to pull, and to name."""

import re
from typing import Annotated, Final, NamedTuple, Self

from pydantic import ConfigDict, Field, SecretStr, StringConstraints, model_validator

from control.wanted.values import Filled, ImageName, Ip, Labels, Path, Text, Variable, Wanted

Digest = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([+._-][a-z0-9]+)*:[0-9a-fA-F]{32,}$", max_length=256)]
Tag = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}$")]
Platform = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]+(/[a-z0-9_]+(/[a-z0-9.]+)?)?$", max_length=64),
    Field(examples=["linux/arm64"]),
]
HostName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9]([a-zA-Z0-9_.-]*[a-zA-Z0-9])?$", max_length=253)]

_PORT_OR_PATH: Final = re.compile(r":(?=[^/]*$)")


class Reference(NamedTuple):
    """An image's name in its parts; a tag or a digest, or neither."""

    repository: str
    tag: str | None
    digest: str | None


def reference_of(name: str) -> Reference:
    """`registry:5000/team/app:1.2@sha256:…` in its parts. A colon with a slash behind it is a registry's port."""
    rest, _, digest = name.partition("@")
    parts = _PORT_OR_PATH.split(rest, maxsplit=1)
    return Reference(parts[0], parts[1] if len(parts) > 1 else None, digest or None)


class WantedBuild(Wanted):
    """An image to build. `context` is a folder under CONTROL_BUILD_ROOTS, for a build by path; a build from a tar
    has the rest as query parameters. `network` is what the steps of the build run on."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"context": "/srv/app", "tags": ["app:1"], "args": {"VERSION": "1"}}]}
    )

    context: Path | None = None
    tags: Annotated[tuple[ImageName, ...], Field(max_length=64)] = ()
    dockerfile: Filled = "Dockerfile"
    target: Filled | None = None
    args: dict[Variable, Text] = {}
    labels: Labels = {}
    no_cache: bool = False
    pull: bool = Field(default=False, description="Look for newer base images at their registries.")
    network: Filled | None = Field(None, description="`none`, `host`, `bridge`, or a network.")
    platform: Platform | None = None
    cache_from: Annotated[tuple[ImageName, ...], Field(max_length=64)] = Field(
        (), description="Images whose layers are taken for the cache's."
    )
    extra_hosts: dict[HostName, Ip] = Field(
        {}, description="Further names, and their addresses, for the build's steps."
    )


class Credentials(Wanted):
    """Who pulls. It is passed on to the engine, and kept nowhere."""

    username: Filled
    password: SecretStr


class WantedPull(Wanted):
    """An image to pull: by `tag` (`latest` where nothing is said) or by `digest`, which may also stand in its name."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"image": "mongo", "tag": "7"}]})

    image: ImageName
    tag: Tag | None = None
    digest: Digest | None = None
    platform: Platform | None = None
    credentials: Credentials | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        named = reference_of(self.image)
        if (named.tag and self.tag) or (named.digest and self.digest):
            raise ValueError("the image's name has a tag or digest already: give each once")
        if (named.tag or self.tag) and (named.digest or self.digest):
            raise ValueError("give a tag or a digest, not both: a digest says exactly which image it is")
        return self

    @property
    def repository(self) -> str:
        """The name without tag and digest."""
        return reference_of(self.image).repository

    @property
    def version(self) -> str:
        """The tag or the digest."""
        named = reference_of(self.image)
        return named.digest or self.digest or named.tag or self.tag or "latest"

    @property
    def name(self) -> str:
        """By which the engine has it afterwards."""
        return f"{self.repository}{'@' if ':' in self.version else ':'}{self.version}"


class WantedTag(Wanted):
    """A further name for an image; its tag is `latest` where the name has none."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "app:stable"}]})

    name: ImageName

    @model_validator(mode="after")
    def _no_digest(self) -> Self:
        if "@" in self.name:
            raise ValueError("a digest can't be given: it is the image's own")
        return self
