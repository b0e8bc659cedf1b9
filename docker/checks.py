"""What must hold before anything is changed: ports and names are free, or what has them was made here."""

import errno
import socket
from collections.abc import Iterable, Mapping

from control.engine import Engine
from docker.say import Trouble
from docker.settings import UP, Settings


def check_ports(settings: Settings, *, ours: Iterable[int]) -> None:
    """Raise Trouble for a port of ours that something else listens on. `ours` are those of containers made here."""
    wanted = {"CONTROL_PORT": settings.control_port, "SERVER_PORT": settings.server_port}
    if len(set(wanted.values())) < len(wanted):
        raise Trouble(f"CONTROL_PORT and SERVER_PORT are both {settings.control_port}: choose two")
    held = set(ours)
    for name, port in wanted.items():
        if port not in held and not _free(port):
            raise Trouble(
                f"port {port} of 127.0.0.1 is taken: stop what listens there, or choose another with {name}=…"
            )


def _free(port: int) -> bool:
    with socket.socket() as probe:
        # As dockerd's own proxy asks: what is merely closing does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno == errno.EACCES  # below 1024 it is for the engine to open, not for us
    return True


async def check_engine(engine: Engine, settings: Settings) -> None:
    """Raise Trouble for a name that a thing which was not made here has, and for a port likewise."""
    containers = {container.name: container for container in await engine.containers.list()}
    for name in (settings.control, settings.db, settings.server):
        if name in containers:
            _ours("container", name, containers[name].labels, settings)
    for network in await engine.networks.list():
        if network.name in {settings.control, settings.network}:
            _ours("network", network.name, network.labels, settings)
    for volume in await engine.volumes.list():
        if volume.name == settings.volume:
            _ours("volume", volume.name, volume.labels, settings)
    check_ports(
        settings,
        ours=[
            port.host_port
            for container in containers.values()
            if container.labels.get(UP) == settings.control and container.state == "running"
            for port in container.ports
            if port.host_port is not None
        ],
    )


def _ours(kind: str, name: str, labels: Mapping[str, str], settings: Settings) -> None:
    if labels.get(UP) != settings.control:
        variable = {
            settings.control: "UP_CONTROL",
            settings.db: "UP_DB",
            settings.server: "UP_SERVER",
            settings.network: "UP_NETWORK",
            settings.volume: "UP_VOLUME",
        }[name]
        raise Trouble(
            f"there is a {kind} named {name} that `make up` did not make: remove or rename it, or choose another name "
            f"with {variable}=…"
        )
