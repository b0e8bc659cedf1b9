"""The event log over HTTP: pages, filters, and streams that go on where they were."""

import contextlib
import hashlib
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
from control.eventlog import proof
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


TRANSITIONS = ("network.connect", "network.disconnect")


def written(api: httpx2.Client, count: int, **query: str | int) -> list[dict[str, Any]]:
    """The transitions that pass, once there are so many."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        items = transitions(api, **query)
        if len(items) >= count:
            return items
        time.sleep(0.02)
    raise AssertionError(f"{len(items)} transitions, not {count}: {items}")


def transitions(api: httpx2.Client, **query: str | int | list[str]) -> list[dict[str, Any]]:
    """The transitions that pass now."""
    answer = api.get("/events", params={"limit": 1000, "kind": TRANSITIONS, **query})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def newest(api: httpx2.Client) -> int:
    """The number of the newest record."""
    items = api.get("/events", params={"order": "desc", "limit": 1}).json()["items"]
    return int(items[0]["seq"]) if items else 0


def rest(api: httpx2.Client) -> int:
    """The number of the newest record, once nothing more comes."""
    last, since = newest(api), time.monotonic()
    while time.monotonic() - since < 1.2:
        time.sleep(0.1)
        if (now := newest(api)) != last:
            last, since = now, time.monotonic()
    return last


def three(api: httpx2.Client) -> tuple[str, int]:
    """A container that came, left and came again on `mynet`; its id, and the number before all that."""
    after = rest(api)
    assert api.post("/networks", json={"name": "mynet"}).status_code == 201
    container = run(api, "db", networks=["mynet"])["id"]
    assert api.delete("/networks/mynet/containers/db").status_code == 204
    assert api.put("/networks/mynet/containers/db").status_code == 201
    written(api, 4, after=after)
    return container, after


def test_the_log_of_what_was_asked_for(api: httpx2.Client) -> None:
    container, after = three(api)
    items = written(api, 4, after=after)
    assert [(item["kind"], item["before"], item["after"], item["cause"]) for item in items] == [
        ("network.connect", "absent", "configured", "request"),
        ("network.connect", "configured", "connected", "request"),
        ("network.disconnect", "connected", "absent", "request"),
        ("network.connect", "absent", "connected", "request"),
    ]
    assert items == sorted(items, key=lambda item: item["seq"])
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
    """In both directions, each record once, whatever the size of a page."""
    _, after = three(api)
    end = rest(api)
    for order, size in (("asc", 2), ("asc", 3), ("desc", 2), ("desc", 1000)):
        seen: list[int] = []
        following: int | None = after if order == "asc" else end + 1
        while following is not None:
            query: dict[str, str | int] = {"after": following, "limit": size, "order": order}
            page = api.get("/events", params=query).json()
            assert len(page["items"]) <= size
            seen += [item["seq"] for item in page["items"] if item["seq"] > after]
            following = page["next"]
            if page["items"] and page["items"][-1]["seq"] <= after:
                break
        wanted = list(range(after + 1, end + 1))
        assert seen == (wanted if order == "asc" else wanted[::-1])
    assert api.get("/events", params={"after": end}).json() == {"items": [], "next": None}
    # A page that ends with the last record has nothing after it.
    assert api.get("/events", params={"after": after, "limit": end - after}).json()["next"] is None


def test_filters(api: httpx2.Client) -> None:
    container, after = three(api)
    run(api, "other")
    created, first, second, third, *others = written(api, 6, after=after)

    def found(**query: str | int | list[str]) -> list[int]:
        return [item["seq"] for item in transitions(api, after=after, **query)]

    mine = [item["seq"] for item in (created, first, second, third)]
    assert found() == [*mine, *(item["seq"] for item in others)]
    assert found(network="mynet") == found(container="db") == found(container=container) == mine
    assert found(container=container[:12]) == found(network=first["network"]["id"]) == mine
    assert found(network="bridge", container="other") == [item["seq"] for item in others]
    assert found(network="bridge", container="db") == found(network="no-such") == []
    assert found(since=second["time"], container="db") == mine[2:]
    assert found(since=second["time"], until=third["time"], container="db") == [second["seq"]]
    assert found(container="db", until=second["time"]) == mine[:2]
    assert found(cause="request", container="db") == mine
    assert found(cause=["external", "start"], container="db") == []
    assert found(principal="admin") == found()
    assert found(principal="somebody") == []
    assert found(request=third["request"]["id"]) == [third["seq"]]
    assert found(source="stream") == found()
    assert found(source="reconcile") == []
    assert found(kind="network.disconnect") == [second["seq"]]
    kinds = {item["kind"] for item in api.get("/events", params={"after": after, "kind": "container"}).json()["items"]}
    assert kinds == {"container.create", "container.start"}


def test_what_is_removed_is_found_by_its_name(api: httpx2.Client) -> None:
    _, after = three(api)
    assert api.delete("/containers/db", params={"force": True}).status_code == 204
    assert api.delete("/networks/mynet").status_code == 204
    assert len(written(api, 6, after=after, network="mynet", container="db")) == 6


@pytest.mark.parametrize(
    ("query", "at"),
    [
        ("limit=0", "query.limit"),
        ("after=-1", "query.after"),
        ("after=x", "query.after"),
        (f"after={2**63}", "query.after"),
        ("since=yesterday", "query.since"),
        ("until=2026-11-23", "query.until"),
        ("network=", "query.network"),
        ("network=a&network=b", "query.network"),
        ("kind=network.join", "query.kind"),
        ("cause=boredom", "query.cause"),
        ("source=hearsay", "query.source"),
        ("order=up", "query.order"),
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
    before = rest(api)
    with following(control, kind="network") as follower:
        assert follower.response.headers["content-type"].startswith("text/event-stream")
        follower.wait(lambda it: bool(it.messages))
        assert (follower.messages[0].id, follower.messages[0].data) == (str(before), "")
        three(api)
        follower.wait(lambda it: len(it.events()) == 5)
        assert follower.events() == api.get("/events", params={"after": before, "kind": "network"}).json()["items"]
        assert [message.event for message in follower.messages[1:]] == [
            "network.create",
            "network.connect",
            "network.connect",
            "network.disconnect",
            "network.connect",
        ]
        assert [message.id for message in follower.messages[1:]] == [str(it["seq"]) for it in follower.events()]


def test_a_stream_goes_on_where_it_was(control: Control, api: httpx2.Client) -> None:
    """`Last-Event-ID`, which wins over `after`; `after` alone; 0 for all."""
    _, after = three(api)
    total = rest(api)
    with following(control, {"Last-Event-ID": str(after + 1)}, after="0") as follower:
        follower.wait(lambda it: len(it.events()) == total - after - 1)
        run(api, "later")
        follower.wait(lambda it: any(event["kind"] == "container.start" for event in it.events()[total - after - 1 :]))
        numbers = [event["seq"] for event in follower.events()]
        assert numbers == list(range(after + 2, after + 2 + len(numbers)))
    with following(control, after=str(after)) as follower:
        follower.wait(lambda it: len(it.events()) >= 4)
        assert [event["seq"] for event in follower.events()[:4]] == list(range(after + 1, after + 5))
    with following(control, after="0") as follower:
        follower.wait(lambda it: len(it.events()) >= total)
        assert [event["seq"] for event in follower.events()[:total]] == list(range(1, total + 1))


def test_a_stream_takes_filters(control: Control, api: httpx2.Client) -> None:
    with following(control, network="mynet", kind="network") as follower:
        follower.wait(lambda it: bool(it.messages))
        run(api, "other")
        three(api)
        follower.wait(lambda it: len(it.events()) >= 4)
        assert {event["network"]["name"] for event in follower.events()} == {"mynet"}
    container = api.get("/containers/db").json()["id"]
    query = {"container": container, "since": "2020-01-01T00:00:00Z", "after": "0", "cause": "request"}
    with following(control, **query) as follower:
        follower.wait(lambda it: len(it.events()) >= 3)
        assert {event["container"]["id"] for event in follower.events()} == {container}


def test_two_hundred_followers_at_once(control: Control, api: httpx2.Client) -> None:
    """Each gets everything, in order."""
    after = rest(api)
    with contextlib.ExitStack() as stack:
        followers = [stack.enter_context(following(control, kind="network", after=str(after))) for _ in range(200)]
        assert "control_event_followers 200.0" in api.get("/metrics").text
        three(api)
        wanted = api.get("/events", params={"after": after, "kind": "network"}).json()["items"]
        for follower in followers:
            follower.wait(lambda it: len(it.events()) >= len(wanted))
            assert follower.events()[: len(wanted)] == wanted


def test_a_follower_that_reads_nothing_is_let_go(engine: PrivateEngine, tmp_path: Path) -> None:
    """When it reads again, it finds what it had been sent, whole, then why the stream ends; and it can resume."""
    settings = {"CONTROL_SEND_TIMEOUT": "1", "CONTROL_HEARTBEAT": "0.2"}
    with running_control(engine.url, tmp_path / "data", **settings) as control, control.client() as client:
        for _ in range(1500):  # 12 MB of log: more than the kernel's buffers take
            client.delete(f"/networks/{'n' * 8000}")
        with socket.socket() as stalled:
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stalled.connect(("127.0.0.1", control.port))
            head = ["GET /events/stream?after=0 HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {control.token}"]
            stalled.sendall("\r\n".join([*head, "", ""]).encode())
            deadline = time.monotonic() + DEADLINE
            while "follower.lost" not in control.log_path.read_text():
                assert time.monotonic() < deadline
                time.sleep(0.1)
            received = bytearray()
            while piece := stalled.recv(65536):
                received += piece
        assert received.endswith(b"0\r\n\r\n")
        said = received.decode()
        assert "follower-stalled" in said.rpartition("event: problem")[2]
        last = max(int(line.removeprefix("id: ")) for line in said.splitlines() if line.startswith("id: "))
        assert last > 0
        with following(control, {"Last-Event-ID": str(last)}) as follower:
            follower.wait(lambda it: bool(it.events()))
            assert follower.events()[0]["seq"] == last + 1


def test_ndjson_is_everything(api: httpx2.Client) -> None:
    """One record a line, without end, filtered or not, in both orders."""
    _, after = three(api)
    end = rest(api)

    def lines(**query: str | int) -> list[dict[str, Any]]:
        with api.stream("GET", "/events", params=query, headers={"Accept": "application/x-ndjson"}) as answer:
            assert answer.headers["content-type"] == "application/x-ndjson"
            return [json.loads(line) for line in answer.iter_lines()]

    assert [record["seq"] for record in lines()][:end] == list(range(1, end + 1))
    assert [record["seq"] for record in lines(after=after, limit=3)] == [after + 1, after + 2, after + 3]
    assert [record["seq"] for record in lines(after=end + 1, order="desc", limit=2)] == [end, end - 1]
    assert {record["kind"] for record in lines(kind="network.disconnect")} == {"network.disconnect"}
    assert lines(network="no-such") == []


def test_cloud_events(control: Control, api: httpx2.Client) -> None:
    """By `Accept`: a batch with a link to the next, a single one, and as data of the stream. What they carry is the
    record."""
    _, after = three(api)
    wanted = api.get("/events", params={"after": after, "limit": 2, "kind": "network.connect"}).json()["items"]
    batch = {"Accept": "application/cloudevents-batch+json"}
    answer = api.get("/events", params={"after": after, "limit": 2, "kind": "network.connect"}, headers=batch)
    assert answer.headers["content-type"] == "application/cloudevents-batch+json"
    events = answer.json()
    assert [event["data"] for event in events] == wanted
    record = wanted[0]
    assert {key: value for key, value in events[0].items() if key != "data"} == {
        "specversion": "1.0",
        "id": str(record["seq"]),
        "source": "urn:pontlevis:events",
        "type": "pontlevis.network.connect",
        "subject": f"networks/{record['network']['id']}/containers/{record['container']['id']}",
        "time": record["time"],
        "datacontenttype": "application/json",
    }
    target, relation = answer.headers["link"].split("; ")
    assert relation == 'rel="next"'
    further = api.get(target.strip("<>"), headers=batch).json()
    assert [event["id"] for event in further] == [str(wanted[-1]["seq"] + (int(further[0]["id"]) - wanted[-1]["seq"]))]
    one = api.get(f"/events/{record['seq']}", headers={"Accept": "application/cloudevents+json"})
    assert one.json() == events[0]
    assert api.get(f"/events/{record['seq']}").json() == record
    assert problem_of(api.get("/events/99999999"))["status"] == 404
    assert problem_of(api.get("/events/first"))["status"] == 404
    headers = {"Accept": "text/event-stream, application/cloudevents+json"}
    with following(control, headers, after=str(after), kind="network.connect") as follower:
        follower.wait(lambda it: bool(it.events()))
        assert follower.events()[0] == events[0]


def test_the_chain(api: httpx2.Client) -> None:
    """Each hash is that of the hash before and of the record's own text without it; the API says the same."""
    three(api)
    end = rest(api)
    with api.stream("GET", "/events", headers={"Accept": "application/x-ndjson"}) as answer:
        lines = list(answer.iter_lines())[:end]
    head = bytes(32)
    for line in lines:
        text, _, tail = line.rpartition(',"hash":"')
        head = hashlib.sha256(head + f"{text}}}".encode()).digest()
        assert tail == f'{head.hex()}"}}'
    told = api.get("/events/verify", params={"until": end}).json()
    assert told == {
        "whole": True,
        "anchor": 0,
        "last": end,
        "count": end,
        "head": head.hex(),
        "broken": None,
        "reason": None,
    }
    part = api.get("/events/verify", params={"after": 2, "until": 5}).json()
    assert (part["whole"], part["anchor"], part["last"], part["count"]) == (True, 2, 5, 3)
    assert problem_of(api.get("/events/verify", params={"after": 10**9}))["status"] == 422


def test_an_export_carries_its_proof(api: httpx2.Client) -> None:
    """A range by number, with the hash before it and the hash at its end; cut or changed, it shows."""
    three(api)
    answer = api.get("/events/export", params={"after": 2, "until": 6})
    assert answer.headers["content-disposition"] == 'attachment; filename="pontlevis-events-3-6.ndjson"'
    lines = answer.content.splitlines(keepends=True)
    assert [json.loads(line)["seq"] for line in lines[1:-1]] == [3, 4, 5, 6]
    verdict = proof.check_lines(lines)
    assert (verdict.broken, verdict.anchor, verdict.last) == (None, 2, 6)
    assert verdict.head == api.get("/events/verify", params={"until": 6}).json()["head"]
    changed = [line.replace(b'"admin"', b'"nobody"') for line in lines]
    assert changed != lines
    assert proof.check_lines(changed).broken is not None
    assert proof.check_lines(lines[:-1]).broken == 7


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
        with following(control, {"Last-Event-ID": last}, kind="network", container="brief") as follower:
            follower.wait(lambda it: len(it.events()) >= 2)
            events = follower.events()
        # Its creation is over by the time that control can look at it: then it was connected at once.
        assert [(event["after"], event["cause"], event["source"]) for event in events] == [
            ("configured", "external", "replay"),
            ("connected", "start", "replay"),
            ("configured", "exit", "replay"),
        ][-len(events) :] or [event["after"] for event in events] == ["connected", "configured"]
        engine.call("DELETE", f"/containers/{container['Id']}")


def test_metrics(api: httpx2.Client) -> None:
    three(api)
    rest(api)
    told = dict(
        line.rsplit(" ", 1) for line in api.get("/metrics").text.splitlines() if line.startswith("control_event")
    )
    for idle in ("inbox", "writer_lag_seconds", "followers"):
        assert float(told[f"control_event_{idle}"]) == 0
    assert 0 <= float(told["control_event_stream_lag_seconds"]) < 60
    assert float(told["control_event_divergences_total"]) >= 0
    assert float(told["control_event_stream_up"]) == 1
    assert float(told["control_event_last_seq"]) == newest(api)
    assert float(told['control_events_total{kind="network.connect",source="stream"}']) >= 2
    assert float(told["control_event_log_writable"]) == 1
