"""A container that is wanted, as the engine's JSON. Pure."""

from collections.abc import Sequence
from typing import Any

from control.engine.spec.base import listed, present
from control.engine.spec.endpoints import endpoint_config
from control.wanted import WantedContainer, WantedEndpoint, WantedMount, WantedPort


def container_config(wanted: WantedContainer, *, network_mode: str, endpoint: WantedEndpoint | None) -> dict[str, Any]:
    """The body of `POST /containers/create`. `network_mode` is a built-in mode, or the name of the first network;
    `endpoint` is how the container is to be on that."""
    config = present(
        Image=wanted.image,
        Cmd=listed(wanted.command),
        Entrypoint=listed(wanted.entrypoint),
        Env=[f"{key}={value}" for key, value in wanted.env.items()],
        Labels=wanted.labels,
        User=wanted.user,
        WorkingDir=wanted.workdir,
        Hostname=wanted.hostname,
        ExposedPorts={_port_key(port): {} for port in wanted.publish},
        Tty=wanted.tty,
        OpenStdin=wanted.stdin,
    )
    config["HostConfig"] = {
        "NetworkMode": network_mode,
        "Links": list(wanted.links),
        "RestartPolicy": {"Name": wanted.restart},
        "Mounts": [_mount(mount) for mount in wanted.mounts],
        "PortBindings": _bindings(wanted.publish),
        "Init": wanted.init,
        "ReadonlyRootfs": wanted.read_only,
        "CapDrop": list(wanted.cap_drop),
        "GroupAdd": list(wanted.group_add),
        "SecurityOpt": ["no-new-privileges"] if wanted.no_new_privileges else [],
    }
    if endpoint is not None:
        config["NetworkingConfig"] = {"EndpointsConfig": {network_mode: endpoint_config(endpoint)}}
    return config


def _mount(mount: WantedMount) -> dict[str, Any]:
    return {"Type": mount.type, "Source": mount.source or "", "Target": mount.target, "ReadOnly": mount.read_only}


def _bindings(ports: Sequence[WantedPort]) -> dict[str, list[dict[str, str]]]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        wanted = {"HostIp": port.host_address, "HostPort": "" if port.host_port is None else str(port.host_port)}
        bindings.setdefault(_port_key(port), []).append(wanted)
    return bindings


def _port_key(port: WantedPort) -> str:
    return f"{port.container_port}/{port.protocol}"
