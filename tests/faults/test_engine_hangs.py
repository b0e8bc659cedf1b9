"""An engine that hangs: every kind of operation ends in 504 within its time, and what needs no engine goes on."""

import concurrent.futures
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from tests.support.api import ALPINE, SLEEP, problem_of, run
from tests.support.control import Control, running_control
from tests.support.engine import PrivateEngine, private_engine
from tests.support.fixtures import load_images
from tests.support.polling import eventually

ENGINE_TIMEOUT = 1.5


@pytest.fixture(scope="module")
def frail() -> Iterator[PrivateEngine]:
    """An engine to be frozen."""
    with private_engine() as engine:
        load_images(engine, "alpine")
        yield engine


@pytest.fixture(scope="module")
def control(frail: PrivateEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    """A control that gives each call of the engine a second and a half."""
    folder = tmp_path_factory.mktemp("hanging")
    settings = {"CONTROL_ENGINE_TIMEOUT": str(ENGINE_TIMEOUT), "CONTROL_EXEC_TIMEOUT": "2"}
    with running_control(frail.url, folder / "data", **settings) as control:
        with control.client() as api:
            assert api.post("/networks", json={"name": "net"}).status_code == 201
            run(api, "one", networks=["net"])
            run(api, "two")
            assert api.post("/volumes", json={"name": "vol"}).status_code == 201
        yield control


def ids(engine: PrivateEngine) -> set[str]:
    """The ids of all containers, from the engine."""
    return {entry["Id"] for entry in engine.call("GET", "/containers/json", all="true")}


def another(engine: PrivateEngine, before: set[str]) -> bool:
    """Whether there is a container beside those that were there before."""
    return ids(engine) > before


def taken_back(api: httpx2.Client, name: str) -> bool:
    """Whether the log tells that a container of this name was made and removed."""
    items = api.get("/events", params={"container": name, "limit": "1000"}).json()["items"]
    return {"container.create", "container.destroy"} <= {item["kind"] for item in items}


def on_many(api: httpx2.Client, prefix: str) -> dict[str, Any]:
    """A run that takes its time, because each network is one at its start."""
    networks = [f"{prefix}{number}" for number in range(6)]
    for network in networks:
        assert api.post("/networks", json={"name": network}).status_code == 201
    return {**NEW, "init": True, "name": prefix, "networks": [{"network": network} for network in networks]}


class Asked(NamedTuple):
    """A request."""

    method: str
    path: str
    body: dict[str, Any] | None = None


NEW = {"image": ALPINE, "command": SLEEP}
OPERATIONS = [
    Asked("GET", "/networks"),
    Asked("POST", "/networks", {"name": "late"}),
    Asked("GET", "/networks/net"),
    Asked("DELETE", "/networks/net?force=true"),
    Asked("GET", "/networks/net/containers"),
    Asked("GET", "/networks/net/containers/one"),
    Asked("PUT", "/networks/net/containers/two", {}),
    Asked("DELETE", "/networks/net/containers/one"),
    Asked("GET", "/containers"),
    Asked("POST", "/containers", {**NEW, "name": "late"}),
    Asked("POST", "/containers", {**NEW, "name": "later", "networks": [{"network": "net"}]}),
    Asked("POST", "/containers", {**NEW, "name": "latest", "publish_all": True}),
    Asked("GET", "/containers/one"),
    Asked("GET", "/containers/one?raw=true"),
    Asked("DELETE", "/containers/one?force=true"),
    *(Asked("POST", f"/containers/one/{it}") for it in ("start", "stop", "restart", "kill", "pause", "unpause")),
    Asked("POST", "/containers/one/stop?signal=INT&timeout=300"),
    Asked("POST", "/containers/one/rename", {"name": "other"}),
    Asked("POST", "/containers/one/update", {"restart": "always"}),
    Asked("GET", "/containers/one/wait?timeout=600"),
    Asked("GET", "/containers/one/ports"),
    Asked("GET", "/containers/one/networks"),
    Asked("GET", "/containers/one/logs"),
    Asked("POST", "/containers/one/exec", {"command": ["true"]}),
    Asked("GET", "/volumes"),
    Asked("POST", "/volumes", {"name": "late"}),
    Asked("GET", "/volumes/vol"),
    Asked("DELETE", "/volumes/vol"),
    Asked("GET", "/images"),
]

WITHOUT_ENGINE = [
    "/healthz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/events",
    "/events/verify",
    "/events/1",
    "/networks/net/containers?at={now}",
    "/containers/one/networks?at={now}",
    "/overlaps?container=one",
]


def test_every_kind_of_operation_ends(control: Control, frail: PrivateEngine) -> None:
    """All at once on a frozen engine: each is 504 and says so; meanwhile whatever needs no engine is answered, and when
    the engine is back it is as it was before."""
    with control.client() as api:
        eventually(lambda: api.get("/readyz").status_code == 200)
        now = api.get("/events", params={"limit": 1000}).json()["items"][-1]["time"]

    def ask(asked: Asked) -> tuple[Asked, int, str, float]:
        started = time.monotonic()
        with control.client() as client:
            answer = client.request(asked.method, asked.path, json=asked.body)
        return asked, answer.status_code, problem_of(answer)["type"], time.monotonic() - started

    frail.pause()
    try:
        with concurrent.futures.ThreadPoolExecutor(len(OPERATIONS)) as pool, control.client() as api:
            asking = [pool.submit(ask, asked) for asked in OPERATIONS]
            for _ in range(3):
                for path in WITHOUT_ENGINE:
                    answer = api.get(path.format(now=now))
                    assert answer.status_code == 200, (path, answer.text)
            answers = [future.result(60) for future in asking]
            assert api.get("/readyz").status_code == 503
    finally:
        frail.resume()
    for asked, status, kind, took in answers:
        assert (status, kind) == (504, "urn:pontlevis:problem:engine-timeout"), asked
        # Not a measure of speed: that there is a bound, and that no time-out adds up with another.
        assert took < 10 * ENGINE_TIMEOUT, (asked, took)
    with control.client() as api:
        eventually(lambda: api.get("/readyz").status_code == 200)
        assert api.get("/containers/one").json()["networks"][0]["state"] == "connected"
        # The engine makes also what nobody waits for any more; it is removed then.
        eventually(partial(taken_back, api, "late"))
        eventually(lambda: len(ids(frail)) == 2)
        assert {it["name"] for it in api.get("/containers").json()["items"]} == {"one", "two"}


def test_a_wait_outlives_a_short_freeze(control: Control, frail: PrivateEngine) -> None:
    """One that is under way when the engine freezes is answered when that is back."""
    with control.client() as api:
        run(api, "ending")
        with concurrent.futures.ThreadPoolExecutor(1) as pool, control.client() as other:
            waiting = pool.submit(other.get, "/containers/ending/wait")
            time.sleep(0.3)  # so that the engine has it
            frail.pause()
            time.sleep(2 * ENGINE_TIMEOUT)
            frail.resume()
            eventually(lambda: api.post("/containers/ending/kill").status_code == 200)
            assert waiting.result(60).json() == {"exit_code": 137, "timed_out": False}


@pytest.mark.parametrize("key", [None, "frozen-1"])
def test_an_engine_that_hangs_in_the_middle_of_a_run(control: Control, frail: PrivateEngine, key: str | None) -> None:
    """504; without a key what was made is removed when the engine is back, with one the next request finds it."""
    headers = {"Idempotency-Key": key} if key else {}
    with control.client() as api:
        eventually(lambda: api.get("/readyz").status_code == 200)
        name = f"half{len(headers)}"
        body = on_many(api, name)
        before = ids(frail)
        with concurrent.futures.ThreadPoolExecutor(1) as pool, control.client() as other:
            asked = pool.submit(other.post, "/containers", json=body, headers=headers)
            eventually(partial(another, frail, before))
            frail.pause()
            try:
                answer = asked.result(30)
            finally:
                frail.resume()
        assert answer.status_code == 504, answer.text
        if key is None:
            assert "removed when the engine answers" in problem_of(answer)["detail"]
            eventually(partial(taken_back, api, name))
            eventually(lambda: ids(frail) == before)
            return
        assert "Idempotency-Key" in problem_of(answer)["detail"]
        again = api.post("/containers", json=body, headers=headers)
        assert (again.status_code, len(again.json().get("networks", []))) == (201, 6), again.text
        assert ids(frail) - before == {again.json()["id"]}


def test_a_client_that_breaks_off_while_the_engine_hangs(control: Control, frail: PrivateEngine) -> None:
    """What the engine makes of it, once it is back, is removed."""
    with control.client() as api:
        eventually(lambda: api.get("/readyz").status_code == 200)
        frail.pause()
        try:
            with control.client(timeout=0.5) as hasty, pytest.raises(httpx2.TimeoutException):
                hasty.post("/containers", json={**NEW, "name": "hasty"})

            def told() -> bool:
                items = api.get("/events", params={"kind": "request", "limit": 1000}).json()["items"]
                return any(item["detail"].get("problem") == "client-gone" for item in items)

            eventually(told)
        finally:
            frail.resume()
        eventually(partial(taken_back, api, "hasty"))


def test_control_stops_while_somebody_waits(frail: PrivateEngine, tmp_path: Path) -> None:
    """Who waits for a container is answered that it has not ended, and control's exit code is 0."""
    with (
        running_control(frail.url, tmp_path / "data") as control,
        control.client() as api,
        concurrent.futures.ThreadPoolExecutor(1) as pool,
    ):
        waiting = pool.submit(api.get, "/containers/one/wait", params={"timeout": 600})
        time.sleep(0.5)  # so that it waits
        assert control.stop() == 0
        assert waiting.result(30).json() == {"exit_code": None, "timed_out": True}


def test_a_run_during_which_control_dies_is_found_by_its_key(frail: PrivateEngine, tmp_path: Path) -> None:
    """Control dies while a run is under way; sent again with its key after the restart, the run gives one container,
    whole and running, whether it had a name or not."""
    control = Control(frail.url, tmp_path / "data")
    control.start()
    try:
        with control.client() as api:
            networks = [f"key{number}" for number in range(5)]
            for network in networks:
                assert api.post("/networks", json={"name": network}).status_code == 201
        body = {**NEW, "init": True, "networks": [{"network": network} for network in networks]}
        for number, named in enumerate(({}, {"name": "by-key"})):
            before = ids(frail)
            headers = {"Idempotency-Key": f"dies-{number}"}
            with concurrent.futures.ThreadPoolExecutor(1) as pool, control.client() as other:
                asked = pool.submit(other.post, "/containers", json={**body, **named}, headers=headers)
                eventually(partial(another, frail, before))
                control.kill()
                with pytest.raises(httpx2.HTTPError):
                    asked.result(30)
            control.start()
            with control.client() as api:
                answer = api.post("/containers", json={**body, **named}, headers=headers)
                assert answer.status_code == 201, answer.text
                made = answer.json()
                assert (made["state"], len(made["networks"])) == ("running", 5)
                assert ids(frail) - before == {made["id"]}
                again = api.post("/containers", json={**body, **named}, headers=headers)
                assert (again.json()["id"], again.headers["idempotency-replayed"]) == (made["id"], "true")
    finally:
        control.stop()
