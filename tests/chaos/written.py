"""A log written by hand, for the tests of the checker: right in every part that is not said otherwise."""

import hashlib
import json
import time
from typing import Any, Final

from tests.chaos.journal import NOTHING, Done, Member, Via, View
from tests.chaos.lines import ZERO
from tests.chaos.shown import Shown

NET: Final = "aa" * 32
BOX: Final = "bb" * 32
SECOND: Final = 1_000_000_000
START: Final = 1_795_550_000 * SECOND


def at(seconds: float) -> int:
    """Nanoseconds, so many seconds into the story."""
    return START + round(seconds * SECOND)


def rfc(nanoseconds: int) -> str:
    """As the log writes a time."""
    seconds, fraction = divmod(nanoseconds, SECOND)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{fraction:09d}Z"


class Written:
    """Lines of a log, sealed in their order."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._hash = ZERO

    def add(self, kind: str, seconds: float, /, *, seq: int | None = None, **members: Any) -> "Written":  # noqa: ANN401  (any JSON)
        """One record. What is not said is as it would be."""
        own = kind in {"gap", "request"}
        record: dict[str, Any] = {
            "seq": len(self.lines) + 1 if seq is None else seq,
            "kind": kind,
            "time": rfc(at(seconds)),
            "network": None if own or kind.startswith("container.") else {"id": NET, "name": "n0"},
            "container": None if own or kind in {"network.create", "network.destroy"} else {"id": BOX, "name": "c0"},
            "endpoint": None,
            "before": None,
            "after": None,
            "cause": None,
            "request": None,
            "source": "control" if own else "stream",
            "observed_between": None,
            "detail": None,
        }
        record.update(members)
        bare = json.dumps(record, separators=(",", ":"), ensure_ascii=False)
        self._hash = hashlib.sha256(self._hash + bare.encode()).digest()
        self.lines.append(f'{bare[:-1]},"hash":"{self._hash.hex()}"}}')
        return self

    def change(self, seconds: float, before: str, after: str, **members: Any) -> "Written":  # noqa: ANN401  (any JSON)
        """A transition of the one pair, upward or downward as it says."""
        order = ["absent", "configured", "connected"]
        up = order.index(after) > order.index(before)
        endpoint = {"id": members.pop("by", "e1")} if after == "connected" else None
        kind = members.pop("kind", "network.connect" if up else "network.disconnect")
        cause = members.pop("cause", "external")
        return self.add(kind, seconds, before=before, after=after, endpoint=endpoint, cause=cause, **members)

    def asked(self, seconds: float, request: str, phase: str, **detail: Any) -> "Written":  # noqa: ANN401  (any JSON)
        """An intent, or its outcome."""
        if phase == "intent":
            told = {"phase": phase, "action": "network.connect", "method": "PUT", "path": "/x", **detail}
        else:
            told = {"phase": phase, "action": "network.connect", "outcome": "done", "status": 201, "problem": None}
            told |= detail
        return self.add("request", seconds, request=asker(request), detail=told)

    def gap(self, first: float | None, last: float | None) -> "Written":
        """Something may be missing in between."""
        ends = [None if end is None else rfc(at(end)) for end in (first, last)]
        return self.add("gap", last or 0, observed_between=ends, detail={"reason": "stream-ended"})


def asker(request: str) -> dict[str, Any]:
    """Who asked, as a record says it."""
    return {"id": request, "principal": "admin", "reason": None}


def between(first: float | None, last: float | None) -> dict[str, Any]:
    """The members of a transition that was found by comparison."""
    ends = [None if end is None else rfc(at(end)) for end in (first, last)]
    return {"source": "reconcile", "observed_between": ends, "cause": "unknown"}


def seen(state: str = "absent", endpoint: str | None = "e1", status: str = "running") -> View:
    """The container on its one network."""
    if state == "absent":
        return View(status, {}, "c0")
    member = Member("connected", endpoint) if state == "connected" else Member("configured")
    return View(status, {NET: member}, "c0")


def done(
    verb: str,
    first: float,
    last: float,
    before: View | None = NOTHING,
    after: View | None = NOTHING,
    *,
    via: Via = "socket",
    request: str | None = None,
    status: int | None = 200,
    **further: Any,  # noqa: ANN401  (of Done)
) -> Done:
    """An operation on the one container."""
    members: dict[str, Any] = {"number": 1, "hand": 0, "container": BOX, "container_name": "c0", "network": NET}
    members.update(further)
    return Done(
        via=via,
        verb=verb,
        began=at(first),
        ended=at(last),
        settled=at(last),
        request=request,
        status=status,
        before=before,
        after=after,
        **members,
    )


def inspected(state: str = "absent", endpoint: str = "e1", *, named: bool = False) -> Shown:
    """What the engine shows of the one pair."""
    live = {BOX: {"EndpointID": endpoint}} if state == "connected" else {}
    entry = {"NetworkID": "" if named else NET, "EndpointID": endpoint if state == "connected" else ""}
    entries = {} if state == "absent" else {"n0": entry}
    status = "running" if state == "connected" else "exited"
    container = {"Id": BOX, "Name": "/c0", "State": {"Status": status}, "NetworkSettings": {"Networks": entries}}
    return Shown([{"Id": NET, "Name": "n0", "Containers": live}], [container])
