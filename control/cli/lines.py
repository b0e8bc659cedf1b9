"""Records, memberships and overlaps as lines for a person. Pure."""

from collections.abc import Iterator
from typing import Any, Final

import click

_COLOURS: Final = {"connect": "green", "disconnect": "yellow", "gap": "red"}
_SOURCES: Final = {"replay": "learned later", "reconcile": "found by comparison"}
_MANY: Final = 5

Told = dict[str, Any]


def line(event: Told) -> str:
    """One record in columns: number, time, what, network, container, address, and in parentheses what else there is to
    say: why or on whose order, what its kind alone has, and how it was learned if not at once."""
    what = _what(event)
    network, container = event["network"], event["container"]
    notes = "; ".join(printable(note) for note in _notes(event))
    columns = [
        f"{event['seq']:>6}",
        _short(event["time"]),
        click.style(f"{printable(what):<11}", fg=_COLOURS.get(what)),
        f"{printable(network['name']) if network else '':<16}",
        f"{_name(container) if container else '':<20}",
        f"{_address(event) if network and container else '':<15}",
        f"({notes})" if notes else "",
    ]
    return "  ".join(columns).rstrip()


def member_line(item: Told, other: str) -> str:
    """A membership: the `other` side of it (`container` or `network`), state, address, and from when to when if the log
    was asked."""
    columns = [f"{_name(item[other]):<20}", f"{item['state']:<10}", f"{_address(item):<15}"]
    if "began" in item:
        columns.append(_stretch(item))
        if not item["certain"]:
            columns.append("(perhaps gone by then)")
    return "  ".join(columns).rstrip()


def overlap_line(item: Told) -> str:
    """Whom a container shared a network with: the other, the network, its address there, from when to when."""
    columns = [
        f"{_name(item['other']):<20}",
        f"{printable(item['network']['name']):<16}",
        f"{_address(item, 'other_endpoint'):<15}",
        _stretch(item),
    ]
    if not item["certain"]:
        columns.append("(a bound was found by comparison)")
    return "  ".join(columns).rstrip()


def shortcoming(answer: Told, since: str | None) -> str | None:
    """Why the log's answer about the time from `since` on may lack something; None where it is complete."""
    if answer.get("complete", True):
        return None
    why = []
    begins = answer["begins"]
    if begins is None:
        why.append("the log was never compared with the engine")
    elif since is None or since < begins:
        why.append(f"the log begins at {_short(begins)}")
    if not why and not answer["gaps"] and not answer["found"]:
        ends = answer.get("ends")
        why.append(f"the log goes up to {_short(ends)}" if ends else "the log has not begun")
    why += _some([_gap(gap) for gap in answer["gaps"]])
    if found := answer["found"]:
        numbers = ", ".join(_some([str(seq) for seq in found]))
        why.append(f"found by comparison, and perhaps of another time: {numbers}")
    return "this may not be all: " + "; ".join(why)


def printable(text: str) -> str:
    """A name without what a terminal would obey: Docker takes any character in a network's name."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def _what(event: Told) -> str:
    kind: str = event["kind"]
    if event["after"] == "configured" and event["before"] == "absent":
        return "configure"
    if event["before"] == "configured" and event["after"] == "absent":
        return "unconfigure"
    return kind.rpartition(".")[2]


def _notes(event: Told) -> Iterator[str]:
    cause, request, kind = event.get("cause"), event.get("request"), event["kind"]
    detail = event.get("detail") or {}
    if kind == "gap":
        yield f"{detail.get('reason', 'unknown')}{_interval(event)}"
        return
    if kind == "request":
        yield _asked(detail)
    else:
        yield from _own(event, detail)
    if cause == "unknown":
        yield "cause unknown"
    elif cause not in {None, "request"}:
        yield cause
    if request is not None:
        yield f"by {request['principal']}" + (f": {request['reason']}" if request["reason"] else "")
    if event["before"] == "connected" and event["after"] == "configured":
        yield "stays configured"
    if told := _learned(event):
        yield told


def _asked(detail: Told) -> str:
    words = [str(detail.get("action", "?")), str(detail.get("outcome") or detail.get("phase", ""))]
    words += [str(detail[key]) for key in ("status", "problem") if detail.get(key) is not None]
    if detail.get("name"):
        words.append(f"name {detail['name']}")
    return " ".join(words)


def _own(event: Told, detail: Told) -> Iterator[str]:
    for kind, key, words in (
        ("container.die", "exit_code", "exit {}"),
        ("container.kill", "signal", "signal {}"),
        ("container.rename", "old_name", "{} -> {}"),
        ("container.health", "health", "{}"),
    ):
        if event["kind"] == kind and detail.get(key) is not None:
            yield words.format(detail[key], (event["container"] or {}).get("name") or "?")


def _learned(event: Told) -> str:
    told = _SOURCES.get(event["source"], "")
    if between := event["observed_between"]:
        begin, end = between
        told += f", between {_short(begin)} and {_short(end)}" if begin else f", before {_short(end)}"
    return told


def _interval(event: Told) -> str:
    begin, end = event["observed_between"] or (None, event["time"])
    told = f", from {_short(begin)}" if begin else ""
    return told if begin and end == event["time"] else f"{told}, to {_short(end)}"


def _gap(gap: Told) -> str:
    begin = f"between {_short(gap['begin'])} and" if gap["begin"] else "before"
    return printable(f"a gap {begin} {_short(gap['end'])} ({gap['reason']}, number {gap['seq']})")


def _some(these: list[str]) -> list[str]:
    return these if len(these) <= _MANY else [*these[:_MANY], f"{len(these) - _MANY} more"]


def _stretch(item: Told) -> str:
    return f"from {_short(item['began'])} " + (f"to {_short(item['ended'])}" if item["ended"] else "on")


def _name(thing: Told) -> str:
    return printable(thing["name"] or thing["id"][:12])


def _address(item: Told, side: str = "endpoint") -> str:
    endpoint = item[side] or {}
    return printable(endpoint.get("ipv4") or endpoint.get("ipv6") or "-")


def _short(instant: str) -> str:
    """To the millisecond: `2026-11-23T18:05:00.123Z`."""
    return f"{instant[:23]}Z"
