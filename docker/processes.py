"""Processes that outlive the command that starts them, known again by id and start time."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from docker.say import Trouble


def identity(pid: int) -> str:
    """A process's id and start time: two processes never share both. Empty when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else f"{pid} {fields[19]}"


def start_daemon(command: Sequence[str], *, log: Path, within: float) -> subprocess.Popen[bytes]:
    """Start a daemon that speaks systemd's notification protocol, and wait until it is ready."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notice:
        address = f"{folder}/notify"
        notice.bind(address)
        notice.settimeout(0.2)
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, "NOTIFY_SOCKET": address},
            )
        deadline = time.monotonic() + within
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(TimeoutError):
                if b"READY=1" in notice.recv(4096):
                    return process
        process.kill()
        process.wait()
    last = (log.read_text(errors="replace").splitlines() or ["it said nothing"])[-1]
    raise Trouble(f"{command[0]} did not start; its log is {log}, and ends: {last[:300]}")


def end(pid: int, *, within: float) -> bool:
    """SIGTERM, and wait. Says whether it has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        return bool(select.select([descriptor], [], [], within)[0])
    finally:
        os.close(descriptor)
