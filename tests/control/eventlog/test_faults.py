"""The log when things die: control, the engine, or both, under way. At rest it says what the engine shows."""

import asyncio
import contextlib
import random
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from control.records import Event, Source
from tests.control.eventlog.hand import DEADLINE, Hand, Recording, brief, standing
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


async def agreeing(recording: Recording, hand: Hand) -> list[Event]:
    """The log, once it says what the engine shows."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DEADLINE):
            while standing(await recording.events()) != await hand.connected():
                await recording.store.past(recording.store.last)
    events = await recording.events()
    assert standing(events) == await hand.connected(), "\n".join(brief(events))
    return events


@pytest.mark.parametrize("end", ["terminate", "kill"])
async def test_the_engine_restarts(mortal: PrivateEngine, mortal_hand: Hand, tmp_path: Path, end: str) -> None:
    """What it stops and starts on the way is in the log, told by it or found by comparison."""
    recording = Recording(mortal, tmp_path / "data")
    async with recording.running():
        net = await mortal_hand.network("mynet")
        await mortal_hand.run("always", "mynet", restart="always")
        await mortal_hand.run("never", "mynet")
        before = await recording.grown(2)
        await asyncio.to_thread(getattr(mortal, end))
        await asyncio.to_thread(mortal.start)
        events = await agreeing(recording, mortal_hand)
        after = len(events)
        fresh = await mortal_hand.run("fresh")
        await mortal_hand.connect(net, fresh)
        later = await recording.grown(2, after=after)
    assert brief(later) == ["connect bridge fresh stream", "connect mynet fresh stream"]
    assert standing([*events, *later]) == await mortal_hand.connected()
    left = {event.container.name for event in events[2:] if event.kind == "network.disconnect"}
    assert left == {"always", "never"}
    assert before == events[:2]
    recording.store.close()


async def test_the_engine_restarts_while_control_is_down(
    mortal: PrivateEngine, mortal_hand: Hand, tmp_path: Path
) -> None:
    recording = Recording(mortal, tmp_path / "data")
    async with recording.running():
        await mortal_hand.network("mynet")
        await mortal_hand.run("always", "mynet", restart="always")
        await mortal_hand.run("never", "mynet")
        await recording.grown(2)
    await asyncio.to_thread(mortal.kill)
    await asyncio.to_thread(mortal.start)
    async with recording.running():
        events = await agreeing(recording, mortal_hand)
    assert [container for _, container in standing(events)] == [
        event.container.id for event in events if event.container.name == "always"
    ][:1]
    recording.store.close()


async def test_the_engine_is_away_at_first(tmp_path: Path, mortal: PrivateEngine, mortal_hand: Hand) -> None:
    """The log begins when it comes."""
    await asyncio.to_thread(mortal.terminate)
    recording = Recording(mortal, tmp_path / "data")
    starting = asyncio.create_task(asyncio.to_thread(mortal.start))
    async with recording.running():
        await starting
        await mortal_hand.run("first")
        assert brief(await recording.grown(1)) == ["connect bridge first stream"]
    recording.store.close()


def test_kill_9_of_control_loses_and_doubles_nothing(engine: PrivateEngine, tmp_path: Path) -> None:
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
            events: list[dict[str, object]] = []
            while len(events) < done:
                page = client.get("/events", params={"after": len(events), "limit": 1000}).json()["items"]
                events += page
        assert len(events) == done
        assert [event["seq"] for event in events] == list(range(1, done + 1))
        turn = [("network.connect", "box0"), ("network.disconnect", "box0")]
        turn += [("network.connect", "box1"), ("network.disconnect", "box1")]
        told = [(event["kind"], event["container"]["name"]) for event in events]  # type: ignore[index]
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
    expected: list[tuple[str, str, str]] = []

    async def work(number: int) -> None:
        box = await hand.run(f"box{number}", "none")
        await hand.disconnect("none", box)
        expected.extend([("network.connect", "none", box), ("network.disconnect", "none", box)])
        here: set[str] = set()
        for _ in range(12):
            net = chance.choice(networks)
            with contextlib.suppress(EngineRefused):
                if net in here:
                    await hand.disconnect(net, box)
                    here.discard(net)
                    expected.append(("network.disconnect", net, box))
                else:
                    await hand.connect(net, box)
                    here.add(net)
                    expected.append(("network.connect", net, box))
        if number % 2:
            await hand.remove(box)
            expected.extend(("network.disconnect", net, box) for net in here)

    working = asyncio.gather(*(work(number) for number in range(4)))
    while not working.done():
        async with recording.running(interval=0.3):
            await asyncio.wait([asyncio.ensure_future(asyncio.sleep(chance.uniform(0.2, 1.0)))])
    await working
    async with recording.running():
        events = await agreeing(recording, hand)
    none = next(event.network.id for event in events if event.network.name == "none")
    told = [
        (event.kind, "none" if event.network.id == none else event.network.id, event.container.id) for event in events
    ]
    assert sorted(told) == sorted(expected)
    assert {event.source for event in events} <= {Source.STREAM, Source.REPLAY}
    recording.store.close()
