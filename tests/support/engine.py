"""Private Docker Engines for tests: a dockerd and a containerd of one's own, to kill, stop and start at will.

Each lives in a network namespace without a name and in one temporary folder, and has a cgroup of that folder's
name. So its bridges, published ports and iptables rules are seen by nobody else, 127.0.0.1:7070 is free in each,
and what it leaves behind can be found and removed even when the test run was killed: `sweep_abandoned` does it.

The containerd is started here and not by dockerd, which would otherwise share the machine's own where one runs.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx2

from docker.processes import identity, start_daemon
from tests.support.leftovers import remove_everything_of
from tests.support.netns import inside, new_namespace

PREFIX: Final = "pontlevis-engine-"
READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0

_CONTAINERD: Final = """version = 2
root = "{folder}/containerd/root"
state = "{folder}/containerd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
address = "{folder}/containerd.sock"
"""


class EngineRefused(Exception):
    """The engine answered a call with an error: its status and its words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class PrivateEngine:
    """One engine. `start` it, and `stop` it for good; in between `kill`, `restart`, `pause` and `resume`."""

    def __init__(self, *options: str) -> None:
        """`options` are further ones of dockerd's command line, such as `--live-restore`."""
        self.options = options
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        (self.folder / "owner").write_text(identity(os.getpid()))
        self.socket = self.folder / "docker.sock"
        self.url = f"unix://{self.socket}"
        self.log = self.folder / "dockerd.log"
        self._namespace = new_namespace()
        self._containerd: subprocess.Popen[bytes] | None = None
        self._dockerd: subprocess.Popen[bytes] | None = None
        self._api = httpx2.Client(
            transport=httpx2.HTTPTransport(uds=str(self.socket)), base_url="http://engine", timeout=30
        )

    @property
    def pid(self) -> int:
        """The dockerd's process id."""
        assert self._dockerd is not None, "this engine is not running"
        return self._dockerd.pid

    @contextmanager
    def entered(self) -> Iterator[None]:
        """The calling thread, and what it starts, is in the engine's network: published ports answer there."""
        with inside(self._namespace):
            yield

    def start(self) -> None:
        """Start, and wait until it answers."""
        folder = self.folder
        if self._containerd is None:
            config = folder / "containerd.toml"
            config.write_text(_CONTAINERD.format(folder=folder))
            self._containerd = self._spawn(folder / "containerd.log", ["containerd", "--config", str(config)])
        (folder / "daemon.json").write_text("{}")  # and not /etc/docker/daemon.json, which is the machine's
        (folder / "docker.pid").unlink(missing_ok=True)
        command = [
            "dockerd",
            *("--config-file", str(folder / "daemon.json"), "--host", self.url),
            *("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
            *("--pidfile", str(folder / "docker.pid"), "--containerd", str(folder / "containerd.sock")),
            *("--cgroup-parent", f"/{folder.name}", "--exec-opt", "native.cgroupdriver=cgroupfs"),
            *self.options,
        ]
        with self.entered():
            self._dockerd = start_daemon(command, log=self.log, within=READY_SECONDS)

    def _spawn(self, log: Path, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with self.entered(), log.open("ab") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # so that Ctrl-C is for the tests, which then stop it
            )

    def kill(self) -> None:
        """kill -9 of dockerd. Its containers go on; `start` brings it back."""
        self._end(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM to dockerd, which stops its containers unless it restores them live; waits for its end."""
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        """SIGTERM, and start again."""
        self.terminate()
        self.start()

    def pause(self) -> None:
        """Freeze dockerd (SIGSTOP): it accepts connections and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Thaw it."""
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        if self._dockerd is None:
            return
        self._dockerd.send_signal(number)
        self._dockerd.send_signal(signal.SIGCONT)
        try:
            self._dockerd.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._dockerd.kill()
            self._dockerd.wait()
        self._dockerd = None

    def call(self, method: str, path: str, *, json: object = None, **query: str) -> Any:  # noqa: ANN401  (any JSON)
        """What the engine itself answers, in its own words: a witness beside the code under test."""
        response = self._api.request(method, path, json=json, params=query)
        answer = response.json() if response.headers.get("Content-Type", "").startswith("application/json") else None
        if response.is_error:
            raise EngineRefused(response.status_code, str((answer or {}).get("message", response.text)))
        return answer

    def execute(self, container: str, *command: str) -> str:
        """`docker exec`: what the command wrote, both streams together."""
        asked = {"Cmd": command, "AttachStdout": True, "AttachStderr": True}
        created = self.call("POST", f"/containers/{container}/exec", json=asked)
        framed = self._api.post(f"/exec/{created['Id']}/start", json={}).raise_for_status().content
        written = bytearray()
        while framed:  # each piece after the stream's number, three zeros and its length
            end = 8 + int.from_bytes(framed[4:8])
            written += framed[8:end]
            framed = framed[end:]
        return written.decode().strip()

    def clear(self, label: str | None = None) -> None:
        """Remove every container, network and volume there is (or those with this label), and no image."""
        filters = {"filters": json.dumps({"label": [label]})} if label else {}
        for container in self.call("GET", "/containers/json", all="true", **filters):
            self.call("DELETE", f"/containers/{container['Id']}", force="true", v="true")
        # A configuration goes after the networks that take it.
        for network in sorted(self.call("GET", "/networks", **filters), key=lambda it: bool(it.get("ConfigOnly"))):
            if network["Name"] not in {"bridge", "host", "none"}:
                self._remove_network(network["Id"])
        for volume in self.call("GET", "/volumes", **filters)["Volumes"] or ():
            self.call("DELETE", f"/volumes/{volume['Name']}")

    def _remove_network(self, id_: str) -> None:
        """Remove a network, also one on which the engine left an endpoint of a container that is gone."""
        for attempt in range(5):
            try:
                self.call("DELETE", f"/networks/{id_}")
            except EngineRefused:
                if attempt == 4:
                    raise
                for container in self.call("GET", f"/networks/{id_}")["Containers"]:
                    with contextlib.suppress(EngineRefused):
                        asked = {"Container": container, "Force": True}
                        self.call("POST", f"/networks/{id_}/disconnect", json=asked)
                time.sleep(0.2)
            else:
                return

    def stop(self) -> None:
        """End it, and leave nothing: no process, mount, cgroup, namespace or file."""
        if self._dockerd is not None and self._dockerd.poll() is None:
            self.resume()
            with contextlib.suppress(httpx2.HTTPError, EngineRefused):
                self.clear()
        self._api.close()
        self.terminate()
        if self._containerd is not None:
            self._containerd.terminate()
            try:
                self._containerd.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._containerd.kill()
                self._containerd.wait()
            self._containerd = None
        remove_everything_of(self.folder)
        os.close(self._namespace)


@contextmanager
def private_engine(*options: str) -> Iterator[PrivateEngine]:
    """A started engine without images, removed afterwards."""
    engine = PrivateEngine(*options)
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()


def sweep_abandoned() -> None:
    """Remove what a test run left that was killed before it could."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            owner = (folder / "owner").read_text()
        except OSError:
            continue  # being made or removed this moment
        if owner != identity(int(owner.split()[0])):
            remove_everything_of(folder)
            shutil.rmtree(folder, ignore_errors=True)
