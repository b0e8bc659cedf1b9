"""Containers, and what was run in one."""

from control.instants import Instant
from control.records.base import Record
from control.records.networks import Membership


class Port(Record):
    """One port of a container. Published where it has a host address and port."""

    container_port: int
    protocol: str
    host_address: str | None = None
    host_port: int | None = None


class Mount(Record):
    """Something mounted in a container: a named volume, a folder of the host, or a tmpfs."""

    type: str
    source: str | None
    target: str
    read_only: bool


class Container(Record):
    """A container as the engine has it. `exit_code` is null while it has not exited. `restart_count` counts the
    restarts by its policy since it was last started by somebody; `oom_killed` is about its last death; `error` is why
    its last start failed, null where it did not."""

    id: str
    name: str
    image: str
    image_id: str
    state: str
    created: Instant | None
    started: Instant | None
    finished: Instant | None
    exit_code: int | None
    oom_killed: bool
    error: str | None
    restart_count: int
    health: str | None
    command: tuple[str, ...]
    labels: dict[str, str]
    network_mode: str
    restart: str
    networks: tuple[Membership, ...]
    ports: tuple[Port, ...]
    mounts: tuple[Mount, ...]


class ContainerRun(Container):
    """A container that was run, and what its request should know."""

    warnings: tuple[str, ...]


class ContainerLogs(Record):
    """What a container wrote, each stream up to a limit, past which its beginning was left out: `truncated`."""

    stdout: str
    stderr: str
    truncated: bool


class ExecResult(Record):
    """What a command in a container gave. Output past the limit was cut where `truncated` says so."""

    exit_code: int
    stdout: str
    stderr: str
    truncated: bool = False
