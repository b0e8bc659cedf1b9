"""Runs that fail, and clients that break off: nothing is left of them, neither a container nor a volume."""

import concurrent.futures
import json
import socket
from typing import Any

import httpx2
import pytest

from tests.support.api import ALPINE, SLEEP, problem_of, run
from tests.support.control import Control
from tests.support.engine import PrivateEngine
from tests.support.polling import eventually

URN = "urn:pontlevis:problem:"


def things(engine: PrivateEngine) -> tuple[set[str], set[str]]:
    """The ids of all containers, and the names of all volumes."""
    containers = {entry["Id"] for entry in engine.call("GET", "/containers/json", all="true")}
    return containers, {entry["Name"] for entry in engine.call("GET", "/volumes")["Volumes"] or ()}


@pytest.fixture
def scene(api: httpx2.Client, engine: PrivateEngine, control: Control) -> tuple[set[str], set[str]]:
    """A container that has a port and an address, and a volume; what there is before a run."""
    (control.data_dir.parent / "allowed").mkdir(exist_ok=True)
    for number, name in enumerate(("first", "second")):
        body = {"name": name, "ipam": {"pools": [{"subnet": f"10.14{number}.0.0/24"}]}}
        assert api.post("/networks", json=body).status_code == 201
    run(api, "holder", publish=[{"container_port": 80, "host_port": 8099}])
    answer = api.put("/networks/second/containers/holder", json={"ipv4": "10.141.0.40"})
    assert answer.status_code == 201, answer.text
    assert api.post("/volumes", json={"name": "kept"}).status_code == 201
    return things(engine)


@pytest.mark.parametrize(
    ("change", "status", "kind", "told"),
    [
        ({"image": "no-such-image-here:1"}, 404, "not-found", "POST /images/pull"),
        ({"command": ["/no/such/program"]}, 422, "start-failed", "/no/such/program"),
        ({"entrypoint": ["/etc"]}, 422, "start-failed", "/etc"),
        ({"workdir": "/etc/passwd/x"}, 422, "start-failed", "passwd"),
        ({"user": "nobody-here"}, 422, "start-failed", "nobody-here"),
        ({"publish": [{"container_port": 80, "host_port": 8099}]}, 409, "port-taken", "holder"),
        (
            {"networks": [{"network": "first"}, {"network": "second", "ipv4": "10.141.0.40"}]},
            409,
            "address-taken",
            "10.141.0.40 on second is holder's",
        ),
        (
            {"networks": [{"network": "second", "ipv4": "10.141.0.40"}, {"network": "first"}]},
            409,
            "address-taken",
            "10.141.0.40 on second is holder's",
        ),
        ({"networks": [{"network": "first"}, {"network": "nowhere"}]}, 404, "not-found", "nowhere"),
        ({"networks": [{"network": "first", "ipv4": "10.99.0.1"}]}, 422, "invalid", "10.140.0.0/24"),
        ({"mounts": [{"type": "bind", "source": "/etc", "target": "/x"}]}, 403, "forbidden", "CONTROL_BIND_ROOTS"),
        ({"mounts": [{"type": "bind", "source": "ALLOWED/missing", "target": "/x"}]}, 422, "invalid", "missing"),
        ({"mounts": [{"target": "/x"}, {"target": "/x"}]}, 422, "invalid", "/x"),
        ({"mounts": [{"source": "new", "target": "/x", "driver": "nonsense"}]}, 422, "invalid", "nonsense"),
        ({"sysctls": {"net.nonsense.here": "1"}}, 422, "start-failed", "net"),
        ({"name": "holder"}, 409, "name-taken", "holder"),
        ({"network_mode": "container:holder", "links": ["holder"]}, 422, "invalid", "links"),
    ],
)
def test_each_kind_of_failure(  # noqa: PLR0917  (fixtures, and a row of the table)
    api: httpx2.Client,
    engine: PrivateEngine,
    control: Control,
    scene: tuple[set[str], set[str]],
    change: dict[str, Any],
    status: int,
    kind: str,
    told: str,
) -> None:
    """A problem of its kind that names what it is about; no container, no anonymous volume, no new named one, and what
    was there stays."""
    mounts = [{"target": "/anonymous"}, {"source": "kept", "target": "/kept"}, {"source": "made", "target": "/made"}]
    allowed = str(control.data_dir.parent / "allowed")
    further = json.loads(json.dumps(change).replace("ALLOWED", allowed))
    body = {"name": "failing", "image": ALPINE, "command": SLEEP, **further}
    body["mounts"] = [*mounts, *further.get("mounts", [])]
    answer = api.post("/containers", json=body)
    assert (answer.status_code, problem_of(answer)["type"]) == (status, URN + kind), answer.text
    assert told in problem_of(answer)["detail"]
    assert things(engine) == scene


def sent(control: Control, body: dict[str, Any], **headers: str) -> socket.socket:
    """A run asked for on a connection of its own."""
    raw = json.dumps(body).encode()
    lines = [
        "POST /containers HTTP/1.1",
        f"Host: 127.0.0.1:{control.port}",
        f"Authorization: Bearer {control.token}",
        "Content-Type: application/json",
        f"Content-Length: {len(raw)}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    connection = socket.create_connection(("127.0.0.1", control.port), timeout=10)
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + raw)
    return connection


def slow_body(api: httpx2.Client, name: str) -> dict[str, Any]:
    """A run that takes its time, because each network is one at its start."""
    networks = [f"slow{number}" for number in range(6)]
    for network in networks:
        assert api.post("/networks", json={"name": network}).status_code == 201
    return {
        "name": name,
        "image": ALPINE,
        "command": SLEEP,
        "networks": [{"network": network} for network in networks],
        "mounts": [{"target": "/anonymous"}, {"source": "made", "target": "/made"}],
    }


def test_a_client_that_breaks_off(api: httpx2.Client, engine: PrivateEngine, control: Control) -> None:
    """What was made until then is taken away, and the log says why."""
    body = slow_body(api, "unwanted")
    connection = sent(control, body, X_Request_ID="brokenoff")
    eventually(lambda: things(engine)[0])
    connection.close()
    eventually(lambda: things(engine) == (set(), set()))

    def outcome() -> list[dict[str, Any]]:
        items = api.get("/events", params={"request": "brokenoff", "kind": "request"}).json()["items"]
        return [item for item in items if item["detail"].get("problem") == "client-gone"]

    assert eventually(outcome)[-1]["detail"]["action"] == "container.run"


def test_a_client_that_breaks_off_with_a_key(api: httpx2.Client, engine: PrivateEngine, control: Control) -> None:
    """It can ask again: the run goes on, and the answer is that of the one container."""
    body = slow_body(api, "wanted")
    connection = sent(control, body, Idempotency_Key="broken-off-1")
    eventually(lambda: things(engine)[0])
    connection.close()

    def answered() -> httpx2.Response | None:
        # The same bytes: it is these that a key stands for.
        headers = {"Idempotency-Key": "broken-off-1", "Content-Type": "application/json"}
        answer = api.post("/containers", content=json.dumps(body).encode(), headers=headers)
        return None if answer.status_code == 409 else answer

    answer = eventually(answered)
    assert answer is not None
    assert answer.status_code == 201, answer.text
    assert answer.json()["state"] == "running"
    assert things(engine)[0] == {answer.json()["id"]}
    assert len(answer.json()["networks"]) == 6


def test_the_same_key_makes_one_container(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Sent again, also without a name, the run is answered as it was; another body is refused."""
    body = {"image": ALPINE, "command": SLEEP, "init": True}
    first = api.post("/containers", json=body, headers={"Idempotency-Key": "one-1"})
    assert first.status_code == 201, first.text
    again = api.post("/containers", json=body, headers={"Idempotency-Key": "one-1"})
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert things(engine)[0] == {first.json()["id"]}
    other = api.post("/containers", json={**body, "tty": True}, headers={"Idempotency-Key": "one-1"})
    assert (other.status_code, problem_of(other)["type"]) == (422, URN + "idempotency-key-reused")


def test_a_run_that_failed_may_be_sent_again_with_its_key(api: httpx2.Client) -> None:
    """What failed for certain is not the answer for ever."""
    body = {"name": "second-try", "image": ALPINE, "command": SLEEP, "networks": [{"network": "not-yet"}]}
    headers = {"Idempotency-Key": "again-1"}
    assert api.post("/containers", json=body, headers=headers).status_code == 404
    assert api.post("/networks", json={"name": "not-yet"}).status_code == 201
    assert api.post("/containers", json=body, headers=headers).status_code == 201


@pytest.mark.usefixtures("api")
def test_many_runs_of_one_name(control: Control, engine: PrivateEngine) -> None:
    """Of twelve at once one is made, and the others are told that the name is taken."""

    def ask(_: int) -> int:
        with control.client() as client:
            return client.post("/containers", json={"name": "only", "image": ALPINE, "command": SLEEP}).status_code

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = sorted(pool.map(ask, range(12)))
    assert answers == [201, *[409] * 11]
    assert len(things(engine)[0]) == 1
