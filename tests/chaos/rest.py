"""A rest: nobody acts, and the log and the engine's inspects must come to say the same, with every operation since
the rest before accounted for. Ends as soon as all holds, or with what does not when the time is up.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx2

from tests.chaos.accounts import Account, account, attributions, clocks
from tests.chaos.checker import Log, Problem
from tests.chaos.hands import Engine, Refused
from tests.chaos.journal import Done, Outage
from tests.chaos.lines import split_page
from tests.chaos.rig import Rig
from tests.chaos.shown import Shown

LOOKS_SECONDS: Final = 0.2
LATE: Final = frozenset({"divergence", "unmarked gap", "intent", "unsteady", "silent"})
"""What may be put right by lines that are still to come. The rest never is, because lines do not change."""


@dataclass
class Rest:
    """What was found."""

    problems: list[Problem]
    account: Account
    shown: Shown
    seconds: float


@dataclass
class Books:
    """All that is known of a run: the log as it was read so far, and what was done."""

    log: Log = field(default_factory=Log)
    journal: list[Done] = field(default_factory=list)
    asked: dict[str, Done] = field(default_factory=dict)
    batch: list[Done] = field(default_factory=list)
    checked: int = 0

    def note(self, done: Iterable[Done]) -> None:
        """It was done since the last rest."""
        for entry in done:
            self.journal.append(entry)
            self.batch.append(entry)
            if entry.request is not None:
                self.asked[entry.request] = entry


def read_events(rig: Rig, after: int = 0) -> list[str]:
    """The lines of the log past a number, each as it is served. Raises httpx2.HTTPError."""
    with rig.control.client(timeout=30) as client:
        headers = {"Accept": "application/x-ndjson"}
        answer = client.get("/events", params={"after": after}, headers=headers).raise_for_status()
        if "ndjson" in answer.headers["content-type"]:
            return [line for line in answer.text.split("\n") if line]
        lines: list[str] = []  # page by page, from a control that knows no other way
        following: int | None = after
        while following is not None:
            page = client.get("/events", params={"after": following, "limit": 1000}).raise_for_status()
            lines += split_page(page.text)
            following = page.json()["next"]
        return lines


def rest(rig: Rig, engine: Engine, books: Books, outages: Sequence[Outage], *, settle: float) -> Rest:
    """Look until all holds, for `settle` seconds at most."""
    began = time.monotonic()
    while True:
        result, shown, problems = Account(), Shown(), []
        try:
            shown = engine.shown()
            for line in read_events(rig, books.log.taken):
                books.log.add(line)
            steady = engine.shown().pairs() == shown.pairs()
            result = account(books.log, books.batch, outages)
            problems = [*books.log.problems, *result.problems, *books.log.open_intents()]
            problems += attributions(books.log, books.asked, books.checked)
            problems += clocks(books.log, books.asked, books.checked)
            if steady:
                problems += books.log.divergences(shown.pairs())
            else:
                problems.append(Problem("unsteady", "what the engine shows changes by itself"))
        except (httpx2.HTTPError, Refused) as error:
            problems = [Problem("silent", f"control or its engine does not answer: {error!r}")]
        if (dead := rig.control_is_dead()) is not None:
            problems.insert(0, Problem("dead", dead))
        seconds = time.monotonic() - began
        if dead is not None or seconds > settle or not any(problem.sort in LATE for problem in problems):
            books.batch = []
            books.checked = len(books.log.lines)
            return Rest(problems, result, shown, seconds)
        time.sleep(LOOKS_SECONDS)


def final(rig: Rig, books: Books, outages: Sequence[Outage]) -> tuple[Log, Account, list[Problem]]:
    """The whole log read anew, and held against the whole journal. Raises httpx2.HTTPError."""
    lines = read_events(rig)
    log = Log(lines)
    problems = [*log.problems, *log.open_intents()]
    earlier = [line.text for line in books.log.lines]
    if lines[: len(earlier)] != earlier:
        changed = next(
            (pair for pair in zip(earlier, lines, strict=False) if pair[0] != pair[1]), ("", "it is shorter")
        )
        problems.append(Problem("rewritten", f"the log said {changed[0]} and says {changed[1]}"))
    with rig.control.client(timeout=60) as client:
        verified = client.get("/events/verify")
        if verified.status_code != 200 or verified.json().get("valid") is False:
            problems.append(Problem("hash", f"GET /events/verify: {verified.status_code} {verified.text[:300]}"))
    result = account(log, books.journal, outages)
    problems += [*result.problems, *attributions(log, books.asked), *clocks(log, books.asked)]
    return log, result, problems
