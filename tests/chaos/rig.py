"""What the run stands on: an engine, a control, a small disk under its data folder, and a clock of its own to step.

The disk is a tmpfs. Control's wall clock is libfaketime's (Debian's `faketime`), preloaded into that process alone,
its monotonic clock left true; where the library is not there, control has the machine's and no step is made. The
machine's own clock is never touched. What a killed run left is found by its folder's name, and removed by the next.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from docker.processes import identity
from tests.chaos.hands import Places
from tests.support.control import Control
from tests.support.engine import PrivateEngine, sweep_abandoned
from tests.support.fixtures import load_images

PREFIX: Final = "pontlevis-chaos-"
DISK_MEBIBYTES: Final = 128
LIBRARIES: Final = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib64/faketime/libfaketimeMT.so.1")


class Clock:
    """Control's wall clock: so many seconds off."""

    def __init__(self, folder: Path) -> None:
        found = [path for pattern in LIBRARIES for path in sorted(Path("/").glob(pattern.removeprefix("/")))]
        self.library = found[0] if found else None
        self._file = folder / "clock"
        self.step(0)

    @property
    def settings(self) -> dict[str, str]:
        """The environment of a process that has this clock."""
        if self.library is None:
            return {}
        return {
            "LD_PRELOAD": str(self.library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def step(self, seconds: int) -> None:
        """From now on it is so far off the machine's."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.replace(self._file)

    @staticmethod
    def forget(pid: int) -> None:
        """Remove what the library leaves of a process that was killed."""
        for name in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
            (Path("/dev/shm") / name).unlink(missing_ok=True)


class Disk:
    """A small tmpfs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"
        folder.mkdir()
        options = f"size={DISK_MEBIBYTES}m,mode=0700"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "pontlevis-chaos", str(folder)], check=True)

    def fill(self) -> None:
        """Leave not a page free. Said again, it takes what was freed since."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12):
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)):
                        pass

    def free(self) -> None:
        """Give it back."""
        self._ballast.unlink(missing_ok=True)

    def remove(self) -> None:
        """Unmount it."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=False, stderr=subprocess.DEVNULL)


class Rig:
    """All of it together."""

    def __init__(self, engine: PrivateEngine, folder: Path, **settings: str) -> None:
        """On a started engine that has the images; in a folder that is there."""
        (folder / "owner").write_text(identity(os.getpid()))
        self.engine = engine
        self.clock = Clock(folder)
        self.disk = Disk(folder / "data")
        quick = {"CONTROL_RECONCILE_INTERVAL": "1", "CONTROL_CANARY_INTERVAL": "3", "CONTROL_LOG_FORMAT": "json"}
        self.control = Control(engine.url, self.disk.folder, **{**quick, **self.clock.settings, **settings})
        self.folder = folder

    @property
    def places(self) -> Places:
        """For the hands."""
        return Places(str(self.engine.socket), self.control.url, lambda: self.control.token)

    def kill_control(self) -> None:
        """kill -9."""
        pid = self.control.process.pid if self.control.process is not None else None
        self.control.kill()
        if pid is not None:
            self.clock.forget(pid)

    def freeze_control(self) -> None:
        """SIGSTOP."""
        assert self.control.process is not None
        os.kill(self.control.process.pid, signal.SIGSTOP)

    def thaw_control(self) -> None:
        """SIGCONT."""
        assert self.control.process is not None
        os.kill(self.control.process.pid, signal.SIGCONT)

    def control_is_dead(self) -> str | None:
        """How control's log ends, where it ended by itself."""
        process = self.control.process
        if process is None or process.poll() is None:
            return None
        return f"control ended by itself with {process.returncode}: {self.control.log_path.read_text()[-1500:]}"

    def end(self) -> None:
        """Stop control, and remove the disk. The engine is its maker's."""
        if self.control.process is not None:
            pid = self.control.process.pid
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.control.stop()
            self.clock.forget(pid)
        self.disk.remove()


@contextmanager
def rig(engine: PrivateEngine, **settings: str) -> Iterator[Rig]:
    """A rig on this engine, with control started; its folder goes with it, its control's log as well."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    made = Rig(engine, folder, **settings)
    try:
        made.control.start()
        yield made
    finally:
        made.end()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_engine(*options: str) -> Iterator[PrivateEngine]:
    """A private engine with the image alpine."""
    sweep()
    engine = PrivateEngine(*options)
    try:
        engine.start()
        load_images(engine, "alpine")
        yield engine
    finally:
        engine.stop()


def sweep() -> None:
    """Remove what a run left that was killed before it could."""
    sweep_abandoned()
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            owner = (folder / "owner").read_text()
        except OSError:
            continue  # being made or removed this moment, or evidence
        if owner != identity(int(owner.split()[0])):
            _end_control_of(folder)
            subprocess.run(["umount", "--lazy", str(folder / "data")], check=False, stderr=subprocess.DEVNULL)
            shutil.rmtree(folder, ignore_errors=True)


def _end_control_of(folder: Path) -> None:
    """kill -9 of the control whose data folder is in this folder, whose name is unique."""
    mark = f"CONTROL_DATA_DIR={folder / 'data'}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    os.kill(int(entry.name), signal.SIGKILL)
                    Clock.forget(int(entry.name))
