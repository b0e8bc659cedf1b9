"""Root folders of images where no registry answers, as tars: Debian with Python, and a busybox named alpine."""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from docker import cache, context
from docker.context import Entry
from docker.packages import find, follow, need
from docker.say import Trouble, step

SUITE: Final = "bookworm"
INCLUDED: Final = ("ca-certificates", "libcurl4", "python3.11")  # mongod is linked against libcurl
UNWANTED: Final = (
    "usr/share/man/*",
    "usr/share/locale/*",
    "usr/share/info/*",
    "usr/share/lintian/*",
    "usr/share/doc/*/[!c]*",  # all but the copyright
    "usr/share/doc/*/changelog*",
    "var/cache/apt/*",
    "var/cache/debconf/*-old",
    "var/lib/apt/lists/*",
    "var/log/*",
    "etc/apt/sources.list",  # names this machine's mirror
    "etc/hostname",
    "etc/resolv.conf",
)
_EXCLUDE: Final = tuple(f"--exclude=./{pattern}" for pattern in UNWANTED)


def debian_key() -> str:
    """What stands for the content of `debian`."""
    return context.digest({}, SUITE, *INCLUDED, *UNWANTED)


def debian() -> Path:
    """A tar of Debian with Python 3.11, by debootstrap."""
    return cache.kept("base", debian_key(), _bootstrap, suffix=".rootfs.tar")


def _bootstrap(target: Path) -> None:
    if os.geteuid() != 0:
        raise Trouble("no registry answers, and only root can make a base image in its place (debootstrap): use sudo")
    debootstrap = need("debootstrap", "debootstrap", "debian-archive-keyring", purpose="a base image")
    with (
        tempfile.TemporaryDirectory(prefix="pontlevis-base-") as scratch,
        step(f"making a base image: Debian {SUITE} and Python 3.11, by debootstrap (about 40 s)") as progress,
    ):
        root = Path(scratch) / "root"
        command = [debootstrap, "--variant=minbase", f"--include={','.join(INCLUDED)}", SUITE, str(root)]
        follow([*command, *_mirror()], progress, failure="the base image could not be made")
        for name in ("python", "python3"):  # as in the official image
            (root / "usr/local/bin" / name).symlink_to("/usr/bin/python3.11")
        progress("packing it")
        tar = ["tar", "--create", "--file", str(target), "--directory", str(root), "--numeric-owner", "--sort=name"]
        follow([*tar, *_EXCLUDE, "."], progress, failure="the base image could not be packed")


def _mirror() -> list[str]:
    """The mirror that this machine's own apt uses for the suite, where it is a Debian that has it."""
    if find("apt-get") is None:
        return []
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
    )
    pairs = (line.split() for line in listed.stdout.splitlines())
    return next(([uri] for codename, uri in pairs if codename == SUITE), [])


def alpine() -> context.Tree:
    """Busybox alone, 2 MB, with the tools that the seed uses: sh, ping, nslookup, wget, nc, ifconfig."""
    busybox = Path(need("busybox", "busybox-static", purpose="a stand-in for the alpine image"))
    with busybox.open("rb") as file:
        if b"/ld-" in file.read(4096):  # the program's loader stands at its beginning
            raise Trouble(f"{busybox} needs this machine's libraries: install Debian's busybox-static in its place")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    return {
        "bin/busybox": Entry(busybox, executable=True),
        **{f"bin/{applet}": Entry(link="busybox") for applet in applets if applet != "busybox"},
        "etc/passwd": Entry(b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"),
        "etc/group": Entry(b"root:x:0:\nnogroup:x:65534:\n"),
        "tmp/.keep": Entry(),
        "proc/.keep": Entry(),
        "sys/.keep": Entry(),
        "dev/.keep": Entry(),
    }
