"""The `pontlevis` command as a person or a script meets it: the real program, beside a real control."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pytest

from control.cli.lines import line, printable
from tests.support.control import Control, running_control
from tests.support.engine import PrivateEngine

COMMAND = str(Path(sys.executable).with_name("pontlevis"))
DEADLINE = 30.0


@pytest.fixture(scope="module")
def control(engine: PrivateEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    engine.clear()
    with running_control(engine.url, tmp_path_factory.mktemp("cli") / "data") as control:
        yield control


@pytest.fixture
def passing(engine: PrivateEngine) -> Iterator[Callable[[str], None]]:
    """Runs a container to its end: a connect and a disconnect on the default bridge."""

    def run(name: str) -> None:
        body = {"Image": "alpine", "Cmd": ["true"]}
        container = engine.call("POST", "/containers/create", json=body, name=name)["Id"]
        engine.call("POST", f"/containers/{container}/start")
        engine.call("POST", f"/containers/{container}/wait")
        engine.call("DELETE", f"/containers/{container}", force="true")

    yield run
    engine.clear()


def environment(control: Control | None, **further: str) -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith(("CONTROL_", "PONTLEVIS_"))}
    if control is not None:
        own |= {"PONTLEVIS_URL": control.url, "PONTLEVIS_TOKEN": control.token}
    return own | further


def pontlevis(control: Control | None, *arguments: str, **further: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
        env=environment(control, **further),
    )


def eventually(look: Callable[[], list[Any]], count: int) -> list[Any]:
    deadline = time.monotonic() + DEADLINE
    while len(found := look()) < count:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def test_events_in_lines_and_in_json(control: Control, passing: Callable[[str], None]) -> None:
    passing("first")
    records = eventually(lambda: listed(control, "--container", "first"), 2)
    with control.client() as client:
        items = client.get("/events", params={"container": "first"}).json()["items"]
    assert records == items
    printed = pontlevis(control, "events", "--container", "first")
    assert (printed.returncode, printed.stderr) == (0, "")
    assert printed.stdout.splitlines() == [click.unstyle(line(item)) for item in items]
    first = printed.stdout.splitlines()[0].split()
    assert first == [str(items[0]["seq"]), items[0]["time"][:23] + "Z", "connect", "bridge", "first", "172.17.0.2"]


def test_options_choose(control: Control, passing: Callable[[str], None]) -> None:
    passing("one")
    passing("two")
    both = eventually(lambda: listed(control, "--network", "bridge"), 4)
    last = both[-4:]
    assert [event["container"]["name"] for event in last] == ["one", "one", "two", "two"]
    assert listed(control, "--after", str(last[1]["seq"])) == last[2:]
    assert listed(control, "--after", str(last[0]["seq"] - 1), "--limit", "3") == last[:3]
    assert listed(control, "--since", last[2]["time"]) == last[2:]
    assert listed(control, "--since", last[0]["time"], "--until", last[2]["time"]) == last[:2]
    assert listed(control, "--since", "1h") == both
    assert listed(control, "--until", "1h") == []
    assert listed(control, "--container", last[0]["container"]["id"][:12]) == last[:2]


def listed(control: Control, *arguments: str) -> list[Any]:
    return [json.loads(record) for record in pontlevis(control, "events", "--json", *arguments).stdout.splitlines()]


class Follower:
    """`pontlevis events --follow`, its two outputs read as they come."""

    def __init__(self, control: Control, *arguments: str) -> None:
        self.lines: list[str] = []
        self.said: list[str] = []
        self.process = subprocess.Popen(
            [COMMAND, "events", "--follow", "--json", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(control),
            start_new_session=True,
        )
        self._threads = [
            threading.Thread(target=self._read, args=(self.process.stdout, self.lines)),
            threading.Thread(target=self._read, args=(self.process.stderr, self.said)),
        ]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _read(pipe: Any, into: list[str]) -> None:  # noqa: ANN401  (one end of a pipe)
        with pipe:
            into.extend(iter(pipe.readline, ""))

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(DEADLINE)
        for thread in self._threads:
            thread.join()
        return code


@contextmanager
def following(control: Control, *arguments: str) -> Iterator[Follower]:
    follower = Follower(control, *arguments)
    try:
        yield follower
    finally:
        follower.process.kill()
        follower.process.wait()
        for thread in follower._threads:
            thread.join()


def test_following_goes_on_after_control_was_away(control: Control, passing: Callable[[str], None]) -> None:
    """It says so on standard error, loses nothing, repeats nothing, and ends quietly with Ctrl-C."""
    passing("before")
    seen = eventually(lambda: listed(control), 2)
    start = seen[-1]["seq"]
    with following(control, "--after", str(start - 2)) as follower:
        eventually(lambda: follower.lines, 2)
        control.kill()
        passing("meanwhile")
        eventually(lambda: follower.said, 1)
        control.start()
        eventually(lambda: follower.lines, 4)
        passing("after")
        eventually(lambda: follower.lines, 6)
        assert follower.interrupt() == 130
    assert [json.loads(record)["seq"] for record in follower.lines] == list(range(start - 1, start + 5))
    names = [json.loads(record)["container"]["name"] for record in follower.lines]
    assert names == ["before"] * 2 + ["meanwhile"] * 2 + ["after"] * 2
    assert [said.strip() for said in follower.said] == [
        "pontlevis: control is away; waiting for it",
        f"pontlevis: following again, from {start} on",
        "",
    ]


def test_following_ends_at_a_limit(control: Control, passing: Callable[[str], None]) -> None:
    passing("enough")
    eventually(lambda: listed(control, "--container", "enough"), 2)
    done = pontlevis(control, "events", "--follow", "--since", "1h", "--limit", "2", "--json")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 2)


def test_a_reader_that_has_had_enough(control: Control, passing: Callable[[str], None]) -> None:
    """`| head -1` is no error."""
    passing("headed")
    eventually(lambda: listed(control, "--container", "headed"), 2)
    shell = f"{COMMAND} events | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", shell], capture_output=True, text=True, check=True, env=environment(control), timeout=DEADLINE
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "0"


def test_the_token_is_found(control: Control) -> None:
    """In the environment, else in the data folder."""
    assert pontlevis(control, "token").stdout == f"{control.token}\n"
    found = pontlevis(None, "token", CONTROL_DATA_DIR=str(control.data_dir))
    assert (found.returncode, found.stdout) == (0, f"{control.token}\n")
    reached = pontlevis(None, "events", CONTROL_DATA_DIR=str(control.data_dir), CONTROL_PORT=str(control.port))
    assert (reached.returncode, reached.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "environ", "words"),
    [
        (["events"], {"PONTLEVIS_URL": "http://127.0.0.1:9"}, "No control answers at http://127.0.0.1:9"),
        (["events", "-f"], {"PONTLEVIS_URL": "http://127.0.0.1:9"}, "No control answers at http://127.0.0.1:9"),
        (["events"], {"PONTLEVIS_TOKEN": "wrong"}, "Send `Authorization: Bearer TOKEN`"),
        (["events", "-f"], {"PONTLEVIS_TOKEN": "wrong"}, "Send `Authorization: Bearer TOKEN`"),
        (["events", "-f", "--after", "999999"], {}, "This log ends at"),
        (["events"], {"PONTLEVIS_URL": "127.0.0.1"}, "begins with http:// or https://"),
        (["token"], {"PONTLEVIS_TOKEN": "", "CONTROL_DATA_DIR": "/no/such"}, "No token: /no/such/token can't be read"),
    ],
)
def test_what_goes_wrong_is_one_line(
    control: Control, arguments: list[str], environ: dict[str, str], words: str
) -> None:
    failed = pontlevis(control, *arguments, **environ)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert len(failed.stderr.splitlines()) == 1
    assert failed.stderr.startswith("pontlevis: ")
    assert words in failed.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such"],
        ["events", "--colour"],
        ["events", "--limit", "0"],
        ["events", "--after", "-1"],
        ["events", "--since", "yesterday"],
        ["events", "--follow", "--until", "1h"],
        ["token", "more"],
    ],
)
def test_a_wrong_call_is_told(arguments: list[str]) -> None:
    wrong = pontlevis(None, *arguments)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "Error: " in wrong.stderr


def test_help_and_version() -> None:
    shown = pontlevis(None, "--help")
    assert shown.returncode == 0
    assert all(command in shown.stdout for command in ("events", "token", "PONTLEVIS_URL", "CONTROL_DATA_DIR"))
    assert "--follow" in pontlevis(None, "events", "--help").stdout
    assert pontlevis(None, "--version").stdout.startswith("pontlevis, version ")


def test_a_line_tells_how_it_was_learned() -> None:
    event = {
        "seq": 7,
        "kind": "network.disconnect",
        "time": "2026-11-23T18:05:00.123456789Z",
        "network": {"id": "n" * 64, "name": "mynet", "driver": "bridge", "scope": "local"},
        "container": {"id": "c" * 64, "name": None, "image": None},
        "endpoint": None,
        "before": "connected",
        "after": "absent",
        "source": "reconcile",
        "observed_between": ["2026-11-23T18:04:00.000000000Z", "2026-11-23T18:05:00.123456789Z"],
    }
    told = click.unstyle(line(event))
    assert told == (
        "     7  2026-11-23T18:05:00.123Z  disconnect  mynet             cccccccccccc          -              "
        "  (found by comparison, between 2026-11-23T18:04:00.000Z and 2026-11-23T18:05:00.123Z)"
    )
    event["observed_between"] = [None, "2026-11-23T18:05:00.123456789Z"]
    assert line(event).endswith("(found by comparison, before 2026-11-23T18:05:00.123Z)")
    event |= {"source": "replay", "observed_between": None}
    assert line(event).endswith("(learned later)")


def test_a_name_commands_no_terminal() -> None:
    """Docker takes any character in a network's name."""
    assert printable("réseau \x1b[31mred\x07\n") == "réseau \\x1b[31mred\\x07\\n"
