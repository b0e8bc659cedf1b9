"""A container that is wanted, as the engine's JSON. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from control.engine.spec.base import listed, present
from control.engine.spec.endpoints import endpoint_config
from control.engine.spec.limits import limits_config, restart_config
from control.engine.spec.mounts import mount_config
from control.wanted import WantedContainer, WantedEndpoint, WantedExposed, WantedHealthcheck, WantedLog, WantedPort


def container_config(
    wanted: WantedContainer,
    *,
    network_mode: str,
    endpoint: WantedEndpoint | None,
    volume_labels: Mapping[str, str] | None = None,
    container_mac: bool = False,
) -> dict[str, Any]:
    """The body of `POST /containers/create`.

    `network_mode` is a built-in mode, or the name of the first network; `endpoint` is how the container is to be on
    that. `volume_labels` go to the volumes that are made for it. `container_mac`: this engine takes the MAC of the
    first endpoint as the container's, as those before API 1.44 do.
    """
    ports = [port for many in wanted.publish for port in many.each()]
    config = present(
        Image=wanted.image,
        Cmd=listed(wanted.command),
        Entrypoint=listed(wanted.entrypoint),
        Env=[f"{key}={value}" for key, value in wanted.env.items()],
        Labels=wanted.labels,
        User=wanted.user,
        WorkingDir=wanted.workdir,
        Hostname=wanted.hostname,
        Domainname=wanted.domainname,
        ExposedPorts={_port_key(port): {} for port in (*ports, *wanted.expose)},
        Healthcheck=None if wanted.healthcheck is None else _healthcheck(wanted.healthcheck),
        StopSignal=wanted.stop_signal,
        StopTimeout=wanted.stop_timeout,
        MacAddress=endpoint.mac if endpoint is not None and container_mac else None,
        Tty=wanted.tty,
        OpenStdin=wanted.stdin,
    )
    config["HostConfig"] = {
        **_host_config(wanted, volume_labels or {}),
        "NetworkMode": network_mode,
        "PortBindings": _bindings(ports),
    }
    if endpoint is not None:
        config["NetworkingConfig"] = {"EndpointsConfig": {network_mode: endpoint_config(endpoint)}}
    return config


def _host_config(wanted: WantedContainer, volume_labels: Mapping[str, str]) -> dict[str, Any]:
    return present(
        **limits_config(wanted.limits),
        RestartPolicy=restart_config(wanted.restart, wanted.restart_retries),
        AutoRemove=wanted.auto_remove,
        Links=list(wanted.links),
        Dns=list(wanted.dns),
        DnsOptions=list(wanted.dns_options),
        DnsSearch=list(wanted.dns_search),
        ExtraHosts=[f"{host.name}:{host.address}" for host in wanted.extra_hosts],
        Mounts=[mount_config(mount, volume_labels) for mount in wanted.mounts],
        Ulimits=[{"Name": name, "Soft": it.soft, "Hard": it.hard} for name, it in wanted.ulimits.items()],
        ShmSize=wanted.shm_size,
        Sysctls=wanted.sysctls,
        LogConfig=None if wanted.log is None else _log(wanted.log),
        Init=wanted.init,
        ReadonlyRootfs=wanted.read_only,
        CapDrop=list(wanted.cap_drop),
        GroupAdd=list(wanted.group_add),
        SecurityOpt=["no-new-privileges"] if wanted.no_new_privileges else [],
    )


def _healthcheck(wanted: WantedHealthcheck) -> dict[str, Any]:
    if wanted.disable:
        return {"Test": ["NONE"]}
    test = wanted.test
    return present(
        Test=None if test is None else ["CMD-SHELL", test] if isinstance(test, str) else ["CMD", *test],
        Interval=_nanoseconds(wanted.interval),
        Timeout=_nanoseconds(wanted.timeout),
        StartPeriod=_nanoseconds(wanted.start_period),
        Retries=wanted.retries,
    )


def _nanoseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1e9)


def _log(wanted: WantedLog) -> dict[str, Any]:
    options = present(
        **{
            "max-size": wanted.max_size,
            "max-file": None if wanted.max_file is None else str(wanted.max_file),
            "compress": None if wanted.compress is None else str(wanted.compress).lower(),
        }
    )
    return {"Type": wanted.driver, "Config": options}


def _bindings(ports: Sequence[WantedPort]) -> dict[str, list[dict[str, str]]]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        host_port = "" if port.host_port is None else str(port.host_port)
        if port.host_port_end is not None:
            host_port = f"{host_port}-{port.host_port_end}"
        bindings.setdefault(_port_key(port), []).append({"HostIp": port.host_address, "HostPort": host_port})
    return bindings


def _port_key(port: WantedExposed) -> str:
    return f"{port.container_port}/{port.protocol}"
