"""The engine: the one there is, else Debian's docker.io, installed and started by hand where we are root."""

import asyncio
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from control.engine import Engine
from control.errors import Problem
from docker.packages import find, follow, need
from docker.processes import end, identity, start_daemon
from docker.say import Trouble, step

SOCKET: Final = Path("/run/docker.sock")
LOG: Final = Path("/var/log/pontlevis-dockerd.log")
NOTE: Final = Path("/run/pontlevis-dockerd")
"""Holds the identity of the dockerd that was started here."""
START_SECONDS: Final = 60.0
PURPOSE: Final = "a Docker Engine"


@dataclass(frozen=True)
class Place:
    """Where an engine answers."""

    url: str
    version: str

    @property
    def socket(self) -> Path:
        """The socket's path, without symbolic links: a container is to mount it."""
        return Path(self.url.removeprefix("unix://")).resolve()


async def answering(url: str) -> Place | None:
    """The engine at this address, if it answers."""
    engine = Engine(url)
    try:
        return Place(url, await engine.ping())
    except Problem:
        return None
    finally:
        await engine.close()


async def look(docker_host: str | None) -> Place | None:
    """The engine of this machine, if one answers. None means that one may be started. Raises Trouble otherwise."""
    if docker_host is not None:
        if not docker_host.startswith("unix:///"):
            raise Trouble(
                f"DOCKER_HOST={docker_host} is another machine's engine, as far as can be known: `make up` mounts this "
                "checkout and the engine's socket, so it needs a unix:// address"
            )
        found = await _answering_at(Path(docker_host.removeprefix("unix://")))
        if found is None:
            raise Trouble(f"no engine answers at DOCKER_HOST={docker_host}: start it, or unset DOCKER_HOST")
        return found
    own = os.environ.get("XDG_RUNTIME_DIR")
    for path in (SOCKET, *([Path(own) / "docker.sock"] if own else [])):
        found = await _answering_at(path)
        if found is not None:
            return found
    return None


async def _answering_at(path: Path) -> Place | None:
    _check_access(path)
    return await answering(f"unix://{path}")


def _check_access(path: Path) -> None:
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise Trouble(f"the engine's socket {path} is not for you: become root, or a member of its group")


def check_startable() -> None:
    """Raise Trouble where no engine could be installed and started."""
    if os.geteuid() != 0:
        raise Trouble(f"no engine answers at {SOCKET}, and only root can install and start one: use sudo")
    if find("dockerd") is None and find("apt-get") is None:
        raise Trouble(f"no engine answers at {SOCKET}, and there is no apt-get here to install one: install Docker")


def start() -> None:
    """Install what is missing, start the engine, and wait until it is ready."""
    check_startable()
    dockerd = need("dockerd", "docker.io", "iptables", "ca-certificates", purpose=PURPOSE)
    need("iptables", "iptables", purpose=PURPOSE)
    if Path("/run/systemd/system").is_dir() and shutil.which("systemctl"):
        with step("starting the engine (systemctl start docker)") as progress:
            follow(["systemctl", "start", "docker"], progress, failure="the engine did not start")
    elif asyncio.run(answering(f"unix://{SOCKET}")) is None:  # Debian's package may have started it
        _mount_cgroups()
        with step(f"starting the engine by hand; its log is {LOG}"):
            daemon = start_daemon([dockerd], log=LOG, within=START_SECONDS)
        NOTE.write_text(identity(daemon.pid))


def _mount_cgroups() -> None:
    """What systemd would have done, on a machine without it."""
    kinds = {line.split()[2] for line in Path("/proc/mounts").read_text().splitlines()}
    if not kinds & {"cgroup", "cgroup2"}:
        mount = need("cgroupfs-mount", "cgroupfs-mount", purpose=PURPOSE)
        with step("mounting the control groups") as progress:
            follow([mount], progress, failure="the control groups could not be mounted")


def started_here() -> int | None:
    """The id of the dockerd that `start` started by hand, if it still runs."""
    try:
        note = NOTE.read_text()
    except OSError:
        return None
    pid = int(note.split()[0])
    return pid if identity(pid) == note else None


def stop(pid: int) -> None:
    """End the dockerd that was started by hand."""
    with step("stopping the engine that `make up` started"):
        ended = end(pid, within=30)
    if not ended:
        raise Trouble(f"the engine (pid {pid}) did not stop within 30 s: see {LOG}")
    NOTE.unlink(missing_ok=True)
