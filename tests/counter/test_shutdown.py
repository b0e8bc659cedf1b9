"""SIGTERM: those under way are answered, the log is whole, the process ends."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from counter.embedded import Mongod
from tests.counter.conftest import Serve, Target
from tests.support.counting import Load, assert_linearizable, eventually

EXIT_SECONDS = 5.0


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_sigterm_under_load(serve: Serve, target: Target, workers: str) -> None:
    """Nothing that was counted goes unanswered, every answer is in the log, and it is out within 5 s."""
    counter = serve(target.url, workers=workers)
    load = Load(counter.port, 32)
    running = asyncio.create_task(load.run(requests=1_000_000))
    await load.counted(1000)

    counter.process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    code = await asyncio.to_thread(counter.process.wait, 20)
    took = time.monotonic() - started
    load.stop()
    await running

    assert took < EXIT_SECONDS
    assert code == 0
    assert {answer.status for answer in load.answers} == {200}
    assert_linearizable(load.answers)
    assert max(answer.number for answer in load.answers) == len(load.answers) == target.value()
    logged = [line for line in counter.log() if line["event"] == "request" and line["path"] == "/"]
    assert len(logged) == len(load.answers)


async def test_sigterm_while_the_database_is_frozen(serve: Serve, tmp_path: Path) -> None:
    """A request that waits for a silent database is told so, and the process still ends within 5 s."""
    with Mongod(tmp_path / "mongod") as mongod:
        counter = serve(mongod.url)
        counter.count()
        os.kill(mongod.pid, signal.SIGSTOP)
        try:
            load = Load(counter.port, 4)
            running = asyncio.create_task(load.run(requests=1))
            await asyncio.to_thread(eventually, "four more connections", lambda: open_sockets(counter.process.pid) >= 4)
            counter.process.send_signal(signal.SIGTERM)
            started = time.monotonic()
            await asyncio.to_thread(counter.process.wait, 20)
            assert time.monotonic() - started < EXIT_SECONDS
            await running
        finally:
            os.kill(mongod.pid, signal.SIGCONT)
    assert [answer.status for answer in load.answers] == [503] * 4


def open_sockets(pid: int) -> int:
    """How many sockets a process has."""
    return sum("socket:" in str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink())
