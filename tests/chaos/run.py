"""One run: the plan carried out on a rig, with a rest after each segment, told as it goes and summed up at its end.

Concurrency: a thread for each hand through a segment; the faults strike from the caller's own thread, once so many
operations of the segment are done. At a rest no other thread acts.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos import evidence
from tests.chaos.checker import Problem
from tests.chaos.faults import Faults
from tests.chaos.hands import Engine, Hand, World
from tests.chaos.journal import Done
from tests.chaos.plan import Operation, Segment
from tests.chaos.rest import Books, Rest, final, rest
from tests.chaos.rig import Rig
from tests.chaos.shown import Shown
from tests.chaos.witness import witness

Say = Callable[[str], None]


@dataclass
class Tally:
    """What there was of everything, and what does not hold."""

    seed: int
    sent: int = 0
    by_api: int = 0
    succeeded: int = 0
    unanswered: int = 0
    events: int = 0
    gaps: int = 0
    told: int = 0
    marked: int = 0
    clear: int = 0
    unclear: int = 0
    unobservable: list[str] = field(default_factory=list)
    rests: int = 0
    longest_rest: float = 0.0
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    problems: dict[Problem, None] = field(default_factory=dict)
    evidence: Path | None = None

    def sorts(self) -> Counter[str]:
        """How many problems there are of each sort."""
        return Counter(problem.sort for problem in self.problems)

    @property
    def holds(self) -> bool:
        """Whether everything did."""
        return not self.problems

    def table(self) -> str:
        """The summary."""
        kills, sorts = self.faults, self.sorts()
        other = sum(sorts.values()) - sorts["divergence"] - sorts["duplicate"] - sorts["unmarked gap"]
        sent = f"{self.by_api} by API, {self.succeeded} succeeded, {self.unanswered} unanswered"
        rows = {
            "seed": self.seed,
            "seconds": round(self.seconds),
            "operations": f"{self.sent} ({sent})",
            "kills of control": kills["kill control"] + kills["kill control and engine"],
            "kills of engine": kills["kill engine"] + kills["kill control and engine"],
            "restarts of engine": kills["restart engine"] + kills["live restore"],
            "stops of control": kills["stop control"],
            "disk-fulls": kills["fill disk"],
            "clock steps": kills["step clock"],
            "events": f"{self.events} ({', '.join(f'{count} {name}' for name, count in self.sources.most_common())})",
            "rests (chains checked)": f"{self.rests} (the longest took {self.longest_rest:.1f} s)",
            "operations accounted for": f"{self.clear} ({self.told} transitions in their time, {self.marked} marked)",
            "operations not clear": self.unclear,
            "unobservable": len(self.unobservable),
            "gap records": self.gaps,
            "divergences": sorts["divergence"],
            "duplicates": sorts["duplicate"],
            "unmarked gaps": sorts["unmarked gap"],
            "other problems": other,
        }
        width = max(map(len, rows))
        return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())


class Run:
    """A run on a rig."""

    def __init__(self, rig: Rig, seed: int, *, settle: float, say: Say, evidence_in: Path, enough: int = 20) -> None:
        """It is broken off after `enough` different problems."""
        self.tally = Tally(seed)
        self._rig = rig
        self._settle = settle
        self._enough = enough
        self._say = say
        self._evidence_in = evidence_in
        self._books = Books()
        self._faults = Faults(rig)
        self._world = World()
        self._lock = threading.Lock()
        self._done = 0
        self._shown = Shown()

    def carry_out(self, segments: Sequence[Segment]) -> Tally:
        """All of them, or until enough does not hold."""
        began = time.monotonic()
        total = sum(len(segment.operations) for segment in segments)
        raw = self._rig.folder / "engine-events.ndjson"
        hands = 1 + max((operation.hand for segment in segments for operation in segment.operations), default=0)
        with ExitStack() as stack:
            stack.enter_context(witness(str(self._rig.engine.socket), raw))
            engine = stack.enter_context(Engine(str(self._rig.engine.socket)))
            crew = [Hand(self._rig.places, self._world, f"chaos{self.tally.seed}") for _ in range(hands)]
            for hand in crew:
                stack.callback(hand.close)
            pool = stack.enter_context(ThreadPoolExecutor(hands))
            for segment in segments:
                self._segment(segment, crew, pool)
                found = rest(self._rig, engine, self._books, self._faults.outages, settle=self._settle)
                self._shown = found.shown
                self._world.learn(found.shown)
                self._note(found)
                self.tally.seconds = time.monotonic() - began
                self._say(self._progress(segment, found, total))
                if len(self.tally.problems) >= self._enough or any(
                    problem.sort == "dead" for problem in found.problems
                ):
                    break
            self._close(began)
        return self.tally

    def _segment(self, segment: Segment, crew: Sequence[Hand], pool: ThreadPoolExecutor) -> None:
        with self._lock:
            first = self._done
        mine: list[list[Operation]] = [[] for _ in crew]
        for operation in segment.operations:
            mine[operation.hand].append(operation)
        working = [pool.submit(self._work, hand, own) for hand, own in zip(crew, mine, strict=True)]
        if segment.fault is not None:
            while self._done - first < segment.fault.after and not all(task.done() for task in working):
                time.sleep(0.01)
            self._faults.strike(segment.fault)
            self.tally.faults[segment.fault.kind] += 1
        for task in working:
            self._books.note(task.result())

    def _work(self, hand: Hand, operations: Sequence[Operation]) -> list[Done]:
        done: list[Done] = []
        for operation in operations:
            done += hand.perform(operation)
            with self._lock:
                self._done += 1
        return done

    def _note(self, found: Rest) -> None:
        tally, account = self.tally, found.account
        tally.rests += 1
        tally.longest_rest = max(tally.longest_rest, found.seconds)
        tally.told += account.told
        tally.marked += account.marked
        tally.clear += account.clear
        tally.unclear += account.unclear
        tally.unobservable += account.unobservable
        self._count()
        fresh = [problem for problem in found.problems if problem not in tally.problems]
        tally.problems.update(dict.fromkeys(fresh))
        if fresh:
            for problem in fresh[:5]:
                self._say(f"  {problem}"[:1500])
            self._keep(found)

    def _count(self) -> None:
        tally, lines, journal = self.tally, self._books.log.lines, self._books.journal
        tally.events, tally.gaps = len(lines), len(self._books.log.gaps)
        tally.sources = Counter(line.source for line in lines)
        tally.sent = len(journal)
        tally.by_api = sum(done.via == "api" for done in journal)
        tally.succeeded = sum(done.succeeded for done in journal)
        tally.unanswered = sum(not done.answered for done in journal)

    def _keep(self, found: Rest) -> None:
        rig, tally = self._rig, self.tally
        if tally.evidence is None:
            self._evidence_in.mkdir(parents=True, exist_ok=True)
            tally.evidence = self._evidence_in
        evidence.keep(
            self._evidence_in,
            problems=list(tally.problems),
            lines=[line.text for line in self._books.log.lines],
            shown=found.shown,
            journal=self._books.journal,
            outages=self._faults.outages,
            copies=[rig.control.log_path, rig.engine.log, rig.folder / "engine-events.ndjson"],
        )

    def _close(self, began: float) -> None:
        """The whole log once more, from its beginning."""
        tally = self.tally
        if any(problem.sort in {"dead", "silent"} for problem in tally.problems):
            return
        log, result, problems = final(self._rig, self._books, self._faults.outages)
        fresh = [problem for problem in problems if problem not in tally.problems]
        tally.problems.update(dict.fromkeys(fresh))
        self._count()
        tally.rests += 1
        tally.seconds = time.monotonic() - began
        self._books.log = log
        if fresh:
            self._say("the whole log, read anew:")
            for problem in fresh[:5]:
                self._say(f"  {problem}"[:1500])
            self._keep(Rest(problems, result, self._shown, 0.0))

    def _progress(self, segment: Segment, found: Rest, total: int) -> str:
        tally, seconds = self.tally, max(self.tally.seconds, 0.001)
        what = segment.fault.kind if segment.fault is not None else "no fault"
        sorts = ", ".join(sorted({problem.sort for problem in found.problems}))
        holds = "all holds" if not found.problems else f"{len(found.problems)} DO NOT HOLD ({sorts})"
        return (
            f"{self._done}/{total} operations ({self._done / seconds:.1f}/s), {tally.events} events, "
            f"{sum(tally.faults.values())} faults; {what}: {holds} after {found.seconds:.1f} s"
        )
