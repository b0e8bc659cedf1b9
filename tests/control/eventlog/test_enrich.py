"""Whose endpoint is it? An inspect tells of now, and the event was a moment ago."""

import asyncio
from typing import TYPE_CHECKING, Any, cast

from control.engine.containers import container_of
from control.engine.networkjson import endpoints_of, network_of
from control.errors import EngineTimeout, NotFound, Problem
from control.eventlog.enrich import Enricher
from control.eventlog.names import Names
from control.eventlog.standing import Glimpse, Pair
from control.records import Endpoint

if TYPE_CHECKING:
    from control.engine import Engine

PAIR = Pair("a" * 64, "c" * 64)
FIRST, SECOND = "1" * 64, "2" * 64


class Asked:
    """An inspect under way, to be answered by the test."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[object]] = []

    async def inspect(self, _: str) -> object:
        """Either inspect; the answer is what the test gives."""
        self.waiting.append(asyncio.get_running_loop().create_future())
        return await self.waiting[-1]

    endpoints = inspect

    async def answer(self, what: Any) -> None:  # noqa: ANN401  (an inspect, or a problem)
        while not self.waiting:  # noqa: ASYNC110  (until it is asked, some turns of the loop later)
            await asyncio.sleep(0)
        asked = self.waiting.pop(0)
        if isinstance(what, Problem):
            asked.set_exception(what)
        else:
            asked.set_result(what)


class Answers:
    """An engine of which only the two inspects are asked."""

    def __init__(self) -> None:
        self.networks, self.containers = Asked(), Asked()
        self.names = Names()
        self.enricher = Enricher(cast("Engine", self), self.names)


def network(endpoint: str | None) -> object:
    containers = {PAIR.container: {"Name": "db", "EndpointID": endpoint, "IPv4Address": "172.18.0.2/16"}}
    raw = {"Id": PAIR.network, "Name": "mynet", "Driver": "bridge", "Scope": "local"}
    shown = {**raw, "Containers": containers if endpoint else {}}
    return network_of(shown), endpoints_of(shown)


def container(endpoint: str | None) -> object:
    entry = {"NetworkID": PAIR.network, "EndpointID": endpoint, "Aliases": ["web"], "Gateway": "172.18.0.1"}
    return container_of(
        {
            "Id": PAIR.container,
            "Name": "/db",
            "Image": "sha256:0",
            "State": {"Status": "running"},
            "Config": {"Image": "mongo"},
            "HostConfig": {},
            "NetworkSettings": {"Networks": {"mynet": entry} if endpoint else {}},
        }
    )


async def test_the_container_tells_more_than_the_network() -> None:
    engine = Answers()
    look = engine.enricher.begin(PAIR)
    await engine.networks.answer(network(FIRST))
    await engine.containers.answer(container(FIRST))
    assert (await look).endpoint == Endpoint(id=FIRST, gateway="172.18.0.1", aliases=("web",))
    assert engine.names.container(PAIR.container).name == "db"
    assert engine.names.network(PAIR.network).scope == "local"


async def test_the_network_tells_what_a_busy_container_can_not() -> None:
    engine = Answers()
    look = engine.enricher.begin(PAIR)
    await engine.networks.answer(network(FIRST))
    await engine.containers.answer(EngineTimeout("busy"))
    assert await look == Glimpse(None, Endpoint(id=FIRST, ipv4="172.18.0.2"))


async def test_what_is_gone_is_unknown() -> None:
    engine = Answers()
    look = engine.enricher.begin(PAIR)
    await engine.networks.answer(network(None))
    await engine.containers.answer(NotFound("gone"))
    assert await look == Glimpse(None)


async def test_an_answer_after_the_next_connect_is_the_next_ones() -> None:
    """Connect, disconnect, connect: the first look is answered late, with the second endpoint."""
    engine = Answers()
    first = engine.enricher.begin(PAIR)
    await engine.networks.answer(network(FIRST))
    await asyncio.sleep(0)
    second = engine.enricher.begin(PAIR)
    await engine.containers.answer(container(SECOND))
    assert (await first).endpoint == Endpoint(id=FIRST, ipv4="172.18.0.2")
    await engine.networks.answer(network(SECOND))
    await engine.containers.answer(container(SECOND))
    endpoint = (await second).endpoint
    assert endpoint is not None
    assert endpoint.id == SECOND


async def test_what_breaks_a_look_breaks_nothing_else() -> None:
    engine = Answers()
    look = engine.enricher.begin(PAIR)
    await engine.networks.answer("no inspect at all")
    await engine.containers.answer(container(FIRST))
    assert await look == Glimpse(None)


async def test_one_look_at_a_network_serves_all_its_containers() -> None:
    """In a burst: what is still connected then is found, with one inspect."""
    engine = Answers()
    other = Pair(PAIR.network, "d" * 64)
    found = asyncio.create_task(engine.enricher.late([PAIR, other]))
    await engine.networks.answer(network(FIRST))
    assert await found == {PAIR: Glimpse(None, Endpoint(id=FIRST, ipv4="172.18.0.2"))}
    assert engine.containers.waiting == engine.networks.waiting == []


async def test_stopping_gives_up() -> None:
    engine = Answers()
    look = engine.enricher.begin(PAIR)
    await asyncio.sleep(0)
    engine.enricher.stop()
    await asyncio.wait([look])
    assert look.cancelled()
