"""The recorder on a real engine: the log holds what happened, once and in order, whoever caused it."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import structlog.testing

from control import instants, log
from control.records import Source
from tests.control.eventlog.hand import Hand, Recording, brief, standing
from tests.support.engine import EngineRefused, PrivateEngine


@pytest_asyncio.fixture
async def hand(engine: PrivateEngine) -> AsyncIterator[Hand]:
    hand = Hand(engine)
    await hand.clear()
    yield hand
    await hand.clear()


@pytest.fixture
def recording(engine: PrivateEngine, tmp_path: Path) -> Recording:
    return Recording(engine, tmp_path / "data")


@pytest_asyncio.fixture(autouse=True)
async def closing(recording: Recording) -> AsyncIterator[None]:
    yield
    recording.store.close()


async def test_what_is_done_by_hand_is_in_the_log_once(hand: Hand, recording: Recording) -> None:
    """Each connect and disconnect, with its endpoint; the second of the two disconnect events makes nothing."""
    async with recording.running():
        net = await hand.network("mynet")
        db = await hand.run("db")
        await hand.connect(net, db, "database")
        shown = (await hand.call("GET", f"/containers/{db}/json"))["NetworkSettings"]["Networks"]["mynet"]
        await hand.disconnect("bridge", db)
        await hand.disconnect(net, db)
        await hand.connect(net, db)
        await hand.remove(db)
        events = await recording.grown(6)
    assert brief(events) == [
        "connect bridge db stream",
        "connect mynet db stream",
        "disconnect bridge db stream",
        "disconnect mynet db stream",
        "connect mynet db stream",
        "disconnect mynet db stream",
    ]
    assert standing(events) == {}
    came, left = events[1], events[3]
    assert came.endpoint is not None
    assert came.endpoint == left.endpoint
    assert came.endpoint.id == shown["EndpointID"]
    assert came.endpoint.ipv4 == shown["IPAddress"]
    assert came.endpoint.mac == shown["MacAddress"]
    assert came.endpoint.gateway == shown["Gateway"]
    assert came.endpoint.aliases == ("database",)
    assert (came.network.id, came.network.driver, came.network.scope) == (net, "bridge", "local")
    assert (came.container.id, came.container.image) == (db, "alpine")
    assert [event.time for event in events] == sorted(event.time for event in events)


async def test_a_restart_is_a_disconnect_and_a_connect(hand: Hand, recording: Recording) -> None:
    """Each with an endpoint of its own."""
    async with recording.running():
        web = await hand.run("web")
        await hand.call("POST", f"/containers/{web}/restart", t="0")
        first, left, second = await recording.grown(3)
    assert brief([first, left, second]) == [
        "connect bridge web stream",
        "disconnect bridge web stream",
        "connect bridge web stream",
    ]
    assert first.endpoint is not None
    assert second.endpoint is not None
    assert first.endpoint.id != second.endpoint.id


async def test_host_and_none_are_networks_too(hand: Hand, recording: Recording) -> None:
    async with recording.running():
        await hand.remove(await hand.run("on-host", "host"))
        await hand.remove(await hand.run("on-none", "none"))
        events = await recording.grown(4)
    assert brief(events) == [
        "connect host on-host stream",
        "disconnect host on-host stream",
        "connect none on-none stream",
        "disconnect none on-none stream",
    ]


async def test_a_failed_start_leaves_a_chain(hand: Hand, recording: Recording) -> None:
    """A command that can't be run: connect and disconnect. An address that is taken: a disconnect event without any
    connect, which is no transition."""
    async with recording.running():
        net = await hand.network("mynet", IPAM={"Config": [{"Subnet": "10.211.0.0/24"}]})
        bad = await hand.container("bad", "mynet", command=["/no/such/command"])
        with pytest.raises(EngineRefused):
            await hand.start(bad)
        holder, late = await hand.container("holder", "mynet"), await hand.container("late")
        for container in (holder, late):
            fixed = {"IPAMConfig": {"IPv4Address": "10.211.0.9"}}
            if container == holder:
                await hand.disconnect(net, holder)
            await hand.call("POST", f"/networks/{net}/connect", {"Container": container, "EndpointConfig": fixed})
        await hand.start(holder)
        with pytest.raises(EngineRefused):
            await hand.start(late)
        await hand.run("last")
        events = await recording.grown(6)
    assert brief(events) == [
        "connect mynet bad stream",
        "disconnect mynet bad stream",
        "connect mynet holder stream",
        "connect bridge late stream",
        "disconnect bridge late stream",
        "connect bridge last stream",
    ]
    assert standing(events).keys() == (await hand.connected()).keys()


async def test_what_is_gone_is_found_by_its_name(hand: Hand, recording: Recording) -> None:
    async with recording.running():
        net = await hand.network("short-lived")
        box = await hand.run("box", "short-lived")
        await hand.call("POST", f"/containers/{box}/rename", name="renamed")
        await hand.remove(box)
        await hand.remove_network(net)
        await recording.grown(2)
        assert brief(await recording.events(network="short-lived")) == [
            "connect short-lived box stream",
            "disconnect short-lived renamed stream",
        ]
        assert len(await recording.events(container="box")) == 1
        assert len(await recording.events(container=box)) == 2
        assert len(await recording.events(network=net)) == 2


async def test_what_was_there_at_first_is_found(hand: Hand, recording: Recording) -> None:
    """By comparison, from an unknown instant on. What the engine still tells of the time before is not recorded."""
    net = await hand.network("mynet")
    db = await hand.run("db", "mynet")
    await hand.connect("bridge", db)
    await hand.disconnect("bridge", db)
    async with recording.running():
        [event] = await recording.events()
        assert brief([event]) == ["connect mynet db reconcile"]
        assert event.observed_between == (None, event.time)
        assert event.endpoint is not None
        assert {(net, db): event.endpoint.id} == await hand.connected()
    async with recording.running():
        await hand.remove(db)
        events = await recording.grown(1, after=1)
    assert brief(events) == ["disconnect mynet db stream"]


async def test_what_happened_while_away_is_learned_later(hand: Hand, recording: Recording) -> None:
    """From the engine's memory, in order; what was handled before, a moment ago, is not repeated."""
    async with recording.running():
        net = await hand.network("mynet")
        db = await hand.run("db")
        await hand.connect(net, db)
        await hand.disconnect(net, db)
        await hand.connect(net, db)
        await recording.grown(4)
    await hand.disconnect(net, db)
    await hand.connect(net, db)
    await hand.remove(await hand.run("passing", "mynet"))
    async with recording.running():
        events = await recording.events()
    async with recording.running():
        assert await recording.events() == events
    assert brief(events) == [
        "connect bridge db stream",
        "connect mynet db stream",
        "disconnect mynet db stream",
        "connect mynet db stream",
        "disconnect mynet db replay",
        "connect mynet db replay",
        "connect mynet passing replay",
        "disconnect mynet passing replay",
    ]
    assert standing(events) == await hand.connected()


async def test_what_the_engine_forgot_is_found_by_comparison(hand: Hand, recording: Recording) -> None:
    """Its memory is 256 events of all kinds. The interval is from when log and engine last agreed."""
    net = await hand.network("mynet")
    began = instants.now()
    stays, goes, moves = [await hand.run(name, "mynet") for name in ("stays", "goes", "moves")]
    async with recording.running():
        await recording.grown(3)
    await hand.remove(goes)
    await hand.disconnect(net, moves)
    await hand.connect(net, moves)
    comes = await hand.run("comes", "mynet")
    await hand.forget()
    async with recording.running():
        events = await recording.events()
    found = events[3:]
    assert sorted(brief(found)) == [
        "connect mynet comes reconcile",
        "connect mynet moves reconcile",
        "disconnect mynet goes reconcile",
        "disconnect mynet moves reconcile",
    ]
    for event in found:
        assert event.observed_between is not None
        begin, end = event.observed_between
        assert begin is not None
        assert begin < end == event.time
        assert event.container.image == "alpine"
        assert began < begin
    assert standing(events) == await hand.connected()
    assert {stays, moves, comes} == {container for _, container in standing(events)}


async def test_a_timer_finds_what_the_stream_lost(hand: Hand, recording: Recording) -> None:
    async with recording.running(interval=0.2):
        await hand.run("db")
        await recording.grown(1)
        assert recording.recorder is not None
        # As if its event had never come.
        recording.recorder._memberships.clear()
        [again] = await recording.grown(1, after=1)
    assert again.source is Source.RECONCILE


async def test_a_full_disk_holds_the_log_up_and_loses_nothing(hand: Hand, recording: Recording) -> None:
    async with recording.running():
        recorder, connection = recording.recorder, recording.store._connection
        assert recorder is not None
        assert connection is not None
        db = await hand.run("db")
        await recording.grown(1)
        connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")
        # Long names fill the pages there are.
        net = await hand.network("n" * 200)
        count = 1
        while recorder.trouble() is None:
            await hand.connect(net, db, *(secrets.token_hex(60) for _ in range(8)))
            await hand.disconnect(net, db)
            count += 2
            await asyncio.sleep(0)
            assert count < 400
        assert "can't be written" in str(recorder.trouble())
        await hand.remove(db)
        assert recording.store.last <= count
        connection.execute("PRAGMA max_page_count = 1000000")
        events = await recording.grown(count + 1)
        assert recorder.trouble() is None
    assert standing(events) == {}
    assert {event.source for event in events} == {Source.STREAM}
    assert len(events) == count + 1


async def test_no_command_line_comes_near_the_log(
    hand: Hand, recording: Recording, capfd: pytest.CaptureFixture[str]
) -> None:
    """The engine's exec events carry the whole of it."""
    secret = secrets.token_hex(16)
    async with recording.running():
        db = await hand.run("db")
        made = await hand.call("POST", f"/containers/{db}/exec", {"Cmd": ["echo", secret]})
        await hand.call("POST", f"/exec/{made['Id']}/start", {"Detach": True})
        await hand.remove(db)
        await recording.grown(2)
    recording.store.close()
    for path in recording.store.path.parent.iterdir():
        assert secret.encode() not in path.read_bytes()
    output = capfd.readouterr()
    assert secret not in output.out + output.err


async def test_each_event_is_one_line(hand: Hand, recording: Recording) -> None:
    """With the names of the API's record, flat."""
    with structlog.testing.capture_logs() as lines:
        async with recording.running():
            await hand.remove(await hand.run("db"))
            events = await recording.grown(2)
    told = [line for line in lines if str(line["event"]).startswith("network.")]
    assert [line["event"] for line in told] == ["network.connect", "network.disconnect"]
    for line, event in zip(told, events, strict=True):
        record = json.loads(event.model_dump_json())
        assert line["seq"] == record["seq"]
        assert line["time"] == record["time"]
        assert (line[log.NETWORK], line[log.NETWORK_ID]) == (record["network"]["name"], record["network"]["id"])
        assert (line[log.CONTAINER], line[log.CONTAINER_ID]) == (record["container"]["name"], record["container"]["id"])
        for key in ("ipv4", "ipv6", "mac", "gateway", "aliases"):
            assert line[key] == record["endpoint"][key]
        assert line[log.ENDPOINT_ID] == record["endpoint"]["id"]
        for key in ("before", "after", "source"):
            assert line[key] == record[key]
