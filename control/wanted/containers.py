"""A container to run, and a command to run in one."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from control.wanted.endpoints import WantedAttachment
from control.wanted.values import (
    Alias,
    Command,
    Filled,
    ImageName,
    Ip,
    Labels,
    LongName,
    Path,
    PortNumber,
    Text,
    Variable,
    Wanted,
)


class WantedMount(Wanted):
    """A named volume, a folder of the engine's host (under CONTROL_BIND_ROOTS), or a tmpfs."""

    type: Literal["volume", "bind", "tmpfs"] = "volume"
    source: Filled | None = None
    target: Path
    read_only: bool = False

    @model_validator(mode="after")
    def _source_fits(self) -> Self:
        if self.type == "tmpfs" and self.source is not None:
            raise ValueError("a tmpfs has no source")
        if self.type == "bind" and (self.source is None or not self.source.startswith("/")):
            raise ValueError("the source of a bind mount is an absolute path of the engine's host")
        if self.type == "volume" and self.source is not None and "/" in self.source:
            raise ValueError("the source of a volume mount is the volume's name; for a folder use type bind")
        return self


class WantedPort(Wanted):
    """A port to publish. `host_port` null takes any free one; `host_address` is loopback unless said."""

    container_port: PortNumber
    host_port: PortNumber | None = None
    host_address: Ip = "127.0.0.1"
    protocol: Literal["tcp", "udp", "sctp"] = "tcp"


class WantedContainer(Wanted):
    """A container to create, and to start unless `start` is false.

    Without `networks` and `network_mode` it joins the default bridge, as with `docker run`. `links` is Docker's
    deprecated option and works on the default bridge alone.
    """

    name: LongName | None = None
    image: ImageName
    command: Command | None = None
    entrypoint: Command | None = None
    env: dict[Variable, Text] = {}
    labels: Labels = {}
    user: Filled | None = None
    workdir: Path | None = None
    hostname: Alias | None = None
    networks: tuple[WantedAttachment, ...] = ()
    network_mode: Annotated[str, StringConstraints(pattern=r"^(bridge|host|none|container:.+)$")] | None = None
    links: tuple[Annotated[str, StringConstraints(pattern=r"^[^:]+(:[^:]+)?$")], ...] = ()
    mounts: tuple[WantedMount, ...] = ()
    publish: tuple[WantedPort, ...] = ()
    restart: Literal["no", "always", "unless-stopped", "on-failure"] = "no"
    init: bool = False
    tty: bool = False
    stdin: bool = False
    read_only: bool = False
    no_new_privileges: bool = False
    cap_drop: tuple[Filled, ...] = ()
    group_add: tuple[Filled, ...] = ()
    start: bool = True

    @model_validator(mode="after")
    def _networks_fit(self) -> Self:
        if self.networks and self.network_mode is not None:
            raise ValueError("give networks or network_mode, not both")
        if self.links and (self.networks or self.network_mode not in {None, "bridge"}):
            raise ValueError("links work on the default bridge alone; on a network of your own use names or aliases")
        if self.publish and self.network_mode not in {None, "bridge"}:
            raise ValueError(f"ports can't be published with network_mode {self.network_mode!r}")
        return self


class WantedExec(Wanted):
    """A command to run in a container. `stdin` is sent as it is, then the input is closed."""

    command: Annotated[tuple[Text, ...], Field(min_length=1, max_length=4096)]
    env: dict[Variable, Text] = {}
    user: Filled | None = None
    workdir: Path | None = None
    stdin: str | None = None
    timeout: Annotated[float, Field(gt=0, le=3600)] | None = Field(None, description="Seconds.")
