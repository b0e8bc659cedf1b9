"""The control API beside the engine's own socket: what it costs to ask here instead of there.

One private engine, one control on it, both asked by the same bare client over connections that stay open, in turns
within a round, so that what the machine does meanwhile meets both. The `docker` command is a process for each question,
as a person uses it. An inspect of a network by the API answers what takes three kinds of questions at the socket (the
network, the containers that refer to it, each of these), so it is set beside those; beside the first alone it is shown.
"""

import http.client
import json
import os
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from tests.bench import tools
from tests.bench.figures import Figure, table
from tests.support.control import Control
from tests.support.engine import PrivateEngine, private_engine
from tests.support.fixtures import load_images

NETWORKS: Final = 50
CONTAINERS: Final = 100
ON_ONE: Final = 10
"""Containers on the network that is inspected."""

AT_ONCE: Final = 16
ASKED: Final = 40
"""Questions of a kind in a round."""

CHANGES: Final = 15
"""Connects and disconnects of a kind in a round."""

BY_COMMAND: Final = 5
"""Questions by the `docker` command in a round."""

LIST, INSPECT, CHANGE, CROWD = 1.5, 1.5, 1.1, 1.05
"""What is wanted: the API's time over the socket's."""

Way = str
SOCKET, API, COMMAND = "engine's socket", "control's API", "docker command"


@dataclass(slots=True)
class Measured:
    """Seconds, by what was asked and by which way: the median of each round."""

    seconds: dict[tuple[str, Way], list[float]] = field(default_factory=dict)

    def ratios(self, what: str, over: str | None = None, *, of: Way = API, to: Way = SOCKET) -> list[float]:
        """Of each round: the time of `what` by one way, over that of it (or of `over`) by another."""
        pairs = zip(self.seconds[what, of], self.seconds[over or what, to], strict=True)
        return sorted(mine / theirs for mine, theirs in pairs)


class Asking:
    """A connection that stays open, over TCP or to a socket's path."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self._place = urlsplit(url)
        self._headers = {"Content-Type": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._open()

    def _open(self) -> None:
        if self._place.hostname is None:
            self._connection = http.client.HTTPConnection("engine")
            self._connection.sock = socket.socket(socket.AF_UNIX)
            self._connection.sock.connect(self._place.path)
        else:
            self._connection = http.client.HTTPConnection(self._place.hostname, self._place.port)
            self._connection.connect()
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401  (any JSON)
        """What it answers; an error ends the bench."""
        sent = None if body is None else json.dumps(body)
        try:
            self._connection.request(method, path, sent, self._headers)
            response = self._connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError):  # it was idle for longer than is waited for
            self._open()
            self._connection.request(method, path, sent, self._headers)
            response = self._connection.getresponse()
        text = response.read()
        if response.status >= 400:
            raise RuntimeError(f"{method} {path}: {response.status} {text[:300]!r}")
        return json.loads(text) if text.startswith((b"{", b"[")) else None


class Scene:
    """An engine with networks and running containers, a control on it, and ways to ask both."""

    def __init__(self, cleanup: ExitStack) -> None:
        self.engine: PrivateEngine = cleanup.enter_context(private_engine())
        load_images(self.engine, "alpine")
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="pontlevis-bench-")))
        self.control = Control(self.engine.url, folder / "data")
        cleanup.callback(self.control.stop)
        self.control.start()
        self.socket = self.to_socket()
        self.api = self.to_api()
        tools.say(f"{NETWORKS} networks and {CONTAINERS} containers")
        self.networks = [self._network(number) for number in range(NETWORKS)]
        with ThreadPoolExecutor(4) as pool:
            self.containers = list(pool.map(self._container, range(CONTAINERS)))
        for container in self.containers[:ON_ONE]:
            self.connect(self.socket, SOCKET, self.networks[0], container)
        self.rest()

    def to_socket(self) -> Asking:
        return Asking(self.engine.url)

    def to_api(self) -> Asking:
        return Asking(self.control.url, self.control.token)

    def rest(self) -> None:
        """Until control has recorded and compared what was done."""
        time.sleep(1.5)

    def _network(self, number: int) -> str:
        pool = {"Subnet": f"10.77.{number}.0/24"}
        made = {"Name": f"bench{number}", "CheckDuplicate": True, "IPAM": {"Config": [pool]}}
        return str(self.socket.ask("POST", "/networks/create", made)["Id"])

    def _container(self, number: int) -> str:
        asking = self.to_socket()
        made = {"Image": "alpine", "Cmd": ["sleep", "100000"], "HostConfig": {"Init": True}}
        id_ = str(asking.ask("POST", f"/containers/create?name=bench{number}", made)["Id"])
        asking.ask("POST", f"/containers/{id_}/start")
        return id_

    @staticmethod
    def connect(asking: Asking, way: Way, network: str, container: str) -> None:
        if way == API:
            asking.ask("PUT", f"/networks/{network}/containers/{container}")
        else:
            asking.ask("POST", f"/networks/{network}/connect", {"Container": container})

    @staticmethod
    def disconnect(asking: Asking, way: Way, network: str, container: str) -> None:
        if way == API:
            asking.ask("DELETE", f"/networks/{network}/containers/{container}")
        else:
            asking.ask("POST", f"/networks/{network}/disconnect", {"Container": container})

    def members(self, network: str) -> None:
        """At the socket: what the API's inspect of a network answers."""
        filters = quote(json.dumps({"network": [network]}))
        self.socket.ask("GET", f"/networks/{network}")
        for container in self.socket.ask("GET", f"/containers/json?all=true&filters={filters}"):
            self.socket.ask("GET", f"/containers/{container['Id']}/json")

    def command(self, *arguments: str) -> None:
        """The `docker` command."""
        environment = {"DOCKER_HOST": self.engine.url, "PATH": os.environ["PATH"], "HOME": "/nonexistent"}
        subprocess.run(["docker", *arguments], env=environment, stdout=subprocess.DEVNULL, check=True)


def measure(*, rounds: int) -> Measured:
    """All rounds, each way first in every other one."""
    measured = Measured()
    with ExitStack() as cleanup:
        scene = Scene(cleanup)
        for number in range(rounds + 1):
            tools.say(f"round {number} of {rounds}" if number else "warming up")
            for what, ways in _questions(scene).items():
                for way in list(ways) if number % 2 else reversed(list(ways)):
                    taken = ways[way]()
                    if number:
                        measured.seconds.setdefault((what, way), []).append(taken)
    return measured


def _questions(scene: Scene) -> dict[str, dict[Way, Callable[[], float]]]:
    first, spare = scene.networks[0], scene.networks[1]
    container = scene.containers[-1]

    def asked(do: Callable[[], object], times: int = ASKED) -> Callable[[], float]:
        def run() -> float:
            return statistics.median(_timed(do) for _ in range(times))

        return run

    def change(asking: Asking, way: Way) -> Callable[[], object]:
        def do() -> None:
            scene.connect(asking, way, spare, container)
            scene.disconnect(asking, way, spare, container)

        return do

    def command_change() -> None:
        scene.command("network", "connect", spare, container)
        scene.command("network", "disconnect", spare, container)

    def crowd(way: Way) -> Callable[[], float]:
        def run() -> float:
            askers = [scene.to_api() if way == API else scene.to_socket() for _ in range(AT_ONCE)]
            lots = [scene.containers[number::AT_ONCE] for number in range(AT_ONCE)]

            def work(number: int) -> None:
                for one in lots[number]:
                    scene.connect(askers[number], way, spare, one)

            with ThreadPoolExecutor(AT_ONCE) as pool:
                taken = _timed(lambda: list(pool.map(work, range(AT_ONCE))))
            for one in scene.containers:
                scene.disconnect(scene.socket, SOCKET, spare, one)
            scene.rest()
            return taken

        return run

    api, direct = scene.api, scene.socket
    return {
        LISTED: {
            SOCKET: asked(lambda: direct.ask("GET", "/networks")),
            API: asked(lambda: api.ask("GET", "/networks?limit=1000")),
            COMMAND: asked(lambda: scene.command("network", "ls"), BY_COMMAND),
        },
        BARE: {SOCKET: asked(lambda: direct.ask("GET", f"/networks/{first}"))},
        NETWORK: {
            SOCKET: asked(lambda: scene.members(first)),
            API: asked(lambda: api.ask("GET", f"/networks/{first}")),
            COMMAND: asked(lambda: scene.command("network", "inspect", first), BY_COMMAND),
        },
        CONTAINER: {
            SOCKET: asked(lambda: direct.ask("GET", f"/containers/{container}/json")),
            API: asked(lambda: api.ask("GET", f"/containers/{container}")),
            COMMAND: asked(lambda: scene.command("inspect", container), BY_COMMAND),
        },
        CHANGED: {
            SOCKET: asked(change(direct, SOCKET), CHANGES),
            API: asked(change(api, API), CHANGES),
            COMMAND: asked(command_change, BY_COMMAND),
        },
        CROWDED: {SOCKET: crowd(SOCKET), API: crowd(API)},
    }


LISTED: Final = f"list {NETWORKS} networks, {CONTAINERS} containers there"
BARE: Final = "inspect a network, its own inspect alone"
NETWORK: Final = f"inspect a network with {ON_ONE} containers"
CONTAINER: Final = "inspect a container"
CHANGED: Final = "connect and disconnect"
CROWDED: Final = f"{CONTAINERS} connects, {AT_ONCE} at once"


def _timed(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def figures(measured: Measured) -> Iterator[Figure]:
    """The promises of the README against the rounds."""
    for what, most in ((LISTED, LIST), (NETWORK, INSPECT), (CONTAINER, INSPECT), (CHANGED, CHANGE), (CROWDED, CROWD)):
        yield _ratio(f"{what}: {API} ÷ {SOCKET}", measured.ratios(what), most)
    for what in (LISTED, NETWORK, CONTAINER, CHANGED):
        yield _ratio(f"{what}: {API} ÷ {COMMAND}", measured.ratios(what, to=COMMAND), 1.0)


def _ratio(text: str, ratios: list[float], most: float) -> Figure:
    got = statistics.median(ratios)
    return Figure(text, f"≤ {most:g}", f"{got:.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})", got <= most)


def report(measured: Measured) -> tuple[str, bool]:
    """Two Markdown tables, and whether every figure holds."""
    lines = ["| asked | by | ms |", "|---|---|--:|"]
    for (what, way), taken in measured.seconds.items():
        lines.append(f"| {what} | {way} | {statistics.median(taken) * 1000:.2f} |")
    told = list(figures(measured))
    lines += ["", *table(told, "median (least-most)")]
    return "\n".join(lines), all(figure.holds for figure in told)
