"""The log held against itself and against what the engine shows. Pure, and no code of control's.

`Log` takes lines as they are served, in their order, and notes what is wrong with them: numbers (I3), the hash
chain, the chain of each pair (I2), and what requests say of themselves. It folds them as it goes; `divergences`
compares that with what the engine's inspects show (I1). `accounts.py` holds it against the journal of the hands.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tests.chaos import lines
from tests.chaos.journal import ABSENT, Member, Pair
from tests.chaos.lines import Interval, Line

RANK: Final = {"absent": 0, "configured": 1, "connected": 2}
UPWARD: Final = {"network.connect": True, "network.disconnect": False}
OUTCOMES: Final = frozenset({"done", "refused", "failed", "unknown"})


@dataclass(frozen=True)
class Problem:
    """Something that does not hold: of what sort, and the evidence in words."""

    sort: str
    text: str

    def __str__(self) -> str:
        return f"{self.sort}: {self.text}"


def touches(between: Interval | None, first: int, last: int) -> bool:
    """Whether an interval, open where an end is not known, has an instant in [first, last]."""
    if between is None:
        return False
    since, until = between
    return (since is None or since <= last) and (until is None or until >= first)


class Log:
    """The lines so far, what they say together, and what is wrong with them."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.taken = 0
        self.lines: list[Line] = []
        self.problems: list[Problem] = []
        self.states: dict[Pair, Member] = {}
        self.transitions: dict[Pair, list[Line]] = defaultdict(list)
        self.networks: dict[str, set[str]] = defaultdict(set)
        self.others: dict[tuple[str, str], list[Line]] = defaultdict(list)
        self.gaps: list[Line] = []
        self.requests: dict[str, list[Line]] = defaultdict(list)
        self._hash = lines.ZERO
        self._last = 0
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        """The next line."""
        self.taken += 1
        try:
            said, right = lines.sealed(text, self._hash)
            line = lines.read(text)
        except lines.Malformed as error:
            self._wrong("malformed", f"{error}: {text[:600]}")
            return
        if said != right:
            self._wrong("hash", f"{line.brief()}: has hash {said.hex()}, must have {right.hex()}")
        self._hash = said
        if line.seq != self._last + 1:
            sort = "hole" if line.seq > self._last else "repeat"
            self._wrong(sort, f"{line.brief()} comes after {self._last}")
        self._last = line.seq
        self.lines.append(line)
        if line.transition:
            self._fold(line)
        elif line.kind == "gap":
            self.gaps.append(line)
        elif line.kind == "request":
            self._asked(line)
        elif line.subject is not None:
            self.others[line.kind, line.subject].append(line)

    def _wrong(self, sort: str, text: str) -> None:
        self.problems.append(Problem(sort, text))

    def _fold(self, line: Line) -> None:
        assert line.network is not None
        assert line.container is not None
        pair = line.network, line.container
        now = self.states.get(pair, ABSENT)
        if line.before not in RANK or line.after not in RANK:
            self._wrong("malformed", f"no states: {line.brief()}")
            return
        if line.before != now.state:
            self._wrong("pair", f"{line.brief()}: the pair was {now.state}")
        if line.before == line.after:
            self._wrong("pair", f"{line.brief()}: nothing changes")
        elif (RANK[line.after] > RANK[line.before]) != UPWARD[line.kind]:
            self._wrong("pair", f"{line.brief()}: the kind goes the other way")
        self.transitions[pair].append(line)
        self.networks[line.container].add(line.network)
        if line.after == "absent":
            self.states.pop(pair, None)
        elif line.after == "connected":
            self.states[pair] = Member("connected", line.endpoint)
        else:
            self.states[pair] = Member("configured")

    def _asked(self, line: Line) -> None:
        detail = line.raw["detail"] or {}
        right = line.request is not None and isinstance(detail.get("action"), str)
        if detail.get("phase") == "intent":
            right = right and isinstance(detail.get("method"), str) and isinstance(detail.get("path"), str)
        elif detail.get("phase") == "outcome":
            right = right and detail.get("outcome") in OUTCOMES
        else:
            right = False
        if not right:
            self._wrong("malformed", f"a request that is neither intent nor outcome: {line.text[:600]}")
            return
        assert line.request is not None
        before = Counter(_phase(earlier) for earlier in self.requests[line.request])
        if detail["phase"] == "outcome" and before["outcome", detail["action"]] >= before["intent", detail["action"]]:
            self._wrong("intent", f"an outcome without its intent: {line.text[:600]}")
        self.requests[line.request].append(line)

    def open_intents(self) -> list[Problem]:
        """Intents whose outcome is not there. At rest there is none."""
        found = []
        for asked in self.requests.values():
            phases = Counter(_phase(line) for line in asked)
            for line in asked:
                phase, action = _phase(line)
                if phase == "intent" and phases["outcome", action] < phases["intent", action]:
                    found.append(Problem("intent", f"without an outcome: {line.text[:600]}"))
        return found

    def divergences(self, shown: Mapping[Pair, Member]) -> list[Problem]:
        """Where what the lines add up to is not what the engine shows (I1)."""
        found = []
        for pair in sorted(self.states.keys() | shown.keys()):
            said, seen = self.states.get(pair, ABSENT), shown.get(pair, ABSENT)
            unlike = said.state != seen.state
            if not unlike and said.endpoint is not None and seen.endpoint is not None:
                unlike = said.endpoint != seen.endpoint
            if unlike:
                history = " | ".join(line.brief() for line in self.transitions[pair][-4:]) or "nothing"
                network, container = pair
                found.append(
                    Problem(
                        "divergence",
                        f"network {network[:12]} container {container[:12]}: the log says {_told(said)}, the engine "
                        f"shows {_told(seen)}; the log has of it: {history}",
                    )
                )
        return found


def _phase(line: Line) -> tuple[str, str]:
    detail = line.raw["detail"]
    return detail["phase"], detail["action"]


def _told(member: Member) -> str:
    return member.state if member.endpoint is None else f"{member.state} by {member.endpoint[:12]}"
