"""Build contexts: a folder as the tar that the engine takes, without what `.dockerignore` leaves out."""

import os
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO, Self

from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from control.errors import Invalid, NotFound, TooLarge


def write_context(folder: Path, target: IO[bytes], *, dockerfile: str, limit: int) -> None:
    """Write the tar of `folder` to `target`. Blocking: call it in a thread.

    Symbolic links go in as links and are never followed. The Dockerfile and `.dockerignore` always go in, as with
    `docker build`. Raises NotFound, Invalid, TooLarge (over `limit` bytes of files).
    """
    if not folder.is_dir():
        raise NotFound(f"There is no folder {folder} where control runs.")
    if not (folder / dockerfile).is_file():
        raise Invalid(f"There is no {dockerfile} in {folder}.")
    ignore = Ignore.read(folder)
    kept = {os.path.normpath(dockerfile), ".dockerignore"}
    total = 0
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for parent, folders, files in os.walk(folder):
            folders[:] = sorted(name for name in folders if not ignore.prunes(_relative(folder, parent, name)))
            for name in sorted([*files, *folders]):
                path, relative = Path(parent, name), _relative(folder, parent, name)
                if ignore.matches(relative) and relative not in kept:
                    continue
                if path.is_file() and not path.is_symlink():
                    total += path.stat().st_size
                if total > limit:
                    raise TooLarge(f"{folder} holds over {limit} bytes: see .dockerignore and CONTROL_BUILD_LIMIT.")
                tar.add(path, relative, recursive=False, filter=_ownerless)


class Ignore:
    """The patterns of a `.dockerignore`.

    Docker's rule (moby/patternmatcher): a pattern matches a path or any folder above it, and of the patterns that
    match the last decides. They are anchored at the root, which in Git's language, the one that the library
    speaks, is a leading slash.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        patterns = []
        for line in lines:
            text = line.strip()
            if text and not text.startswith("#"):
                negation = "!" if text.startswith("!") else ""
                anchored = "/" + text.removeprefix("!").strip().removeprefix("./").strip("/")
                patterns.append(GitIgnoreSpecPattern(negation + anchored))
        self._patterns = patterns

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Those of this folder, if it has any."""
        try:
            return cls((folder / ".dockerignore").read_text().splitlines())
        except FileNotFoundError:
            return cls(())

    def matches(self, path: str) -> bool:
        """Whether this path, relative to the root, is left out."""
        places = [path, *(str(parent) for parent in PurePosixPath(path).parents if parent.name)]
        left_out = False
        for pattern in self._patterns:
            if any(pattern.match_file(place) for place in places):
                left_out = bool(pattern.include)
        return left_out

    def prunes(self, path: str) -> bool:
        """Whether nothing below this folder can be kept, so that it need not be walked."""
        return self.matches(path) and all(pattern.include for pattern in self._patterns)


def _relative(folder: Path, parent: str, name: str) -> str:
    return str(Path(parent, name).relative_to(folder))


def _ownerless(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    # As the docker command sends it: the builder gives all to root, and the cache does not depend on who asks.
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry
