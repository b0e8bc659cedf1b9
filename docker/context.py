"""Tars that are the same for the same content, and the hash that names it. Pure but for reading files.

A build context and a root folder are both a mapping of names to what stands there; the time and the owner of a
file on this machine are left out, so that the engine's build cache and ours hit.
"""

import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """A file with its content (or the place to read it from), or a symbolic link."""

    content: bytes | Path = b""
    link: str | None = None
    executable: bool = False


Tree = Mapping[str, Entry]


def folder(root: Path, *, at: str, suffixes: Iterable[str]) -> dict[str, Entry]:
    """The files under `root` with one of these suffixes, to stand under `at`; nothing that begins with a dot or _."""
    wanted = frozenset(suffixes)
    return {
        f"{at}/{path.relative_to(root).as_posix()}": Entry(path)
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix in wanted and "__pycache__" not in path.parts
    }


def digest(tree: Tree, *more: str) -> str:
    """Sixteen hexadecimal digits that stand for this content."""
    total = hashlib.sha256()
    for name, entry in sorted(tree.items()):
        content = entry.content if isinstance(entry.content, bytes) else b""
        if isinstance(entry.content, Path):
            with entry.content.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").digest()
        total.update(repr((name, content, entry.link, entry.executable)).encode())
    total.update(repr(more).encode())
    return total.hexdigest()[:16]


def write(tree: Tree, target: io.BufferedIOBase) -> None:
    """The tree as a tar, its folders in front of what is in them."""
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted({str(parent) for path in tree for parent in Path(path).parents} - {"."}):
            made = tarfile.TarInfo(name)
            made.type, made.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(made)
        for name, entry in sorted(tree.items()):
            made = tarfile.TarInfo(name)
            made.mode = 0o755 if entry.executable else 0o644
            if entry.link is not None:
                made.type, made.linkname, made.mode = tarfile.SYMTYPE, entry.link, 0o777
                tar.addfile(made)
            elif isinstance(entry.content, Path):
                made.size = entry.content.stat().st_size
                with entry.content.open("rb") as file:
                    tar.addfile(made, file)
            else:
                made.size = len(entry.content)
                tar.addfile(made, io.BytesIO(entry.content))


def pieces(path: Path, size: int = 1 << 20) -> Iterator[bytes]:
    """A file, piece by piece."""
    with path.open("rb") as file:
        while piece := file.read(size):
            yield piece
