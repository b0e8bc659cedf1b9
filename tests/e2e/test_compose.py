"""docker/compose.yaml under a real Compose: Debian's docker-compose, or the plugin where there is one."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx2
import pytest

from docker.cache import REPOSITORY
from docker.packages import find
from tests.support.engine import PrivateEngine
from tests.support.polling import eventually

PROJECT: Final = "pontlevis-test"
SERVER: Final = "http://127.0.0.1:8000"


class Compose:
    """`docker compose`, on the private engine's host."""

    def __init__(self, command: list[str], engine: PrivateEngine, environment: dict[str, str]) -> None:
        self._command = command
        self._engine = engine
        self._environment = environment

    def __call__(self, *words: str, dev: bool = False) -> str:
        """Run it with the files of this repository; gives what it says."""
        files = ["compose.yaml", "compose.dev.yaml"] if dev else ["compose.yaml"]
        options = [part for name in files for part in ("-f", str(REPOSITORY / "docker" / name))]
        with self._engine.entered():
            done = subprocess.run(
                [*self._command, *options, "-p", PROJECT, *words],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        assert done.returncode == 0, done
        return done.stdout

    def get(self, path: str) -> httpx2.Response | None:
        """What the published server answers, if it does."""
        with self._engine.entered():
            try:
                return httpx2.get(f"{SERVER}{path}", timeout=5)
            except httpx2.TransportError:
                return None

    def ready(self) -> bool:
        """Whether the server counts."""
        answer = self.get("/readyz")
        return answer is not None and answer.is_success

    def count(self) -> int:
        """Count, once the server can."""
        eventually(self.ready)
        answer = self.get("/")
        assert answer is not None
        return int(answer.text)


@pytest.fixture
def compose(engine: PrivateEngine, mongo_image: str, python_image: str) -> Iterator[Compose]:
    """On an engine that nothing stands on; the local images in the place of the official ones."""
    plugin = ["docker", "compose"]
    classic = find("docker-compose")
    if classic is None and subprocess.run([*plugin, "version"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no docker-compose here; `make test` installs Debian's where it can")
    engine.clear()
    environment = {
        **os.environ,
        "DOCKER_HOST": engine.url,
        "DOCKER_SOCKET": str(engine.socket),
        "PYTHON_IMAGE": python_image,
        "MONGO_IMAGE": mongo_image,
        "DOCKER_BUILDKIT": "0",  # no registry answers for its front end
    }
    yield Compose([classic] if classic else plugin, engine, environment)
    engine.clear()


def test_it_counts_and_control_sees_it(compose: Compose) -> None:
    """Images are built from the checkout, the three services run, and control writes down who is connected."""
    compose("up", "--detach", "--build")
    assert [compose.count(), compose.count()] == [1, 2]
    token = compose("exec", "-T", "control", "pontlevis", "token")
    assert token.startswith("pontlevis_")
    eventually(lambda: f"{PROJECT}_mynet" in compose("exec", "-T", "control", "pontlevis", "events"))
    compose("down", "--volumes")


def test_the_developers_server_starts_again_when_its_source_changes(compose: Compose) -> None:
    """The checkout is mounted over the image's copy, and a touch is enough."""
    compose("up", "--detach", "--build", dev=True)
    assert compose.count() == 1
    started = str(compose("logs", "--no-color", "server", dev=True)).count("Started server process")
    source = Path(REPOSITORY / "counter" / "__init__.py")
    source.touch()
    eventually(lambda: compose("logs", "--no-color", "server", dev=True).count("Started server process") > started)
    assert compose.count() == 2
    compose("down", "--volumes", dev=True)
