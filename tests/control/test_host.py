"""What of the host a request may touch, and what goes into a build."""

import io
import tarfile
from pathlib import Path

import pytest

from control.api import cursors
from control.contexts import Ignore, write_context
from control.errors import Forbidden, Invalid, NotFound, TooLarge
from control.hostaccess import allowed_folder, check_volume


def test_allows_what_is_inside_a_root(tmp_path: Path) -> None:
    """The root itself and what is below it, with `..` worked out."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert allowed_folder(str(tmp_path / "a"), [tmp_path], "S") == tmp_path / "a"
    assert allowed_folder(f"{tmp_path}/a/b/../b", [tmp_path], "S") == tmp_path / "a" / "b"
    assert allowed_folder(str(tmp_path), [Path("/nowhere"), tmp_path], "S") == tmp_path


@pytest.mark.parametrize("path", ["/", "{root}/..", "{root}-more", "{root}/link", "/proc/self/root{root}/../.."])
def test_refuses_what_is_outside(tmp_path: Path, path: str) -> None:
    """By name, by `..`, by a link, by a name that only begins like a root."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to("/")
    with pytest.raises(Forbidden, match="S"):
        allowed_folder(path.format(root=root), [root], "S")


def test_without_roots_nothing_is_allowed(tmp_path: Path) -> None:
    """Which is the default."""
    with pytest.raises(Forbidden, match="none"):
        allowed_folder(str(tmp_path), [], "CONTROL_BIND_ROOTS")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"type": "tmpfs", "device": "tmpfs"}, None),
        ({"type": "nfs", "o": "addr=10.0.0.1,rw", "device": ":/share"}, None),
        ({}, None),
        ({"type": "none", "o": "bind", "device": "/etc"}, Forbidden),
        ({"type": "nfs", "o": "rbind", "device": "/"}, Forbidden),
        ({"type": "btrfs", "device": "/dev/sda1"}, Forbidden),
        ({"device": "/"}, Forbidden),
        ({"mountpoint": "/"}, Invalid),
    ],
)
def test_local_volumes(options: dict[str, str], error: type[Exception] | None) -> None:
    """Memory and remote file systems are fine, everything of the host is held to the roots."""
    if error is None:
        check_volume("local", options, [])
        return
    with pytest.raises(error):
        check_volume("local", options, [])


@pytest.mark.parametrize(
    ("lines", "left_out", "kept"),
    [
        (["foo"], ["foo", "foo/x"], ["x/foo", "foobar"]),
        (["**/foo"], ["foo", "x/foo", "x/y/foo/z"], ["xfoo"]),
        (["*.log", "!keep.log"], ["a.log"], ["keep.log", "x/a.log"]),
        (["d/*", "!d/keep"], ["d/a", "d/a/b"], ["d/keep"]),
        (["# comment", "", "  x  "], ["x"], ["# comment"]),
        ([".git"], [".git", ".git/config"], ["git", "x/.git"]),
        (["./a/", "/b"], ["a/x", "b"], ["x/a"]),
    ],
)
def test_dockerignore(lines: list[str], left_out: list[str], kept: list[str]) -> None:
    """Docker's rules: anchored at the root, folders with all that is in them, the last pattern that matches."""
    ignore = Ignore(lines)
    assert [path for path in left_out + kept if ignore.matches(path)] == left_out


def test_a_context_follows_no_link_and_keeps_its_dockerfile(tmp_path: Path) -> None:
    """Links go in as links, owners do not go in, and the Dockerfile does whatever is ignored."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / ".dockerignore").write_text("*\n!sub\n")
    (tmp_path / "secret").write_text("x")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "passwd").symlink_to("/etc/passwd")
    whole = io.BytesIO()
    write_context(tmp_path, whole, dockerfile="Dockerfile", limit=1000)
    with tarfile.open(fileobj=io.BytesIO(whole.getvalue())) as tar:
        entries = {entry.name: entry for entry in tar}
    assert set(entries) == {".dockerignore", "Dockerfile", "sub", "sub/passwd"}
    assert entries["sub/passwd"].issym()
    assert {entry.uid for entry in entries.values()} == {0}


def test_a_context_has_a_limit_and_a_dockerfile(tmp_path: Path) -> None:
    """Too much, no Dockerfile and no folder are each an error of their own."""
    with pytest.raises(NotFound):
        write_context(tmp_path / "no", io.BytesIO(), dockerfile="Dockerfile", limit=1)
    with pytest.raises(Invalid):
        write_context(tmp_path, io.BytesIO(), dockerfile="Dockerfile", limit=1)
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(TooLarge):
        write_context(tmp_path, io.BytesIO(), dockerfile="Dockerfile", limit=1)


def test_pages_give_everything_once() -> None:
    """Whatever the size of the page."""
    names = [f"n{number:02}" for number in range(23)]
    for limit in (1, 7, 23, 100):
        after, found = None, []
        while True:
            items, after = cursors.page(names, key=lambda name: (name,), after=after, limit=limit)
            found += items
            if after is None:
                break
        assert found == names


@pytest.mark.parametrize("cursor", ["", "x", "%", "bnVsbA", "WzFd", "eyJhIjoxfQ"])
def test_made_up_cursors_are_refused(cursor: str) -> None:
    """Whatever they decode to."""
    with pytest.raises(Invalid):
        cursors.decode(cursor)
