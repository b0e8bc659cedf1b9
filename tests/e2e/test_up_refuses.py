"""Where `make up` can't do its work, or must not: one clear line, and nothing done."""

import socket
from pathlib import Path
from typing import Final

import pytest

from tests.support.person import NOBODY, Bare, Person, Said, run

FOREIGN: Final = {"pontlevis.test": "up"}


@pytest.mark.parametrize(("port", "variable"), [(7070, "CONTROL_PORT"), (8000, "SERVER_PORT")])
def test_a_port_taken_ends_it_before_anything_is_done(person: Person, port: int, variable: str) -> None:
    """One clear line, exit 1."""
    before = person.state()
    with person.engine.entered(), socket.create_server(("127.0.0.1", port)):
        said = person.make("up")
    assert_refused(said, f"port {port} of 127.0.0.1 is taken", variable)
    assert person.state() == before


@pytest.mark.parametrize(
    ("kind", "name", "variable"),
    [
        ("container", "db", "UP_DB"),
        ("container", "server", "UP_SERVER"),
        ("container", "pontlevis", "UP_CONTROL"),
        ("network", "mynet", "UP_NETWORK"),
        ("volume", "mydb", "UP_VOLUME"),
    ],
)
def test_what_is_anothers_is_never_touched(person: Person, kind: str, name: str, variable: str) -> None:
    """A container, network or volume of the seed's names that `make up` did not make. `make down` leaves it too."""
    make = {
        "container": lambda: person.engine.call(
            "POST", "/containers/create", name=name, json={"Image": "alpine", "Labels": FOREIGN}
        ),
        "network": lambda: person.engine.call("POST", "/networks/create", json={"Name": name, "Labels": FOREIGN}),
        "volume": lambda: person.engine.call("POST", "/volumes/create", json={"Name": name, "Labels": FOREIGN}),
    }
    make[kind]()
    before = person.state()
    assert_refused(person.make("up"), f"there is a {kind} named {name} that `make up` did not make", variable)
    assert person.state() == before
    assert person.make("down").code == 0
    assert person.state() == before


def test_where_no_engine_answers(person: Person, tmp_path: Path) -> None:
    """The address that was given is the one that counts, and another machine's engine will not do."""
    silent = f"unix://{tmp_path}/none.sock"
    assert_refused(person.make("up", DOCKER_HOST=silent), "no engine answers at DOCKER_HOST", silent)
    assert_refused(person.make("up", DOCKER_HOST="tcp://127.0.0.1:2375"), "another machine's engine")
    assert not person.data.exists()


def test_a_setting_that_is_none(person: Person) -> None:
    """Said before anything else is looked at."""
    assert_refused(person.make("up", "SERVER_PORT=http"), "SERVER_PORT=http is no port")
    assert_refused(person.make("up", "SERVER_PORT=7070"), "CONTROL_PORT and SERVER_PORT are both 7070")


def test_a_socket_that_is_not_for_you(person: Person) -> None:
    """Neither root nor in the socket's group."""
    with person.engine.entered():
        said = run([*NOBODY, "make", "--no-print-directory", "up"], person.environment())
    assert_refused(said, f"the engine's socket {person.engine.socket} is not for you")


def test_without_an_engine_and_without_root(bare: Bare) -> None:
    """Nobody but root can install and start one."""
    said = bare.run(f"exec {' '.join(NOBODY)} make --no-print-directory up")
    assert_refused(said, "no engine answers at /run/docker.sock, and only root can install and start one")


def test_where_no_engine_is_to_be_had(bare: Bare) -> None:
    """Root, but neither dockerd nor apt-get."""
    hide = [f"! test -e {path} || mount --bind /dev/null {path}" for path in ("/usr/sbin/dockerd", "/usr/bin/apt-get")]
    said = bare.run(*hide, "exec make --no-print-directory up")
    assert_refused(said, "there is no apt-get here to install one")


def assert_refused(said: Said, *parts: str) -> None:
    """One clear line and exit 1 (make's own code for it is 2, and its line names the target)."""
    lines = [line for line in said.err if not line.startswith("make: ***")]
    assert said.code == 2, said
    assert "Error 1" in said.err[-1], said
    assert said.out == []
    assert len(lines) == 1, lines
    assert lines[0].startswith("pontlevis: ")
    for part in parts:
        assert part in lines[0]
