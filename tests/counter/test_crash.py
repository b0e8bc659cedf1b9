"""kill -9 of mongod under load: what was acknowledged stays, and nothing is given twice."""

import asyncio
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from counter.embedded import Mongod
from tests.counter.conftest import Serve
from tests.support.counting import Load, assert_linearizable

KILLS = 10


async def test_ten_kills_under_load(serve: Serve, tmp_path: Path) -> None:
    """Ten kill -9 of mongod while 32 connections count: every acknowledged number is unique, in order, and
    not above the final count; the refused are told that nothing was counted or that nobody can know."""
    with Mongod(tmp_path / "mongod") as mongod:
        counter = serve(mongod.url)
        load = Load(counter.port, 32)
        running = asyncio.create_task(load.run(requests=1_000_000))
        for _ in range(KILLS):
            await load.counted(500)
            await asyncio.to_thread(mongod.kill)
            await asyncio.to_thread(mongod.start)
        await load.counted(500)
        load.stop()
        await running

        with MongoClient[dict[str, Any]](mongod.url) as client:
            stored = client.test["count"].find_one()
            assert client.test["count"].count_documents({}) == 1
        assert stored is not None
        acknowledged = load.acknowledged()
        assert_linearizable(acknowledged)
        assert max(answer.number for answer in acknowledged) <= stored["count"]
        assert {answer.status for answer in load.answers} == {200, 503}
        for answer in load.answers:
            assert answer.status == 200 or b"database-away" in answer.body or b"outcome-unknown" in answer.body
            assert answer.answered - answer.sent < 4, "2 s, and as much again for a machine that is busy"
        assert load.dropped == 0, "the counter itself never went away"
