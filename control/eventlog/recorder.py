"""The recorder: makes of what the engine shows what the log holds.

Concurrency: tasks on the event loop. The reader (`reader`) only drains the stream into the inbox, and has containers
looked at (`enrich`) without waiting for it. The comparer (`comparer`) looks at the engine when the stream has come up,
on a timer and after each burst, and puts what differs into the inbox too. The writer, here, takes from the inbox, in
order; it alone folds, and it alone writes what the engine showed. Whoever waits for the engine or the disk waits in the
comparer or the writer, never in the reader. An event whose meaning depends on its container's next ones waits for them
in a queue of that container's, while all others go on.

What survives a crash is what the store has; all else is rebuilt from it at the next start. When the store fails,
what is known stays here and the same batch is tried until it goes in, while the inbox fills. When anything else
fails, everything is let go and begun again from the store, so no half of a step is ever kept.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from control import log
from control.errors import LogUnavailable, Problem
from control.eventlog import lines
from control.eventlog.clock import EngineClock
from control.eventlog.comparer import Comparer
from control.eventlog.enrich import Enricher
from control.eventlog.entries import Entry
from control.eventlog.findings import Findings
from control.eventlog.fold import Fold, Trait
from control.eventlog.inbox import OVERWHELMED, Compared, Inbox, Item, Received, Told
from control.eventlog.intents import outcome_detail
from control.eventlog.ledger import KEPT, Asked, Ledger
from control.eventlog.look import resolved
from control.eventlog.names import Names
from control.eventlog.reader import Reader
from control.eventlog.reading import Checkpoint
from control.eventlog.register import Register
from control.eventlog.standing import Glimpse, Heard, Pair
from control.eventlog.store import Store
from control.eventlog.waiting import Waiting
from control.eventlog.writing import Batch
from control.records import Kind, Source

if TYPE_CHECKING:
    from control.engine import Engine

BATCH: Final = 1_000
NOTHING: Final = Batch()
RETRY: Final = 1.0
LATE: Final = 1.0
"""Seconds between an event and a look at its container, after which what it shows may be of later steps."""
BACKOFF: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
BEHIND: Final = 10.0
"""Seconds for which an event may wait to be recorded before the log counts as behind."""


class Recorder:
    """Keeps the log of one engine in one store. Start `run` as a task; cancel it to stop."""

    def __init__(self, engine: "Engine", store: Store, *, interval: float, canary: float) -> None:
        """`interval`: seconds between comparisons of the log with the engine; `canary`: seconds of silence of the
        engine after which a sign of life is asked for."""
        self.ledger = Ledger()
        self.clock = EngineClock()
        self._engine = engine
        self._store = store
        self._interval = interval
        self._canary = canary
        self._up = asyncio.Event()
        self._writable = True
        self._begun = False
        self._inbox = Inbox()
        self._comparer: Comparer | None = None
        self._reader: Reader | None = None
        self._late: list[Entry] = []
        self._reopened: list[Asked] = []

    def trouble(self) -> str | None:
        """Why the log can't be relied on to be complete and current now, or None when it can."""
        if not self._writable:
            return "The event log can't be written: check the disk of the data folder."
        if not self._up.is_set():
            return "The engine's event stream is down."
        if self._comparer is None or not self._comparer.settled:
            return "The event log is being compared with the engine."
        if self._inbox.age > BEHIND:
            return f"The event log is behind: {len(self._inbox)} events wait to be recorded."
        return None

    def read_until(self) -> int | None:
        """The engine's time up to which the log can say what was: now, while it follows the engine."""
        if self.trouble() is None:
            return self.clock.now()
        return self._reader.alive if self._reader else None

    def measure(self) -> None:
        """Bring the gauges up to date."""
        lines.LAST.set(self._store.last)
        lines.INBOX.set(len(self._inbox))
        lines.WRITER_LAG.set(self._inbox.age)
        lines.STREAM_LAG.set(self._reader.lag if self._reader else 0)

    def touch(self, container: str) -> None:
        """Have a container compared soon: something may have been done to it of which the engine tells nothing."""
        if self._comparer is not None:
            self._comparer.touch(container)

    def tell_later(self, entry: Entry) -> None:
        """Have a record of control's own written, when the log can be written."""
        self._late.append(entry)
        self._inbox.put(Told())

    async def run(self) -> None:
        """Record until cancelled."""
        while True:
            try:
                await self._run(await self._store.checkpoint())
            except LogUnavailable as problem:
                self._failed(problem)
            except Exception:  # noqa: BLE001  (whatever it is, the log must go on)
                log.logger().exception(log.RECORDER_FAILED)
            await asyncio.sleep(RETRY)

    async def _run(self, checkpoint: Checkpoint) -> None:
        self._resume(checkpoint)
        assert self._reader is not None  # noqa: S101  (made by _resume)
        assert self._comparer is not None  # noqa: S101
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._reader.run(), name="eventlog-reading")
                tasks.create_task(self._comparer.run(), name="eventlog-comparer")
                tasks.create_task(self._record(), name="eventlog-writer")
        finally:
            self._enricher.stop()
            self._on_down()

    def _resume(self, checkpoint: Checkpoint) -> None:
        self._works()
        self._inbox = Inbox()
        self._names = Names(checkpoint.networks, checkpoint.containers)
        self.ledger.network_name = self._name_of_network
        self._enricher = Enricher(self._engine, self._names)
        self._register = Register(checkpoint.standing, self._names, self.ledger, verified=checkpoint.verified)
        self._trait = Trait()
        self._fold = Fold(self._register, self._trait)
        self._waiting = Waiting(self._register, self._trait)
        self._findings = Findings(self._register)
        self._stories: dict[str, deque[Received]] = {}
        self._due: dict[str, float] = {}
        self._reader = Reader(
            self._engine, self._inbox, self._enricher, clock=self.clock, checkpoint=checkpoint,
            canary=self._canary, on_up=self._on_up, on_down=self._on_down,
        )  # fmt: skip
        self._comparer = Comparer(
            self._engine, self._inbox, self._register, self._stories, self.clock, interval=self._interval, up=self._up
        )
        if not self._begun:
            self._begun = True
            for asked in checkpoint.intents:
                # What the engine did of it may still be among what it holds, up to when it is read.
                asked.ended = asked.began + KEPT
                self.ledger.open(asked)
                self._reopened.append(asked)
                told = outcome_detail(asked, "unknown", status=None, problem=None)
                now = self.clock.now()
                self._late.append(Entry(Kind.REQUEST, now, Source.CONTROL, request=asked.request, detail=told))
        self._inbox.put(Told())

    def _name_of_network(self, id_: str) -> str:
        return self._names.network(id_).name

    def _on_up(self, first: bool, restarted: bool) -> None:  # noqa: FBT001  (a callback)
        assert self._comparer is not None  # noqa: S101  (made before the reader runs)
        assert self._reader is not None  # noqa: S101
        self._trait.death_first = self._reader.death_first
        for asked in self._reopened:
            asked.ended = min(asked.began + KEPT, self.clock.now())
        self._reopened.clear()
        self._comparer.begin(first=first, boot=restarted)
        self._up.set()
        lines.STREAM.set(1)
        log.logger().info(log.STREAM_UP)

    def _on_down(self) -> None:
        self._up.clear()
        lines.STREAM.set(0)

    # The writer

    async def _record(self) -> None:
        # One batch is written while the next is made; they go in one after the other.
        writing: asyncio.Task[None] | None = None
        try:
            while True:
                due = min(self._due.values(), default=None)
                within = None if due is None else max(0.0, due - time.monotonic())
                items = await self._inbox.take(BATCH, within)
                batch, outcomes = await self._handle(items)
                if writing is not None:
                    await writing
                writing = asyncio.create_task(self._write(batch, outcomes), name="eventlog-write")
                if not len(self._inbox):
                    await writing
                    writing = None
                self.measure()
        finally:
            if writing is not None:
                writing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await writing

    async def _handle(self, items: list[Item]) -> tuple[Batch, list[tuple["asyncio.Future[bool]", bool]]]:
        """What these items come to: the batch to write, and what to answer to whom when it is written."""
        draft = Draft()
        draft.entries, self._late = self._late, []
        await self._collect([item for item in items if isinstance(item, Received)])
        outcomes: list[tuple[asyncio.Future[bool], bool]] = []
        now = time.monotonic()
        self.ledger.slack = self.clock.error
        for item in items:
            match item:
                case Told():
                    draft.told(item)
                case Received():
                    await self._receive(item, draft, now)
                case Compared():
                    outcomes.append((item.written, self._conclude(item, draft)))
        for container in [container for container, due in self._due.items() if due <= now]:
            await self._advance(container, draft, now)
        return self._batch(draft), outcomes

    async def _receive(self, item: Received, draft: "Draft", now: float) -> None:
        heard = item.heard
        if item.past:
            self._names.hear(heard.event)
            draft.handled(heard.event.digest, heard.event.time)
            return
        container = heard.container
        assert self._comparer is not None  # noqa: S101
        self._comparer.heard(heard.event.actor, container)
        if container is None:
            await self._network(item, draft, now)
            return
        story = self._stories.get(container)
        if story is None:
            plain = heard.glimpse is None and not self._waiting.wants_look(heard)
            if plain and self._waiting.until(heard, (), now) <= 0:
                self._take(item, (), draft)
                return
            story = self._stories[container] = deque()
        story.append(item)
        await self._advance(container, draft, now)

    async def _network(self, item: Received, draft: "Draft", now: float) -> None:
        event = item.heard.event
        if event.action in {"destroy", "remove"}:
            # What its containers were in the middle of comes first.
            for container in [it for it in self._stories if Pair(event.actor, it) in self._register.memberships]:
                await self._advance(container, draft, now, force=True)
        self._take(item, (), draft)

    async def _advance(self, container: str, draft: "Draft", now: float, *, force: bool = False) -> None:
        """Fold what of a container's queue need not wait any longer."""
        story = self._stories[container]
        while story:
            item = story[0]
            heard = item.heard
            if heard.glimpse is None and self._waiting.wants_look(heard):
                heard.glimpse = await self._enricher.container(container)
            if heard.glimpse is not None and heard.glimpse.container is not None:
                seen = resolved(heard.glimpse.container, self._register.networks)
                late = heard.glimpse.late or time.monotonic() - heard.received > LATE
                heard.glimpse = Glimpse(seen, heard.glimpse.endpoint, late)
            later = [it.heard for it in story][1:]
            if not force and (wait := self._waiting.until(heard, later, now)) > 0:
                self._due[container] = now + wait
                return
            self._take(item, later, draft)
            story.popleft()
        del self._stories[container]
        self._due.pop(container, None)

    def _take(self, item: Received, later: Sequence[Heard], draft: "Draft") -> None:
        event = item.heard.event
        self._names.hear(event)
        draft.entries += self._fold.hear(item.heard, later)
        draft.handled(event.digest, event.time)

    async def _collect(self, items: list[Received]) -> None:
        """Have the looks of these events at hand. Of a pair that was connected more than once without a look, because
        too much happened at once or while control was away, only the last can still be looked at."""
        looking = [item for item in items if item.look is not None]
        for item, glimpse in zip(looking, await asyncio.gather(*(it.look for it in looking if it.look)), strict=True):
            item.heard.glimpse = glimpse
        last: dict[Pair, Received | None] = {}
        for item in items:
            if (pair := item.pair) is not None and not item.past:
                last[pair] = item if item.look is None and item.heard.event.action == "connect" else None
        wanted = {pair: it for pair, it in last.items() if it is not None and not self._inbox.awaits(pair)}
        # When it is far behind, catching up comes first: what is looked for would be gone. A comparison finds it.
        if wanted and len(self._inbox) < OVERWHELMED:
            for pair, glimpse in (await self._enricher.late(wanted)).items():
                wanted[pair].heard.glimpse = glimpse

    def _conclude(self, compared: Compared, draft: "Draft") -> bool:
        # Events that were received meanwhile are ahead of this in the inbox, so they are in the log now and a
        # difference may be theirs. After the end of the stream they may still come, by the next.
        assert self._comparer is not None  # noqa: S101  (it put this here)
        if not self._comparer.current(compared) or not self._up.is_set():
            return False
        register, findings, untouched = self._register, self._findings, self._comparer.untouched
        found: list[Entry] = []
        if compared.networks is not None:
            present = {id_: ref for id_, ref in compared.networks.items() if untouched(id_) or id_ in register.networks}
            kept = {id_: ref for id_, ref in register.networks.items() if not untouched(id_)}
            for ref in present.values():
                self._names.learn_network(ref)
            found += findings.networks({**kept, **present}, compared.at, first=compared.first)
        still = [shown for shown in compared.shown if untouched(shown.pair.container)]
        for shown in still:
            if shown.container is not None:
                self._names.fill_in(shown.container)
            found += findings.pair(shown, compared.at, boot=compared.boot, first=compared.first)
        for container in compared.containers:
            if untouched(container.id):
                findings.container(container)
        for gone in compared.gone:
            if untouched(gone):
                findings.gone(gone)
        found.sort(key=lambda entry: entry.kind is Kind.NETWORK_DESTROY)
        found.sort(key=lambda entry: entry.kind is not Kind.NETWORK_CREATE)
        draft.entries += found
        if not compared.first:
            lines.DIVERGENCES.inc(len(found))
        settled = compared.whole and len(still) == len(compared.shown)
        if settled and compared.networks is not None:
            draft.verified = register.verified = compared.began
        return settled

    async def _write(self, batch: Batch, outcomes: Sequence[tuple["asyncio.Future[bool]", bool]]) -> None:
        """Write a batch, whatever it takes; then tell of its records."""
        failures = 0
        if batch == NOTHING and not outcomes:
            return
        while True:
            writing = asyncio.ensure_future(self._store.append(batch))
            try:
                written = await asyncio.shield(writing)
                break
            except asyncio.CancelledError:
                # Stopping: what is being written is written, and told.
                with contextlib.suppress(Problem):
                    lines.tell(await writing)
                raise
            except LogUnavailable as problem:
                self._failed(problem)
            await asyncio.sleep(BACKOFF[min(failures, len(BACKOFF) - 1)])
            failures += 1
        self._works()
        lines.tell(written)
        for future, outcome in outcomes:
            if not future.done():
                future.set_result(outcome)

    def _batch(self, draft: "Draft") -> Batch:
        changed = self._register.take_changes()
        return Batch(
            entries=tuple(draft.entries),
            pairs=changed.pairs,
            lives=changed.lives,
            networks=changed.networks,
            handled=tuple(draft.digests),
            cursor=self._recorded_until(draft.cursor),
            verified=draft.verified,
            engine=draft.engine,
            began=draft.began,
        )

    def _recorded_until(self, cursor: int | None) -> int | None:
        """How far all is in the log: what still waits to be folded would be lost with this process."""
        waiting = [item.heard.event.time for story in self._stories.values() for item in story]
        return None if cursor is None else min([cursor, *(it - 1 for it in waiting)])

    def _failed(self, problem: LogUnavailable) -> None:
        if self._writable:
            self._writable = False
            lines.WRITABLE.set(0)
            log.logger().error(log.LOG_FAILED, **{log.DETAIL: problem.detail})

    def _works(self) -> None:
        if not self._writable:
            self._writable = True
            log.logger().info(log.LOG_WRITES)
        lines.WRITABLE.set(1)


class Draft:
    """One batch in the making."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.digests: list[bytes] = []
        self.cursor: int | None = None
        self.verified: int | None = None
        self.engine: str | None = None
        self.began: int | None = None

    def handled(self, digest: bytes, time: int) -> None:
        """An event of the engine is dealt with."""
        self.digests.append(digest)
        self.cursor = time

    def told(self, item: Told) -> None:
        """A record of control's own, and how far the stream was read."""
        if item.entry is not None:
            self.entries.append(item.entry)
        if item.digest is not None:
            self.digests.append(item.digest)
        self.cursor = item.cursor or self.cursor
        self.engine = item.engine or self.engine
        self.began = item.began or self.began
