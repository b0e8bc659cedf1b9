"""Programs of this machine: run with their output as progress; Debian's packages installed where we are root."""

import os
import shutil
import subprocess
from pathlib import Path

from docker.say import Progress, Trouble, step


def need(program: str, *packages: str, purpose: str) -> str:
    """The path of this program, after installing the packages that bring it where it is missing."""
    found = find(program)
    if found:
        return found
    names = " ".join(packages)
    if os.geteuid() != 0:
        raise Trouble(f"{purpose} needs {program} (Debian: {names}), and only root can install it")
    if find("apt-get") is None:
        raise Trouble(f"{purpose} needs {program}, and there is no apt-get here to install {names}: install it by hand")
    with step(f"installing Debian's {names}, for {purpose}") as progress:
        for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
            follow(
                ["apt-get", *arguments],
                progress,
                failure=f"{names} could not be installed",
                environment={"DEBIAN_FRONTEND": "noninteractive"},
            )
    found = find(program)
    if found is None:
        raise Trouble(f"{names} brought no {program}")
    return found


def find(program: str) -> str | None:
    """Where a program is. A user's PATH often leaves out sbin, where dockerd and debootstrap are."""
    return shutil.which(
        program, path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    )


def follow(
    command: list[str],
    progress: Progress,
    *,
    failure: str,
    environment: dict[str, str] | None = None,
    folder: Path | None = None,
) -> None:
    """Run a command to its end, each line that it writes a piece of progress. Raises Trouble with its last line."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=folder,
            env={**os.environ, **(environment or {})},
        )
    except OSError as error:
        raise Trouble(f"{failure}: {error}") from error
    last = "it said nothing"
    with process:
        assert process.stdout is not None  # noqa: S101  (asked for just above)
        for line in process.stdout:
            if line.strip():
                last = line.strip()
                progress(last)
    if process.returncode != 0:
        raise Trouble(f"{failure}: {Path(command[0]).name} ended with {process.returncode}: {last}")
