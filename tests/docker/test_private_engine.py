"""The private engines that the other tests stand on."""

import asyncio
import contextlib
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from control.engine import Engine
from docker.processes import identity
from tests.support.counting import eventually
from tests.support.engine import PREFIX, PrivateEngine, private_engine, sweep_abandoned
from tests.support.fixtures import load_images

LABEL = {"pontlevis.test": "private-engine"}


def run(engine: PrivateEngine, name: str, *command: str, **more: object) -> str:
    """Start a container of alpine."""
    made = engine.call(
        "POST", "/containers/create", name=name, json={"Image": "alpine", "Cmd": command, "Labels": LABEL, **more}
    )
    engine.call("POST", f"/containers/{made['Id']}/start")
    return str(made["Id"])


def fetch(url: str) -> bytes:
    """What is there; nothing while nobody listens."""
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
        return bytes(answer.read())
    return b""


def living() -> Iterator[tuple[str, bytes]]:
    """Every process that is no zombie, with its command line and cgroups."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if identity(int(entry.name)):
                yield entry.name, (entry / "cmdline").read_bytes() + (entry / "cgroup").read_bytes()


def traces(folder: Path) -> list[str]:
    """What is left of an engine: processes, mounts, cgroups, files."""
    name = folder.name
    processes = [pid for pid, marks in living() if name.encode() in marks]
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if name in line]
    groups = [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/{name}")]
    return [*processes, *mounts, *groups, *map(str, folder.parent.glob(f"{name}*"))]


def test_a_published_port_answers_inside_the_engines_network_alone(engine: PrivateEngine) -> None:
    """127.0.0.1 inside is another host than 127.0.0.1 outside."""
    container = run(
        engine,
        "private-web",
        *("sh", "-c", "echo hello >/tmp/x; exec httpd -f -p 80 -h /tmp"),
        ExposedPorts={"80/tcp": {}},
        HostConfig={"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8000"}]}},
    )
    try:
        with engine.entered():
            eventually("the published port answers", lambda: fetch("http://127.0.0.1:8000/x") == b"hello\n")
        with socket.socket() as outside:
            outside.settimeout(1)
            assert outside.connect_ex(("127.0.0.1", 8000)) != 0
    finally:
        engine.call("DELETE", f"/containers/{container}", force="true")


def test_after_its_end_an_engine_leaves_nothing() -> None:
    """Not even one that was killed with containers running on it."""
    with private_engine() as engine:
        load_images(engine, "alpine")
        run(engine, "orphan", "sleep", "1000")
        assert traces(engine.folder)
        engine.kill()
    assert traces(engine.folder) == []


def test_killed_and_started_it_is_the_same_engine() -> None:
    """kill -9, restart, and a freeze: images and containers are still there."""
    with private_engine("--live-restore") as engine:
        load_images(engine, "alpine")
        container = run(engine, "survivor", "sleep", "1000")
        before = engine.call("GET", f"/containers/{container}/json")["State"]
        engine.kill()
        engine.start()
        engine.restart()
        assert engine.call("GET", f"/containers/{container}/json")["State"] == before
        engine.pause()
        engine.resume()
        assert asyncio.run(version(engine)) == engine.call("GET", "/version")["Version"]


async def version(engine: PrivateEngine) -> str:
    adapter = Engine(engine.url)
    try:
        return await adapter.ping()
    finally:
        await adapter.close()


def test_an_abandoned_engine_is_swept_and_a_living_one_is_not() -> None:
    """A test run that was killed leaves an engine whose owner is no more."""
    with private_engine() as living, private_engine() as abandoned:
        (abandoned.folder / "owner").write_text(identity(1).replace(" ", " 9"))
        sweep_abandoned()
        assert traces(abandoned.folder) == []
        assert living.call("GET", "/version")["ApiVersion"]
        assert living.folder.name.startswith(PREFIX)
