"""Who types commands at the top of the checkout, on a private engine's host or on a machine without an engine."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from docker.cache import REPOSITORY
from tests.support.engine import PrivateEngine
from tests.support.netns import inside, new_namespace

SECONDS: Final = 240
SETTINGS: Final = ("CONTROL_", "COUNTER_", "UP_", "SERVER_PORT", "DOCKER_HOST", "KEEP", "MAKE", "MFLAGS", "PONTLEVIS_")
FENCE: Final = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
"""What keeps the processes and file systems of a bare machine to itself."""
NOBODY: Final = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    # May read what is root's, such as this checkout or its Python, and may do no more.
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
)


@dataclass(frozen=True)
class Said:
    """What a command gave."""

    code: int
    out: list[str]
    err: list[str]


@dataclass
class Person:
    """Types commands at the top of the checkout, on the private engine's host."""

    engine: PrivateEngine
    data: Path

    def environment(self, **more: str) -> dict[str, str]:
        """Without the settings that the tests themselves may run under."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
        return {**plain, "DOCKER_HOST": self.engine.url, "CONTROL_DATA_DIR": str(self.data), **more}

    def make(self, *words: str, **more: str) -> Said:
        """Run `make …`, without a terminal and with nothing to read."""
        with self.engine.entered():
            return run(["make", "--no-print-directory", *words], self.environment(**more))

    def state(self) -> dict[str, Any]:
        """All that stands on the engine and in the data folder, by what can't stay the same if it is made anew."""
        containers = self.engine.call("GET", "/containers/json", all="true")
        shown = [self.engine.call("GET", f"/containers/{entry['Id']}/json") for entry in containers]
        volumes = self.engine.call("GET", "/volumes")["Volumes"] or ()
        return {
            "containers": {one["Name"]: (one["Id"], one["State"]["StartedAt"], one["RestartCount"]) for one in shown},
            "networks": {one["Name"]: one["Id"] for one in self.engine.call("GET", "/networks")},
            "volumes": {one["Name"]: one["CreatedAt"] for one in volumes},
            "images": {one["Id"] for one in self.engine.call("GET", "/images/json")},
            "data": sorted(path.name for path in self.data.iterdir()) if self.data.exists() else None,
        }


def run(command: Sequence[str], environment: dict[str, str]) -> Said:
    """Run a command to its end."""
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return Said(done.returncode, done.stdout.splitlines(), done.stderr.splitlines())


class Bare:
    """A machine without an engine: file systems, processes and network of its own, gone with its first process."""

    def __init__(self, folder: Path) -> None:
        for name in ("lib", "log", "data"):
            (folder / name).mkdir()
        self._folder = folder
        self._namespace = new_namespace()

    def run(self, *script: str) -> Said:
        """Run a shell script on it."""
        ready = (
            "set -e",
            "mount -t tmpfs tmpfs /run",
            f"mkdir -p /var/lib/docker && mount --bind {self._folder}/lib /var/lib/docker",
            f"mount --bind {self._folder}/log /var/log",
        )
        plain = {name: value for name, value in os.environ.items() if not name.startswith((*SETTINGS, "XDG_"))}
        with inside(self._namespace):
            return run(
                ["unshare", *FENCE, "sh", "-c", "\n".join((*ready, *script))],
                {**plain, "CONTROL_DATA_DIR": str(self._folder / "data" / "pontlevis")},
            )

    def close(self) -> None:
        """Let go of its network."""
        os.close(self._namespace)
