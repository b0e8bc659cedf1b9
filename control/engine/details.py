"""A container from the engine's JSON of an inspect. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from control import instants
from control.engine.memberships import memberships_of
from control.engine.sharing import owner_of
from control.records import (
    Container,
    ContainerDetail,
    ContainerRef,
    Healthcheck,
    HealthLook,
    Limits,
    Mount,
    Port,
    Ulimit,
)

LOOKS: Final = 5
"""Looks at a container's health that are shown."""
OUTPUT: Final = 1000
"""Characters of each that are shown."""


def container_of(raw: Mapping[str, Any]) -> Container:
    """A container from the engine's JSON of an inspect."""
    state, config, host = raw["State"], raw["Config"], raw["HostConfig"]
    settings = raw.get("NetworkSettings") or {}
    status = state["Status"]
    identity = ContainerRef(id=raw["Id"], name=raw["Name"].removeprefix("/"), image=config.get("Image"))
    started = instants.parse_or_none(state.get("StartedAt"))
    # `default` is how the engine writes the default bridge when nothing was asked for.
    mode = "bridge" if host.get("NetworkMode") in {None, "", "default"} else host["NetworkMode"]
    return Container(
        id=identity.id,
        name=identity.name or "",
        image=config.get("Image") or "",
        image_id=raw["Image"],
        state=status,
        created=instants.parse_or_none(raw.get("Created")),
        started=started,
        finished=instants.parse_or_none(state.get("FinishedAt")),
        exit_code=state.get("ExitCode") if status in {"exited", "dead"} else None,
        oom_killed=bool(state.get("OOMKilled")),
        error=state.get("Error") or None,
        restart_count=raw.get("RestartCount") or 0,
        health=(state.get("Health") or {}).get("Status"),
        command=(*_entrypoint(config), *_words(config, "Cmd")),
        labels=config.get("Labels") or {},
        network_mode=mode,
        shares_network_of=owner_of(mode),
        restart=(host.get("RestartPolicy") or {}).get("Name") or "no",
        networks=memberships_of(
            identity, status, settings.get("Networks") or {}, hostname=config.get("Hostname") or ""
        ),
        ports=ports_of(settings.get("Ports") or {}, host.get("PortBindings") or {}),
        mounts=tuple(
            Mount(
                type=mount["Type"],
                source=(mount.get("Name") if mount["Type"] == "volume" else mount.get("Source")) or None,
                target=mount["Destination"],
                read_only=not mount.get("RW", True),
            )
            for mount in sorted(raw.get("Mounts") or (), key=lambda mount: str(mount["Destination"]))
        ),
    )


def ports_of(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[Port, ...]:
    """Exposed and published ports; those of the engine's inspect where it runs, else those that it would have: of
    a range of host ports, which one is not known before the start."""
    ports: set[Port] = set()
    for name in {**live, **wanted}:
        number, _, protocol = name.partition("/")
        bindings: Sequence[Mapping[str, str]] = live.get(name) or wanted.get(name) or ({},)
        for binding in bindings:
            ports.add(
                Port(
                    container_port=int(number),
                    protocol=protocol or "tcp",
                    host_address=binding.get("HostIp") or None,
                    host_port=int(host_port) if (host_port := binding.get("HostPort") or "").isdecimal() else None,
                )
            )
    return tuple(
        sorted(
            ports, key=lambda port: (port.container_port, port.protocol, port.host_address or "", port.host_port or 0)
        )
    )


def detail_of(raw: Mapping[str, Any]) -> ContainerDetail:
    """A container with all that it was made with."""
    config, host = raw["Config"], raw["HostConfig"]
    policy = host.get("RestartPolicy") or {}
    log = host.get("LogConfig") or {}
    health = raw["State"].get("Health") or {}
    return ContainerDetail(
        **dict(container_of(raw)),
        entrypoint=_entrypoint(config),
        arguments=_words(config, "Cmd"),
        env_names=tuple(sorted({entry.partition("=")[0] for entry in _words(config, "Env")})),
        user=config.get("User") or None,
        group_add=_words(host, "GroupAdd"),
        workdir=config.get("WorkingDir") or None,
        hostname=config.get("Hostname") or None,
        domainname=config.get("Domainname") or None,
        dns=_words(host, "Dns"),
        dns_options=_words(host, "DnsOptions"),
        dns_search=_words(host, "DnsSearch"),
        extra_hosts=_words(host, "ExtraHosts"),
        links=tuple(sorted(_link(link) for link in _words(host, "Links"))),
        restart_retries=policy.get("MaximumRetryCount") or None,
        auto_remove=bool(host.get("AutoRemove")),
        healthcheck=_healthcheck(config.get("Healthcheck") or {}),
        health_log=tuple(_look(it) for it in (health.get("Log") or ())[-LOOKS:]),
        limits=_limits(host),
        ulimits={it["Name"]: Ulimit(soft=it["Soft"], hard=it["Hard"]) for it in host.get("Ulimits") or ()},
        shm_size=host.get("ShmSize") or None,
        sysctls=host.get("Sysctls") or {},
        log_driver=log.get("Type") or None,
        log_options=log.get("Config") or {},
        init=bool(host.get("Init")),
        tty=bool(config.get("Tty")),
        stdin=bool(config.get("OpenStdin")),
        read_only=bool(host.get("ReadonlyRootfs")),
        privileged=bool(host.get("Privileged")),
        cap_add=_words(host, "CapAdd"),
        cap_drop=_words(host, "CapDrop"),
        devices=tuple(str(it.get("PathOnHost")) for it in host.get("Devices") or ()),
        security_options=_words(host, "SecurityOpt"),
        stop_signal=config.get("StopSignal") or None,
        stop_timeout=config.get("StopTimeout"),
    )


def _words(raw: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(raw.get(key) or ())


def _entrypoint(config: Mapping[str, Any]) -> tuple[str, ...]:
    words = config.get("Entrypoint") or ()
    return (words,) if isinstance(words, str) else tuple(words)


def _link(link: str) -> str:
    """`/alpine1:/alpine2/alias` → `alpine1:alias`."""
    container, _, alias = link.partition(":")
    return f"{container.removeprefix('/')}:{alias.rpartition('/')[2]}"


def _healthcheck(raw: Mapping[str, Any]) -> Healthcheck | None:
    test = raw.get("Test") or ()
    if not test or test[0] == "NONE":
        return None
    return Healthcheck(
        test=tuple(test[1:]),
        shell=test[0] == "CMD-SHELL",
        interval=_seconds(raw.get("Interval")),
        timeout=_seconds(raw.get("Timeout")),
        start_period=_seconds(raw.get("StartPeriod")),
        retries=raw.get("Retries") or None,
    )


def _seconds(nanoseconds: int | None) -> float | None:
    return nanoseconds / 1e9 if nanoseconds else None


def _look(raw: Mapping[str, Any]) -> HealthLook:
    return HealthLook(
        started=instants.parse_or_none(raw.get("Start")),
        ended=instants.parse_or_none(raw.get("End")),
        exit_code=raw.get("ExitCode") or 0,
        output=str(raw.get("Output") or "")[:OUTPUT],
    )


def _limits(host: Mapping[str, Any]) -> Limits:
    cpus = host.get("NanoCpus") or 0
    return Limits(
        memory=host.get("Memory") or None,
        memory_swap=host.get("MemorySwap") or None,
        memory_reservation=host.get("MemoryReservation") or None,
        cpus=cpus / 1e9 if cpus else _quota(host),
        cpu_shares=host.get("CpuShares") or None,
        cpuset=host.get("CpusetCpus") or None,
        pids=host.get("PidsLimit") or None,
    )


def _quota(host: Mapping[str, Any]) -> float | None:
    """The processors that a quota of other tools comes to."""
    quota, period = host.get("CpuQuota") or 0, host.get("CpuPeriod") or 100_000
    return quota / period if quota > 0 else None
