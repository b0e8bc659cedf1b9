"""A fake engine, whole: what it holds, what it does when it is asked, and its own life and death.

The orders of events are those of engine-facts, sections 1 and 4; where versions differ, `versions` says how.

Concurrency: all of it runs on one loop. Nothing is locked but a container while something is done to it.
"""

import contextlib
import random
from typing import Final

from tests.support.fake.model import Container, Refusal, World
from tests.support.fake.networking import Networking
from tests.support.fake.running import Running
from tests.support.fake.stream import Stream
from tests.support.fake.telling import Teller
from tests.support.fake.versions import Version

LOST: Final = 255
"""The exit code of a container whose end nobody saw."""


class Daemon:
    """One engine."""

    def __init__(self, version: Version, stream: Stream, chance: random.Random, *, live_restore: bool) -> None:
        self.version = version
        self.stream = stream
        self.live_restore = live_restore
        self.world = World(version, chance)
        self.teller = Teller(stream)
        self.networks = Networking(self.world, self.teller)
        self.containers = Running(self.world, self.teller, self.networks)
        self._stopped: list[Container] = []
        """Those that the engine's own end stopped."""

        self.networks.predefine("none", "host", "bridge")

    def shut_down(self) -> None:
        """SIGTERM: it stops its containers, unless it restores them live, and tells of it before the streams end."""
        self.containers.forget_plans()
        if self.live_restore:
            return
        stopped = self._stopped = [container for container in self.world.containers.values() if container.running]
        codes = {container.id: self.containers.signal(container) for container in stopped}
        # 28 delivers nothing past the signals.
        with self.stream.silent() if self.version.disconnects_told == 1 else contextlib.nullcontext():
            for container in stopped:
                by_hand, container.stopped_by_hand = container.stopped_by_hand, True
                self.containers.end(container, codes[container.id])
                container.stopped_by_hand = by_hand
                if not self.version.leaves_before_dying:
                    self.containers.tell_of_death(container)
            for container in stopped:
                self.containers.leave_all(container)
                self.teller.of_container("stop", container)
                if self.version.leaves_before_dying:
                    self.containers.tell_of_death(container)

    def crash(self) -> None:
        """SIGKILL: nothing is told, and the containers go on."""
        self.containers.forget_plans()

    async def boot(self, *, crashed: bool) -> None:
        """A new process of the engine, with what its restart policies bring back."""
        self.world.locks.clear()
        running = [container for container in self.world.containers.values() if container.running]
        if self.live_restore:
            for container in running:
                if container.ended_unseen:
                    self._bury(container, LOST)
                else:
                    self.containers.plan_end(container)
            return
        if crashed:
            self._stopped = running
            for container in running:
                self._bury(container, self.containers.signal(container))
                self.containers.tell_of_death(container)
                self.teller.of_container("stop", container)
        # The default bridge is made anew, with another id, which no event tells.
        self.world.networks.pop(self.world.network("bridge").id)
        self.networks.predefine("bridge")
        policies = {"always"} if crashed else {"always", "unless-stopped"}
        self.world.chance.shuffle(self._stopped)
        for container in self._stopped:
            if container.id in self.world.containers and container.policy in policies:
                with contextlib.suppress(Refusal):
                    await self.containers.launch(container)
        self._stopped = []

    def _bury(self, container: Container, code: int) -> None:
        """It ended without the engine: no disconnect is told, and its entries keep a stale endpoint."""
        for _, _, network in self.world.live_entries(container):
            self.world.detach(network, container)
        container.status, container.exit_code, container.finished = "exited", code, self.teller.now()
