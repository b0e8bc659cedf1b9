"""`make up`, `make down` and their kin, as a person types them, on a private engine and on a machine without one."""

import json
import re
import signal
import subprocess
import sys

from docker.cache import REPOSITORY
from tests.support.person import Bare, Person


def test_up_counts_to_one_and_said_twice_changes_nothing(person: Person) -> None:
    """The main job, then again, then `make down`, twice."""
    untouched = person.state()
    first = person.make("up")
    assert first.code == 0, first
    assert first.out[0] == "1"
    assert [words(line) for line in first.out[1:]] == [
        ["configure", "bridge", "db"],
        ["connect", "bridge", "db"],
        ["connect", "mynet", "db"],
        ["disconnect", "bridge", "db"],
        ["configure", "mynet", "server"],
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
    found = re.fullmatch(r" *\d+  \S+Z  (\w+) +(\S+) +(\S+) +(?:[\d.]+|-) +\(by admin\)", line)
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
    begun = person.make("up")
    assert begun.code == 0, begun
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
        said = []
        for line in process.stderr:
            said.append(line)
            if says in line:
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL, said


def test_official_images_that_are_there_are_used(person: Person, mongo_image: str, python_image: str) -> None:
    """Where a registry answers they are pulled; here they are stood in for, since none does."""
    stand_ins = {"mongo:latest": mongo_image, "python:3.11-slim-bookworm": python_image}
    for name, image in stand_ins.items():
        repository, _, tag = name.partition(":")
        person.engine.call("POST", f"/images/{image}/tag", repo=repository, tag=tag)
    try:
        said = person.make("up")
        assert (said.code, said.out[0]) == (0, "1"), said
        assert not any("pulling" in line for line in said.err)
        assert person.engine.call("GET", "/containers/db/json")["Config"]["Image"] == "mongo:latest"
        assert "pontlevis: all is as it should be; nothing changed" in person.make("up").err
    finally:
        person.engine.clear()
        for name in stand_ins:
            person.engine.call("DELETE", f"/images/{name}")


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
