"""The event log over HTTP: pages, filters, and streams that go on where they were."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from control import instants
from tests.support.api import problem_of, run
from tests.support.control import Control, running_control
from tests.support.engine import PrivateEngine

DEADLINE = 20.0


class Follower:
    """A stream that is read in a thread."""

    def __init__(self, control: Control, headers: dict[str, str] | None = None, **query: str) -> None:
        self.messages: list[httpx2.ServerSentEvent] = []
        self.ended_clean: bool | None = None
        self._arrived = threading.Condition()
        self._client = control.client()
        self._stream = contextlib.ExitStack()
        source = self._stream.enter_context(self._client.sse("/events/stream", params=query, headers=headers or {}))
        self.response = source.response
        self._thread = threading.Thread(target=self._read, args=(source,), daemon=True)
        self._thread.start()

    def _read(self, source: httpx2.EventSource) -> None:
        clean = True
        try:
            for message in source:
                with self._arrived:
                    self.messages.append(message)
                    self._arrived.notify_all()
        except httpx2.HTTPError:
            clean = False
        with self._arrived:
            self.ended_clean = clean
            self._arrived.notify_all()

    def wait(self, holds: Callable[["Follower"], bool]) -> None:
        with self._arrived:
            assert self._arrived.wait_for(lambda: holds(self), DEADLINE), self.messages

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(message.data) for message in self.messages if message.data]

    def close(self) -> None:
        # The thread reads, so only the socket's end gets it out of there.
        if self.ended_clean is None:
            stream = self.response.extensions["network_stream"]
            stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._stream.close()
        self._client.close()


@contextlib.contextmanager
def following(control: Control, headers: dict[str, str] | None = None, **query: str) -> Iterator[Follower]:
    follower = Follower(control, headers, **query)
    try:
        yield follower
    finally:
        follower.close()


def written(api: httpx2.Client, count: int, **query: str | int) -> list[dict[str, Any]]:
    """The events that pass, once there are so many."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        items: list[dict[str, Any]] = api.get("/events", params={"limit": 1000, **query}).json()["items"]
        if len(items) >= count:
            return items
        time.sleep(0.02)
    raise AssertionError(f"{len(items)} events, not {count}: {items}")


def newest(api: httpx2.Client) -> int:
    after = 0
    while True:
        page = api.get("/events", params={"after": after, "limit": 1000}).json()
        after = page["items"][-1]["seq"] if page["items"] else after
        if page["next"] is None:
            return after


def three(api: httpx2.Client) -> tuple[str, int]:
    """A container that came, left and came again on `mynet`; its id, and the number before all that."""
    after = newest(api)
    assert api.post("/networks", json={"name": "mynet"}).status_code == 201
    container = run(api, "db", networks=["mynet"])["id"]
    assert api.delete("/networks/mynet/containers/db").status_code == 204
    assert api.put("/networks/mynet/containers/db").status_code == 201
    written(api, 3, after=after)
    return container, after


def test_the_log_of_what_was_asked_for(api: httpx2.Client) -> None:
    container, after = three(api)
    items = written(api, 3, after=after)
    assert [(item["kind"], item["before"], item["after"]) for item in items] == [
        ("network.connect", "absent", "connected"),
        ("network.disconnect", "connected", "absent"),
        ("network.connect", "absent", "connected"),
    ]
    assert [item["seq"] for item in items] == [after + 1, after + 2, after + 3]
    membership = api.get("/networks/mynet/containers/db").json()
    last = items[-1]
    assert last["container"] == {"id": container, "name": "db", "image": "alpine"}
    assert last["network"]["id"] == membership["network"]["id"]
    assert (last["network"]["name"], last["network"]["scope"]) == ("mynet", "local")
    assert last["endpoint"] == membership["endpoint"]
    assert last["source"] == "stream"
    assert last["observed_between"] is None
    assert instants.render(instants.parse(last["time"])) == last["time"]


def test_pages_go_on_where_they_ended(api: httpx2.Client) -> None:
    _, after = three(api)
    seen = []
    following: int | None = after
    while following is not None:
        page = api.get("/events", params={"after": following, "limit": 2}).json()
        assert len(page["items"]) <= 2
        seen += [item["seq"] for item in page["items"]]
        following = page["next"]
    assert seen == [after + 1, after + 2, after + 3]
    assert api.get("/events", params={"after": after + 3}).json() == {"items": [], "next": None}
    # A page that ends with the last event has nothing after it.
    assert api.get("/events", params={"after": after, "limit": 3}).json()["next"] is None


def test_filters(api: httpx2.Client) -> None:
    container, after = three(api)
    run(api, "other")
    first, second, third, fourth = written(api, 4, after=after)

    def found(**query: str | int) -> list[int]:
        answer = api.get("/events", params={"after": after, **query})
        assert answer.status_code == 200, answer.text
        return [item["seq"] for item in answer.json()["items"]]

    mine = [first["seq"], second["seq"], third["seq"]]
    assert found() == [*mine, fourth["seq"]]
    assert found(network="mynet") == found(container="db") == found(container=container) == mine
    assert found(container=container[:12]) == found(network=first["network"]["id"]) == mine
    assert found(network="bridge", container="other") == [fourth["seq"]]
    assert found(network="bridge", container="db") == found(network="no-such") == []
    assert found(since=second["time"]) == [second["seq"], third["seq"], fourth["seq"]]
    assert found(since=second["time"], until=third["time"]) == [second["seq"]]
    assert found(container="db", until=second["time"]) == [first["seq"]]


def test_what_is_removed_is_found_by_its_name(api: httpx2.Client) -> None:
    _, after = three(api)
    assert api.delete("/containers/db", params={"force": True}).status_code == 204
    assert api.delete("/networks/mynet").status_code == 204
    assert len(written(api, 4, after=after, network="mynet", container="db")) == 4


@pytest.mark.parametrize(
    ("query", "at"),
    [
        ("limit=0", "query.limit"),
        ("limit=1001", "query.limit"),
        ("after=-1", "query.after"),
        ("after=x", "query.after"),
        (f"after={2**63}", "query.after"),
        ("since=yesterday", "query.since"),
        ("until=2026-11-23", "query.until"),
        ("network=", "query.network"),
        ("network=a&network=b", "query.network"),
        ("colour=red", "query.colour"),
    ],
)
def test_a_wrong_parameter_is_told(api: httpx2.Client, query: str, at: str) -> None:
    problem = problem_of(api.get(f"/events?{query}"))
    assert problem["status"] == 422
    assert [error["at"] for error in problem["errors"]] == [at]


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("limit=5", {}),
        ("after=-1", {}),
        ("", {"Last-Event-ID": "x"}),
        ("", {"Last-Event-ID": "-1"}),
        ("after=99999999", {}),
    ],
)
def test_a_stream_that_can_not_be_is_told(api: httpx2.Client, query: str, headers: dict[str, str]) -> None:
    problem = problem_of(api.get(f"/events/stream?{query}", headers=headers))
    assert problem["type"] == "urn:pontlevis:problem:invalid"


def test_no_token_no_events(control: Control) -> None:
    for path in ("/events", "/events/stream"):
        assert problem_of(httpx2.get(f"{control.url}{path}"))["status"] == 401


def test_a_stream_begins_now(control: Control, api: httpx2.Client) -> None:
    """With the number that it begins after, so that a break before the first event loses none."""
    before = newest(api)
    with following(control) as follower:
        assert follower.response.headers["content-type"].startswith("text/event-stream")
        follower.wait(lambda it: bool(it.messages))
        assert (follower.messages[0].id, follower.messages[0].data) == (str(before), "")
        _, after = three(api)
        follower.wait(lambda it: len(it.events()) == 3)
        assert after == before
        assert follower.events() == written(api, 3, after=before)
        assert [(message.event, message.id) for message in follower.messages[1:]] == [
            ("network.connect", str(before + 1)),
            ("network.disconnect", str(before + 2)),
            ("network.connect", str(before + 3)),
        ]


def test_a_stream_goes_on_where_it_was(control: Control, api: httpx2.Client) -> None:
    """`Last-Event-ID`, which wins over `after`; `after` alone; 0 for all."""
    _, after = three(api)
    total = newest(api)
    with following(control, {"Last-Event-ID": str(after + 1)}, after="0") as follower:
        follower.wait(lambda it: len(it.events()) == 2)
        run(api, "later")
        follower.wait(lambda it: len(it.events()) == 3)
        assert [event["seq"] for event in follower.events()] == [after + 2, after + 3, after + 4]
    with following(control, after=str(after)) as follower:
        follower.wait(lambda it: len(it.events()) >= 4)
        assert [event["seq"] for event in follower.events()[:4]] == list(range(after + 1, after + 5))
    with following(control, after="0") as follower:
        follower.wait(lambda it: len(it.events()) >= total)
        assert [event["seq"] for event in follower.events()[:total]] == list(range(1, total + 1))


def test_a_stream_takes_filters(control: Control, api: httpx2.Client) -> None:
    with following(control, network="mynet") as follower:
        follower.wait(lambda it: bool(it.messages))
        run(api, "other")
        three(api)
        follower.wait(lambda it: len(it.events()) >= 3)
        assert {event["network"]["name"] for event in follower.events()} == {"mynet"}
    container = api.get("/containers/db").json()["id"]
    with following(control, container=container, since="2020-01-01T00:00:00Z", after="0") as follower:
        follower.wait(lambda it: len(it.events()) >= 3)
        assert {event["container"]["id"] for event in follower.events()} == {container}


def test_a_silent_stream_has_a_heart(control: Control) -> None:
    """A comment each CONTROL_HEARTBEAT seconds, which no parser of server-sent events shows."""
    with control.client() as client, client.stream("GET", "/events/stream") as response:
        lines = response.iter_lines()
        beats = 0
        while beats < 2:
            if next(lines) == ": ":
                beats += 1


def test_head_of_a_stream_is_no_stream(api: httpx2.Client) -> None:
    answer = api.head("/events/stream")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")


def test_streams_end_when_control_stops(engine: PrivateEngine, tmp_path: Path) -> None:
    """At once, whole, and the exit code is 0; the follower goes on after the restart, and loses nothing."""
    with running_control(engine.url, tmp_path / "data", CONTROL_SHUTDOWN_TIMEOUT="30") as control:
        followers = [Follower(control) for _ in range(8)]
        for follower in followers:
            follower.wait(lambda it: bool(it.messages))
        begin = time.monotonic()
        assert control.stop() == 0
        # Not a measure of speed: without an end of their own, the streams would hold it for thirty seconds.
        assert time.monotonic() - begin < 15
        for follower in followers:
            follower.wait(lambda it: it.ended_clean is not None)
            assert follower.ended_clean
            follower.close()
        last = followers[0].messages[-1].id
        container = engine.call("POST", "/containers/create", json={"Image": "alpine", "Cmd": ["true"]}, name="brief")
        engine.call("POST", f"/containers/{container['Id']}/start")
        engine.call("POST", f"/containers/{container['Id']}/wait")
        control.start()
        with following(control, {"Last-Event-ID": last}) as follower:
            follower.wait(lambda it: len(it.events()) >= 2)
            events = follower.events()
        assert [(event["kind"], event["container"]["name"], event["source"]) for event in events] == [
            ("network.connect", "brief", "replay"),
            ("network.disconnect", "brief", "replay"),
        ]
        engine.call("DELETE", f"/containers/{container['Id']}")


def test_metrics(api: httpx2.Client) -> None:
    three(api)
    told = dict(
        line.rsplit(" ", 1) for line in api.get("/metrics").text.splitlines() if line.startswith("control_event")
    )
    assert float(told["control_event_stream_up"]) == 1
    assert float(told["control_event_last_seq"]) == newest(api)
    assert float(told['control_events_total{kind="network.connect",source="stream"}']) >= 2
    assert float(told["control_event_log_writable"]) == 1
