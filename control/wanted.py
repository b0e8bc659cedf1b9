"""What a client may ask for: the bodies of the API's requests, checked before the engine sees any of it. Pure.

Docker takes names such as `a b`, `-x` and `x/y`, and fields that it does not know; nothing here does.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

MAX_NAME = 128

Name = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$", max_length=MAX_NAME)]
"""A name to give."""

LongName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]+$", max_length=MAX_NAME)]
"""What Docker allows for containers and volumes: two characters at least."""

Alias = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9]([a-zA-Z0-9_.-]*[a-zA-Z0-9])?$", max_length=253)]
"""A name that other containers of the network resolve by DNS."""

Reference = Annotated[str, StringConstraints(min_length=1, max_length=256)]
"""A name, a full id, or an id prefix of twelve digits or more."""

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=32_768)]
"""Any text without NUL, which no system call takes."""

Filled = Annotated[str, StringConstraints(pattern=r"^[^\x00]+$", max_length=4096)]
Variable = Annotated[str, StringConstraints(pattern=r"^[^=\x00]+$", max_length=4096)]
Path = Annotated[str, StringConstraints(pattern=r"^/[^\x00]*$", max_length=4096)]
ImageName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9A-Z][a-zA-Z0-9_./:@-]*$", max_length=512)]
Labels = dict[Filled, Text]
Options = dict[Filled, Text]
Command = Annotated[tuple[Text, ...], Field(max_length=4096)]


def _address(value: object) -> object:
    return str(IPv4Address(value)) if isinstance(value, str) else value


def _address6(value: object) -> object:
    return str(IPv6Address(value)) if isinstance(value, str) else value


def _subnet(value: object) -> object:
    if not isinstance(value, str):
        return value
    network = IPv6Network if ":" in value else IPv4Network
    return str(network(value))


def _any_address(value: object) -> object:
    if not isinstance(value, str):
        return value
    return _address6(value) if ":" in value else _address(value)


Ipv4 = Annotated[str, BeforeValidator(_address)]
Ipv6 = Annotated[str, BeforeValidator(_address6)]
Ip = Annotated[str, BeforeValidator(_any_address)]
Subnet = Annotated[str, BeforeValidator(_subnet)]
PortNumber = Annotated[int, Field(ge=1, le=65_535)]


class Wanted(BaseModel):
    """The body of a request. Unknown fields are refused, and text is not taken for a number."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WantedPool(Wanted):
    """One subnet of a network: `range` limits what the engine gives out itself."""

    subnet: Subnet | None = None
    range: Subnet | None = None
    gateway: Ip | None = None
    auxiliary_addresses: dict[Name, Ip] = {}


class WantedIpam(Wanted):
    """How a network gives addresses; without pools the engine chooses a free subnet."""

    driver: Name = "default"
    options: Options = {}
    pools: tuple[WantedPool, ...] = ()


class WantedNetwork(Wanted):
    """A network to create. `bridge`, `overlay` and `macvlan` can be created; `host` and `none` are built in."""

    name: Name
    driver: Filled = "bridge"
    internal: bool = False
    attachable: bool = False
    ipv6: bool = False
    labels: Labels = {}
    options: Options = {}
    ipam: WantedIpam = WantedIpam()


class WantedEndpoint(Wanted):
    """How a container is to be on a network. What is left out or null, the engine chooses."""

    aliases: tuple[Alias, ...] | None = None
    ipv4: Ipv4 | None = None
    ipv6: Ipv6 | None = None


class WantedAttachment(WantedEndpoint):
    """A network for a new container, and how it is to be on it."""

    network: Reference


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


class WantedVolume(Wanted):
    """A volume to create."""

    name: LongName
    driver: Filled = "local"
    options: Options = {}
    labels: Labels = {}


class WantedBuild(Wanted):
    """An image to build. `context` is a folder under CONTROL_BUILD_ROOTS, for a build by path; a build from a tar
    has the rest as query parameters."""

    context: Path | None = None
    tag: ImageName | None = None
    dockerfile: Filled = "Dockerfile"
    target: Filled | None = None
    args: dict[Variable, Text] = {}
    labels: Labels = {}
    no_cache: bool = False
