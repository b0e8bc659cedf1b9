"""`make up`, `make down` and their kin, as a person types them, on a private engine and on a machine without one."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from docker.cache import REPOSITORY
from tests.support.engine import PrivateEngine
from tests.support.netns import inside, new_namespace

LABEL: Final = "pontlevis.up=pontlevis"
FOREIGN: Final = {"pontlevis.test": "up"}
SECONDS: Final = 240
SETTINGS: Final = ("CONTROL_", "COUNTER_", "UP_", "SERVER_PORT", "DOCKER_HOST", "KEEP", "MAKE", "MFLAGS", "PONTLEVIS_")


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


@pytest.fixture
def person(engine: PrivateEngine, tmp_path: Path) -> Iterator[Person]:
    """On an engine that nothing stands on, before and after."""
    engine.clear()
    yield Person(engine, tmp_path / "data")
    engine.clear()


def test_up_counts_to_one_and_said_twice_changes_nothing(person: Person) -> None:
    """The main job, then again, then `make down`, twice."""
    untouched = person.state()
    first = person.make("up")
    assert first.code == 0, first
    assert first.out[0] == "1"
    assert [words(line) for line in first.out[1:]] == [
        ["connect", "bridge", "db"],
        ["connect", "mynet", "db"],
        ["disconnect", "bridge", "db"],
        ["connect", "mynet", "server"],
    ]
    assert all(line.startswith("pontlevis: ") for line in first.err), first.err
    on = person.engine.call("GET", "/networks/mynet")["Containers"].values()
    assert {entry["Name"] for entry in on} == {"db", "server"}
    assert person.engine.call("GET", "/networks/bridge")["Containers"] == {}

    before = person.state()
    second = person.make("up")
    assert second.code == 0, second
    assert second.out == first.out[1:]
    assert "pontlevis: all is as it should be; nothing changed" in second.err
    assert person.state() == before
    assert person.engine.execute("db", "mongosh", "--quiet", "--eval", "db.count.findOne().count") == "1"

    token = person.make("token")
    assert token.out == [(person.data / "token").read_text().strip()]
    logs = person.make("logs")
    assert any(json.loads(line)["event"] == "network.connect" for line in logs.out)

    down = person.make("down")
    assert down.code == 0, down
    after = person.state()
    assert {**after, "images": None} == {**untouched, "images": None}
    again = person.make("down")
    assert again.code == 0, again
    assert person.state() == after


def words(line: str) -> list[str]:
    """What happened, on which network, to whom, of a line of the log; its number, time and address vary."""
    found = re.fullmatch(r" *\d+  \S+Z  (\w+) +(\S+) +(\S+) +[\d.]+", line)
    assert found is not None, line
    return list(found.groups())


def test_control_runs_with_no_rights_but_the_socket(person: Person) -> None:
    """Not root where the socket's group lets it in, no capability, nothing to write but its data."""
    assert person.make("up").code == 0
    shown = person.engine.call("GET", "/containers/pontlevis/json")
    group = person.engine.socket.stat().st_gid
    assert shown["Config"]["User"] == ("7070:7070" if group else "0:0")
    assert shown["HostConfig"]["ReadonlyRootfs"] is True
    assert shown["HostConfig"]["CapDrop"] == ["ALL"]
    assert set(shown["NetworkSettings"]["Networks"]) == {"pontlevis"}
    assert shown["HostConfig"]["PortBindings"] == {"7070/tcp": [{"HostIp": "127.0.0.1", "HostPort": "7070"}]}
    status = person.engine.execute("pontlevis", "cat", "/proc/1/status")
    assert re.findall(r"Cap(?:Eff|Bnd):\s*(\w+)", status) == ["0" * 16, "0" * 16]
    assert (person.data / "token").stat().st_mode & 0o777 == 0o600


def test_what_has_changed_is_made_anew_and_the_rest_left(person: Person) -> None:
    """Another port for the server, a server that was stopped, and a volume that is kept."""
    assert person.make("up").code == 0
    before = person.state()["containers"]
    moved = person.make("up", "SERVER_PORT=8001")
    assert (moved.code, moved.out[0]) == (0, "2"), moved
    after = person.state()["containers"]
    assert {name for name in after if after[name] != before[name]} == {"/server"}

    person.engine.call("POST", "/containers/server/stop", t="0")
    assert person.make("up", "SERVER_PORT=8001").out[0] == "3"
    assert person.state()["containers"]["/server"][0] == after["/server"][0]

    assert person.make("down", "KEEP=1").code == 0
    kept = person.state()
    assert (list(kept["volumes"]), kept["containers"]) == (["mydb"], {})
    assert "token" in kept["data"]
    assert person.make("up").out[0] == "4"


def test_killed_half_way_it_goes_on_or_is_taken_away(person: Person) -> None:
    """kill -9 in the middle: the next `make up` ends what was begun, and `make down` removes what there is."""
    kill_when(person, "creating the network mynet")
    assert "/db" in person.state()["containers"]
    resumed = person.make("up")
    assert (resumed.code, resumed.out[0]) == (0, "1"), resumed

    person.make("down")
    kill_when(person, "creating the volume mydb")
    assert person.make("down").code == 0
    left = person.state()
    assert (left["containers"], left["volumes"], left["data"]) == ({}, {}, None)


def kill_when(person: Person, says: str) -> None:
    """Start `make up`, and kill it when it says this."""
    with person.engine.entered():
        process = subprocess.Popen(
            [sys.executable, "-m", "docker.up"],
            cwd=REPOSITORY,
            env=person.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            if says in line:
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL, f"it never said {says!r}"


@pytest.mark.parametrize(("port", "variable"), [(7070, "CONTROL_PORT"), (8000, "SERVER_PORT")])
def test_a_port_taken_ends_it_before_anything_is_done(person: Person, port: int, variable: str) -> None:
    """One clear line, exit 1."""
    before = person.state()
    with person.engine.entered(), socket.create_server(("127.0.0.1", port)):
        said = person.make("up")
    assert_refused(said, f"port {port} of 127.0.0.1 is taken", variable)
    assert person.state() == before


@pytest.mark.parametrize(
    ("kind", "name", "variable"),
    [
        ("container", "db", "UP_DB"),
        ("container", "server", "UP_SERVER"),
        ("container", "pontlevis", "UP_CONTROL"),
        ("network", "mynet", "UP_NETWORK"),
        ("volume", "mydb", "UP_VOLUME"),
    ],
)
def test_what_is_anothers_is_never_touched(person: Person, kind: str, name: str, variable: str) -> None:
    """A container, network or volume of the seed's names that `make up` did not make. `make down` leaves it too."""
    make = {
        "container": lambda: person.engine.call(
            "POST", "/containers/create", name=name, json={"Image": "alpine", "Labels": FOREIGN}
        ),
        "network": lambda: person.engine.call("POST", "/networks/create", json={"Name": name, "Labels": FOREIGN}),
        "volume": lambda: person.engine.call("POST", "/volumes/create", json={"Name": name, "Labels": FOREIGN}),
    }
    make[kind]()
    before = person.state()
    assert_refused(person.make("up"), f"there is a {kind} named {name} that `make up` did not make", variable)
    assert person.state() == before
    assert person.make("down").code == 0
    assert person.state() == before


def test_where_no_engine_answers(person: Person, tmp_path: Path) -> None:
    """The address that was given is the one that counts, and another machine's engine will not do."""
    silent = f"unix://{tmp_path}/none.sock"
    assert_refused(person.make("up", DOCKER_HOST=silent), "no engine answers at DOCKER_HOST", silent)
    assert_refused(person.make("up", DOCKER_HOST="tcp://127.0.0.1:2375"), "another machine's engine")
    assert not person.data.exists()


def test_a_setting_that_is_none(person: Person) -> None:
    """Said before anything else is looked at."""
    assert_refused(person.make("up", "SERVER_PORT=http"), "SERVER_PORT=http is no port")
    assert_refused(person.make("up", "SERVER_PORT=7070"), "CONTROL_PORT and SERVER_PORT are both 7070")


def test_a_socket_that_is_not_for_you(person: Person) -> None:
    """Neither root nor in the socket's group."""
    with person.engine.entered():
        said = run([*NOBODY, "make", "--no-print-directory", "up"], person.environment())
    assert_refused(said, f"the engine's socket {person.engine.socket} is not for you")


NOBODY: Final = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    # May read what is root's, such as this checkout or its Python, and may do no more.
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
)


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


FENCE: Final = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Bare]:
    """Such a machine."""
    machine = Bare(tmp_path)
    yield machine
    machine.close()


def test_without_an_engine_one_is_started_and_stopped_again(bare: Bare) -> None:
    """Docker's programs are there, no engine runs, no systemd either: it is started by hand, and ends with `down`."""
    said = bare.run(
        "make --no-print-directory up",
        "test -S /run/docker.sock",
        "make --no-print-directory down",
        "pgrep -l 'dockerd|containerd' && exit 9",
        "test ! -e /run/pontlevis-dockerd",
    )
    assert said.code == 0, said
    assert said.out[0] == "1"
    assert "pontlevis: starting the engine by hand; its log is /var/log/pontlevis-dockerd.log" in said.err
    assert "pontlevis: stopping the engine that `make up` started" in said.err


def test_without_an_engine_and_without_root(bare: Bare) -> None:
    """Nobody but root can install and start one."""
    said = bare.run(f"exec {' '.join(NOBODY)} make --no-print-directory up")
    assert_refused(said, "no engine answers at /run/docker.sock, and only root can install and start one")


def test_where_no_engine_is_to_be_had(bare: Bare) -> None:
    """Root, but neither dockerd nor apt-get."""
    hide = [f"! test -e {path} || mount --bind /dev/null {path}" for path in ("/usr/sbin/dockerd", "/usr/bin/apt-get")]
    said = bare.run(*hide, "exec make --no-print-directory up")
    assert_refused(said, "there is no apt-get here to install one")


def assert_refused(said: Said, *parts: str) -> None:
    """One clear line and exit 1 (make's own code for it is 2, and its line names the target)."""
    lines = [line for line in said.err if not line.startswith("make: ***")]
    assert said.code == 2, said
    assert "Error 1" in said.err[-1], said
    assert said.out == []
    assert len(lines) == 1, lines
    assert lines[0].startswith("pontlevis: ")
    for part in parts:
        assert part in lines[0]
