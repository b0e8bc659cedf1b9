"""Who may change what at the same time. Pure asyncio.

Concurrency: requests that change one container go one after the other, in the order in which they came, so that what
each is told is what it found and made; so do those that change a network as a whole, beside any number that change one
container's place on it. Nothing survives a crash, and nothing needs to. Keys are full ids, or names of what is to be
made.

Keys are taken in a fixed order, networks first, so no two requests wait for one another.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from control.errors import EngineTimeout


@dataclass(slots=True)
class _Gate:
    """One key's: how many share it now, whether one has it alone, and who waits, in order."""

    sharers: int = 0
    alone: bool = False
    waiting: deque[tuple[bool, asyncio.Future[None]]] = field(default_factory=deque)

    def free(self, *, alone: bool) -> bool:
        return not self.alone and not (alone and self.sharers)

    def enter(self, *, alone: bool) -> None:
        if alone:
            self.alone = True
        else:
            self.sharers += 1

    def leave(self, *, alone: bool) -> None:
        if alone:
            self.alone = False
        else:
            self.sharers -= 1
        self.wake()

    def wake(self) -> None:
        """Let in those first in line, as many as may be in together."""
        while self.waiting and self.free(alone=self.waiting[0][0]):
            alone, turn = self.waiting.popleft()
            if not turn.done():
                self.enter(alone=alone)
                turn.set_result(None)


class Order:
    """The turns of all that is being changed. `patience`: seconds for which a request waits for its turn."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._gates: dict[str, _Gate] = {}

    @asynccontextmanager
    async def turn(
        self,
        *,
        containers: Iterable[str] = (),
        networks: Iterable[str] = (),
        alone: Iterable[str] = (),
    ) -> AsyncIterator[None]:
        """While it is this request's turn with these containers and on these networks, and `alone` on those networks.
        Raises EngineTimeout where what came before takes too long."""
        whole = set(alone)
        keys = [(f"network {it}", it in whole) for it in sorted({*networks, *whole})]
        keys += [(f"container {it}", True) for it in sorted(set(containers))]
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(self._patience):
                    for key, exclusive in keys:
                        await self._enter(key, alone=exclusive)
                        held.callback(self._leave, key, alone=exclusive)
            except TimeoutError as error:
                raise EngineTimeout(
                    "What was asked before of the same container or network did not end within "
                    f"{self._patience:g} s, so this was not begun. Look at the engine, then ask again."
                ) from error
            yield

    async def _enter(self, key: str, *, alone: bool) -> None:
        gate = self._gates.setdefault(key, _Gate())
        if not gate.waiting and gate.free(alone=alone):
            gate.enter(alone=alone)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        gate.waiting.append((alone, turn))
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():  # let in, and gone before it knew
                self._leave(key, alone=alone)
            else:
                with contextlib.suppress(ValueError):
                    gate.waiting.remove((alone, turn))
                gate.wake()
                self._tidy(key)
            raise

    def _leave(self, key: str, *, alone: bool) -> None:
        self._gates[key].leave(alone=alone)
        self._tidy(key)

    def _tidy(self, key: str) -> None:
        gate = self._gates.get(key)
        if gate is not None and not gate.alone and not gate.sharers and not gate.waiting:
            del self._gates[key]
