"""The fake engine tells what engine-facts, section 1, says that each version tells; and its faults are those meant.

One table holds three things to one another: the fake, the recorded streams, and a real engine.
"""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support import scenarios, streams
from tests.support.control import running_control
from tests.support.engine import EngineRefused, PrivateEngine
from tests.support.fake import FakeEngine, fake_engine
from tests.support.polling import eventually
from tests.support.scenarios import SCENARIOS, Scenario
from tests.support.streams.recording import UnixConnection, recording

TOLD: Final = {
    "created": "create n1, create",
    "started": "create n1, create n2, create, C n1, C n2, start",
    "stopped": "create n1, create n2, create, C n1, C n2, start, kill 15, kill 9, die 137, D n1, D n2, stop",
    "restarted": "create n1, create n2, create, C n1, C n2, start, kill 15, kill 9, die 137, D n1, D n2, stop, "
    "C n1, C n2, start, restart",
    "killed": "create n1, create n2, create, C n1, C n2, start, kill 9, die 137, D n1, D n2",
    "removed": "create n1, create n2, create, C n1, C n2, start, kill 9, die 137, D n1, D n2, destroy",
    "exits": "create n1, create, C n1, start, die 3, D n1",
    "auto-removed": "create n1, create, C n1, start, die 0, D n1, destroy",
    "out-of-memory": "create n1, create, C n1, start, oom, die 137, D n1",
    "restart-policy": "create n1, create, C n1, start, die 3, D n1, C n1, start, die 3, D n1, C n1, start, die 3, D n1",
    "no-network-events": "create, C bridge, start, pause, unpause, kill 18, exec_create, exec_start, exec_die, "
    "rename /no-network-events.box",
    "connected-running": "create n1, create n2, create, C n1, start, C n2",
    "connected-paused": "create n1, create, C bridge, start, pause, C n1",
    "disconnected-running": "create n1, create, C n1, start, D n1, D n1",
    "disconnected-with-force": "create n1, create, C n1, start, D n1, D n1",
    "disconnected-paused": "create n1, create, C n1, start, pause, D n1, D n1",
    "connected-created": "create n1, create",
    "connected-stopped": "create n1, create, C bridge, start, kill 15, kill 9, die 137, D bridge, stop",
    "disconnected-created": "create n1, create, D n1",
    "disconnected-stopped": "create n1, create, C n1, start, kill 9, die 137, D n1, D n1",
    "twice": "create n1, create, C bridge, start, C n1, D n1, D n1",
    "bad-command": "create n1, create, C n1, D n1",
    "second-network-gone": "create n1, create, destroy n1, C bridge, D bridge",
    "second-address-taken": "create n1, other create, other C n1, other start, create, C bridge, D bridge, D n1",
    "connected-restarting": "create n1, create n2, create, C n1, start, die 3, D n1, C n1, start, die 3, D n1, C n1, "
    "start, die 3, D n1, C n1, start, die 3, D n1, C n1, C n2, C n2, start, die 3, D n1, D n2",
    "network": "create n1, destroy n1",
    "pruned": "create n1, create n2, create, C n2, start, destroy n1, prune",
    "canary": "create n1, prune",
    "own-networks": "hosted create, hosted C host, hosted start, alone create, alone C none, alone start, "
    "bridged create, bridged C bridge, bridged start, linked create, linked C bridge, linked start",
    "anothers-network": "create n1, other create, other C n1, other start, create, start",
    "off-none": "create n1, create, C none, start, D none, D none, C n1",
    "connect-fails": "create n1, other create, other C n1, other start, create, C bridge, start",
}
"""What 20 tells of each scenario, as `scenarios.told` writes it."""

SINCE_26: Final = {
    "stopped": "create n1, create n2, create, C n1, C n2, start, kill 15, kill 9, D n1, D n2, stop, die 137",
    "restarted": "create n1, create n2, create, C n1, C n2, start, kill 15, kill 9, D n1, D n2, stop, die 137, "
    "C n1, C n2, start, restart",
    "killed": "create n1, create n2, create, C n1, C n2, start, kill 9, D n1, D n2, die 137",
    "removed": "create n1, create n2, create, C n1, C n2, start, kill 9, D n1, D n2, die 137, destroy",
    "exits": "create n1, create, C n1, start, D n1, die 3",
    "auto-removed": "create n1, create, C n1, start, D n1, die 0, destroy",
    "out-of-memory": "create n1, create, C n1, start, oom, D n1, die 137",
    "restart-policy": "create n1, create, C n1, start, D n1, die 3, C n1, start, D n1, die 3, C n1, start, D n1, die 3",
    "connected-stopped": "create n1, create, C bridge, start, kill 15, kill 9, D bridge, stop, die 137",
    "disconnected-stopped": "create n1, create, C n1, start, kill 9, D n1, die 137, D n1",
    "connected-restarting": "create n1, create n2, create, C n1, start, D n1, die 3, C n1, start, D n1, die 3, C n1, "
    "start, D n1, die 3, C n1, start, D n1, die 3, C n1, C n2, C n2, start, D n1, D n2, die 3",
}
"""Where 26 and later tell otherwise: the networks are left before the death is told."""

SINCE_28: Final = {
    "disconnected-running": "create n1, create, C n1, start, D n1",
    "disconnected-with-force": "create n1, create, C n1, start, D n1",
    "disconnected-paused": "create n1, create, C n1, start, pause, D n1",
    "disconnected-created": "create n1, create",
    "disconnected-stopped": "create n1, create, C n1, start, kill 9, D n1, die 137",
    "twice": "create n1, create, C bridge, start, C n1, D n1",
    "off-none": "create n1, create, C none, start, D none, C n1",
}
"""Where 28 and later tell otherwise: one event for one disconnect, none where nothing runs."""

EXPECTED: Final = {
    "20": TOLD,
    "26": TOLD | SINCE_26,
    "28": TOLD | SINCE_26 | SINCE_28,
    "29": TOLD | SINCE_26 | SINCE_28,
}

Heard = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def heard() -> Heard:
    """What the fake of each version told while every scenario was played on it."""

    def listen(version: str) -> list[dict[str, Any]]:
        with fake_engine(version) as fake, recording(fake.socket) as listening:
            scenarios.play_all(fake, pause=0.05)
            return listening.settled()

    with ThreadPoolExecutor() as pool:
        return dict(zip(streams.VERSIONS, pool.map(listen, streams.VERSIONS), strict=True))


@pytest.fixture
def fake(request: pytest.FixtureRequest) -> Iterator[FakeEngine]:
    """A fake engine, of version 20 where the test says no other."""
    with fake_engine(getattr(request, "param", "20")) as fake:
        yield fake


def run(fake: FakeEngine, name: str, network: str = "bridge", **more: Any) -> str:  # noqa: ANN401  (any JSON)
    """A container that runs."""
    host = {"NetworkMode": network, **more.pop("HostConfig", {})}
    body = {"Image": "alpine", "Cmd": ["sleep", "100000"], "HostConfig": host, **more}
    created = str(fake.call("POST", "/containers/create", json=body, name=name)["Id"])
    fake.call("POST", f"/containers/{created}/start")
    return created


def briefly(events: list[dict[str, Any]]) -> list[str]:
    """`connect mynet`, `start box`."""
    return [f"{event['Action']} {event['Actor']['Attributes'].get('name', '')}".strip() for event in events]


# What is told


@pytest.mark.parametrize("version", streams.VERSIONS)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.slug)
def test_tells_what_the_version_tells(heard: Heard, version: str, scenario: Scenario) -> None:
    """Exactly these events, in exactly this order."""
    assert ", ".join(scenarios.told(heard[version])[scenario.slug]) == EXPECTED[version][scenario.slug]


@pytest.mark.parametrize("version", streams.VERSIONS)
def test_the_recorded_streams_say_the_same(version: str) -> None:
    """Whole: 20's was told by a real engine, so this is also what the table stands on."""
    told = scenarios.told(streams.events(version))
    assert {slug: ", ".join(texts) for slug, texts in told.items()} == EXPECTED[version]


def test_a_real_engine_says_the_same(engine: PrivateEngine) -> None:
    """The engine of these tests, 20.10; and its inspects and lists show what the fake's do."""
    engine.clear()
    with recording(engine.socket) as listening:
        scenarios.play_all(engine, pause=0.1)
        told = scenarios.told(listening.settled())
    shown = scenarios.shown(engine)
    engine.clear()
    assert {slug: ", ".join(texts) for slug, texts in told.items()} == EXPECTED["20"]
    with fake_engine("20") as fake:
        scenarios.play_all(fake, pause=0.05)
        assert scenarios.shown(fake) == shown


def _form(event: dict[str, Any]) -> tuple[str, ...]:
    """Which keys an event has, without the labels of an image that the real engine's has."""
    attributes = {key for key in event["Actor"]["Attributes"] if not key.startswith("pontlevis.")}
    return event["Type"], event["Action"].partition(":")[0], *sorted(event), "with", *sorted(attributes)


def test_events_have_the_form_of_recorded_ones(heard: Heard) -> None:
    """Every key of the event and of its attributes, kind by kind."""
    assert {_form(event) for event in heard["20"]} == {_form(event) for event in streams.events("20")}


def test_the_old_fields_are_gone_with_api_1_52(heard: Heard) -> None:
    """`status`, `id` and `from`: container events have them, and from 1.52 on none."""
    for version, expected in (("20", True), ("28", True), ("29", False)):
        container = next(event for event in heard[version] if event["Type"] == "container")
        assert ({"status", "id", "from"} <= container.keys()) is expected
        network = next(event for event in heard[version] if event["Type"] == "network")
        assert "status" not in network
    with fake_engine("29") as fake, recording(fake.socket) as modern:
        assert modern.content_type == "application/x-ndjson"


# The API


@pytest.mark.parametrize(
    ("fake", "version", "api", "lowest"),
    [
        ("20", "20.10.24", "1.41", "1.12"),
        ("26", "26.1.5", "1.45", "1.24"),
        ("28", "28.5.2", "1.51", "1.24"),
        ("29", "29.0.0", "1.52", "1.44"),
    ],
    indirect=["fake"],
)
def test_says_which_versions_it_speaks(fake: FakeEngine, version: str, api: str, lowest: str) -> None:
    """And refuses any other."""
    told = fake.call("GET", "/version")
    assert (told["Version"], told["ApiVersion"], told["MinAPIVersion"]) == (version, api, lowest)
    for spoken in (api, lowest):
        assert fake.call("GET", f"/v{spoken}/networks")
    for unspoken, words in (("1.99", "is too new"), ("1.11", "is too old")):
        with pytest.raises(EngineRefused, match=words) as refusal:
            fake.call("GET", f"/v{unspoken}/networks")
        assert refusal.value.status == 400


@pytest.mark.parametrize(("fake", "second"), [("20", 201), ("26", 409), ("28", 409), ("29", 409)], indirect=["fake"])
def test_a_name_taken_twice(fake: FakeEngine, second: int) -> None:
    """Before 25 an engine takes it, with a warning, and then can't tell one from the other by name."""
    fake.call("POST", "/networks/create", json={"Name": "mynet"})
    if second == 409:
        with pytest.raises(EngineRefused, match="already exists"):
            fake.call("POST", "/networks/create", json={"Name": "mynet"})
        return
    assert "already exists" in fake.call("POST", "/networks/create", json={"Name": "mynet"})["Warning"]
    with pytest.raises(EngineRefused, match="ambiguous") as refusal:
        fake.call("GET", "/networks/mynet")
    assert refusal.value.status == 400


def test_addresses_run_out_after_thirty_networks(fake: FakeEngine) -> None:
    """Of the engine's own pools."""
    for number in range(30):
        fake.call("POST", "/networks/create", json={"Name": f"net{number}"})
    with pytest.raises(EngineRefused, match="could not find an available") as refusal:
        fake.call("POST", "/networks/create", json={"Name": "onemore"})
    assert refusal.value.status == 404


@pytest.mark.parametrize(("fake", "names"), [("20", False), ("26", True)], indirect=["fake"])
def test_where_the_short_id_is(fake: FakeEngine, *, names: bool) -> None:
    """Among the aliases, and since 26 in DNSNames alone."""
    fake.call("POST", "/networks/create", json={"Name": "mynet"})
    box = run(fake, "box", "mynet")
    entry = fake.call("GET", "/containers/box/json")["NetworkSettings"]["Networks"]["mynet"]
    assert (box[:12] in (entry["Aliases"] or [])) is not names
    assert (box[:12] in (entry.get("DNSNames") or [])) is names


def test_an_endpoint_is_new_with_every_start_and_connect(fake: FakeEngine) -> None:
    """It names one interval of membership."""
    box = run(fake, "box")
    seen = set()
    for verb in ("restart", "restart"):
        seen.add(fake.call("GET", "/networks/bridge")["Containers"][box]["EndpointID"])
        fake.call("POST", f"/containers/box/{verb}")
    seen.add(fake.call("GET", "/networks/bridge")["Containers"][box]["EndpointID"])
    assert len(seen) == 3


def test_info_tells_the_engines_clock(fake: FakeEngine) -> None:
    """Which may be set."""
    fake.step_clock(-3600)
    told = fake.call("GET", "/info")["SystemTime"]
    assert told[:14] == time.strftime("%Y-%m-%dT%H:", time.gmtime(time.time() - 3600))
    with fake_engine(clock_offset=86400) as ahead:
        run(ahead, "box")
        assert ahead.ring()[-1]["time"] - time.time() > 86_000


# The stream


def test_the_past_is_the_ring_by_time_and_then_by_type(fake: FakeEngine) -> None:
    """Both ends inclusive, to the nanosecond; other types take their places in it."""
    run(fake, "one")
    run(fake, "two")
    first, *_, last = fake.ring()
    since, until = (f"{event['timeNano'] // 10**9}.{event['timeNano'] % 10**9:09d}" for event in (first, last))
    query = f"since={since}&until={until}"
    with recording(fake.socket, query) as listening:
        assert listening.settled() == fake.ring()
        assert listening.ended
    with recording(fake.socket, query + '&filters={"type":["network"]}') as listening:
        assert briefly(listening.settled()) == ["connect bridge", "connect bridge"]
    for _ in range(256):
        fake.call("POST", "/images/alpine/tag", repo="some", tag="thing")
    with recording(fake.socket, f"since=0&until={until}" + '&filters={"type":["network"]}') as listening:
        assert listening.settled() == []


@pytest.mark.parametrize("wrong", ["5s", "2026-11-24T20:00:00Z"])
def test_a_time_in_another_form_is_refused(fake: FakeEngine, wrong: str) -> None:
    with pytest.raises(EngineRefused) as refusal:
        fake.call("GET", "/events", since=wrong)
    assert refusal.value.status == 500


def test_history_and_present_come_through_one_stream(fake: FakeEngine) -> None:
    run(fake, "one")
    with recording(fake.socket, "since=0.000000000") as listening:
        run(fake, "two")
        assert briefly(listening.reached(6)) == [
            *("create one", "connect bridge", "start one"),
            *("create two", "connect bridge", "start two"),
        ]


def test_dropped_events_are_lost_without_a_sign(fake: FakeEngine) -> None:
    """To those who listen; the engine still holds them."""
    with recording(fake.socket) as listening:
        fake.drop(1, lambda told: told.action == "connect")
        run(fake, "one")
        run(fake, "two")
        assert briefly(listening.settled()) == ["create one", "start one", "create two", "connect bridge", "start two"]
    assert len(fake.ring()) == 6


def test_a_slow_listener_loses_what_is_past_its_backlog() -> None:
    """As measured on a real engine, past 1,191 unread events; here past fewer. The stream stays open."""
    with fake_engine(backlog=10) as fake, recording(fake.socket) as listening:
        fake.inject({"Type": "network", **_event(number)} for number in range(100))
        assert 0 < len(listening.settled()) < 100
        assert not listening.ended


def _event(number: int) -> dict[str, Any]:
    attributes = {"container": f"{number:064x}", "name": "mynet", "type": "bridge"}
    actor = {"ID": "a" * 64, "Attributes": attributes}
    return {"Action": "connect", "Actor": actor, "scope": "local", "time": 1, "timeNano": 10**9 + number}


def test_a_burst_comes_in_another_order_but_each_pairs_own(fake: FakeEngine) -> None:
    """Times then go backwards in the stream, as they do on a real engine."""
    networks = [f"net{number}" for number in range(4)]
    for name in networks:
        fake.call("POST", "/networks/create", json={"Name": name})
    run(fake, "box")
    with recording(fake.socket) as listening:
        with fake.burst(seed=3):
            for name in networks:
                fake.call("POST", f"/networks/{name}/connect", json={"Container": "box"})
                fake.call("POST", f"/networks/{name}/disconnect", json={"Container": "box"})
            assert listening.lines == []
        events = listening.reached(12)
    times = [event["timeNano"] for event in events]
    assert times != sorted(times)
    for name in networks:
        own = [event for event in briefly(events) if event.endswith(name)]
        assert own == [f"connect {name}", f"disconnect {name}", f"disconnect {name}"]


def test_a_stepped_clock_goes_back(fake: FakeEngine) -> None:
    with recording(fake.socket) as listening:
        run(fake, "one")
        fake.step_clock(-3600)
        run(fake, "two")
        events = listening.reached(6)
    assert events[2]["timeNano"] - events[3]["timeNano"] > 3500 * 10**9


@pytest.mark.parametrize("abruptly", [False, True])
def test_a_stream_ends_and_the_engine_goes_on(fake: FakeEngine, *, abruptly: bool) -> None:
    with recording(fake.socket) as listening:
        run(fake, "one")
        listening.reached(3)
        fake.end_streams(abruptly=abruptly)
        eventually(lambda: listening.ended)
    assert len(fake.ring()) == 3
    assert fake.call("GET", "/_ping") is None


def test_a_line_of_over_a_megabyte(fake: FakeEngine) -> None:
    """Of a label, told by the engine; or of a container that has one."""
    with recording(fake.socket) as listening:
        fake.huge(2**21)
        run(fake, "box", Labels={"huge": "x" * 2**20})
        listening.reached(4)
        assert [len(line) > 2**20 for line in listening.lines] == [True, True, False, True]


@pytest.mark.parametrize("version", streams.VERSIONS)
def test_an_injected_stream_goes_out_as_it_is_and_the_model_follows(version: str) -> None:
    """Inspects then show what the stream tells."""
    with fake_engine(version) as fake, recording(fake.socket) as listening:
        lines = streams.lines(version)
        fake.inject(lines, follows=True)
        fake.inject([b"this is no event\n"])
        eventually(lambda: len(listening.lines) == len(lines) + 1)
        assert listening.lines == [*lines, b"this is no event\n"]
        networks = {network["Name"]: network["Id"] for network in fake.call("GET", "/networks")}
        members = {
            name: {entry["Name"] for entry in fake.call("GET", f"/networks/{id_}")["Containers"].values()}
            for name, id_ in networks.items()
        }
        states = {box["Names"][0]: box["State"] for box in fake.call("GET", "/containers/json", all="true")}
    assert members["restarted.n2"] == {"restarted.box"}
    assert members["stopped.n1"] == members["disconnected-running.n1"] == set()
    assert "network.n1" not in networks
    assert {"/own-networks.hosted": "running", "/exits.box": "exited", "/created.box": "created"}.items() <= (
        states.items()
    )
    assert "/removed.box" not in states


# Requests that go wrong


def ask_later(fake: FakeEngine, path: str) -> tuple[threading.Thread, list[Any]]:
    """Ask as anybody would, whom the faults are meant for."""
    answers: list[Any] = []

    def ask() -> None:
        connection = UnixConnection(fake.socket, timeout=20)
        connection.request("GET", path)
        response = connection.getresponse()
        answers.append((response.status, json.loads(response.read())))
        connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    return thread, answers


def test_a_path_hangs_until_it_does_not(fake: FakeEngine) -> None:
    """Others answer, and so does this one to the tests' own hand."""
    with fake.hang(r"GET /networks$"):
        thread, answers = ask_later(fake, "/v1.41/networks")
        eventually(lambda: fake.asked(r"GET /networks$"))
        assert fake.call("GET", "/networks")
        assert answers == []
    thread.join()
    assert answers[0][0] == 200


@pytest.mark.parametrize(("stale", "expected"), [(False, "exited"), (True, "running")])
def test_a_slow_answer_is_of_its_end_or_of_its_beginning(fake: FakeEngine, *, stale: bool, expected: str) -> None:
    run(fake, "box")
    with fake.delay(r"GET /containers/box/json", 0.5, stale=stale):
        thread, answers = ask_later(fake, "/containers/box/json")
        eventually(lambda: fake.asked("box/json"))
        fake.exit("box")
        thread.join()
    assert answers[0][1]["State"]["Status"] == expected


def test_a_path_fails(fake: FakeEngine) -> None:
    with fake.fail(r"GET /networks", 500, "no luck"):
        thread, answers = ask_later(fake, "/networks")
        thread.join()
    assert answers == [(500, {"message": "no luck"})]


def test_an_inspect_waits_for_a_start_and_a_networks_does_not(fake: FakeEngine) -> None:
    fake.slow_starts(0.5)
    body = {"Image": "alpine", "Cmd": ["sleep", "100000"]}
    box = fake.call("POST", "/containers/create", json=body, name="box")["Id"]
    starting = threading.Thread(target=lambda: fake.call("POST", "/containers/box/start"))
    starting.start()
    eventually(lambda: fake.call("GET", "/networks/bridge")["Containers"].get(box), within=0.4)
    assert fake.call("GET", "/containers/box/json")["State"]["Status"] == "running"
    starting.join()


# Its life


def _state(fake: FakeEngine, name: str) -> tuple[str, bool]:
    """Status, and whether its entry for the bridge has an endpoint, stale or not."""
    box = fake.call("GET", f"/containers/{name}/json")
    return box["State"]["Status"], bool(box["NetworkSettings"]["Networks"]["bridge"]["EndpointID"])


def _boxes(fake: FakeEngine) -> list[str]:
    return [
        run(fake, name, HostConfig={"RestartPolicy": {"Name": policy}, "Init": True})
        for name, policy in (("always", "always"), ("unless", "unless-stopped"), ("never", "no"))
    ]


@pytest.mark.parametrize("fake", ["20", "28"], indirect=True)
def test_sigterm(fake: FakeEngine) -> None:
    """It stops its containers and says so (28: only that it signalled them); the ring is new, and in it are those that
    it started again. The default bridge is another."""
    boxes = _boxes(fake)
    bridge = fake.call("GET", "/networks/bridge")["Id"]
    with recording(fake.socket) as listening:
        fake.terminate()
        eventually(lambda: listening.ended)
        told = [json.loads(line) for line in listening.lines]
    end = ["kill", "die", "disconnect", "stop"] if fake.version.version.startswith("20") else ["kill"]
    for box in boxes:
        assert [event["Action"] for event in told if box in _subjects(event)] == end
    fake.start()
    assert sorted(briefly(fake.ring())) == ["connect bridge", "connect bridge", "start always", "start unless"]
    assert _state(fake, "never") == ("exited", False)
    assert fake.call("GET", "/networks/bridge")["Id"] != bridge


def _subjects(event: dict[str, Any]) -> set[str | None]:
    return {event["Actor"]["ID"], event["Actor"]["Attributes"].get("container")}


def test_sigkill(fake: FakeEngine) -> None:
    """Nothing is told before the end. At the boot the deaths are, without a disconnect, and stale endpoints stay."""
    _boxes(fake)
    with recording(fake.socket) as listening:
        fake.kill()
        eventually(lambda: listening.ended)
        assert listening.lines == []
    fake.start()
    never = [event["Action"] for event in fake.ring() if event["Actor"]["Attributes"].get("name") == "never"]
    assert never == ["kill", "die", "stop"]
    assert [event["Action"] for event in fake.ring()][-2:] == ["connect", "start"]
    assert _state(fake, "never") == _state(fake, "unless") == ("exited", True)
    assert _state(fake, "always") == ("running", True)


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_live_restore(end: str) -> None:
    """Nothing is told of an engine that goes and comes, nor of what ended meanwhile."""
    with fake_engine(live_restore=True) as fake:
        _boxes(fake)
        before = fake.call("GET", "/networks/bridge")
        getattr(fake, end)()
        fake.exit("never")
        fake.start()
        assert fake.ring() == []
        after = fake.call("GET", "/networks/bridge")
        assert after["Id"] == before["Id"]
        assert sorted(entry["Name"] for entry in after["Containers"].values()) == ["always", "unless"]
        assert after["Containers"].items() <= before["Containers"].items()
        assert _state(fake, "never") == ("exited", True)


def test_a_restarted_engine_has_another_pid(tmp_path: Path) -> None:
    """Which control tells it by; and control comes back to it, at the lowest API version that 29 takes too."""
    with fake_engine("29") as modern, running_control(modern.url, tmp_path / "data") as control:
        box = run(modern, "box")
        modern.restart()
        with control.client() as client:

            def gaps() -> list[dict[str, Any]]:
                found: list[dict[str, Any]] = client.get("/events", params={"kind": "gap"}).json()["items"]
                return found

            (gap,) = eventually(gaps)
            assert gap["detail"]["reason"] == "engine-restarted"
            eventually(lambda: client.get("/readyz").status_code == 200)
            seen = client.get("/events", params={"container": box, "kind": "network"}).json()["items"]
        transitions = [(event["before"], event["after"]) for event in seen]
        assert transitions[:2] == [("absent", "configured"), ("configured", "connected")]
        assert {event["container"]["name"] for event in seen} == {"box"}
