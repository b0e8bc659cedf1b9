"""Containers' logs over HTTP: whole, and followed."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.api import execute, problem_of, run
from tests.support.control import Control, running_control
from tests.support.engine import PrivateEngine
from tests.support.polling import eventually

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z"


class Message:
    """A server-sent event."""

    def __init__(self, text: str) -> None:
        fields = dict(line.partition(": ")[::2] for line in text.splitlines() if not line.startswith(":"))
        self.id = fields.get("id")
        self.name = fields.get("event", "")
        self.data: dict[str, Any] = json.loads(fields["data"]) if "data" in fields else {}

    @property
    def told(self) -> tuple[str, str]:
        """Its name and text."""
        return self.name, self.data.get("text", "")


@contextmanager
def following(
    api: httpx2.Client, container: str, *, after: str | None = None, **query: str
) -> Iterator[Iterator[Message]]:
    """What is followed of a log, without comments."""
    headers = {} if after is None else {"Last-Event-ID": after}
    with api.stream(
        "GET", f"/containers/{container}/logs", params={"follow": "true", **query}, headers=headers
    ) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")

        def messages() -> Iterator[Message]:
            held = ""
            for chunk in answer.iter_text():
                *whole, held = (held + chunk).split("\n\n")
                yield from (message for message in map(Message, whole) if message.name)

        yield messages()


def test_logs(api: httpx2.Client) -> None:
    """Both streams apart, the last lines where asked."""
    run(api, "talker", command=["sh", "-c", "echo one; echo two; echo bad >&2; sleep 100000"])
    wanted = {"stdout": "one\ntwo\n", "stderr": "bad\n", "truncated": False}
    eventually(lambda: api.get("/containers/talker/logs").json() == wanted)
    assert api.get("/containers/talker/logs", params={"stderr": "false"}).json()["stderr"] == ""
    assert api.get("/containers/talker/logs", params={"stdout": "false"}).json()["stdout"] == ""
    assert api.get("/containers/talker/logs", params={"stdout": "false", "stderr": "false"}).status_code == 422
    run(api, "liner", command=["sh", "-c", "echo one; echo two; sleep 100000"])
    eventually(lambda: api.get("/containers/liner/logs", params={"tail": 1}).json()["stdout"] == "two\n")
    assert api.get("/containers/liner/logs", params={"tail": 0}).json()["stdout"] == ""
    later = {"since": "2040-01-01T00:00:00Z"}
    assert api.get("/containers/talker/logs", params=later).json()["stdout"] == ""
    assert api.get("/containers/talker/logs", params={"since": "yesterday"}).status_code == 422
    assert api.get("/containers/nobody/logs").status_code == 404


@pytest.mark.parametrize("tty", [False, True])
def test_logs_between_instants_and_with_times(api: httpx2.Client, tty: bool) -> None:
    """`timestamps` puts a time before each line and nowhere else, also in a line that the engine keeps in pieces; the
    times are exact for `since` and `until`."""
    long = "head -c 40000 /dev/zero | tr '\\0' x; echo"
    run(api, "timed", command=["sh", "-c", f"echo one; {long}; echo two; printf half"], tty=tty, init=False)
    eventually(lambda: api.get("/containers/timed").json()["state"] == "exited")
    text = api.get("/containers/timed/logs", params={"timestamps": "true"}).json()["stdout"]
    lines = text.splitlines()
    assert [re.sub(f"^{TIME} ", "", line) for line in lines] == ["one", "x" * 40_000, "two", "half"]
    times = [line[:30] for line in lines]
    assert times == sorted(times)
    part = {"since": times[2], "until": times[2]}
    assert api.get("/containers/timed/logs", params=part).json()["stdout"].strip() == "two"


def test_a_long_log_is_cut_at_its_beginning(api: httpx2.Client) -> None:
    """The last CONTROL_OUTPUT_LIMIT bytes, and `truncated`."""
    run(api, "wordy", command=["sh", "-c", "seq 300000"])
    eventually(lambda: api.get("/containers/wordy").json()["state"] == "exited")
    logs = api.get("/containers/wordy/logs", params={"tail": 1_000_000}).json()
    assert logs["truncated"] is True
    assert len(logs["stdout"]) == 1_048_576
    assert logs["stdout"].endswith("299999\n300000\n")


def test_a_log_is_followed_to_the_end(api: httpx2.Client) -> None:
    """Each line as it is written, of its stream, with its time as its id; then `end` with the exit code."""
    script = "echo one; echo bad >&2; while [ ! -e /go ]; do sleep 0.05; done; echo two; printf half; exit 5"
    run(api, "said", command=["sh", "-c", script])
    with following(api, "said") as messages:
        first = {next(messages).told, next(messages).told}
        assert first == {("stdout", "one"), ("stderr", "bad")}
        execute(api, "said", "touch", "/go")
        rest = list(messages)
    assert [message.told for message in rest[:-1]] == [("stdout", "two"), ("stdout", "half")]
    assert (rest[0].id or "").startswith(rest[0].data["time"])
    assert (rest[-1].name, rest[-1].data) == ("end", {"state": "exited", "exit_code": 5})
    with following(api, "said", tail="1") as messages:  # of one that does not run: what there is, and the end
        assert [message.told for message in messages] == [("stdout", "half"), ("end", "")]


@pytest.mark.parametrize("tty", [False, True])
def test_a_log_is_resumed_after_any_line(api: httpx2.Client, tty: bool) -> None:
    """From each line's id on: the rest, each once, and nothing twice; lines in pieces and both streams at once."""

    def long(letter: str) -> str:
        return f"head -c 40000 /dev/zero | tr '\\0' {letter}; echo"

    script = f"for i in 1 2 3; do echo a$i; echo b$i >&2; {long('x')}; {{ {long('y')}; }} >&2; done"
    run(api, "resumed", command=["sh", "-c", script], tty=tty)
    eventually(lambda: api.get("/containers/resumed").json()["state"] == "exited")
    with following(api, "resumed") as messages:
        whole = list(messages)
    assert len(whole) == 13
    known = None
    for place, message in enumerate(whole[:-1]):
        known = message.id or known
        after = next((at for at in range(place, -1, -1) if whole[at].id == known), None)
        assert after is not None
        with following(api, "resumed", after=known, tail="1") as messages:
            assert [it.told for it in messages] == [it.told for it in whole[after + 1 :]]
    assert sum(message.id is None for message in whole[:-1]) <= 6


def test_a_line_is_bounded_and_any_bytes_are_told(api: httpx2.Client) -> None:
    """1 MiB of a line is kept, and `truncated` says so; what is no UTF-8 is replaced; a carriage return is kept."""
    script = "head -c 3000000 /dev/zero | tr '\\0' x; echo; printf 'a\\377\\rb\\n'; echo"
    run(api, "odd", command=["sh", "-c", script])
    with following(api, "odd") as messages:
        long, odd, empty, end = list(messages)
    assert (len(long.data["text"]), long.data["truncated"]) == (1_048_576, True)
    assert (odd.data["text"], odd.data["truncated"]) == ("a\ufffd\rb", False)
    assert (empty.data["text"], end.name) == ("", "end")


def test_what_is_wrong_with_following_is_told_with_its_status(api: httpx2.Client, engine: PrivateEngine) -> None:
    """404, 422 and 409, and no stream."""
    run(api, "fine")
    follow = {"follow": "true"}
    assert api.get("/containers/nobody/logs", params=follow).status_code == 404
    for wrong in ("yesterday", "2026-13-40T00:00:00.000000000Z", "2026-01-01T00:00:00.000000000Z/0", "7"):
        answer = api.get("/containers/fine/logs", params=follow, headers={"Last-Event-ID": wrong})
        assert (answer.status_code, "Last-Event-ID" in problem_of(answer)["detail"]) == (422, True)
    until = {**follow, "until": "2040-01-01T00:00:00Z"}
    assert api.get("/containers/fine/logs", params=until).status_code == 422
    config = {"Image": "alpine", "Cmd": ["true"], "HostConfig": {"LogConfig": {"Type": "none"}}}
    silent = engine.call("POST", "/containers/create", json=config, name="silent")["Id"]
    engine.call("POST", f"/containers/{silent}/start")
    for params in ({}, follow):
        answer = api.get("/containers/silent/logs", params=params)
        assert (answer.status_code, problem_of(answer)["type"]) == (409, "urn:pontlevis:problem:unsupported")


def test_the_container_is_removed_under_a_follower(api: httpx2.Client) -> None:
    """The stream ends, in order."""
    run(api, "doomed", command=["sh", "-c", "echo here; sleep 1000"])
    with following(api, "doomed") as messages:
        assert next(messages).told == ("stdout", "here")
        assert api.delete("/containers/doomed", params={"force": "true"}).status_code == 204
        end = next(messages)
    assert end.name == "end", end.data
    assert end.data["state"] in {"removed", "exited", "removing", "dead"}


def test_followers_at_the_end_of_control_and_ones_that_read_nothing(engine: PrivateEngine, tmp_path: Path) -> None:
    """A reader that stopped reading is told `follower-stalled` last and can go on from there; at SIGTERM a stream ends
    whole; heartbeats come meanwhile."""
    settings = {"CONTROL_SEND_TIMEOUT": "1", "CONTROL_HEARTBEAT": "0.2"}
    with running_control(engine.url, tmp_path / "data", **settings) as control, control.client() as api:
        stalled(control, api)
        run(api, "quiet", command=["sh", "-c", "echo up; sleep 1000"])
        with api.stream("GET", "/containers/quiet/logs", params={"follow": "true"}) as answer:
            chunks = answer.iter_text()
            seen = ""
            while seen.count("\n: ") + seen.count("\n:\n") < 3 or "up" not in seen:
                seen += next(chunks)
            assert control.process is not None
            control.process.terminate()
            rest = "".join(chunks)  # raises where the body breaks off
            assert "event: end" not in rest
        assert control.process.wait(15) == 0
        assert "Traceback" not in control.log_path.read_text()
    engine.clear()


def stalled(control: Control, api: httpx2.Client) -> None:
    """A reader of a loud container that reads nothing for a while."""
    run(api, "loud", command=["sh", "-c", "i=0; while :; do i=$((i+1)); echo line $i; done"])
    with following(api, "loud", tail="0") as messages:
        next(messages)
        eventually(lambda: "follower.lost" in control.log_path.read_text())
        read = list(messages)
    assert (read[-1].name, read[-1].data["type"]) == ("problem", "urn:pontlevis:problem:follower-stalled")
    last = read[-2]
    api.post("/containers/loud/stop", params={"timeout": "0"})
    number = int(last.data["text"].split()[1])
    with following(api, "loud", after=last.id) as messages:
        assert next(messages).told == ("stdout", f"line {number + 1}")
