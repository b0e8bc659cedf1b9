"""Recorded event streams, one of each engine version: what `tests.support.scenarios` makes it tell. See README.md."""

import json
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent
VERSIONS: Final = ("20", "26", "28", "29")


def path_of(version: str) -> Path:
    """The file of one version's stream."""
    return FOLDER / f"docker-{version}.ndjson"


def lines(version: str) -> list[bytes]:
    """A stream, line by line, as it came."""
    return path_of(version).read_bytes().splitlines(keepends=True)


def events(version: str) -> list[dict[str, Any]]:
    """A stream, as events."""
    return [json.loads(line) for line in lines(version)]
