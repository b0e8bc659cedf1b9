"""The programs that the bench runs, found or fetched; Trouble says in one line what is missing."""

import shutil
import sys
from pathlib import Path
from typing import Final

from docker import cache, context, materials
from docker.context import Entry
from docker.packages import need

SEED: Final = Path(__file__).parent / "seed"


def say(text: str) -> None:
    """One line for the person who waits."""
    print(f"bench: {text}", file=sys.stderr, flush=True)  # noqa: T201


def wrk() -> str:
    """The load generator, from Debian where this is root's to install."""
    return need("wrk", "wrk", purpose="the bench")


def seed_server() -> list[str]:
    """The command of the seed's server, on the Node and with the packages that lock files pin."""

    def install(target: Path) -> None:
        materials.npm(SEED, target, "the seed server's packages")
        shutil.copy(SEED / "app.js", target)

    tree = {path.name: Entry(path) for path in sorted(SEED.iterdir())}
    folder = cache.kept("seed-server", context.digest(tree), install)
    return [str(materials.node() / "bin" / "node"), str(folder / "app.js")]
