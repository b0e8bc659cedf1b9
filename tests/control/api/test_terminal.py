"""Terminals over WebSocket, with a real client, held against what the engine itself shows."""

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.support.api import execute, problem_of, run
from tests.support.control import Control, running_control
from tests.support.engine import PrivateEngine
from tests.support.polling import eventually
from tests.support.terminal import opened


def refused(control: Control, container: str, *command: str, **options: Any) -> tuple[int, dict[str, Any]]:  # noqa: ANN401  (those of `opened`)
    """The status and the problem with which a terminal is refused."""
    with pytest.raises(InvalidStatus) as caught, opened(control, container, *command, **options):
        pass
    response = caught.value.response
    problem = json.loads(response.body or b"")
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["X-Request-ID"] == problem["request_id"]
    assert problem["status"] == response.status_code
    return response.status_code, problem


def processes(engine: PrivateEngine, container: str) -> list[str]:
    """The command lines that run in a container."""
    return [line[1] for line in table(engine, container)]


def table(engine: PrivateEngine, container: str) -> list[list[str]]:
    """The processes of a container: number on the host, and command line."""
    rows: list[list[str]] = engine.call("GET", f"/containers/{container}/top", ps_args="-eo pid,args")["Processes"]
    return rows


def test_a_shell_is_typed_into_read_resized_and_left(api: httpx2.Client, control: Control) -> None:
    """`sh` on a terminal: what is typed runs, its size is as asked and follows a resize, its exit code is told last."""
    run(api, "shelled")
    with opened(control, "shelled", columns=101, rows=33) as terminal:
        terminal.type("stty size; echo $TERM; tty\n")
        terminal.wait_for(b"33 101\r\nxterm\r\n/dev/pts/")
        terminal.resize(77, 22)
        terminal.type("stty size; echo $((6 * 7))\n")
        terminal.wait_for(b"22 77\r\n42\r\n")
        terminal.type("exit 9\n")
        assert terminal.end() == (1000, "")
    started, ended = terminal.said
    assert started["started"]["container"]["name"] == "shelled"
    assert started["started"]["command"] == ["sh"]
    assert ended == {"exit_code": 9}


def test_what_runs_as_whom_and_where(api: httpx2.Client, control: Control) -> None:
    """The command's words, its user, its folder and its kind of terminal; bytes come as they are."""
    run(api, "asked")
    command = ("sh", "-c", "echo $1; id -u; pwd; echo $TERM; printf '\\377\\000\\n'; exit 3", "sh", "a b&c")
    with opened(control, "asked", *command, user="7", workdir="/etc", term="vt100") as terminal:
        assert terminal.end() == (1000, "")
    assert terminal.shown == b"a b&c\r\n7\r\n/etc\r\nvt100\r\n\xff\x00\r\n"
    assert terminal.said[-1] == {"exit_code": 3}


def test_who_may_open_one(api: httpx2.Client, control: Control) -> None:
    """A token in the header or, from a browser, among the subprotocols; a Host and an Origin that are ours."""
    run(api, "guarded")
    assert refused(control, "guarded", token="")[0] == 401
    assert refused(control, "guarded", token="pontlevis_wrong")[0] == 401
    assert refused(control, "guarded", token="", subprotocols=["pontlevis.terminal", "bearer.wrong"])[0] == 401
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "file://127.0.0.1"}):
        status, problem = refused(control, "guarded", headers=headers)
        assert (status, problem["type"]) == (403, "urn:pontlevis:problem:forbidden")
    assert refused(control, "guarded", headers={"Host": "evil.example"})[0] in {400, 403}
    offered = ["pontlevis.terminal", f"bearer.{control.token}"]
    with opened(
        control, "guarded", "true", token="", subprotocols=offered, headers={"Origin": control.url}
    ) as terminal:
        assert terminal.socket.subprotocol == "pontlevis.terminal"  # and not the token
        terminal.end()
    assert terminal.said[-1] == {"exit_code": 0}


def test_what_is_wrong_is_told_before_it_opens(api: httpx2.Client, control: Control) -> None:
    """As HTTP problems: no such container, not running, paused, a command that can't start, options that are wrong."""
    run(api, "still", start=False)
    run(api, "moving")
    run(api, "frozen")
    api.post("/containers/frozen/pause")
    assert refused(control, "nobody")[0] == 404
    for name in ("still", "frozen"):
        status, problem = refused(control, name)
        assert (status, problem["type"]) == (409, "urn:pontlevis:problem:not-running")
    api.post("/containers/frozen/unpause")
    status, problem = refused(control, "moving", "/no/such/program")
    assert (status, problem["type"]) == (422, "urn:pontlevis:problem:start-failed")
    assert "/no/such/program" in problem["detail"]
    assert refused(control, "moving", workdir="/no/such")[1]["type"] == "urn:pontlevis:problem:start-failed"
    assert refused(control, "moving", user="nobody-there")[0] == 422
    for query in ({"columns": 0}, {"rows": "many"}, {"unknown": 1}, {"term": "a b"}, {"workdir": "relative"}):
        status, problem = refused(control, "moving", **query)
        assert (status, problem["type"]) == (422, "urn:pontlevis:problem:invalid")


def test_it_is_spoken_over_websocket_alone(api: httpx2.Client, control: Control) -> None:
    """A plain GET is 426 and says how; a WebSocket elsewhere is a problem like any other."""
    answer = api.get("/containers/any/terminal")
    assert (answer.status_code, problem_of(answer)["type"]) == (426, "urn:pontlevis:problem:upgrade-required")
    assert answer.headers["upgrade"] == "websocket"
    token = {"Authorization": f"Bearer {control.token}"}
    with pytest.raises(InvalidStatus) as caught, connect(f"ws{control.url[4:]}/networks", additional_headers=token):
        pass
    assert caught.value.response.status_code == 404
    assert json.loads(caught.value.response.body or b"")["type"] == "urn:pontlevis:problem:not-found"


def test_a_text_that_is_not_understood_ends_it(api: httpx2.Client, control: Control) -> None:
    """Closed with 1008 and what a text message is; the command is ended."""
    run(api, "strict")
    for text in ("no json", '{"resize": {"columns": 0, "rows": 1}}', '{"other": 1}', "[]"):
        with opened(control, "strict", "cat") as terminal:
            terminal.socket.send(text)
            code, reason = terminal.end()
        assert code == 1008
        assert "resize" in reason


def test_the_command_ends_with_its_client(api: httpx2.Client, control: Control, engine: PrivateEngine) -> None:
    """A client that goes away ends the shell and what it started, also what hears no SIGHUP; others go on."""
    run(api, "left")
    run_on = ["sh", "-c", "sleep 4321"]
    assert api.post("/containers/left/exec", json={"command": run_on, "detach": True}).status_code == 202
    with opened(control, "left") as terminal:
        terminal.type("sleep 1234 & (trap '' HUP; exec sleep 2345) & trap '' HUP; echo read''y\n")
        terminal.wait_for(b"ready")
        eventually(lambda: {"sleep 1234", "sleep 2345"} <= set(processes(engine, "left")))
        terminal.socket.socket.close()  # as when the network is gone
    eventually(lambda: not {"sh", "sleep 1234", "sleep 2345"} & set(processes(engine, "left")))
    assert "sleep 4321" in processes(engine, "left")


def test_the_container_stops_under_it(api: httpx2.Client, control: Control) -> None:
    """The terminal ends, in order."""
    run(api, "stopping")
    with opened(control, "stopping") as terminal:
        terminal.wait_for(b"# ")
        assert api.post("/containers/stopping/stop", params={"timeout": 0}).status_code == 200
        assert terminal.end()[0] == 1000
    assert terminal.said[-1].keys() == {"exit_code"}


def test_a_flood_that_nobody_reads_waits(api: httpx2.Client, control: Control, engine: PrivateEngine) -> None:
    """`yes` fills what the kernel holds, then waits; control keeps none of it, and the end still ends it."""
    run(api, "flood")

    def memory() -> int:
        assert control.process is not None
        status = Path(f"/proc/{control.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    with opened(control, "flood", "yes", "y" * 1000) as terminal:
        terminal.wait_for(b"yyyy")
        before = memory()
        # The client's library stops reading when it holds some; so nothing moves any more.
        pid = next(row[0] for row in table(engine, "flood") if row[1].startswith("yes "))
        written: list[str] = []

        def stalled() -> bool:
            written.append(Path(f"/proc/{pid}/io").read_text().split("wchar: ")[1].split()[0])
            return len(written) > 1 and written[-1] == written[-2]

        eventually(stalled)
        assert memory() - before < 20_000  # KiB
        terminal.socket.socket.close()
    eventually(lambda: not any(line.startswith("yes") for line in processes(engine, "flood")))


def test_typing_that_nobody_reads_waits(api: httpx2.Client, control: Control) -> None:
    """A paste larger than what the kernel holds arrives whole, because it waits for its reader."""
    run(api, "paste")
    lines = "".join(f"{number:063}\n" for number in range(8192))
    command = "stty -echo; echo ready; sleep 1; head -c 524288 | md5sum"
    with opened(control, "paste", "sh", "-c", command) as terminal:
        terminal.wait_for(b"ready")
        terminal.type(lines)
        assert terminal.end()[0] == 1000
    assert hashlib.md5(lines.encode()).hexdigest().encode() in terminal.shown


def test_the_log_has_who_opened_it_and_nothing_of_what_was_typed(api: httpx2.Client, control: Control) -> None:
    """Intent and outcome in the event log, one line in control's own log; neither has the command or what was typed."""
    container = run(api, "discreet")
    headers = {"Reason": "looking around", "X-Request-ID": "terminal-request-1"}
    with opened(control, "discreet", "sh", "-c", "read secret; exit 4", "s3cret-argument", headers=headers) as terminal:
        terminal.type("s3cret-typed\n")
        terminal.end()

    def told() -> list[dict[str, Any]]:
        items = api.get("/events", params={"kind": "request", "container": container["id"], "limit": 1000}).json()
        return [it for it in items["items"] if it["detail"]["action"] == "container.terminal"]

    eventually(lambda: len(told()) == 2)
    intent, outcome = told()
    assert intent["request"] == {"id": "terminal-request-1", "principal": "admin", "reason": "looking around"}
    assert (outcome["detail"]["outcome"], outcome["detail"]["status"]) == ("done", 101)
    text = control.log_path.read_text()
    lines = [json.loads(line) for line in text.splitlines() if '"terminal-request-1"' in line]
    ours = [line for line in lines if line["event"] == "http.request"]
    assert [(it["method"], it["status"], it["principal"]) for it in ours] == [("GET", 101, "admin")]
    assert ours[0]["path"].endswith("/terminal")
    assert "s3cret" not in text
    refused(control, "discreet", "/no/such")
    assert [it["detail"]["outcome"] for it in told()[2:] if it["detail"]["phase"] == "outcome"] == ["refused"]


def test_control_stops_under_it_and_no_more_than_some_are_open(engine: PrivateEngine, tmp_path: Path) -> None:
    """At SIGTERM each is closed with 1001 and its command ended, and control exits with 0; one too many is 429."""
    with running_control(engine.url, tmp_path / "data", CONTROL_TERMINALS="1") as control, control.client() as api:
        run(api, "held")
        with opened(control, "held", "sh", "-c", "trap '' HUP; echo on; sleep 3456") as terminal:
            terminal.wait_for(b"on")
            status, problem = refused(control, "held")
            assert (status, problem["type"]) == (429, "urn:pontlevis:problem:too-many-terminals")
            process = control.process
            assert process is not None
            process.terminate()
            assert terminal.end() == (1001, "control stops")
            assert process.wait(15) == 0
        assert "sleep 3456" not in processes(engine, "held")
        assert "Traceback" not in control.log_path.read_text()
    engine.clear()


def test_a_container_without_a_shell_of_its_own(api: httpx2.Client, control: Control) -> None:
    """The command's own environment still bears the mark; what has been run is listed by the engine as ended."""
    run(api, "marked")
    with opened(control, "marked", "env") as terminal:
        terminal.end()
    assert b"PONTLEVIS_EXEC=" in terminal.shown
    assert execute(api, "marked", "true")["exit_code"] == 0


def test_a_client_that_reads_nothing_is_let_go(engine: PrivateEngine, tmp_path: Path) -> None:
    """After CONTROL_SEND_TIMEOUT, also where it still answers pings; its command is ended, others' go on."""
    settings = {"CONTROL_SEND_TIMEOUT": "1"}
    with running_control(engine.url, tmp_path / "data", **settings) as control, control.client() as api:
        run(api, "deaf")
        with opened(control, "deaf", "yes") as stalled, opened(control, "deaf", "cat") as other:
            eventually(lambda: not any(line.startswith("yes") for line in processes(engine, "deaf")))
            assert "follower.lost" in control.log_path.read_text()
            other.type("still here\n")
            other.wait_for(b"still here")
            stalled.socket.socket.close()
    engine.clear()
