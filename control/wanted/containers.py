"""A container to run, and a command to run in one."""

from ipaddress import ip_address
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from control.wanted.endpoints import WantedAttachment
from control.wanted.health import WantedHealthcheck
from control.wanted.limits import Bytes, RestartPolicy, Retries, UlimitName, WantedLimits, WantedUlimit, check_retries
from control.wanted.mounts import WantedMount
from control.wanted.ports import WantedExposed, WantedPort
from control.wanted.signals import Signal
from control.wanted.values import (
    Command,
    Filled,
    ImageName,
    Ip,
    Labels,
    LinkTo,
    LongName,
    Path,
    Text,
    Variable,
    Wanted,
)

MOST: Final = 256
"""Items of one kind that a container may have: more is a mistake."""

# None of these may hold a blank or a new line: they go into the container's /etc/hosts and /etc/resolv.conf.
HostName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9]([a-zA-Z0-9_.-]*[a-zA-Z0-9])?$", max_length=64)]
Domain = Annotated[str, StringConstraints(pattern=r"^([.]|[a-zA-Z0-9_]([a-zA-Z0-9_.-]*[a-zA-Z0-9])?)$", max_length=253)]
ResolverOption = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+(:[0-9]+)?$", max_length=64)]
Capability = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]+$", max_length=64)]
Sysctl = Annotated[
    str,
    StringConstraints(
        pattern=r"^(net([.][a-zA-Z0-9_-]+)+|fs[.]mqueue[.][a-z_]+"
        r"|kernel[.](msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced))$",
        max_length=256,
    ),
]
"""A kernel setting that each container has of its own: of its network, its message queues and its shared memory."""

Platform = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(/[a-z0-9_]+(/[a-z0-9_]+)?)?$", max_length=64)]


def _host_address(value: str) -> str:
    return value if value == "host-gateway" else str(ip_address(value))


class WantedHost(Wanted):
    """A name for the container's /etc/hosts. The address `host-gateway` is that of the engine's host."""

    name: HostName
    address: Annotated[
        str,
        StringConstraints(pattern=r"^[0-9a-fA-F:.]+$|^host-gateway$", max_length=64),
        AfterValidator(_host_address),
        Field(json_schema_extra={"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}, {"const": "host-gateway"}]}),
    ]


class WantedLog(Wanted):
    """Where the engine keeps what the container writes. Past `max_size` (as `10m`) it begins another file, of which it
    keeps `max_file`; `none` keeps nothing."""

    driver: Literal["json-file", "local", "none"] = "json-file"
    max_size: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,14}[kmg]?$")] | None = None
    max_file: Annotated[int, Field(strict=True, ge=1, le=10_000)] | None = None
    compress: bool | None = None

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        if self.driver == "none" and len(self.model_fields_set - {"driver"}) > 0:
            raise ValueError("none keeps no log, and so takes no options")
        if self.driver == "json-file" and self.max_file not in {None, 1} and self.max_size is None:
            raise ValueError("max_file needs a max_size")
        return self


class WantedContainer(Wanted):
    """A container to create, and to start unless `start` is false.

    Without `networks` and `network_mode` it joins the default bridge, as with `docker run`. `network_mode` is
    `bridge`, `host`, `none`, or `container:` and a container whose network it shares. `links` is Docker's deprecated
    option and works on the default bridge alone.

    `command` goes to the entrypoint, which is the image's unless said. `restart_retries` limits the restarts
    `on-failure`. `auto_remove` has the engine remove the container when it ends. `publish_all` publishes each port that
    it exposes at a free one of 127.0.0.1. `shm_size` is in bytes, `stop_timeout` in seconds.

    No capabilities, devices or privileges can be added, and no namespaces of the host but its network be used.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "db",
                    "image": "mongo:7",
                    "networks": [{"network": "mynet", "aliases": ["database"]}],
                    "mounts": [{"source": "mydb", "target": "/data/db"}],
                    "restart": "unless-stopped",
                },
                {
                    "name": "server",
                    "image": "alpine",
                    "command": ["httpd", "-f", "-p", "80"],
                    "env": {"MODE": "test"},
                    "networks": [{"network": "mynet"}, {"network": "other", "ipv4": "10.120.0.77"}],
                    "publish": [{"container_port": 80, "host_port": 8000}],
                    "limits": {"memory": 268435456, "cpus": 0.5},
                    "healthcheck": {"test": ["wget", "-qO-", "http://127.0.0.1/"], "interval": 5},
                    "init": True,
                },
            ]
        }
    )

    name: LongName | None = None
    image: ImageName
    platform: Platform | None = None
    command: Command | None = None
    entrypoint: Command | None = None
    env: dict[Variable, Text] = {}
    labels: Labels = {}
    user: Filled | None = None
    group_add: Annotated[tuple[Filled, ...], Field(max_length=MOST)] = ()
    workdir: Path | None = None
    hostname: HostName | None = None
    domainname: HostName | None = None
    networks: Annotated[tuple[WantedAttachment, ...], Field(max_length=MOST)] = ()
    network_mode: (
        Annotated[str, StringConstraints(pattern=r"^(bridge|host|none|container:.+)$", max_length=512)] | None
    ) = None
    links: Annotated[tuple[LinkTo, ...], Field(max_length=MOST)] = ()
    dns: Annotated[tuple[Ip, ...], Field(max_length=MOST)] = ()
    dns_options: Annotated[tuple[ResolverOption, ...], Field(max_length=MOST)] = ()
    dns_search: Annotated[tuple[Domain, ...], Field(max_length=MOST)] = ()
    extra_hosts: Annotated[tuple[WantedHost, ...], Field(max_length=MOST)] = ()
    mounts: Annotated[tuple[WantedMount, ...], Field(max_length=MOST)] = ()
    publish: Annotated[tuple[WantedPort, ...], Field(max_length=MOST)] = ()
    publish_all: bool = False
    expose: Annotated[tuple[WantedExposed, ...], Field(max_length=MOST)] = ()
    restart: RestartPolicy = "no"
    restart_retries: Retries | None = None
    auto_remove: bool = False
    healthcheck: WantedHealthcheck | None = None
    limits: WantedLimits = WantedLimits()
    ulimits: dict[UlimitName, WantedUlimit] = {}
    shm_size: Bytes | None = None
    sysctls: dict[Sysctl, Annotated[str, StringConstraints(pattern=r"^[ -~\t]+$", max_length=256)]] = {}
    log: WantedLog | None = None
    init: bool = False
    tty: bool = False
    stdin: bool = False
    read_only: bool = False
    no_new_privileges: bool = False
    cap_drop: Annotated[tuple[Capability, ...], Field(max_length=MOST)] = ()
    stop_signal: Signal | None = None
    stop_timeout: Annotated[int, Field(strict=True, ge=0, le=3600)] | None = None
    start: bool = True

    @model_validator(mode="after")
    def _networks_fit(self) -> Self:
        if self.networks and self.network_mode is not None:
            raise ValueError("give networks or network_mode, not both")
        if self.links and (self.networks or self.network_mode not in {None, "bridge"}):
            raise ValueError("links work on the default bridge alone; on a network of your own use names or aliases")
        if (self.publish or self.publish_all) and self.network_mode not in {None, "bridge"}:
            raise ValueError(f"ports can't be published with network_mode {self.network_mode!r}")
        mode = self.network_mode or ""
        if mode.startswith("container:"):
            theirs = ("hostname", "domainname", "dns", "dns_options", "dns_search", "extra_hosts", "expose")
            if given := [option for option in theirs if getattr(self, option)]:
                raise ValueError(f"{' and '.join(given)}: with network_mode {mode!r} these are the other container's")
        if (mode == "host" or mode.startswith("container:")) and any(key.startswith("net.") for key in self.sysctls):
            raise ValueError(f"settings of the network can't be made with network_mode {mode!r}: it is another's")
        return self

    @model_validator(mode="after")
    def _ends_fit(self) -> Self:
        check_retries(self.restart, self.restart_retries)
        if self.auto_remove and self.restart != "no":
            raise ValueError("give auto_remove or restart: what is removed can't be started again")
        return self


class WantedName(Wanted):
    """Another name for a container."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "database"}]})

    name: LongName
