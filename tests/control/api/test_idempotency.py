"""`Idempotency-Key`: what creates something, sent again with its key, creates nothing more."""

import concurrent.futures
import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.api import ALPINE, SLEEP, problem_of, run
from tests.support.between import Between, between
from tests.support.contract import watched
from tests.support.control import Control, running_control
from tests.support.engine import PrivateEngine

THINGS: dict[str, dict[str, Any]] = {
    "/networks": {"name": "only"},
    "/volumes": {"name": "only"},
    "/containers": {"name": "only", "image": ALPINE, "command": SLEEP, "init": True},
}


@pytest.fixture
def key() -> dict[str, str]:
    """The header, with a key that nobody had."""
    return {"Idempotency-Key": secrets.token_hex(8)}


@pytest.mark.parametrize("path", THINGS)
def test_sent_again_it_is_answered_as_it_was(
    api: httpx2.Client, engine: PrivateEngine, key: dict[str, str], path: str
) -> None:
    """The same status, headers and body, and a header that says so; the engine is not asked, so that this holds even
    when what was made is gone."""
    first = api.post(path, json=THINGS[path], headers=key)
    assert first.status_code == 201, first.text
    again = api.post(path, json=THINGS[path], headers=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["location"] == first.headers["location"]
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    engine.clear()
    assert api.post(path, json=THINGS[path], headers=key).content == first.content
    assert api.post(path, json=THINGS[path]).status_code == 201


def test_what_is_made_bears_a_digest_of_the_key(api: httpx2.Client, engine: PrivateEngine, key: dict[str, str]) -> None:
    """And never the key itself; without one there is no label."""
    api.post("/networks", json={"name": "marked"}, headers=key)
    api.post("/networks", json={"name": "plain"})
    labels = engine.call("GET", "/networks/marked")["Labels"]
    assert list(labels) == ["pontlevis.idempotency"]
    assert key["Idempotency-Key"] not in labels["pontlevis.idempotency"]
    assert engine.call("GET", "/networks/plain")["Labels"] == {}


def test_another_request_with_the_key_is_refused(
    api: httpx2.Client, engine: PrivateEngine, key: dict[str, str]
) -> None:
    """422, whether body, path or query differ; nothing is made."""
    api.post("/networks", json={"name": "one"}, headers=key)
    for path, body in (
        ("/networks", {"name": "two"}),
        ("/volumes", {"name": "one"}),
        ("/containers", {"image": ALPINE}),
    ):
        answer = api.post(path, json=body, headers=key)
        assert answer.status_code == 422
        assert problem_of(answer)["type"].endswith(":idempotency-key-reused")
    assert [it["Name"] for it in engine.call("GET", "/networks") if it["Name"] in {"one", "two"}] == ["one"]


@pytest.mark.parametrize("bad", ["", "x" * 256, "a\tb"])
def test_a_key_that_is_none_is_refused(api: httpx2.Client, bad: str) -> None:
    """422: empty, too long, not printable."""
    assert api.post("/networks", json={"name": "one"}, headers={"Idempotency-Key": bad}).status_code == 422


def test_many_at_once_make_one(control: Control, engine: PrivateEngine, key: dict[str, str]) -> None:
    """Of twenty, one does it; the others are told that it is under way (409, `Retry-After`) or get its answer."""
    barrier = threading.Barrier(20)

    def ask(_: int) -> httpx2.Response:
        with control.client() as client:
            barrier.wait()
            return watched(client).post("/networks", json={"name": "only"}, headers=key)

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, range(20)))
    made = [it for it in answers if it.status_code == 201]
    waits = [it for it in answers if it.status_code == 409]
    assert len(made) + len(waits) == 20
    assert len({it.json()["id"] for it in made}) == 1
    assert [it.headers.get("idempotency-replayed") for it in made].count(None) == 1
    for answer in waits:
        assert problem_of(answer)["type"].endswith(":idempotency-key-in-use")
        assert answer.headers["retry-after"] == "1"
    assert [it["Name"] for it in engine.call("GET", "/networks")].count("only") == 1
    engine.clear()


def test_what_failed_may_be_sent_again(api: httpx2.Client, key: dict[str, str]) -> None:
    """A refusal is not kept: with its reason gone, the same request succeeds."""
    run(api, "only")
    body = THINGS["/containers"]
    assert api.post("/containers", json=body, headers=key).status_code == 409
    api.delete("/containers/only", params={"force": "true"})
    assert api.post("/containers", json=body, headers=key).status_code == 201
    assert api.post("/networks", json={"name": "a b"}, headers={"Idempotency-Key": "never-valid"}).status_code == 422
    assert api.post("/networks", json={"name": "ab"}, headers={"Idempotency-Key": "never-valid"}).status_code == 201


def test_the_log_calls_it_replayed(api: httpx2.Client, key: dict[str, str]) -> None:
    """The outcome of the first is `done`, that of the second `replayed`: nothing was asked of the engine."""
    api.post("/networks", json={"name": "one"}, headers={**key, "X-Request-ID": "first-of-two"})
    api.post("/networks", json={"name": "one"}, headers={**key, "X-Request-ID": "second-of-two"})

    def outcomes(request: str) -> list[str]:
        records = api.get("/events", params={"request": request, "kind": "request"}).json()["items"]
        return [it["detail"]["outcome"] for it in records if it["detail"]["phase"] == "outcome"]

    assert (outcomes("first-of-two"), outcomes("second-of-two")) == (["done"], ["replayed"])


@pytest.fixture
def apart(engine: PrivateEngine, tmp_path: Path) -> Iterator[tuple[Control, Between]]:
    """A control of a test's own, whose engine's answers can be kept back."""
    with between(engine.socket) as stands, running_control(stands.url, tmp_path / "data") as control:
        yield control, stands
    engine.clear()


def test_answers_outlive_control(apart: tuple[Control, Between], key: dict[str, str]) -> None:
    """A restart, by kill -9, changes nothing; what is kept is for the owner of the data folder alone."""
    control, _ = apart
    with control.client() as api:
        first = api.post("/containers", json={**THINGS["/containers"], "env": {"SECRET": "s3cret"}}, headers=key)
    control.kill()
    control.start()
    with control.client() as api:
        again = api.post("/containers", json={**THINGS["/containers"], "env": {"SECRET": "s3cret"}}, headers=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    for file in control.data_dir.glob("memory.sqlite3*"):
        assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/networks", "POST /networks/create"),
        ("/containers", "POST /containers/create"),
        ("/volumes", "POST /volumes/create"),
    ],
)
def test_killed_between_the_engines_deed_and_its_answer(
    apart: tuple[Control, Between], engine: PrivateEngine, key: dict[str, str], path: str, asked: str
) -> None:
    """kill -9 when the engine has made it and control does not know: sent again, the request gives the one that there
    is, never a second."""
    control, stands = apart
    with stands.keeping(asked), concurrent.futures.ThreadPoolExecutor(1) as pool, control.client() as api:
        lost = pool.submit(api.post, path, json=THINGS[path], headers=key)
        assert stands.kept.wait(30)
        control.kill()
        with pytest.raises(httpx2.HTTPError):
            lost.result()
    control.start()
    with control.client() as api:
        again = watched(api).post(path, json=THINGS[path], headers=key)
        assert again.status_code in {200, 201}, again.text
        if path == "/networks":
            there = [it["Id"] for it in engine.call("GET", "/networks") if it["Name"] == "only"]
            assert there == [again.json()["id"]]
        elif path == "/containers":
            (there_now,) = engine.call("GET", "/containers/json", all="true")
            assert (there_now["Id"], there_now["State"]) == (again.json()["id"], "running")
        else:
            assert [it["Name"] for it in engine.call("GET", "/volumes")["Volumes"]] == ["only"]
        repeated = api.post(path, json=THINGS[path], headers=key)
        assert (repeated.content, repeated.headers["idempotency-replayed"]) == (again.content, "true")


def test_a_key_that_can_not_be_kept_makes_nothing(
    apart: tuple[Control, Between], engine: PrivateEngine, key: dict[str, str]
) -> None:
    """503 where the memory can't be written, and the engine is not asked; without a key all goes on."""
    control, _ = apart
    control.stop()
    memory = control.data_dir / "memory.sqlite3"
    for file in control.data_dir.glob("memory.sqlite3*"):
        file.unlink()
    memory.mkdir()
    control.start()
    with control.client() as api:
        watched(api)
        refused = api.post("/networks", json={"name": "only"}, headers=key)
        assert refused.status_code == 503
        assert problem_of(refused)["type"].endswith(":memory-unavailable")
        assert "only" not in [it["Name"] for it in engine.call("GET", "/networks")]
        assert api.post("/networks", json={"name": "other"}).status_code == 201
        memory.rmdir()
        assert api.post("/networks", json={"name": "only"}, headers=key).status_code == 201


def test_an_answer_is_kept_for_as_long_as_is_said(engine: PrivateEngine, tmp_path: Path, key: dict[str, str]) -> None:
    """CONTROL_IDEMPOTENCY_AGE, in hours: past it the key is free, and the request is a new one."""
    with running_control(engine.url, tmp_path / "data", CONTROL_IDEMPOTENCY_AGE="0.01") as control:
        with control.client() as api:
            assert api.post("/volumes", json={"name": "only"}, headers=key).status_code == 201
        control.stop()
        _age(control.data_dir / "memory.sqlite3", 37)
        control.start()
        with control.client() as api:
            answer = api.post("/volumes", json={"name": "only", "labels": {"a": "b"}}, headers=key)
            assert answer.status_code == 409
            assert problem_of(answer)["type"].endswith(":name-taken")
    engine.clear()


def _age(path: Path, seconds: float) -> None:
    """Make what is kept so much older."""
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE kept SET made = made - ?, ends = ends - ?", (seconds, seconds))
    connection.close()


def test_bodies_are_told_apart_by_their_bytes(api: httpx2.Client, key: dict[str, str]) -> None:
    """The same JSON written otherwise is another request: what is compared is what was sent."""
    headers = {**key, "Content-Type": "application/json"}
    body = json.dumps({"name": "only"})
    assert api.post("/networks", content=body, headers=headers).status_code == 201
    assert api.post("/networks", content=body + " ", headers=headers).status_code == 422
