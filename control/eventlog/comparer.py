"""The comparer: holds the log against what the engine shows, and has written what differs.

Concurrency: one task on the event loop. It looks when the stream has come up, on a timer (at everything), and shortly
after each burst of events (at the containers that they were about). What it found goes into the inbox and is concluded
by the writer, behind all events that were received before: a difference is what two looks show, the second of them once
nothing was being done to the container, while no event of that container was received since before the first.
"""

import asyncio
import contextlib
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final

from control.errors import Problem
from control.eventlog import lines, look
from control.eventlog.clock import EngineClock
from control.eventlog.entries import Known
from control.eventlog.findings import differences
from control.eventlog.inbox import OVERWHELMED, Compared, Inbox
from control.eventlog.register import Register
from control.eventlog.standing import Pair, Shown
from control.records import MembershipState

if TYPE_CHECKING:
    from control.engine import Engine

TICK: Final = 0.1
QUIET: Final = 0.5
"""Seconds without an event that end a burst."""
PATIENCE: Final = 5.0
"""Seconds after which the containers of a burst that does not end are compared all the same."""
SETTLE: Final = 0.25
"""Seconds that the event of a difference is waited for, after the engine has shown that nothing is under way."""
BEHIND: Final = 60.0
"""Seconds after which all is compared even though much waits to be recorded. Until then it would be work for nothing:
what is being told of is in doubt."""
RETRY: Final = 1.0
MANY: Final = 200
"""Containers of one burst beyond which all are compared."""


class Comparer:
    """Compares one log with one engine."""

    def __init__(
        self,
        engine: "Engine",
        inbox: Inbox,
        register: Register,
        stories: Mapping[str, Collection[object]],
        clock: EngineClock,
        *,
        interval: float,
        up: asyncio.Event,
    ) -> None:
        """`stories`: the containers of which events wait for their next ones; `up`: whether the stream is."""
        self._engine = engine
        self._inbox = inbox
        self._register = register
        self._stories = stories
        self._clock = clock
        self._interval = interval
        self._up = up
        self._session = 0
        self._compared = -1
        self._first = self._boot = False
        self._whole_due = self._whole_began = 0.0
        self._overwhelmed = -QUIET
        self._touched: set[str] = set()
        self._touched_first = self._touched_last = 0.0
        self._since: set[str] = set()

    @property
    def settled(self) -> bool:
        """Whether everything was compared since the stream came up."""
        return self._compared == self._session

    def begin(self, *, first: bool, boot: bool) -> None:
        """The stream came up: compare everything. `first`: the log begins; `boot`: the engine restarted."""
        self._session += 1
        self._first = self._first or first
        self._boot = self._boot or boot
        self._whole_due = 0.0

    def heard(self, actor: str, container: str | None) -> None:
        """An event is being recorded."""
        self._since.add(actor)
        if container is not None:
            self._since.add(container)
            self._mark(container)

    def touch(self, container: str) -> None:
        """Compare a container now."""
        self._mark(container)
        self._touched_first = 0.0

    def _mark(self, container: str) -> None:
        now = time.monotonic()
        if not self._touched:
            self._touched_first = now
        self._touched.add(container)
        self._touched_last = now

    def current(self, compared: Compared) -> bool:
        """Whether a comparison was made with the stream that is still up."""
        return compared.session == self._session

    def untouched(self, id_: str) -> bool:
        """Whether no event of a container or network was recorded since the comparison began, and none waits."""
        return id_ not in self._since and id_ not in self._stories

    async def run(self) -> None:
        """Compare until cancelled."""
        while True:
            await self._up.wait()
            now = time.monotonic()
            if len(self._inbox) >= OVERWHELMED:
                self._overwhelmed = now
            if self.settled and now - self._overwhelmed < QUIET and now - self._whole_began < BEHIND:
                pass
            elif now >= self._whole_due:
                await self._everything()
            elif self._touched and (now - self._touched_last > QUIET or now - self._touched_first > PATIENCE):
                taken, self._touched = self._touched, set()
                if len(taken) > MANY:
                    self._whole_due = 0.0
                    continue
                agrees = False
                with contextlib.suppress(Problem):
                    agrees = await self._compare(taken)
                if not agrees:
                    for container in taken:
                        self._mark(container)
            await asyncio.sleep(TICK)

    async def _everything(self) -> None:
        session, agrees = self._session, False
        self._whole_began = time.monotonic()
        self._touched = set()
        with contextlib.suppress(Problem):
            await self._clock.ask(self._engine)
            agrees = await self._compare(None)
            lines.COMPARISONS.labels("agrees" if agrees else "open").inc()
            if session == self._session:
                self._compared = session
                if agrees:
                    self._first = self._boot = False
        if session == self._session:
            self._whole_due = time.monotonic() + (self._interval if agrees else RETRY)

    async def _compare(self, only: Collection[str] | None) -> bool:
        """Compare these containers, or everything, and have written what differs. Whether log and engine agree after
        it."""
        session = self._session
        self._since = set()
        began = self._clock.now()
        swarm = {id_: ref for id_, ref in self._register.networks.items() if ref.scope == "swarm"}
        had = {pair.network for pair in self._known(only)}
        seen = await look.at(self._engine, only, swarm, had)
        known = self._known(only)
        heard = self._heard_since()
        differing = {pair for pair in differences(known, seen.shown) if pair.container not in seen.busy}
        doubted = {pair.container for pair in differing} - heard
        shown: tuple[Shown, ...] = ()
        if doubted:
            closer = await look.at(self._engine, doubted, swarm, {pair.network for pair in differing})
            pairs = {pair for pair in differing if pair.container in doubted - closer.busy}
            shown = tuple(
                sorted(
                    (closer.of(pair) for pair in pairs),
                    key=lambda it: (it.state is not MembershipState.ABSENT, it.pair),
                )
            )
            await asyncio.sleep(SETTLE)
        gone = {id_ for id_, it in seen.containers.items() if it is None}
        if only is None:
            gone |= self._register.lives.keys() - seen.containers.keys() - seen.busy
        written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._inbox.put(
            Compared(
                began=began,
                at=self._clock.now(),
                session=session,
                shown=shown,
                containers=tuple(it for it in seen.containers.values() if it is not None),
                gone=tuple(sorted(gone)),
                networks=seen.networks if only is None else None,
                whole=len(shown) == len(differing) and not seen.busy,
                boot=self._boot,
                first=self._first,
                written=written,
            )
        )
        return await written

    def _known(self, only: Collection[str] | None) -> Mapping[Pair, Known]:
        if only is None:
            return self._register.memberships
        pairs = (pair for container in only for pair in self._register.pairs_of(container))
        return {pair: self._register.memberships[pair] for pair in pairs}

    def _heard_since(self) -> set[str]:
        waiting = {item.heard.container for item in self._inbox.events() if not item.past}
        return self._since | set(self._stories) | {it for it in waiting if it is not None}
