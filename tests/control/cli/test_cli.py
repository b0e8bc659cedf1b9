"""The `pontlevis` command as a person or a script meets it: the real program, beside a real control."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import click
import pytest

from control.cli.lines import line, printable, shortcoming
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
    """Runs a container to its end: on the default bridge it is configured, connected, disconnected, unconfigured."""

    def run(name: str) -> None:
        body = {"Image": "alpine", "Cmd": ["true"]}
        container = engine.call("POST", "/containers/create", json=body, name=name)["Id"]
        engine.call("POST", f"/containers/{container}/start")
        engine.call("POST", f"/containers/{container}/wait")
        engine.call("DELETE", f"/containers/{container}", force="true")

    yield run
    engine.clear()


@pytest.fixture
def member(engine: PrivateEngine) -> Iterator[Callable[[str, str], None]]:
    """Runs a container that stays, on a network, which is made if there is none."""

    def run(name: str, network: str) -> None:
        if network not in {it["Name"] for it in engine.call("GET", "/networks")}:
            engine.call("POST", "/networks/create", json={"Name": network})
        body = {"Image": "alpine", "Cmd": ["sleep", "600"], "HostConfig": {"NetworkMode": network}}
        container = engine.call("POST", "/containers/create", json=body, name=name)["Id"]
        engine.call("POST", f"/containers/{container}/start")

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
    records = eventually(lambda: listed(control, "--container", "first"), 4)
    with control.client() as client:
        items = client.get("/events", params={"container": "first", "kind": "network"}).json()["items"]
    assert records == items
    printed = pontlevis(control, "events", "--container", "first")
    assert (printed.returncode, printed.stderr) == (0, "")
    lines = printed.stdout.splitlines()
    assert lines == [click.unstyle(line(item)) for item in items]
    assert [it.split()[2:5] for it in lines] == [
        [what, "bridge", "first"] for what in ("configure", "connect", "disconnect", "unconfigure")
    ]
    connect = [str(items[1]["seq"]), items[1]["time"][:23] + "Z", "connect", "bridge", "first", "172.17.0.2", "(start)"]
    assert lines[1].split() == connect
    assert lines[2].endswith("(exit; stays configured)")
    assert lines[3].endswith("(remove)")


def test_options_choose(control: Control, passing: Callable[[str], None]) -> None:
    passing("one")
    passing("two")
    eventually(lambda: listed(control, "--container", "two"), 4)
    both = listed(control, "--network", "bridge")
    last = both[-8:]
    assert [event["container"]["name"] for event in last] == ["one"] * 4 + ["two"] * 4
    assert listed(control, "--after", str(last[3]["seq"])) == last[4:]
    assert listed(control, "--after", str(last[0]["seq"] - 1), "--limit", "3") == last[:3]
    assert listed(control, "--since", last[4]["time"]) == last[4:]
    assert listed(control, "--since", last[0]["time"], "--until", last[4]["time"]) == last[:4]
    assert listed(control, "--network", "bridge", "--since", "1h") == both
    assert listed(control, "--until", "1h") == []
    assert listed(control, "--container", last[0]["container"]["id"][:12]) == last[:4]
    here = ("--after", str(last[0]["seq"] - 1))
    assert listed(control, "--reverse", "--limit", "3") == last[:-4:-1]
    assert listed(control, "--reverse", "--after", str(last[2]["seq"]), "--limit", "2") == last[1::-1]
    assert listed(control, *here, "--cause", "exit", "--cause", "remove") == [*last[2:4], *last[6:]]
    assert listed(control, *here, "--kind", "network.connect", "--source", "stream") == [*last[:2], *last[4:6]]
    assert {it["kind"] for it in listed(control, *here, "--kind", "container", "--kind", "request")} == {
        f"container.{what}" for what in ("create", "start", "die", "destroy")
    }
    every = listed(control, *here, "--all")
    assert [event["seq"] for event in every] == list(range(every[0]["seq"], every[0]["seq"] + len(every)))
    assert len(every) > len(last)


def test_who_asked_for_it_is_told(control: Control, member: Callable[[str, str], None]) -> None:
    member("asked", "quay")
    with control.client() as client:
        left = client.delete(
            "/networks/quay/containers/asked", headers={"Reason": "a test", "X-Request-ID": "0123456789abcdef"}
        )
        assert left.status_code == 204
    shown = eventually(lambda: listed(control, "--network", "quay", "--cause", "request"), 1)
    whole = eventually(lambda: listed(control, "--request", shown[0]["request"]["id"]), 3)
    assert sorted(it["kind"] for it in whole) == ["network.disconnect", "request", "request"]
    assert listed(control, "--network", "quay", "--principal", "admin") == whole
    assert listed(control, "--network", "quay", "--principal", "admin", "--kind", "network") == shown
    assert listed(control, "--network", "quay", "--source", "control") == [it for it in whole if it not in shown]
    printed = pontlevis(control, "events", "--network", "quay", "--all").stdout.splitlines()
    assert any(it.split()[2:5] == ["disconnect", "quay", "asked"] and "(by admin: a test)" in it for it in printed)
    assert any(it.endswith("(network.disconnect intent; by admin: a test)") for it in printed)
    assert any(it.endswith("(network.disconnect done 204; by admin: a test)") for it in printed)


def listed(control: Control, *arguments: str) -> list[Any]:
    return [json.loads(record) for record in pontlevis(control, "events", "--json", *arguments).stdout.splitlines()]


class Follower:
    """`pontlevis events --follow`, its two outputs read as they come."""

    def __init__(self, control: Control, *arguments: str) -> None:
        self.lines: list[str] = []
        self.said: list[str] = []
        self.process = subprocess.Popen(
            # A test run in the background of a script is deaf to Ctrl-C, and so would be what it starts.
            ["env", "--default-signal=INT", COMMAND, "events", "--follow", "--json", *arguments],
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
    eventually(lambda: listed(control, "--container", "before"), 4)
    start = listed(control)[-1]["seq"]
    with following(control, "--after", str(listed(control)[-4]["seq"] - 1)) as follower:
        eventually(lambda: follower.lines, 4)
        control.kill()
        passing("meanwhile")
        eventually(lambda: follower.said, 1)
        control.start()
        eventually(lambda: follower.lines, 7)
        passing("after")
        eventually(lambda: follower.lines, 11)
        assert follower.interrupt() == 130
    records = [json.loads(record) for record in follower.lines]
    told = {
        name: [(it["before"], it["after"]) for it in records if it["container"]["name"] == name]
        for name in ("before", "meanwhile", "after")
    }
    whole = list(pairwise(["absent", "configured", "connected", "configured", "absent"]))
    # That a container was configured before it was connected, nobody can say once it is gone.
    assert told == {"before": whole, "meanwhile": [("absent", "connected"), *whole[2:]], "after": whole}
    assert len(records) == 11
    assert [said.strip() for said in follower.said] == [
        "pontlevis: control is away; waiting for it",
        f"pontlevis: following again, from {start} on",
        "",
    ]


def test_following_ends_at_a_limit(control: Control, passing: Callable[[str], None]) -> None:
    passing("enough")
    eventually(lambda: listed(control, "--container", "enough"), 4)
    done = pontlevis(control, "events", "--follow", "--since", "1h", "--limit", "2", "--json")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 2)


def test_a_reader_that_has_had_enough(control: Control, passing: Callable[[str], None]) -> None:
    """`| head -1` is no error."""
    passing("headed")
    eventually(lambda: listed(control, "--container", "headed"), 4)
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
        (["events", "--kind", "party"], {}, "'party' is no kind"),
        (["events", "--cause", "whim"], {}, "'whim' is no cause"),
        (["who", "nowhere"], {}, "nowhere"),
        (["where", "nobody", "--at", "1s"], {}, "The log knows no container 'nobody'"),
        (["with", "nobody"], {}, "The log knows no container 'nobody'"),
        (["who", ".."], {}, "'..' can't be asked for by its name"),
        (["log", "verify"], {"PONTLEVIS_URL": "http://127.0.0.1:9"}, "No control answers at http://127.0.0.1:9"),
        (["log", "verify", "/no/such"], {}, "/no/such can't be read (No such file or directory)"),
        (["log", "verify", "/dev/null"], {}, "/dev/null can't be checked: it is empty"),
        (["log", "verify", "/etc/passwd"], {}, "/etc/passwd can't be checked: line 1 is none of an export"),
        (["log", "verify", "--expect", f"999999:{'0' * 64}"], {}, "record 999999 is not in it"),
        (["log", "export"], {"PONTLEVIS_TOKEN": "wrong"}, "Send `Authorization: Bearer TOKEN`"),
        (["log", "export", "--after", "999999"], {}, "This log ends at"),
        (["log", "export", "-o", "/tmp"], {}, "/tmp is a folder"),
        (["log", "export", "-o", "/no/such/file"], {}, "/no/such/file can't be written"),
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
        ["events", "--follow", "--reverse"],
        ["events", "--all", "--kind", "network"],
        ["log"],
        ["log", "verify", "--expect", "17"],
        ["log", "verify", "--expect", f"0:{'0' * 64}"],
        ["log", "export", "--until", "0"],
        ["who"],
        ["where"],
        ["with", "db", "--since", "then"],
        ["token", "more"],
    ],
)
def test_a_wrong_call_is_told(arguments: list[str]) -> None:
    wrong = pontlevis(None, *arguments)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "Error: " in wrong.stderr or wrong.stderr.startswith("Usage: pontlevis log ")


def test_help_and_version() -> None:
    shown = pontlevis(None, "--help")
    assert shown.returncode == 0
    assert all(
        command in shown.stdout
        for command in ("events", "log", "who", "where", "with", "token", "PONTLEVIS_URL", "CONTROL_DATA_DIR")
    )
    assert "--follow" in pontlevis(None, "events", "--help").stdout
    assert pontlevis(None, "--version").stdout.startswith("pontlevis, version ")


def test_a_log_is_checked_with_control_and_without(
    control: Control, passing: Callable[[str], None], tmp_path: Path
) -> None:
    passing("proven")
    last = eventually(lambda: listed(control, "--container", "proven", "--all"), 8)[3]
    expect = f"{last['seq']}:{last['hash'].upper()}"
    wrong = f"{last['seq']}:{'0' * 64}"

    export, copy = tmp_path / "log.ndjson", tmp_path / "copy.sqlite3"
    taken = pontlevis(control, "log", "export", "-o", str(export))
    assert (taken.returncode, taken.stdout, taken.stderr) == (0, "", "")
    assert [it.name for it in tmp_path.iterdir()] == [export.name]
    with (
        closing(sqlite3.connect(control.data_dir / "events.sqlite3")) as source,
        closing(sqlite3.connect(copy)) as into,
    ):
        source.backup(into)
    for file in ([], [str(export)], [str(copy)], [str(control.data_dir / "events.sqlite3")]):
        whole = pontlevis(control if not file else None, "log", "verify", *file, "--expect", expect)
        assert (whole.returncode, whole.stderr) == (0, "")
        count, head = (whole.stdout.split()[at] for at in (1, -1))
        assert whole.stdout == f"whole: {count} records, 1 to {count}, head {head}\n"
        assert len(head) == 64
        other = pontlevis(control if not file else None, "log", "verify", *file, "--expect", wrong)
        assert (other.returncode, other.stdout, len(other.stderr.splitlines())) == (1, "", 1)
        assert f"not as expected: record {last['seq']} has the hash {last['hash']}" in other.stderr

    with closing(sqlite3.connect(copy, isolation_level=None)) as tampered:
        tampered.execute("UPDATE event SET time = time + 1 WHERE seq = ?", (last["seq"],))
    broken = pontlevis(None, "log", "verify", str(copy))
    assert (broken.returncode, broken.stdout) == (1, "")
    assert f"pontlevis: broken: record {last['seq']} is not what was written" in broken.stderr

    refused = pontlevis(control, "log", "export", "-o", str(export))
    assert (refused.returncode, "is there already" in refused.stderr) == (1, True)
    assert pontlevis(control, "log", "export", "-o", str(export), "--force", "--after", "2").returncode == 0
    assert export.read_bytes().splitlines()[1].startswith(b'{"seq":3,')


def test_a_range_is_checked_from_standard_input(control: Control, passing: Callable[[str], None]) -> None:
    passing("ranged")
    second = eventually(lambda: listed(control, "--all", "--limit", "5"), 5)[1]
    taken = pontlevis(control, "log", "export", "--after", "2", "--until", "4").stdout

    def checked(text: str, *arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [COMMAND, "log", "verify", "-", *arguments],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE,
            env=environment(None),
        )
        return done.returncode, done.stdout + done.stderr

    code, told = checked(taken)
    assert (code, told[: len("whole: 2 records, 3 to 4, head ")]) == (0, "whole: 2 records, 3 to 4, head ")
    assert checked(taken, "--expect", f"2:{second['hash']}") == (code, told)
    code, told = checked(taken, "--expect", f"1:{second['hash']}")
    assert (code, "record 1 is not in it" in told) == (1, True)
    lines = taken.splitlines(keepends=True)
    assert checked("".join(lines[:-1])) == (
        1,
        "pontlevis: broken: the end is cut off. 2 records, 3 to 4 before that are right.\n",
    )
    forged = lines[0] + '{"seq":3,"hash":"%s","end":{}}\n' % ("0" * 64) + "".join(lines[1:])
    assert checked(forged, "--expect", f"3:{'0' * 64}")[0] == 1


def test_who_was_where_and_with_whom(control: Control, member: Callable[[str, str], None]) -> None:
    member("left", "pier")
    member("right", "pier")
    two = eventually(
        lambda: listed(control, "--network", "pier", "--kind", "network.connect", "--container", "right"), 2
    )
    then = two[-1]["time"]

    now = pontlevis(control, "who", "pier")
    assert (now.returncode, now.stderr) == (0, "")
    assert [it.split()[:2] for it in now.stdout.splitlines()] == [["left", "connected"], ["right", "connected"]]
    past = pontlevis(control, "who", "pier", "--at", then)
    assert (past.returncode, past.stderr) == (0, "")
    ends = [it.split()[3:] for it in past.stdout.splitlines()]
    assert ends[1] == ["from", then[:23] + "Z", "on"]
    shown = pontlevis(control, "where", "left", "--json")
    assert [json.loads(it)["network"]["name"] for it in shown.stdout.splitlines()] == ["pier"]
    assert pontlevis(control, "where", "left", "--at", then).stdout.split()[:2] == ["pier", "connected"]
    beside = pontlevis(control, "with", "left", "--since", then)
    assert (beside.returncode, beside.stderr) == (0, "")
    assert beside.stdout.split()[:2] == ["right", "pier"]
    assert beside.stdout.split()[3:] == ["from", then[:23] + "Z", "on"]

    early = pontlevis(control, "with", "left", "--json")
    assert [json.loads(it)["other"]["name"] for it in early.stdout.splitlines()] == ["right"]
    assert early.stderr.startswith("pontlevis: this may not be all: the log begins at 2")
    assert len(early.stderr.splitlines()) == 1
    before = pontlevis(control, "who", "pier", "--at", "1d")
    assert (before.returncode, before.stdout) == (0, "")
    assert "the log begins at" in before.stderr


def test_whom_a_name_may_mean_is_told(control: Control, member: Callable[[str, str], None]) -> None:
    """Two containers bore it, one after the other: their ids are told, and each can be asked for."""
    for _ in range(2):
        member("twin", "pier")
        with control.client() as client:
            assert client.delete("/containers/twin", params={"force": "true"}).status_code == 204
    ends = eventually(lambda: listed(control, "--container", "twin", "--cause", "request"), 4)
    ids = sorted({it["container"]["id"][:12] for it in ends})
    asked = pontlevis(control, "with", "twin")
    assert (asked.returncode, asked.stdout) == (1, "")
    assert asked.stderr.endswith(f" ({', '.join(ids)})\n")
    assert [pontlevis(control, "with", it).returncode for it in ids] == [0, 0]


class _Scripted(BaseHTTPRequestHandler):
    """A control that says what a test wants it to: each request takes the next answer."""

    answers: ClassVar[list[tuple[int, str, str]]] = []
    resumed: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        self.resumed.append(self.headers["Last-Event-ID"])
        status, media, text = self.answers.pop(0)
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def scripted() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Scripted) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_following_tells_of_problems_and_ends_where_the_log_was_trimmed(scripted: str) -> None:
    """What control says is said once, however often; what can't be resumed is an end."""
    stream, problem = "text/event-stream", "application/problem+json"
    stalled = 'event: problem\ndata: {"detail":"You were slow."}\n\n'
    _Scripted.resumed.clear()
    _Scripted.answers[:] = [
        (200, stream, f'id: 7\nevent: network.connect\ndata: {{"seq":7}}\n\n{stalled}'),
        (200, stream, stalled),
        (503, problem, '{"detail":"The disk is \\u001b[31mfull."}'),
        (200, stream, 'id: 8\nevent: network.connect\ndata: {"seq":8}\n\n'),
        (410, problem, '{"detail":"The records up to 9 are no longer kept."}'),
    ]
    done = pontlevis(None, "events", "-f", "--json", PONTLEVIS_URL=scripted, PONTLEVIS_TOKEN="t")
    assert (done.returncode, done.stdout.splitlines()) == (1, ['{"seq":7}', '{"seq":8}'])
    assert done.stderr.splitlines() == [
        "pontlevis: You were slow.",
        "pontlevis: The disk is \\x1b[31mfull.",
        "pontlevis: control is away; waiting for it",
        "pontlevis: The records up to 9 are no longer kept.",
    ]
    assert _Scripted.resumed == [None, "7", "7", "7", "8"]


def test_an_export_that_breaks_off_leaves_no_file(scripted: str, tmp_path: Path) -> None:
    _Scripted.answers[:] = [(200, "application/x-ndjson", '{"anchor":{"seq":0,"hash":"00"}}\n')]
    file = tmp_path / "log.ndjson"
    cut = pontlevis(None, "log", "export", "-o", str(file), PONTLEVIS_URL=scripted, PONTLEVIS_TOKEN="t")
    assert (cut.returncode, cut.stdout, "is no whole export" in cut.stderr) == (1, "", True)
    assert list(tmp_path.iterdir()) == []


def record(kind: str, **further: Any) -> dict[str, Any]:  # noqa: ANN401  (any JSON)
    return {
        "seq": 7,
        "kind": kind,
        "time": "2026-11-23T18:05:00.123456789Z",
        "network": None,
        "container": {"id": "c" * 64, "name": "db", "image": None},
        "endpoint": None,
        "before": None,
        "after": None,
        "cause": None,
        "request": None,
        "source": "stream",
        "observed_between": None,
        "detail": None,
        "hash": "0" * 64,
        **further,
    }


def test_a_line_tells_how_it_was_learned() -> None:
    event = record(
        "network.disconnect",
        network={"id": "n" * 64, "name": "mynet", "driver": "bridge", "scope": "local"},
        container={"id": "c" * 64, "name": None, "image": None},
        before="connected",
        after="absent",
        cause="external",
        source="reconcile",
        observed_between=["2026-11-23T18:04:00.000000000Z", "2026-11-23T18:05:00.123456789Z"],
    )
    told = click.unstyle(line(event))
    assert told == (
        "     7  2026-11-23T18:05:00.123Z  disconnect   mynet             cccccccccccc          -              "
        "  (external; found by comparison, between 2026-11-23T18:04:00.000Z and 2026-11-23T18:05:00.123Z)"
    )
    event["observed_between"] = [None, "2026-11-23T18:05:00.123456789Z"]
    assert line(event).endswith("(external; found by comparison, before 2026-11-23T18:05:00.123Z)")
    event |= {"source": "replay", "observed_between": None, "cause": "oom"}
    assert line(event).endswith("(oom; learned later)")


@pytest.mark.parametrize(
    ("kind", "further", "what", "note"),
    [
        ("container.die", {"detail": {"exit_code": 137}}, "die", "(exit 137)"),
        ("container.die", {"detail": {"exit_code": 0}}, "die", "(exit 0)"),
        ("container.die", {"detail": {"exit_code": None}}, "die", ""),
        ("container.kill", {"detail": {"signal": 9}}, "kill", "(signal 9)"),
        ("container.rename", {"detail": {"old_name": "base"}}, "rename", "(base -> db)"),
        ("container.health", {"detail": {"health": "healthy\x07"}}, "health", "(healthy\\x07)"),
        (
            "container.stop",
            {"request": {"id": "r", "principal": "ann", "reason": "by\nher"}},
            "stop",
            "(by ann: by\\nher)",
        ),
        (
            "gap",
            {
                "container": None,
                "source": "control",
                "detail": {"reason": "stream-lost"},
                "observed_between": ["2026-11-23T18:04:00.000000000Z", "2026-11-23T18:05:00.123456789Z"],
            },
            "gap",
            "(stream-lost, from 2026-11-23T18:04:00.000Z)",
        ),
        (
            "gap",
            {
                "container": None,
                "source": "control",
                "detail": {"reason": "stream-lost"},
                "observed_between": [None, "2026-11-23T18:04:00.000000000Z"],
            },
            "gap",
            "(stream-lost, to 2026-11-23T18:04:00.000Z)",
        ),
        (
            "request",
            {
                "source": "control",
                "request": {"id": "r", "principal": "ann", "reason": None},
                "detail": {
                    "phase": "outcome",
                    "action": "container.run",
                    "outcome": "refused",
                    "status": 409,
                    "problem": "name-taken",
                    "name": "db",
                },
            },
            "request",
            "(container.run refused 409 name-taken name db; by ann)",
        ),
    ],
)
def test_a_line_tells_what_its_kind_has(kind: str, further: dict[str, Any], what: str, note: str) -> None:
    told = click.unstyle(line(record(kind, **further)))
    assert told.split()[2] == what
    assert told.endswith(note)
    assert ("(" in told) is bool(note)


def test_why_an_answer_may_lack_something() -> None:
    begins, later = "2026-11-23T18:00:00.000000000Z", "2026-11-23T19:00:00.000000000Z"
    answer: dict[str, Any] = {"complete": False, "begins": begins, "gaps": [], "found": list(range(1, 9))}
    assert shortcoming(answer, later) == (
        "this may not be all: found by comparison, and perhaps of another time: 1, 2, 3, 4, 5, 3 more"
    )
    answer |= {"found": [], "gaps": [{"seq": 4, "begin": None, "end": later, "reason": "stream-lost"}]}
    assert shortcoming(answer, None) == (
        "this may not be all: the log begins at 2026-11-23T18:00:00.000Z; "
        "a gap before 2026-11-23T19:00:00.000Z (stream-lost, number 4)"
    )
    answer |= {"begins": None, "gaps": []}
    assert shortcoming(answer, later) == "this may not be all: the log was never compared with the engine"
    assert shortcoming({**answer, "complete": True}, later) is None
    assert shortcoming({"items": []}, None) is None


def test_a_name_commands_no_terminal() -> None:
    """Docker takes any character in a network's name."""
    assert printable("réseau \x1b[31mred\x07\n") == "réseau \\x1b[31mred\\x07\\n"
