"""Commands in containers over HTTP, held against what the engine itself shows."""

import base64
from typing import Any

import httpx2
import pytest

from tests.support.api import execute, problem_of, run
from tests.support.engine import PrivateEngine
from tests.support.polling import eventually


def ask(api: httpx2.Client, container: str, **body: Any) -> httpx2.Response:  # noqa: ANN401  (any JSON)
    """Ask for a command."""
    return api.post(f"/containers/{container}/exec", json=body)


def running(engine: PrivateEngine, container: str) -> list[str]:
    """The command lines that run in a container."""
    rows = engine.call("GET", f"/containers/{container}/top", ps_args="-eo pid,args")["Processes"]
    return [row[1] for row in rows]


def test_exec_gives_code_output_and_errors(api: httpx2.Client) -> None:
    """Exit code, both streams apart, input, environment, user and folder."""
    run(api, "worker")
    answer = ask(
        api,
        "worker",
        command=["sh", "-c", "cat; echo $WHO; id -u; pwd; echo bad >&2; exit 3"],
        stdin="sent\n",
        env={"WHO": "me"},
        user="7",
        workdir="/etc",
    )
    assert answer.json() == {"exit_code": 3, "stdout": "sent\nme\n7\n/etc\n", "stderr": "bad\n", "truncated": False}


def test_exec_takes_and_gives_any_bytes(api: httpx2.Client) -> None:
    """Base64 both ways where it is asked for; in text, what is no UTF-8 is replaced and never an error."""
    run(api, "binary")
    every = bytes(range(256)) * 1000
    sent = base64.b64encode(every).decode()
    answer = ask(api, "binary", command=["cat"], stdin=sent, stdin_encoding="base64", output_encoding="base64")
    assert base64.b64decode(answer.json()["stdout"]) == every
    answer = ask(api, "binary", command=["printf", "a\\377b"])
    assert answer.json()["stdout"] == "a\ufffdb"
    assert ask(api, "binary", command=["cat"], stdin="é", stdin_encoding="base64").status_code == 422
    empty = ask(api, "binary", command=["wc", "-c"], stdin="")
    assert empty.json()["stdout"].strip() == "0"


def test_exec_output_is_bounded(api: httpx2.Client) -> None:
    """Past the limit each stream is cut and says so: CONTROL_OUTPUT_LIMIT, or less where the request says."""
    run(api, "busy")
    much = execute(api, "busy", "sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x")
    assert (len(much["stdout"]), much["truncated"], much["exit_code"]) == (1_048_576, True, 0)
    few = ask(api, "busy", command=["sh", "-c", "echo 123456; echo abcdef >&2"], output_limit=3).json()
    assert few == {"exit_code": 0, "stdout": "123", "stderr": "abc", "truncated": True}
    assert ask(api, "busy", command=["true"], output_limit=0).json()["truncated"] is False
    over = ask(api, "busy", command=["true"], output_limit=1_048_577)
    assert (over.status_code, "CONTROL_OUTPUT_LIMIT" in problem_of(over)["detail"]) == (422, True)


@pytest.mark.parametrize("user", [None, "7"])
def test_exec_past_its_time_is_ended(api: httpx2.Client, engine: PrivateEngine, user: str | None) -> None:
    """504 with what it wrote; it and what it started are ended, also what hears no SIGTERM, and nothing else is."""
    run(api, "slow")
    assert ask(api, "slow", command=["sleep", "5432"], detach=True, user=user).status_code == 202
    command = ["sh", "-c", "echo begun; sleep 1234 & trap '' TERM; sleep 2345; echo on; sleep 3456"]
    answer = ask(api, "slow", command=command, timeout=1, user=user)
    problem = problem_of(answer)
    assert (answer.status_code, problem["type"]) == (504, "urn:pontlevis:problem:command-timeout")
    assert (problem["ended"], problem["stdout"].splitlines()[0]) == (True, "begun")
    left = running(engine, "slow")
    assert not [line for line in left if "1234" in line or "2345" in line or "3456" in line]
    assert "sleep 5432" in left


def test_exec_that_can_not_be_ended_says_so(api: httpx2.Client, engine: PrivateEngine) -> None:
    """A container without a shell: 504, and `ended` is false."""
    run(api, "shelless")
    assert execute(api, "shelless", "sh", "-c", "cp /bin/busybox /tmp/sleep")["exit_code"] == 0
    # What is on the PATH is taken away; the copy still is busybox, and called sleep it sleeps.
    assert execute(api, "shelless", "sh", "-c", "mkdir /away; mv /bin/sh /away; mv /bin/busybox /away")
    answer = ask(api, "shelless", command=["/tmp/sleep", "7654"], timeout=0.5)
    problem = problem_of(answer)
    assert (answer.status_code, problem["ended"]) == (504, False)
    assert "may still run" in problem["detail"]
    assert "/tmp/sleep 7654" in running(engine, "shelless")


def test_exec_detached(api: httpx2.Client, engine: PrivateEngine) -> None:
    """202 with its id and Location; its state can be asked for, of its own container alone."""
    run(api, "parent")
    run(api, "stranger")
    answer = ask(api, "parent", command=["sh", "-c", "while [ ! -e /go ]; do sleep 0.1; done; exit 6"], detach=True)
    assert answer.status_code == 202
    started = answer.json()
    assert started == {"id": started["id"], "running": True, "exit_code": None}
    place = answer.headers["location"]
    assert api.get(place).json() == started
    assert engine.call("GET", f"/exec/{started['id']}/json")["Running"] is True
    execute(api, "parent", "touch", "/go")
    eventually(lambda: not api.get(place).json()["running"])
    assert api.get(place).json() == {**started, "running": False, "exit_code": 6}
    assert api.get(f"/containers/stranger/exec/{started['id']}").status_code == 404
    for unknown in ("0" * 64, "x", "%2e%2e", "a%2Fb"):
        assert api.get(f"/containers/parent/exec/{unknown}").status_code == 404
    assert ask(api, "parent", command=["true"], detach=True, stdin="x").status_code == 422
    assert ask(api, "parent", command=["/no/such"], detach=True).status_code == 422


def test_exec_needs_a_running_container_and_a_command(api: httpx2.Client) -> None:
    """409 for a stopped or paused one, 422 without a command or with one that can't start, and for unknown words."""
    run(api, "halted", start=False)
    run(api, "going")
    answer = ask(api, "halted", command=["true"])
    assert (answer.status_code, problem_of(answer)["type"]) == (409, "urn:pontlevis:problem:not-running")
    for wrong in ([], "true", ["a\0b"], None):
        assert ask(api, "going", command=wrong).status_code == 422
    assert ask(api, "going", command=["true"], privileged=True).status_code == 422
    assert ask(api, "going", command=["true"], env={"A=B": "c"}).status_code == 422
    for body in (
        {"command": ["/no/such/program"]},
        {"command": ["true"], "user": "nobody-there"},
        {"command": ["true"], "workdir": "/no/such"},
    ):
        answer = ask(api, "going", **body)
        problem = problem_of(answer)
        assert (answer.status_code, problem["type"]) == (422, "urn:pontlevis:problem:start-failed"), problem
    assert execute(api, "going", "sh", "-c", "exit 126")["exit_code"] == 126
    assert api.post("/containers/going/pause").status_code == 200
    answer = ask(api, "going", command=["true"])
    assert (answer.status_code, problem_of(answer)["type"]) == (409, "urn:pontlevis:problem:not-running")
    api.post("/containers/going/unpause")


def test_exec_when_its_container_ends(api: httpx2.Client) -> None:
    """The command ends with its container, and its exit code tells of it."""
    container = run(api, "brief", command=["sh", "-c", "while [ ! -e /go ]; do sleep 0.1; done"])
    answer = ask(api, "brief", command=["sh", "-c", "echo said; touch /go; sleep 1000"], timeout=30)
    assert (answer.status_code, answer.json()["stdout"], answer.json()["exit_code"]) == (200, "said\n", 137)
    eventually(lambda: api.get(f"/containers/{container['id']}").json()["state"] == "exited")
