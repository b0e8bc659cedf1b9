"""Events as lines for a person. Pure."""

from typing import Any, Final

import click

_COLOURS: Final = {"network.connect": "green", "network.disconnect": "yellow"}
_SOURCES: Final = {"replay": "learned later", "reconcile": "found by comparison"}


def line(event: dict[str, Any]) -> str:
    """One event in columns: number, time, what, network, container, address, and how it was learned if not at once."""
    endpoint = event["endpoint"] or {}
    what = event["kind"].removeprefix("network.")
    columns = [
        f"{event['seq']:>6}",
        _short(event["time"]),
        click.style(f"{what:<10}", fg=_COLOURS.get(event["kind"])),
        f"{printable(event['network']['name']):<16}",
        f"{printable(event['container']['name'] or event['container']['id'][:12]):<20}",
        f"{endpoint.get('ipv4') or endpoint.get('ipv6') or '-':<15}",
        _learned(event),
    ]
    return "  ".join(columns).rstrip()


def printable(text: str) -> str:
    """A name without what a terminal would obey: Docker takes any character in a network's name."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def _learned(event: dict[str, Any]) -> str:
    told = _SOURCES.get(event["source"], "")
    if between := event["observed_between"]:
        begin, end = between
        told += f", between {_short(begin)} and {_short(end)}" if begin else f", before {_short(end)}"
    return f"({told})" if told else ""


def _short(instant: str) -> str:
    """To the millisecond: `2026-11-23T18:05:00.123Z`."""
    return f"{instant[:23]}Z"
