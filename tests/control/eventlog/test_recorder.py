"""The recorder on a real engine: the log holds what happened, once and in order, whoever caused it."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from control import instants
from control.records import Kind, Source
from tests.control.eventlog.hand import Hand, Recording, brief, standing, until
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
        events = await recording.grown(8)
        assert standing(await recording.records()) == {}
    assert brief(events) == [
        "bridge db absent>configured external",
        "bridge db configured>connected start",
        "mynet db absent>connected external",
        "bridge db connected>absent external",
        "mynet db connected>absent external",
        "mynet db absent>connected external",
        "mynet db connected>configured remove",
        "mynet db configured>absent remove",
    ]
    came, left = events[2], events[4]
    assert came.endpoint is not None
    assert came.endpoint == left.endpoint
    assert came.endpoint.id == shown["EndpointID"]
    assert came.endpoint.ipv4 == shown["IPAddress"]
    assert came.endpoint.mac == shown["MacAddress"]
    assert came.endpoint.gateway == shown["Gateway"]
    assert came.endpoint.aliases == ("database",)
    assert came.network is not None
    assert came.container is not None
    assert (came.network.id, came.network.driver, came.network.scope) == (net, "bridge", "local")
    assert (came.container.id, came.container.image) == (db, "alpine")
    assert [event.time for event in events] == sorted(event.time for event in events)


async def test_every_kind_is_recorded(hand: Hand, recording: Recording) -> None:
    """What happens to networks and containers, in order, with what each kind alone has."""
    async with recording.running():
        net = await hand.network("mynet")
        db = await hand.run("db", "mynet")
        await hand.call("POST", f"/containers/{db}/pause")
        await hand.call("POST", f"/containers/{db}/unpause")
        await hand.call("POST", f"/containers/{db}/rename", name="renamed")
        await hand.call("POST", f"/containers/{db}/stop", t="5")
        await hand.remove(db)
        await hand.remove_network(net)
        await recording.told(kinds=(Kind.NETWORK_DESTROY,), network=net)
        of_container = await recording.records(container=db)
        of_network = [record for record in await recording.records(network=net) if record.container is None]
        records = sorted([*of_container, *of_network], key=lambda record: record.seq)
    told = [(record.kind.value, record.detail) for record in records if record.before is None]
    assert told == [
        ("network.create", None),
        ("container.create", None),
        ("container.start", None),
        ("container.pause", None),
        ("container.unpause", None),
        ("container.rename", {"old_name": "db"}),
        ("container.kill", {"signal": 15}),
        ("container.die", {"exit_code": 143}),
        ("container.stop", None),
        ("container.destroy", None),
        ("network.destroy", None),
    ]
    names = [record.container.name for record in records if record.container and record.before is None]
    assert names == ["db"] * 4 + ["renamed"] * 5
    assert {record.source for record in records} == {Source.STREAM}


async def test_host_and_none_are_networks_too(hand: Hand, recording: Recording) -> None:
    async with recording.running():
        await hand.remove(await hand.run("on-host", "host"))
        await hand.remove(await hand.run("on-none", "none"))
        events = await recording.grown(8)
    assert brief(events) == [
        f"{mode} on-{mode} {what}"
        for mode in ("host", "none")
        for what in (
            "absent>configured external",
            "configured>connected start",
            "connected>configured remove",
            "configured>absent remove",
        )
    ]


async def test_a_failed_start_leaves_a_chain(hand: Hand, recording: Recording) -> None:
    """A command that can't be run: connect and disconnect. An address that is taken: a disconnect event without any
    connect, which is no transition."""
    async with recording.running(interval=1):
        net = await hand.network("mynet", IPAM={"Config": [{"Subnet": "10.211.0.0/24"}]})
        bad = await hand.container("bad", "mynet", command=["/no/such/command"])
        with pytest.raises(EngineRefused):
            await hand.start(bad)
        holder, late = await hand.container("holder", "none"), await hand.container("late")
        fixed = {"IPAMConfig": {"IPv4Address": "10.211.0.9"}}
        await hand.disconnect("none", holder)
        for container in (holder, late):
            await hand.call("POST", f"/networks/{net}/connect", {"Container": container, "EndpointConfig": fixed})
        await recording.agreeing(hand)
        await hand.start(holder)
        with pytest.raises(EngineRefused):
            await hand.start(late)
        await recording.grown(11)
        events = await recording.agreeing(hand)
    told = brief(events)
    assert [line for line in told if " bad " in line] == [
        "mynet bad absent>configured external",
        "mynet bad configured>connected start",
        "mynet bad connected>configured start",
    ]
    # A look at what was just created may come late, and see that it was connected, of which nothing was told.
    silent = [line.removesuffix(" (reconcile)") for line in told if "mynet late" in line]
    assert silent == ["mynet late absent>configured external"]
    assert [line for line in told if "bridge late" in line] == [
        "bridge late absent>configured external",
        "bridge late configured>connected start",
        "bridge late connected>configured start",
    ]


async def test_what_is_gone_is_found_by_its_name(hand: Hand, recording: Recording) -> None:
    async with recording.running():
        net = await hand.network("short-lived")
        box = await hand.run("box", "short-lived")
        await hand.call("POST", f"/containers/{box}/rename", name="renamed")
        await hand.remove(box)
        await hand.remove_network(net)
        await recording.grown(4)
        assert brief(await recording.events(network="short-lived")) == [
            "short-lived box absent>configured external",
            "short-lived box configured>connected start",
            "short-lived renamed connected>configured remove",
            "short-lived renamed configured>absent remove",
        ]
        assert len(await recording.events(container="box")) == 2
        assert len(await recording.events(container=box)) == 4
        assert len(await recording.events(network=net)) == 4


async def test_what_was_there_at_first_is_found(hand: Hand, recording: Recording) -> None:
    """By comparison, from an unknown instant on. What the engine still tells of the time before is not recorded."""
    net = await hand.network("mynet")
    db = await hand.run("db", "mynet")
    await hand.connect("bridge", db)
    await hand.disconnect("bridge", db)
    idle = await hand.container("idle", "mynet")
    async with recording.running():
        records = await recording.agreeing(hand)
        assert sorted(brief(records)) == [
            "mynet db absent>connected unknown (reconcile)",
            "mynet idle absent>configured unknown (reconcile)",
        ]
        for event in records:
            assert event.observed_between == (None, event.time)
        assert set(standing(records)) == {(net, db), (net, idle)}
    async with recording.running():
        await hand.remove(db)
        events = await recording.grown(2, after=2)
    assert brief(events) == ["mynet db connected>configured remove", "mynet db configured>absent remove"]


async def test_what_happened_while_away_is_learned_later(hand: Hand, recording: Recording) -> None:
    """From the engine's memory, in order; what was handled before, a moment ago, is not repeated, and nothing is
    missing."""
    async with recording.running():
        net = await hand.network("mynet")
        db = await hand.run("db")
        await hand.connect(net, db)
        await hand.disconnect(net, db)
        await hand.connect(net, db)
        before = await recording.grown(5)
    await hand.disconnect(net, db)
    await hand.connect(net, db)
    await hand.remove(await hand.run("passing", "mynet"))
    await hand.call("POST", f"/containers/{db}/stop", t="5")
    async with recording.running():
        records = await recording.agreeing(hand)
    async with recording.running():
        assert await recording.records() == records
    told = brief(records)[len(before) :]
    # A container's networks go in the order of their ids.
    assert [*told[:-2], *sorted(told[-2:])] == [
        "mynet db connected>absent external (replay)",
        "mynet db absent>connected external (replay)",
        "mynet passing absent>connected start (replay)",
        "mynet passing connected>configured remove (replay)",
        "mynet passing configured>absent remove (replay)",
        "bridge db connected>configured stop (replay)",
        "mynet db connected>configured stop (replay)",
    ]
    assert not [record for record in records if record.kind is Kind.GAP]


async def test_what_waits_at_the_end_is_not_taken_for_recorded(hand: Hand, recording: Recording) -> None:
    """A death waits for what tells its reason. Where control ends meanwhile, a gap would begin before it."""
    async with recording.running():
        db = await hand.run("db")
        await recording.grown(2)
        await hand.call("POST", f"/containers/{db}/kill")
        await hand.network("later")
        async with asyncio.timeout(10):
            while not await recording.records(kinds=(Kind.NETWORK_CREATE,)):  # noqa: ASYNC110  (it is in the file)
                await asyncio.sleep(0.005)
    shown = await hand.call("GET", f"/containers/{db}/json")
    died = instants.parse(shown["State"]["FinishedAt"])
    recorded = {event.kind for event in await recording.records()}
    checkpoint = await recording.store.checkpoint()
    assert Kind.NETWORK_CREATE in recorded
    assert checkpoint.cursor is not None
    # FinishedAt is set just before the event goes out (measured: by 20 ms at most).
    assert Kind.CONTAINER_DIE in recorded or checkpoint.cursor < died + 50_000_000


async def test_what_the_engine_forgot_is_found_by_comparison(hand: Hand, recording: Recording) -> None:
    """Its memory is 256 events of all kinds. The gap is marked, and each finding lies within it."""
    net = await hand.network("mynet")
    for name in ("stays", "goes", "moves"):
        await hand.run(name, "mynet")
    async with recording.running():
        await recording.grown(3)
    await hand.remove("goes")
    await hand.disconnect(net, "moves")
    await hand.connect(net, "moves")
    await hand.run("comes", "mynet")
    await hand.forget()
    async with recording.running():
        records = await recording.agreeing(hand)
    (gap,) = [record for record in records if record.kind is Kind.GAP]
    assert gap.detail == {"reason": "control-away"}
    assert gap.observed_between is not None
    found = [record for record in records if record.seq > gap.seq and record.before]
    assert sorted(brief(found)) == [
        "mynet comes absent>connected start (reconcile)",
        "mynet goes connected>absent remove (reconcile)",
        "mynet moves absent>connected external (reconcile)",
        "mynet moves connected>absent unknown (reconcile)",
    ]
    for event in found:
        assert event.observed_between is not None
        begin, end = event.observed_between
        assert begin is not None
        assert begin < end == event.time


async def test_what_is_done_to_stopped_containers_is_found(hand: Hand, recording: Recording) -> None:
    """The engine tells nothing of a connect of a container that does not run: the timer finds it. A network removed
    under it takes its membership away."""
    async with recording.running(interval=1):
        net = await hand.network("mynet")
        box = await hand.container("box")
        await recording.grown(1)
        await hand.connect(net, box)
        await recording.agreeing(hand)
        await hand.disconnect(net, box)
        await recording.agreeing(hand)
        await hand.connect(net, box)
        await recording.agreeing(hand)
        await hand.remove_network(net)
        records = await recording.agreeing(hand)
    assert brief(records) == [
        "bridge box absent>configured external",
        "mynet box absent>configured external (reconcile)",
        "mynet box configured>absent external",
        "mynet box absent>configured external (reconcile)",
        "mynet box configured>absent network-removed",
    ]


async def test_a_timer_finds_what_the_stream_lost(hand: Hand, recording: Recording) -> None:
    async with recording.running(interval=1):
        await hand.run("db")
        await recording.grown(2)
        assert recording.recorder is not None
        # As if its events had never come.
        register = recording.recorder._register
        for pair in list(register.memberships):
            register._forget(pair)
        [again] = await recording.grown(1, after=recording.store.last)
    assert again.source is Source.RECONCILE


async def test_a_full_disk_holds_the_log_up_and_loses_nothing(hand: Hand, recording: Recording) -> None:
    async with recording.running():
        recorder, connection = recording.recorder, recording.store._connection
        assert recorder is not None
        assert connection is not None
        db = await hand.run("db")
        await recording.grown(2)
        connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")
        # Long aliases fill the pages there are.
        net = await hand.network("n" * 120)
        count = 2
        while recorder.trouble() is None:
            await hand.connect(net, db, *(secrets.token_hex(60) for _ in range(8)))
            await hand.disconnect(net, db)
            count += 2
            await asyncio.sleep(0)
            assert count < 600
        assert "can't be written" in str(recorder.trouble())
        await hand.remove(db)
        connection.execute("PRAGMA max_page_count = 1000000")
        events = await recording.grown(count + 2)
        await until(lambda: recorder.trouble() is None)
        assert standing(await recording.records()) == {}
    assert {event.source for event in events} == {Source.STREAM}
    assert len(events) == count + 2


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
        await recording.grown(4)
    recording.store.close()
    for path in recording.store.path.parent.iterdir():
        assert secret.encode() not in path.read_bytes()
    output = capfd.readouterr()
    assert secret not in output.out + output.err
