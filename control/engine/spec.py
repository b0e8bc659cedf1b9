"""What is wanted, as the engine's JSON. Pure.

It is built anew from checked values: nothing that a client sends is passed on as it came (a field that a checker
does not know is how Docker's own authorisation plugins were fooled: CVE-2024-41110).
"""

from collections.abc import Sequence
from typing import Any

from control.wanted import WantedContainer, WantedEndpoint, WantedMount, WantedNetwork, WantedPool, WantedPort


def network_config(wanted: WantedNetwork) -> dict[str, Any]:
    """The body of `POST /networks/create`."""
    return {
        "Name": wanted.name,
        "CheckDuplicate": True,  # without it, engines before 25 make a second network of the same name
        "Driver": wanted.driver,
        "Internal": wanted.internal,
        "Attachable": wanted.attachable,
        "EnableIPv6": wanted.ipv6,
        "Labels": wanted.labels,
        "Options": wanted.options,
        "IPAM": {
            "Driver": wanted.ipam.driver,
            "Options": wanted.ipam.options,
            "Config": [_pool(pool) for pool in wanted.ipam.pools],
        },
    }


def _pool(pool: WantedPool) -> dict[str, Any]:
    return _present(
        Subnet=pool.subnet,
        IPRange=pool.range,
        Gateway=pool.gateway,
        AuxiliaryAddresses=pool.auxiliary_addresses or None,
    )


def endpoint_config(wanted: WantedEndpoint) -> dict[str, Any]:
    """An `EndpointSettings`; what is not wanted is left to the engine."""
    addresses = _present(
        IPv4Address=wanted.ipv4, IPv6Address=wanted.ipv6, LinkLocalIPs=_list(wanted.link_local or None)
    )
    return _present(
        Aliases=_list(wanted.aliases),
        Links=_list(wanted.links),
        MacAddress=wanted.mac,
        GwPriority=wanted.gateway_priority,
        DriverOpts=wanted.options,
        IPAMConfig=addresses or None,
    )


def container_config(wanted: WantedContainer, *, network_mode: str, endpoint: WantedEndpoint | None) -> dict[str, Any]:
    """The body of `POST /containers/create`. `network_mode` is a built-in mode, or the name of the first network;
    `endpoint` is how the container is to be on that."""
    config = _present(
        Image=wanted.image,
        Cmd=_list(wanted.command),
        Entrypoint=_list(wanted.entrypoint),
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


def _list(words: Sequence[str] | None) -> list[str] | None:
    return None if words is None else list(words)


def _present(**pairs: Any) -> dict[str, Any]:  # noqa: ANN401  (any JSON)
    return {key: value for key, value in pairs.items() if value is not None}
