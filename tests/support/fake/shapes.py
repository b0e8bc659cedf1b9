"""What a fake engine holds, as the JSON of the real one's lists and inspects (20.10's, and what 26 adds)."""

from datetime import UTC, datetime
from typing import Any, Final

from tests.support.fake.model import Container, Entry, Network, World
from tests.support.fake.stream import NANOSECONDS
from tests.support.fake.versions import Version

JSON = dict[str, Any]

NEVER: Final = "0001-01-01T00:00:00Z"
IMAGE: Final = f"sha256:{'1f' * 32}"
ENGINE_ID: Final = "PONT:LEVI:SFAK:EENG:INEF:AKED:FAKE:DFAK:EDFA:KEDF:AKED:FAKE"


def rendered(instant: int) -> str:
    """RFC 3339 with nanoseconds, in UTC."""
    if not instant:
        return NEVER
    seconds, rest = divmod(instant, NANOSECONDS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def version(of: Version) -> JSON:
    """`GET /version`."""
    return {
        "Platform": {"Name": ""},
        "Components": [
            {
                "Name": "Engine",
                "Version": of.version,
                "Details": {"ApiVersion": of.api, "MinAPIVersion": of.oldest_api, "Os": "linux", "Arch": "amd64"},
            }
        ],
        "Version": of.version,
        "ApiVersion": of.api,
        "MinAPIVersion": of.oldest_api,
        "GitCommit": "fake",
        "GoVersion": "go1.19.8",
        "Os": "linux",
        "Arch": "amd64",
        "KernelVersion": "6.18.0",
        "BuildTime": "2026-01-01T00:00:00.000000000+00:00",
    }


def info(world: World, now: int, *, live_restore: bool) -> JSON:
    """`GET /info`."""
    states = [container.status for container in world.containers.values()]
    return {
        "ID": ENGINE_ID,
        "Containers": len(states),
        "ContainersRunning": sum(status in {"running", "restarting"} for status in states),
        "ContainersPaused": states.count("paused"),
        "ContainersStopped": sum(status in {"created", "exited"} for status in states),
        "Images": 1,
        "Driver": "overlay2",
        "SystemTime": rendered(now),
        "KernelVersion": "6.18.0",
        "OperatingSystem": "Fake",
        "OSType": "linux",
        "Architecture": "x86_64",
        "NCPU": 2,
        "MemTotal": 8_589_934_592,
        "Name": "fake",
        "Labels": [],
        "ServerVersion": world.version.version,
        "Swarm": {"NodeID": "", "LocalNodeState": "inactive", "ControlAvailable": False, "Error": ""},
        "LiveRestoreEnabled": live_restore,
        "Warnings": None,
    }


def network(of: Network, world: World, *, inspect: bool) -> JSON:
    """`GET /networks/<id>`, or an item of `GET /networks`, which leaves `Containers` empty."""
    pools = [] if of.subnet is None else [{"Subnet": str(of.subnet)}]
    if pools and of.gateway_is_told:
        pools[0]["Gateway"] = of.gateway
    prefix = of.subnet.prefixlen if of.subnet else 0
    members = {}
    if inspect:
        for identifier, endpoint in of.endpoints.items():
            container = world.containers.get(identifier)
            members[identifier] = {
                "Name": container.name if container else endpoint.name,
                "EndpointID": endpoint.id,
                "MacAddress": endpoint.mac,
                "IPv4Address": f"{endpoint.ipv4}/{prefix}" if endpoint.ipv4 else "",
                "IPv6Address": "",
            }
    return {
        "Name": of.name,
        "Id": of.id,
        "Created": rendered(of.created),
        "Scope": of.scope,
        "Driver": of.driver,
        "EnableIPv6": False,
        "IPAM": {"Driver": "default", "Options": None, "Config": pools},
        "Internal": of.internal,
        "Attachable": of.attachable,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": members,
        "Options": of.options,
        "Labels": of.labels,
    }


def entry(of: Entry, as_of: Version, *, inspect: bool = True) -> JSON:
    """A value of a container's `NetworkSettings.Networks`; a list leaves the aliases out."""
    endpoint = of.endpoint
    shown = {
        "IPAMConfig": of.ipam,
        "Links": of.links,
        "Aliases": of.aliases if inspect else None,
        "NetworkID": of.network_id,
        "EndpointID": endpoint.id if endpoint else "",
        "Gateway": of.gateway,
        "IPAddress": endpoint.ipv4 if endpoint else "",
        "IPPrefixLen": of.prefix,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "MacAddress": endpoint.mac if endpoint else "",
        "DriverOpts": of.options,
    }
    if as_of.dns_names:
        shown["DNSNames"] = of.names if inspect else None
    return shown


def listed(of: Container, as_of: Version) -> JSON:
    """An item of `GET /containers/json`."""
    return {
        "Id": of.id,
        "Names": [f"/{of.name}"],
        "Image": of.image,
        "ImageID": IMAGE,
        "Command": " ".join(of.command),
        "Created": of.created // NANOSECONDS,
        "Ports": [],
        "Labels": of.labels,
        "State": of.status,
        "Status": of.status.capitalize(),
        "HostConfig": {"NetworkMode": of.host.get("NetworkMode") or "default"},
        "NetworkSettings": {
            "Networks": {name: entry(one, as_of, inspect=False) for name, one in sorted(of.listed.items())}
        },
        "Mounts": [],
    }


def container(of: Container, as_of: Version) -> JSON:
    """`GET /containers/<id>/json`."""
    state: JSON = {
        "Status": of.status,
        "Running": of.running,
        "Paused": of.status == "paused",
        "Restarting": of.status == "restarting",
        "OOMKilled": of.out_of_memory,
        "Dead": False,
        "Pid": 4242 if of.status in {"running", "paused"} else 0,
        "ExitCode": of.exit_code,
        "Error": "",
        "StartedAt": rendered(of.started),
        "FinishedAt": rendered(of.finished),
    }
    if of.health is not None:
        state["Health"] = {"Status": of.health, "FailingStreak": 0, "Log": []}
    return {
        "Id": of.id,
        "Created": rendered(of.created),
        "Path": of.command[0] if of.command else "",
        "Args": of.command[1:],
        "State": state,
        "Image": IMAGE,
        "Name": f"/{of.name}",
        "RestartCount": of.restarts,
        "Driver": "overlay2",
        "Platform": "linux",
        "HostConfig": {
            **of.host,
            "NetworkMode": of.host.get("NetworkMode") or "default",
            "PortBindings": of.host.get("PortBindings"),
            "RestartPolicy": {"MaximumRetryCount": 0, **(of.host.get("RestartPolicy") or {"Name": ""})},
        },
        "Mounts": [],
        "Config": {
            "Hostname": of.id[:12],
            "Env": [],
            "Cmd": of.command,
            "Image": of.image,
            "Entrypoint": None,
            "Labels": of.labels,
            "Tty": False,
        },
        "NetworkSettings": {
            "Bridge": "",
            "SandboxID": "",
            "Ports": {},
            "Networks": {name: entry(one, as_of) for name, one in sorted(of.entries.items())},
        },
    }
