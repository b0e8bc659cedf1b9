"""The log when things die: control, the engine, or both, under way. At rest it says what the engine shows."""

import asyncio
import contextlib
import random
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from control.records import Cause, Kind, MembershipState, Source
from tests.control.eventlog.hand import Hand, Recording, brief, standing, until
from tests.support.control import Control
from tests.support.engine import EngineRefused, PrivateEngine, private_engine
from tests.support.fixtures import load_images


@pytest.fixture(scope="module")
def mortal() -> Iterator[PrivateEngine]:
    """An engine to kill."""
    with private_engine() as engine:
        load_images(engine, "alpine")
        yield engine


@pytest_asyncio.fixture
async def mortal_hand(mortal: PrivateEngine) -> AsyncIterator[Hand]:
    hand = Hand(mortal)
    yield hand
    await hand.clear()


@pytest_asyncio.fixture
async def hand(engine: PrivateEngine) -> AsyncIterator[Hand]:
    hand = Hand(engine)
    await hand.clear()
    yield hand
    await hand.clear()


@pytest.mark.parametrize("end", ["terminate", "kill"])
async def test_the_engine_restarts(mortal: PrivateEngine, mortal_hand: Hand, tmp_path: Path, end: str) -> None:
    """What it stops and starts on the way is in the log, told by it or found by comparison, and the interval in which
    it could not be seen is marked."""
    recording = Recording(mortal, tmp_path / "data")
    async with recording.running():
        net = await mortal_hand.network("mynet")
        await mortal_hand.run("always", "mynet", restart="always")
        await mortal_hand.run("never", "mynet")
        await recording.grown(4)
        await asyncio.to_thread(getattr(mortal, end))
        await asyncio.to_thread(mortal.start)
        await recording.agreeing(mortal_hand)
        assert recording.recorder is not None
        recorder = recording.recorder
        await until(lambda: recorder.trouble() is None)
        events = await recording.agreeing(mortal_hand)
        after = events[-1].seq
        fresh = await mortal_hand.run("fresh")
        await mortal_hand.connect(net, fresh)
        later = await recording.grown(3, after=after)
        await recording.agreeing(mortal_hand)
    assert brief(later) == [
        "bridge fresh absent>configured external",
        "bridge fresh configured>connected start",
        "mynet fresh absent>connected external",
    ]
    (gap,) = [event for event in events if event.kind is Kind.GAP]
    assert gap.detail == {"reason": "engine-restarted"}
    left = {
        (event.container.name, event.cause)
        for event in events
        if event.container
        and event.before
        and event.kind is Kind.DISCONNECT
        and event.after is not MembershipState.ABSENT
    }
    assert left == {("always", Cause.ENGINE_STOPPED), ("never", Cause.ENGINE_STOPPED)}
    back = [line for line in brief(events) if line.startswith("mynet") and "configured>connected" in line][2:]
    assert back == ["mynet always configured>connected restart (replay)"]
    recording.store.close()


async def test_an_engine_that_restores_live_changes_nothing(tmp_path: Path) -> None:
    """Its containers run on through its death; the gap is marked, and nothing else."""
    with private_engine("--live-restore") as engine:
        load_images(engine, "alpine")
        hand, recording = Hand(engine), Recording(engine, tmp_path / "data")
        async with recording.running():
            await hand.network("mynet")
            await hand.run("db", "mynet")
            await recording.grown(2)
            assert recording.recorder is not None
            recorder = recording.recorder
            for end in ("kill", "terminate"):
                await asyncio.to_thread(getattr(engine, end))
                await until(lambda: recorder.trouble() is not None)
                await asyncio.to_thread(engine.start)
                await until(lambda: recorder.trouble() is None)
            events = await recording.agreeing(hand)
        gaps = [event for event in events if event.kind is Kind.GAP]
        assert len(gaps) == 2
        assert len(brief(events)) == 2
        recording.store.close()


async def test_the_engine_restarts_while_control_is_down(
    mortal: PrivateEngine, mortal_hand: Hand, tmp_path: Path
) -> None:
    recording = Recording(mortal, tmp_path / "data")
    async with recording.running():
        await mortal_hand.network("mynet")
        await mortal_hand.run("always", "mynet", restart="always")
        await mortal_hand.run("never", "mynet")
        await recording.grown(4)
    await asyncio.to_thread(mortal.kill)
    await asyncio.to_thread(mortal.start)
    async with recording.running():
        events = await recording.agreeing(mortal_hand)
    (gap,) = [event for event in events if event.kind is Kind.GAP]
    assert gap.detail == {"reason": "engine-restarted"}
    now = {container: state for (_, container), state in standing(events).items() if state != "configured"}
    names = {event.container.id: event.container.name for event in events if event.container}
    assert [names[container] for container in now] == ["always"]
    recording.store.close()


async def test_the_engine_is_away_at_first(tmp_path: Path, mortal: PrivateEngine, mortal_hand: Hand) -> None:
    """The log begins when it comes."""
    await asyncio.to_thread(mortal.terminate)
    recording = Recording(mortal, tmp_path / "data")
    starting = asyncio.create_task(asyncio.to_thread(mortal.start))
    async with recording.running():
        await starting
        await mortal_hand.run("first")
        assert brief(await recording.grown(2)) == [
            "bridge first absent>configured external",
            "bridge first configured>connected start",
        ]
    recording.store.close()


def test_kill_9_of_control_loses_and_doubles_nothing(  # noqa: PLR0915  (one story)
    engine: PrivateEngine, tmp_path: Path
) -> None:
    """Someone connects and disconnects all the while; control is killed at any moment, and started again."""
    control = Control(engine.url, tmp_path / "data")
    engine.clear()
    net = engine.call("POST", "/networks/create", json={"Name": "mynet"})["Id"]
    boxes = []
    for number in range(2):
        body = {"Image": "alpine", "Cmd": ["sleep", "100000"], "HostConfig": {"NetworkMode": "none", "Init": True}}
        boxes.append(engine.call("POST", "/containers/create", json=body, name=f"box{number}")["Id"])
        engine.call("POST", f"/containers/{boxes[-1]}/start")
        engine.call("POST", "/networks/none/disconnect", json={"Container": boxes[-1]})
    ended = threading.Event()
    done = 0

    def busy() -> None:
        nonlocal done
        while not ended.is_set():
            for box in boxes:
                for verb in ("connect", "disconnect"):
                    engine.call("POST", f"/networks/{net}/{verb}", json={"Container": box})
                    done += 1

    control.start()
    worker = threading.Thread(target=busy)
    worker.start()
    chance = random.Random(7)
    try:
        for _ in range(4):
            ended.wait(chance.uniform(0.1, 0.7))
            control.kill()
            ended.wait(chance.uniform(0.0, 0.4))
            control.start()
    finally:
        ended.set()
        worker.join()
    try:
        with control.client() as client:
            last = 0
            events: list[dict[str, Any]] = []
            while len(events) < done:
                page = client.get("/events", params={"after": last, "limit": 1000}).json()["items"]
                last = page[-1]["seq"] if page else last
                events += [event for event in page if event["before"] and event["network"]["name"] == "mynet"]
            assert client.get("/events/verify").json()["whole"]
            gaps = client.get("/events", params={"kind": "gap"}).json()["items"]
        assert len(events) == done
        assert gaps == []
        turn = [("network.connect", "box0"), ("network.disconnect", "box0")]
        turn += [("network.connect", "box1"), ("network.disconnect", "box1")]
        told = [(event["kind"], event["container"]["name"]) for event in events]
        assert told == turn * (done // 4)
        sources = {event["source"] for event in events}
        assert sources == {"stream", "replay"}
    finally:
        control.stop()
        engine.clear()


async def test_many_at_once_with_the_recorder_cut_off_now_and_then(
    engine: PrivateEngine, hand: Hand, tmp_path: Path
) -> None:
    """Random operations by several hands; each that the engine did is in the log once, and nothing else is."""
    recording = Recording(engine, tmp_path / "data")
    networks = [await hand.network(f"net{number}") for number in range(3)]
    async with recording.running():
        pass  # the log begins
    chance = random.Random(11)
    expected: list[tuple[str, str, str, str]] = []

    async def work(number: int) -> None:
        box = await hand.run(f"box{number}", "none")
        expected.extend(("none", box, *what) for what in (("absent", "configured"), ("configured", "connected")))
        await hand.disconnect("none", box)
        expected.append(("none", box, "connected", "absent"))
        here: set[str] = set()
        for _ in range(12):
            net = chance.choice(networks)
            with contextlib.suppress(EngineRefused):
                if net in here:
                    await hand.disconnect(net, box)
                    here.discard(net)
                    expected.append((net, box, "connected", "absent"))
                else:
                    await hand.connect(net, box)
                    here.add(net)
                    expected.append((net, box, "absent", "connected"))
        if number % 2:
            await hand.remove(box)
            for net in here:
                expected.extend((net, box, *what) for what in (("connected", "configured"), ("configured", "absent")))

    working = asyncio.gather(*(work(number) for number in range(4)))
    while not working.done():
        async with recording.running(interval=0.3):
            await asyncio.wait([asyncio.ensure_future(asyncio.sleep(chance.uniform(0.2, 1.0)))])
    await working
    async with recording.running():
        events = await recording.agreeing(hand)
    told = []
    created = {event.container.id for event in events if event.kind is Kind.CONTAINER_CREATE and event.container}
    for event in events:
        if event.before and event.after and event.network and event.container:
            place = "none" if event.network.name == "none" else event.network.id
            told.append((place, event.container.id, event.before.value, event.after.value))
    # One that was created while control was away, and ran when it came back, can't be seen as only created any more.
    short = [("none", box) for box in created if ("none", box, "absent", "connected") in told]
    for pair in short:
        expected = [it for it in expected if it[:2] != pair or it[2:] == ("connected", "absent")]
        expected.append((*pair, "absent", "connected"))
    assert sorted(told) == sorted(expected)
    assert {event.source for event in events if event.before} <= {Source.STREAM, Source.REPLAY}
    recording.store.close()
