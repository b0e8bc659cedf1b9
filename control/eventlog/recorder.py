"""The recorder: makes of what the engine shows what the log holds.

Concurrency: three tasks on the event loop. The reader only drains the stream into the inbox, and has endpoints
looked up (`enrich`) without waiting for them. The comparer looks at the engine when the stream has come up, and
on a timer, and puts what differs into the inbox too. The writer takes from the inbox, in order; it alone changes
what is known here, and it alone writes to the store. Whoever waits for the engine or the disk waits in the
comparer or the writer, never in the reader.

What survives a crash is what the store has; all else is rebuilt from it at the next start. When the store fails,
what is known stays here and the same batch is tried until it goes in, while the inbox fills. When anything else
fails, everything is let go and begun again from the store, so no half of a step is ever kept.
"""

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Final

from control import instants, log
from control.errors import LogUnavailable, Problem
from control.eventlog import inbox, lines, look
from control.eventlog.draft import Draft
from control.eventlog.enrich import Enricher
from control.eventlog.fold import Known, Pair, Seen, differences
from control.eventlog.inbox import Began, Compared, Inbox, Item, Received
from control.eventlog.names import Names
from control.eventlog.rows import HANDLED_KEPT, Checkpoint
from control.eventlog.store import Store
from control.records import Endpoint, Event, MembershipState, Source

if TYPE_CHECKING:
    from control.engine import Engine

BATCH: Final = 500
SETTLE: Final = 0.25
"""Seconds that the event of a difference is waited for, after the engine has shown that nothing is under way."""

RETRY: Final = 1.0
BACKOFF: Final = (0.05, 0.1, 0.2, 0.5, 1.0)


class Recorder:
    """Keeps the log of one engine in one store. Start `run` as a task; cancel it to stop."""

    def __init__(self, engine: "Engine", store: Store, *, interval: float) -> None:
        """`interval`: seconds between comparisons of the log with the engine."""
        self._engine = engine
        self._store = store
        self._interval = interval
        self._up = asyncio.Event()
        self._writable = True
        self._session = 0
        self._compared = 0

    def trouble(self) -> str | None:
        """Why the log can't be relied on to be complete and current now, or None when it can."""
        if not self._writable:
            return "The event log can't be written: check the disk of the data folder."
        if not self._up.is_set():
            return "The engine's event stream is down."
        if self._compared != self._session:
            return "The event log is being compared with the engine."
        return None

    async def run(self) -> None:
        """Record until cancelled."""
        while True:
            try:
                await self._run(await self._store.checkpoint())
            except Exception:  # noqa: BLE001  (whatever it is, the log must go on)
                log.logger().exception(log.RECORDER_FAILED)
            await asyncio.sleep(RETRY)

    async def _run(self, checkpoint: Checkpoint) -> None:
        self._resume(checkpoint)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read(), name="eventlog-reader")
                tasks.create_task(self._compare(), name="eventlog-comparer")
                tasks.create_task(self._record(), name="eventlog-writer")
        finally:
            self._enricher.stop()

    def _resume(self, checkpoint: Checkpoint) -> None:
        self._inbox = Inbox()
        self._names = Names(checkpoint)
        self._enricher = Enricher(self._engine, self._names)
        self._memberships: dict[Pair, Known] = dict(checkpoint.memberships)
        self._cursor = checkpoint.cursor
        self._verified = checkpoint.verified
        self._handled = deque(checkpoint.handled, HANDLED_KEPT)
        self._touched: set[Pair] = set()
        self._compare_now = asyncio.Event()
        lines.LAST.set(checkpoint.last)

    # The reader

    async def _read(self) -> None:
        failures = 0
        while True:
            try:
                await inbox.drain(self._engine, self._inbox, self._enricher, cursor=self._cursor, on_up=self._on_up)
            except Problem:
                pass  # the connection tells of it, once
            finally:
                was_up = self._up.is_set()
                self._up.clear()
                lines.STREAM.set(0)
            if was_up:
                failures = 0
                log.logger().warning(log.STREAM_LOST)
            await asyncio.sleep(BACKOFF[min(failures, len(BACKOFF) - 1)])
            failures += 1

    def _on_up(self) -> None:
        self._session += 1
        self._up.set()
        self._compare_now.set()
        lines.STREAM.set(1)
        since = None if self._cursor is None else instants.render(self._cursor)
        log.logger().info(log.STREAM_UP, **{log.SINCE: since})

    # The comparer

    async def _compare(self) -> None:
        while True:
            await self._up.wait()
            self._compare_now.clear()
            session = self._session
            settled = False
            with contextlib.suppress(Problem):
                settled = await self._compare_once(session)
                self._compared = session
                lines.COMPARISONS.labels("agrees" if settled else "open").inc()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._interval if settled else RETRY):
                    await self._compare_now.wait()

    async def _compare_once(self, session: int) -> bool:
        """Compare the log with the engine, and write what differs. Whether log and engine agree after it.

        A difference is what both of two looks show while no event of that pair was received since before the first.
        """
        self._touched = set()
        began = instants.now()
        seen = await look.everything(self._engine)
        for network in seen.networks:
            self._names.see_network(network)
        for member in seen.members.values():
            self._names.learn_container(member.container)
        # What is of the time before the log is not recorded, so it explains nothing.
        self._touched.update(item.pair for item in self._inbox.events() if item.pair and item.source)
        differing = differences(self._memberships, seen.endpoints)
        doubted = differing - self._touched
        verdicts = await look.closely(self._engine, doubted) if doubted else {}
        found = self._found(verdicts, instants.now())
        if found:
            await asyncio.sleep(SETTLE)
        written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        whole = len(verdicts) == len(differing)
        self._inbox.put(Compared(began=began, session=session, seen=found, whole=whole, written=written))
        return await written

    def _found(self, verdicts: dict[Pair, look.Verdict | None], at: int) -> tuple[Seen, ...]:
        """What a comparison saw, those who left first."""
        found = []
        for pair, verdict in sorted(verdicts.items()):
            if verdict is None:
                continue
            if verdict.container is not None:
                self._names.fill_in(verdict.container)
            found.append(
                Seen(
                    network=self._names.network(pair.network),
                    container=self._names.container(pair.container),
                    state=verdict.state,
                    at=at,
                    source=Source.RECONCILE,
                    endpoint=verdict.endpoint,
                    verified=self._verified,
                )
            )
        return tuple(sorted(found, key=lambda seen: seen.state is not MembershipState.ABSENT))

    # The writer

    async def _record(self) -> None:
        while True:
            items = await self._inbox.take(BATCH)
            lines.INBOX.set(len(items) + len(self._inbox))
            await self._handle(items)
            lines.INBOX.set(len(self._inbox))

    async def _handle(self, items: list[Item]) -> None:
        draft = Draft(self._memberships, self._handled)
        endpoints = await self._endpoints([item for item in items if isinstance(item, Received)])
        outcomes: list[tuple[asyncio.Future[bool], bool]] = []
        for item in items:
            match item:
                case Began():
                    draft.cursor = item.at
                case Received():
                    self._receive(item, draft, endpoints)
                case Compared():
                    outcomes.append((item.written, self._conclude(item, draft)))
        await self._write(draft)
        self._handled.extend(draft.digests)
        self._cursor = draft.cursor or self._cursor
        self._verified = draft.verified or self._verified
        for written, outcome in outcomes:
            if not written.done():
                written.set_result(outcome)

    def _receive(self, received: Received, draft: Draft, endpoints: dict[bytes, Endpoint]) -> None:
        if not draft.take(received):
            return
        self._names.hear(received.event)
        pair = received.pair
        if pair is None or received.source is None:
            return
        self._touched.add(pair)
        draft.see(
            Seen(
                network=self._names.network(pair.network),
                container=self._names.container(pair.container),
                state=received.state,
                at=received.event.time,
                source=received.source,
                endpoint=endpoints.get(received.digest),
                verified=self._verified,
            )
        )

    def _conclude(self, compared: Compared, draft: Draft) -> bool:
        # Events of a pair that were received meanwhile are ahead of this in the inbox, so they are in the log now
        # and the difference may be theirs. After the end of the stream they may still come, by the next.
        if compared.session != self._session or not self._up.is_set():
            return False
        still = [seen for seen in compared.seen if seen.pair not in self._touched]
        for seen in still:
            draft.see(seen)
        settled = compared.whole and len(still) == len(compared.seen)
        if settled:
            draft.verified = compared.began
        return settled

    async def _endpoints(self, items: list[Received]) -> dict[bytes, Endpoint]:
        """The endpoints that these events' connects made, by the events' digests.

        Of what happened while control was away, only the last connect of a pair can still be looked at.
        """
        looks = {item.digest: item.endpoint for item in items if item.endpoint is not None}
        newer = {item.pair for item in self._inbox.events() if item.connects}
        newer |= {item.pair for item in items if item.endpoint is not None}
        past = {item.pair: item for item in items if item.connects and item.source is Source.REPLAY}
        for pair, item in past.items():
            if pair and pair not in newer and item.digest not in self._handled:
                looks[item.digest] = self._enricher.begin(pair)
        found = await asyncio.gather(*looks.values())
        return {digest: endpoint for digest, endpoint in zip(looks, found, strict=True) if endpoint is not None}

    async def _write(self, draft: Draft) -> None:
        """Write a draft, whatever it takes; then tell of its events."""
        batch = draft.batch(self._names)
        failures = 0
        while True:
            writing = asyncio.ensure_future(self._store.append(batch))
            try:
                events = await asyncio.shield(writing)
                break
            except asyncio.CancelledError:
                # Stopping: what is being written is written, and told.
                with contextlib.suppress(Problem):
                    self._tell(await writing)
                raise
            except LogUnavailable as problem:
                if self._writable:
                    self._writable = False
                    lines.WRITABLE.set(0)
                    log.logger().error(log.LOG_FAILED, **{log.DETAIL: problem.detail})
            await asyncio.sleep(BACKOFF[min(failures, len(BACKOFF) - 1)])
            failures += 1
        if not self._writable:
            log.logger().info(log.LOG_WRITES)
        self._writable = True
        lines.WRITABLE.set(1)
        self._tell(events)

    def _tell(self, events: list[Event]) -> None:
        for event in events:
            lines.tell(event)
