"""What control remembers beside the log."""

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control.errors import MemoryUnavailable
from control.memory import FILE, Memory


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Memory]:
    """An empty one."""
    memory = Memory(tmp_path)
    yield memory
    await memory.close()


async def test_values_by_kind_and_key(memory: Memory) -> None:
    """Any JSON; a kind's keys are its own; what was put last is there."""
    value = {"text": "héllo", "list": [1, 2.5, None, True]}
    await memory.put("plan", "k", value)
    await memory.put("endpoint", "k", "other")
    assert await memory.get("plan", "k") == value
    await memory.put("plan", "k", 2)
    assert (await memory.get("plan", "k"), await memory.get("endpoint", "k")) == (2, "other")
    assert await memory.get("plan", "none") is None


async def test_put_new_keeps_what_is_there(memory: Memory) -> None:
    """And says which of many at once was the first."""
    kept = await asyncio.gather(*(memory.put_new("key", "k", number) for number in range(20)))
    assert sum(kept) == 1
    assert await memory.get("key", "k") == kept.index(True)


async def test_all_of_a_kind_oldest_first(memory: Memory) -> None:
    """By key."""
    for key in ("z", "a", "m"):
        await memory.put("plan", key, key.upper())
    await memory.put("other", "x", "X")
    assert list((await memory.all("plan")).items()) == [("z", "Z"), ("a", "A"), ("m", "M")]


async def test_removal_says_whether_there_was_one(memory: Memory) -> None:
    """True once."""
    await memory.put("plan", "k", 1)
    assert [await memory.remove("plan", "k"), await memory.remove("plan", "k")] == [True, False]


async def test_what_is_past_its_end_is_not_found(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes room for a new one, and is gone from the file with the next write."""
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    await memory.put("plan", "short", 1, seconds=10)
    await memory.put("plan", "long", 2, seconds=100)
    await memory.put("plan", "ever", 3)
    now[0] += 10
    assert await memory.get("plan", "short") is None
    assert await memory.all("plan") == {"long": 2, "ever": 3}
    assert await memory.put_new("plan", "short", 4, seconds=10)
    now[0] += 1000
    await memory.put("other", "x", 0)
    with sqlite3.connect(memory.path) as connection:
        assert connection.execute("SELECT key FROM kept ORDER BY key").fetchall() == [("ever",), ("x",)]
    connection.close()


async def test_it_survives_the_process(tmp_path: Path) -> None:
    """Another one on the folder finds what was acknowledged, without a close in between."""
    first, second = Memory(tmp_path), Memory(tmp_path)
    await first.put("plan", "k", 1)
    assert await second.get("plan", "k") == 1
    await first.close()
    await second.close()
    await second.close()


async def test_it_is_for_its_owner_alone(memory: Memory) -> None:
    """Mode 0600, and so is what SQLite writes beside it."""
    before = os.umask(0o022)
    try:
        await memory.put("plan", "k", "secret")
    finally:
        os.umask(before)
    files = sorted(memory.path.parent.iterdir())
    assert [file.name for file in files] == [FILE, f"{FILE}-shm", f"{FILE}-wal"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


async def test_a_file_that_can_not_be_opened_is_tried_again(tmp_path: Path) -> None:
    """MemoryUnavailable that says what to do, at each call, until it is mended."""
    memory = Memory(tmp_path)
    memory.path.mkdir()
    for _ in range(2):
        with pytest.raises(MemoryUnavailable, match="mend the folder"):
            await memory.put("plan", "k", 1)
    memory.path.rmdir()
    await memory.put("plan", "k", 1)
    assert await memory.get("plan", "k") == 1
    await memory.close()


async def test_a_file_that_is_damaged_or_later_is_told(tmp_path: Path) -> None:
    """And left as it is."""
    damaged = Memory(tmp_path)
    damaged.path.write_bytes(b"no database at all" * 100)
    with pytest.raises(MemoryUnavailable, match="not a database"):
        await damaged.get("plan", "k")
    assert damaged.path.read_bytes().startswith(b"no database")
    damaged.path.unlink()
    with sqlite3.connect(damaged.path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(MemoryUnavailable, match="a later Pontlevis"):
        await damaged.get("plan", "k")


async def test_a_caller_that_goes_away_leaves_the_value_whole(memory: Memory) -> None:
    """What was begun is done."""
    await memory.put("plan", "warm", 0)
    task = asyncio.create_task(memory.put("plan", "k", "x" * 100_000))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(30):
        while await memory.get("plan", "k") is None:
            pass
    assert await memory.get("plan", "k") == "x" * 100_000
