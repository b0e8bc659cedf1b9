"""Containers that come to networks and go, on a fake engine: as many events as anybody can read.

The crowd is a number of running containers and networks. Round by round, each pair of them in turn connects, and in the
next round disconnects, so that on the whole half of them are connected. Lines are rendered before they are sent but for
their times, and the model is changed as they are sent: what control looks up meanwhile is what the stream says.
"""

import random
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tests.support.fake import FakeEngine
from tests.support.fake.model import Container, Entry, Network
from tests.support.fake.stream import NANOSECONDS, Told, event, recorded

IMAGE: Final = "registry.example.com/shop/web:1.4.2"
STEP: Final = 1000
"""Nanoseconds between two events."""


@dataclass(slots=True)
class Pair:
    """A container and a network, with the beginnings of the lines that they make."""

    network: Network
    container: Container
    entry: Entry
    comes: bytes
    goes: bytes
    here: bool = False


def _beginning(action: str, network: Network, container: Container) -> bytes:
    attributes = {"container": container.id, "name": network.name, "type": network.driver}
    return event(0, "network", action, network.id, attributes).line.removesuffix(b'0,"timeNano":0}\n')


class Crowd:
    """The pairs of one fake engine. `rows` counts what a log should have of what was sent: each change once."""

    def __init__(self, fake: FakeEngine, *, containers: int, networks: int) -> None:
        self.fake = fake
        self.rows = 0
        self.events = 0
        self.first = self.last = 0
        """The times of the first and the newest event."""

        self._turn = 0
        self._pairs = fake.do(lambda: self._gather(containers, networks))
        random.Random(1).shuffle(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def _gather(self, containers: int, networks: int) -> list[Pair]:
        daemon = self.fake.daemon
        for number in range(networks):
            subnet = {"Subnet": f"10.{100 + number}.0.0/16"}
            daemon.networks.create({"Name": f"network-{number:02}", "IPAM": {"Config": [subnet]}})
        for number in range(containers):
            body = {"Image": IMAGE, "Cmd": ["sleep", "100000"], "Labels": {"com.docker.compose.project": "shop"}}
            container = daemon.containers.create(f"shop-web-{number:03}", body)
            container.entries.clear()
            container.note()
            container.status = "running"
        daemon.stream.ring.clear()
        return [
            Pair(
                network,
                container,
                Entry(ipam={"IPv4Address": f"{network.subnet[0x100 + place]}"} if network.subnet else None),
                _beginning("connect", network, container),
                _beginning("disconnect", network, container),
            )
            for network in daemon.world.networks.values()
            if not network.predefined
            for place, container in enumerate(daemon.world.containers.values())
        ]

    def send(self, rows: int) -> None:
        """Send the events of so many changes, as fast as they are read. From the test's thread; waits for it."""
        self.fake.wait_for(self._send(rows))

    async def _send(self, rows: int) -> None:
        stream = self.fake.stream
        instant = max(stream.now(), self.last + STEP)
        lines: list[bytes] = []
        for _ in range(rows):
            for beginning in self._next():
                instant += STEP
                lines.append(b'%b%d,"timeNano":%d}\n' % (beginning, instant // NANOSECONDS, instant))
        self._sent(instant, len(lines))
        await stream.push(b"".join(lines), map(recorded, lines[-256:]))

    def step(self) -> tuple[int, int]:
        """Send one change now: the time that its event bears, and the monotonic clock's when it was told."""
        return self.fake.do(self._step)

    def _step(self) -> tuple[int, int]:
        told: list[Told] = []
        for beginning in self._next():
            instant = max(self.fake.stream.now(), self.last + STEP)
            line = b'%b%d,"timeNano":%d}\n' % (beginning, instant // NANOSECONDS, instant)
            told.append(recorded(line))
            self._sent(instant, 1)
        written = time.monotonic_ns()
        for one in told:
            self.fake.stream.give(one)
        return told[0].time, written

    def _next(self) -> Iterable[bytes]:
        """The next pair's change: done to the model, counted, and how its lines begin."""
        pair = self._pairs[self._turn]
        self._turn = (self._turn + 1) % len(self._pairs)
        self.rows += 1
        world, name = self.fake.daemon.world, pair.network.name
        if pair.here:
            world.detach(pair.network, pair.container)
            pair.container.entries.pop(name, None)
            pair.container.listed.pop(name, None)
        else:
            world.attach(pair.network, pair.container, pair.entry)
            pair.container.entries[name] = pair.container.listed[name] = pair.entry
        pair.here = not pair.here
        return (pair.comes,) if pair.here else (pair.goes,) * world.version.disconnects_told

    def _sent(self, instant: int, count: int) -> None:
        self.first = self.first or instant
        self.last = instant
        self.events += count
