"""Containers, and what was run in one."""

from typing import Any

from pydantic import ConfigDict, RootModel

from control.instants import Instant
from control.records.base import Record
from control.records.events import ContainerRef
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
    its last start failed, null where it did not. `shares_network_of` is the container whose network it uses;
    `network_shared_by` are those who use its own, null where they were not looked for: a list of all containers has
    them."""

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
    shares_network_of: ContainerRef | None = None
    network_shared_by: tuple[ContainerRef, ...] | None = None
    restart: str
    networks: tuple[Membership, ...]
    ports: tuple[Port, ...]
    mounts: tuple[Mount, ...]


class Ulimit(Record):
    """A limit of the kernel's for each process; -1 is none."""

    soft: int
    hard: int


class Limits(Record):
    """What a container may use at most; null is no limit. `memory` and what goes with it in bytes, `memory_swap` -1 for
    any; `cpus` in processors; `pids` in processes."""

    memory: int | None = None
    memory_swap: int | None = None
    memory_reservation: int | None = None
    cpus: float | None = None
    cpu_shares: int | None = None
    cpuset: str | None = None
    pids: int | None = None


class Healthcheck(Record):
    """How the engine finds out whether a container is well. `shell`: the test is one text for its shell. Seconds; null
    is the engine's own (30 s, 30 s, 0 s, 3 times)."""

    test: tuple[str, ...]
    shell: bool
    interval: float | None
    timeout: float | None
    start_period: float | None
    retries: int | None


class HealthLook(Record):
    """One look at a container's health."""

    started: Instant | None
    ended: Instant | None
    exit_code: int
    output: str


class ContainerDetail(Container):
    """A container with all that it was made with. `command` is `entrypoint` and `arguments` together.

    Of the environment the names alone are shown, because values may be secrets: `?raw=true` shows all. `health_log` has
    the last looks at its health, oldest first. `restart_retries` is how often it is restarted `on-failure` (null:
    always). `privileged`, `cap_add` and `devices` tell of what other tools may have given it.
    """

    entrypoint: tuple[str, ...]
    arguments: tuple[str, ...]
    env_names: tuple[str, ...]
    user: str | None
    group_add: tuple[str, ...]
    workdir: str | None
    hostname: str | None
    domainname: str | None
    dns: tuple[str, ...]
    dns_options: tuple[str, ...]
    dns_search: tuple[str, ...]
    extra_hosts: tuple[str, ...]
    links: tuple[str, ...]
    restart_retries: int | None
    auto_remove: bool
    healthcheck: Healthcheck | None
    health_log: tuple[HealthLook, ...]
    limits: Limits
    ulimits: dict[str, Ulimit]
    shm_size: int | None
    sysctls: dict[str, str]
    log_driver: str | None
    log_options: dict[str, str]
    init: bool
    tty: bool
    stdin: bool
    read_only: bool
    privileged: bool
    cap_add: tuple[str, ...]
    cap_drop: tuple[str, ...]
    devices: tuple[str, ...]
    security_options: tuple[str, ...]
    stop_signal: str | None
    stop_timeout: int | None


class ContainerRun(ContainerDetail):
    """A container that was run, and in `warnings` what its request should know: options that the engine did not heed,
    and those that are deprecated."""

    warnings: tuple[str, ...]


class ContainerWait(Record):
    """What came of waiting: the container's exit code, or null where the time ran out before (`timed_out`)."""

    exit_code: int | None
    timed_out: bool


class EngineObject(RootModel[dict[str, Any]]):
    """An object as the engine itself shows it; which members it has depends on the engine's version."""

    model_config = ConfigDict(frozen=True)
