"""The folder .build: what took time to make, each under a name that holds the hash of what it was made from.

Two runs at once share it: who makes something holds the lock, and a finished thing appears by a rename.
"""

import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parent.parent
BUILD: Final = REPOSITORY / ".build"


@contextmanager
def lock() -> Iterator[None]:
    """One maker at a time."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def kept(name: str, key: str, make: Callable[[Path], None], *, suffix: str = "") -> Path:
    """`.build/name-key…`: made by `make` at the path it is given unless it is there; older ones of the name go."""
    path = place(name, key, suffix)
    if not path.exists():
        BUILD.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILD, prefix="making-") as scratch:
            made = Path(scratch) / "made"
            make(made)
            made.rename(path)
        for old in BUILD.glob(f"{name}-????????????????{suffix}"):
            if old != path:
                discard(old)
    return path


def place(name: str, key: str, suffix: str = "") -> Path:
    """Where the thing of this name and key is, or would be."""
    return BUILD / f"{name}-{key}{suffix}"


def discard(path: Path) -> None:
    """Remove a file or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
