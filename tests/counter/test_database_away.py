"""The database away at the start, going away in every way there is, and coming back."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from counter.embedded import LOOPBACK, Mongod, free_port
from tests.counter.conftest import Serve
from tests.support.counting import CounterProcess, eventually

AWAY = "urn:pontlevis:problem:database-away"
UNKNOWN = "urn:pontlevis:problem:outcome-unknown"
BOUND_SECONDS = 2.0
# The machine that runs the tests may be busy with others; the counter's own deadline is 1.3 s.
BUSY_SECONDS = 0.5


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Mongod]:
    """A mongod of the test's own, not started yet, to do things to."""
    mongod = Mongod(tmp_path / "own")
    yield mongod
    mongod.stop()


def assert_away(counter: CounterProcess, *, types: tuple[str, ...] = (AWAY,)) -> str:
    """`/` and `/readyz` are 503 problems within 2 s, with Retry-After; `/healthz` is 200. Returns the type."""
    started = time.monotonic()
    response = counter.http.get("/")
    assert time.monotonic() - started < BOUND_SECONDS + BUSY_SECONDS
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) >= 1
    assert response.headers["cache-control"] == "no-store"
    problem: dict[str, Any] = response.json()
    assert problem["type"] in types
    assert problem["detail"]
    started = time.monotonic()
    assert counter.problem("/readyz")["type"] == AWAY
    assert time.monotonic() - started < BOUND_SECONDS + BUSY_SECONDS
    assert counter.http.get("/healthz").status_code == 200
    return str(problem["type"])


def assert_resumes(counter: CounterProcess) -> None:
    """Counting goes on within 2 s from now."""
    eventually("counting again", counter.counts, within=BOUND_SECONDS + BUSY_SECONDS)


def test_away_at_the_start(serve: Serve, own: Mongod) -> None:
    """The counter starts and stays up without its database, and counts within 2 s of its first answer."""
    counter = serve(own.url)
    for _ in range(2):
        assert_away(counter)

    own.start()

    assert_resumes(counter)
    eventually("ready", counter.ready, within=BOUND_SECONDS + BUSY_SECONDS)


def test_a_name_that_does_not_resolve(serve: Serve) -> None:
    """A host that no name server knows is a database away."""
    assert_away(serve("mongodb://no-such-host.invalid/"))


def test_a_host_that_accepts_and_says_nothing(serve: Serve) -> None:
    """A listener that never answers is a database away."""
    with closing(socket.create_server((LOOPBACK, 0))) as listener:
        assert_away(serve(f"mongodb://{LOOPBACK}:{listener.getsockname()[1]}/"))


def test_stopped_and_started_again(serve: Serve, own: Mongod) -> None:
    """An orderly stop of the database, twice: 503 meanwhile, and the count goes on where it was."""
    own.start()
    counter = serve(own.url)
    assert counter.count() == 1
    for expected in (2, 3):
        own.stop()
        assert_away(counter, types=(AWAY, UNKNOWN))

        own.start()
        assert_resumes(counter)
        assert counter.count() >= expected


def test_frozen_and_thawed(serve: Serve, own: Mongod) -> None:
    """A database that takes packets and answers none, as on a cut network: the first outcome is unknown."""
    own.start()
    counter = serve(own.url)
    assert counter.count() == 1

    os.kill(own.pid, signal.SIGSTOP)
    try:
        first = assert_away(counter, types=(AWAY, UNKNOWN))
        assert first == UNKNOWN, "the increment was sent on an open connection"
        eventually("known to be away", lambda: counter.problem()["type"] == AWAY)
        assert_away(counter)
    finally:
        os.kill(own.pid, signal.SIGCONT)

    assert_resumes(counter)
    # What was sent may have been applied when it thawed, or not; whoever counts now gets a larger number.
    last = counter.count()
    assert last > 1
    assert counter.count() == last + 1


def test_an_unknown_outcome_says_so(serve: Serve, own: Mongod) -> None:
    """Where the answer to an increment never comes, the problem says that the count may have moved."""
    own.start()
    counter = serve(own.url)
    counter.count()
    os.kill(own.pid, signal.SIGSTOP)
    try:
        problem = counter.problem()
    finally:
        os.kill(own.pid, signal.SIGCONT)

    assert problem["type"] == UNKNOWN
    assert "may or may not have moved" in problem["detail"]
    assert 'counter_commits_total{outcome="outcome-unknown"} 1.0' in counter.http.get("/metrics").text


def test_a_majority_that_does_not_confirm_is_an_unknown_outcome(serve: Serve, own: Mongod) -> None:
    """An increment that was made and not confirmed says so, and is not given out; the next count is past it."""
    own.parameters = ("enableTestCommands=1",)  # mongod's own means to fail on purpose
    own.start()
    counter = serve(own.url)
    assert counter.http.get("/").json() == 1
    with closing(MongoClient[dict[str, Any]](own.url)) as client:
        client.admin.command(
            "configureFailPoint",
            "failCommand",
            mode={"times": 1},
            data={
                "failCommands": ["findAndModify"],
                "writeConcernError": {"code": 64, "codeName": "WriteConcernFailed", "errmsg": "not confirmed"},
            },
        )

    response = counter.http.get("/")

    assert (response.status_code, response.json()["type"]) == (503, UNKNOWN)
    assert counter.http.get("/").json() == 3


def test_a_password_that_is_refused(serve: Serve, own: Mongod) -> None:
    """A database that says no is a 503 of its own type, and the password is nowhere in log or answer."""
    own.start()
    counter = serve(own.url.replace("//", "//someone:s3cret@"))

    problem = counter.problem()

    assert problem["type"] == "urn:pontlevis:problem:database-refused"
    assert "COUNTER_MONGODB_URL" in problem["detail"]
    assert "s3cret" not in counter.output() + str(problem)


def test_a_standalone_server_will_do(serve: Serve, own: Mongod) -> None:
    """Without a replica set, as the seed's `mongo`, it counts, survives a restart of the database, and resumes."""
    own.replica_set = None
    own.start()
    counter = serve(f"mongodb://{LOOPBACK}:{own.port}/")
    assert [counter.count(), counter.count()] == [1, 2]

    own.kill()
    assert_away(counter, types=(AWAY, UNKNOWN))
    own.start()

    assert_resumes(counter)
    with MongoClient[dict[str, Any]](LOOPBACK, own.port) as client:
        assert client.test["count"].count_documents({}) == 1
    assert counter.count() >= 4


def test_a_taken_port_is_not_ours(serve: Serve) -> None:
    """Something that speaks another protocol where MongoDB should be is a database away, not a crash."""
    other = serve(f"mongodb://{LOOPBACK}:{free_port()}/")
    assert_away(serve(f"mongodb://{LOOPBACK}:{other.port}/"))
