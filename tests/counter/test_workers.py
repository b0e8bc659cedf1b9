"""Several processes count as one."""

import asyncio
import re

from tests.counter.conftest import Serve, Target
from tests.support.counting import Load, assert_linearizable, eventually


async def test_four_workers_and_64_connections_are_linearizable(serve: Serve, target: Target) -> None:
    """4 worker processes, 64 connections: no number twice, none lost, none out of order, one document."""
    counter = serve(target.url, workers="4")
    eventually("four workers", lambda: counter.output().count("Application startup complete") == 4)
    load = Load(counter.port, 64)

    await load.run(requests=60)

    assert load.dropped == 0
    assert {answer.status for answer in load.answers} == {200}
    assert sorted(answer.number for answer in load.answers) == list(range(1, 64 * 60 + 1))
    assert_linearizable(load.answers)
    assert target.collection.count_documents({}) == 1
    assert target.value() == 64 * 60
    assert len({line["request_id"].split("-")[0] for line in counter.log() if "request_id" in line}) > 1

    # Any worker tells the numbers of all.
    scraped = counter.http.get("/metrics").text
    assert re.search(r'^counter_requests_total\{method="GET",route="/",status="200"\} 3840\.0$', scraped, re.MULTILINE)


async def test_one_document_however_many_start_at_the_same_time(serve: Serve, target: Target) -> None:
    """Three counters of two workers each, on an empty collection that is dropped again and again: always one."""
    counters = [serve(target.url, workers="2") for _ in range(3)]
    for _ in range(5):
        target.collection.drop()
        loads = [Load(counter.port, 8) for counter in counters]

        await asyncio.gather(*(load.run(requests=3) for load in loads))

        answers = [answer for load in loads for answer in load.answers]
        assert {answer.status for answer in answers} == {200}
        assert target.collection.count_documents({}) == 1
        assert sorted(answer.number for answer in answers) == list(range(1, 3 * 8 * 3 + 1))
        assert target.value() == 3 * 8 * 3
