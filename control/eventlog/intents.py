"""What is asked of control, in the log: the intent before the engine is called, the outcome after.

Concurrency: each request writes its own records, straight to the store and past the recorder's queue, so that asking
waits for no event. An intent is durable before the engine hears of it; an outcome that can't be written now is handed
to the recorder, which writes it when it can. After a crash between the two, the intent is closed at the next start as
`unknown`.
"""

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from control.errors import LogUnavailable, Problem
from control.eventlog import lines
from control.eventlog.clock import EngineClock
from control.eventlog.entries import Entry
from control.eventlog.ledger import Asked, Ledger
from control.eventlog.store import Store
from control.eventlog.writing import Batch
from control.records import ContainerRef, Kind, NetworkRef, RequestRef, Source

if TYPE_CHECKING:
    from control.engine import Engine


class Intents:
    """Enters requests in the log and in the ledger."""

    def __init__(
        self, engine: "Engine", store: Store, ledger: Ledger, clock: EngineClock, *, later: Callable[[Entry], None]
    ) -> None:
        self._engine = engine
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._later = later

    async def begin(
        self,
        request: RequestRef,
        action: str,
        *,
        method: str,
        path: str,
        network: NetworkRef | None = None,
        container: ContainerRef | None = None,
        name: str | None = None,
        targets: Sequence[str] = (),
        refused: bool = False,
    ) -> Asked:
        """Write that something is about to be asked of the engine, or (`refused`) was to be and is not; `targets` are
        the ids of all that it is about, where it is about several. Raises LogUnavailable: then nothing may be asked."""
        if not self._clock.known:
            with contextlib.suppress(Problem):
                await self._clock.ask(self._engine)
        detail: dict[str, Any] = {"phase": "intent", "action": action, "method": method, "path": path}
        if name is not None:
            detail["name"] = name
        if targets:
            detail["targets"] = list(targets)
        asked = Asked(
            request,
            action,
            self._clock.now(),
            network=network.id if network else None,
            container=container.id if container else None,
            name=name,
            targets=frozenset(targets),
        )
        entry = Entry(Kind.REQUEST, asked.began, Source.CONTROL, network, container, request=request, detail=detail)
        written = await self._store.append(Batch(entries=(entry,)))
        lines.tell(written)
        asked.seq = written[0].seq
        if not refused:
            self._ledger.open(asked)
        return asked

    async def end(
        self,
        asked: Asked,
        outcome: str,
        *,
        status: int | None,
        problem: str | None,
        network: NetworkRef | None = None,
        container: ContainerRef | None = None,
    ) -> None:
        """Write what came of it: `done`, `refused`, `failed`, or `unknown`."""
        now = self._clock.now()
        self._ledger.close(asked, now)
        detail = outcome_detail(asked, outcome, status=status, problem=problem)
        entry = Entry(Kind.REQUEST, now, Source.CONTROL, network, container, request=asked.request, detail=detail)
        try:
            lines.tell(await self._store.append(Batch(entries=(entry,))))
        except LogUnavailable:
            self._later(entry)


def outcome_detail(asked: Asked, outcome: str, *, status: int | None, problem: str | None) -> dict[str, Any]:
    """The detail of an outcome; `intent` is the number of the record that it answers."""
    return {
        "phase": "outcome",
        "action": asked.action,
        "intent": asked.seq,
        "outcome": outcome,
        "status": status,
        "problem": problem,
    }
