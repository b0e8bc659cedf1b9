"""What an engine leaves when it is killed: shims, container processes, mounts, cgroups and files. Ends them all.

Everything is found by the engine's folder, whose name is unique: it stands in the command lines of its processes
and in the paths of its mounts, and it is the name of its cgroup.
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

CGROUPS: Final = Path("/sys/fs/cgroup")


def remove_everything_of(folder: Path) -> None:
    """End the processes of the engine of this folder, undo its mounts, remove its cgroups and the folder."""
    # Containers first: their shims, still alive, then reap them.
    _end([pid for group in _cgroups(folder.name) for pid in _members(group)])
    _end([*_named(folder)])
    # A shim's socket lies in a place that all engines share; the shim notes it in its own folder.
    for note in folder.glob("containerd/state/io.containerd.runtime.v2.task/*/*/address"):
        Path(note.read_text().removeprefix("unix://")).unlink(missing_ok=True)
    for mount in sorted(_mounts(folder), key=len, reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False, stderr=subprocess.DEVNULL)
    for group in _cgroups(folder.name):
        with contextlib.suppress(OSError):
            group.rmdir()
    shutil.rmtree(folder, ignore_errors=True)


def _named(folder: Path) -> Iterator[int]:
    mark = f"{folder}/".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                program, *arguments = (entry / "cmdline").read_bytes().split(b"\0")
                daemon = Path(os.fsdecode(program)).name.startswith(("dockerd", "containerd"))
                if daemon and any(mark in argument for argument in arguments):
                    yield int(entry.name)


def _cgroups(name: str) -> list[Path]:
    """The engine's cgroups, children before parents: one tree on cgroup v2, one a controller on v1."""
    tops = [top for parent in (CGROUPS, *CGROUPS.glob("*/")) if (top := parent / name).is_dir()]
    return [group for top in tops for group in sorted((top, *top.glob("**/")), reverse=True)]


def _members(group: Path) -> Iterator[int]:
    with contextlib.suppress(OSError):
        yield from map(int, (group / "cgroup.procs").read_text().split())


def _end(pids: list[int]) -> None:
    for pid in dict.fromkeys(pids):
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            try:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                select.select([descriptor], [], [], 5)
            finally:
                os.close(descriptor)


def _mounts(folder: Path) -> list[str]:
    points = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return [point for point in points if point.startswith(f"{folder}/")]
