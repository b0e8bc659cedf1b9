"""`python -m counter`: settings, options, and what it says when it can't."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr

import counter
from counter import settings
from counter.embedded import LOOPBACK, EmbeddedError, Mongod, free_port
from tests.counter.conftest import Target
from tests.support.counting import CounterProcess, eventually

ROOT = Path(__file__).parents[2]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "counter", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_setting_is_bounded_and_documented() -> None:
    """Each setting stands in `--help` and in the README's table, with its default and its description."""
    told = run("--help").stdout
    readme = (ROOT / "README.md").read_text()
    for name, default, description in settings.describe():
        assert f"{name}\n" in told
        assert description
        assert f"| `{name}` | `{default}` | {description} |" in readme


def test_defaults_are_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset and empty settings have their defaults: the loopback alone, one worker."""
    for name, _, _ in settings.describe():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COUNTER_PORT", "")
    chosen = settings.load()
    assert (chosen.host, chosen.port, chosen.workers) == ("127.0.0.1", 8000, 1)
    assert chosen.mongodb_url == SecretStr("mongodb://127.0.0.1:27017")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COUNTER_PORT", "0"),
        ("COUNTER_PORT", "65536"),
        ("COUNTER_PORT", "http"),
        ("COUNTER_WORKERS", "0"),
        ("COUNTER_WORKERS", "65"),
        ("COUNTER_DATABASE_TIMEOUT", "2"),
        ("COUNTER_DATABASE_TIMEOUT", "nan"),
        ("COUNTER_SHUTDOWN_TIMEOUT", "5"),
        ("COUNTER_LOG_LEVEL", "loud"),
        ("COUNTER_LOG_FORMAT", "xml"),
        ("COUNTER_LOG_REQUESTS", "perhaps"),
        ("COUNTER_MONGODB_URL", "postgres://user:s3cret@db/"),
    ],
)
def test_an_unusable_setting_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """The variable is named, the value (it may be a secret) is not, and there is no traceback."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as exit_:
        settings.load()
    said = str(exit_.value)
    assert said.startswith(f"counter: {name}: ")
    assert "s3cret" not in said
    assert "\n" not in said


def test_an_unusable_setting_ends_the_command() -> None:
    """Exit 1, and that line on standard error."""
    ended = run(COUNTER_WORKERS="none")
    assert ended.returncode == 1
    assert ended.stderr.startswith("counter: COUNTER_WORKERS: ")
    assert "Traceback" not in ended.stderr


def test_a_taken_port_is_said() -> None:
    """A port that another program has is one clear line, exit 1."""
    with closing(socket.create_server((LOOPBACK, 0))) as taken:
        ended = run(COUNTER_PORT=str(taken.getsockname()[1]))
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert re.fullmatch(r"counter: can't listen on 127\.0\.0\.1:\d+: .*in use.*COUNTER_PORT.*\n", ended.stderr)


def test_reload(tmp_path: Path, target: Target) -> None:
    """With `--reload`, a change of the source is served without a restart by hand."""
    shutil.copytree(Path(counter.__file__).parent, tmp_path / "counter")
    routes = tmp_path / "counter" / "routes.py"
    with CounterProcess(tmp_path, target.url, "--reload", folder=tmp_path) as running:
        assert running.http.get("/healthz").json() == {"status": "ok"}

        routes.write_text(routes.read_text().replace('{"status":"ok"}', '{"status":"changed"}'))

        def changed() -> bool:
            try:
                return bool(running.http.get("/healthz").json() == {"status": "changed"})
            except httpx2.TransportError:
                return False

        eventually("the change is served", changed)
        assert running.count() == 1


def test_embedded(tmp_path: Path) -> None:
    """`--embedded` brings a mongod of its own, keeps its data for the next time, and takes it along at the end,
    also when it is killed."""
    data = tmp_path / "data"
    for expected, how in ((1, signal.SIGTERM), (2, signal.SIGKILL), (3, signal.SIGTERM)):
        with CounterProcess(tmp_path, "mongodb://unused.invalid", "--data", str(data)) as running:
            eventually("counting", running.counts)
            assert running.count() == 2 * expected
            mongod = int((data / "mongod.lock").read_text())
            running.process.send_signal(how)
            running.process.wait(20)
        eventually("mongod has ended", lambda mongod=mongod: not Path(f"/proc/{mongod}").exists())  # type: ignore[misc]


def test_two_on_one_data_folder(tmp_path: Path) -> None:
    """A data folder in use is said in one line."""
    with Mongod(tmp_path / "data"):
        ended = run("--data", str(tmp_path / "data"), COUNTER_PORT=str(free_port()))
    assert ended.returncode == 1
    assert "another one uses" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_no_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the wheel the error says where it exists and what to do."""
    monkeypatch.setattr("counter.embedded.find_spec", lambda _: None)
    with pytest.raises(EmbeddedError, match="COUNTER_MONGODB_URL"):
        Mongod(tmp_path).start()
