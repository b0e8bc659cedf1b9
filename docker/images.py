"""The images: official ones where a registry answers, else local ones of the same role.

A local image carries the hash of what it was made from, as a label. Where the engine has that very image, nothing
is done; where `.build` holds it, it is loaded in seconds; else it is built, and kept in `.build` for the next
engine.

    base     debootstrap, or the official python         python   base + the services' dependencies
    mongo    base + mongod and mongosh, or the official  control  python + control
    counter  python + counter: built over control's API, as the seed builds its server
"""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from control.engine import Engine
from control.errors import NotFound, Problem
from control.records import Image
from control.records import Progress as Piece
from control.wanted import WantedBuild
from docker import cache, context, materials, rootfs
from docker.cache import REPOSITORY
from docker.context import Entry, Tree
from docker.say import Progress, Trouble, say, step

ROLE: Final = "pontlevis.role"
KEY: Final = "pontlevis.key"
OFFICIAL_PYTHON: Final = "python:3.11-slim-bookworm"
OFFICIAL_MONGO: Final = "mongo:latest"
ANSWER_SECONDS: Final = 8.0
STALL_SECONDS: Final = 60.0
_SOURCES: Final = (".py", ".typed", ".html", ".css", ".js", ".json", ".svg", ".sql")


def local(role: str) -> str:
    """The name of the local image of a role. Not the official name: who says `mongo` should get what they expect."""
    return f"pontlevis/{role}:local"


@dataclass(frozen=True)
class Base:
    """What an image is built on: its name, and what stands for its content in the key of what is built on it.

    Not the id of a local image: the same import has another id on each engine.
    """

    tag: str
    key: str


@dataclass(frozen=True)
class Recipe:
    """How an image of a role is built on another."""

    role: str
    base: Base
    tree: Tree
    seconds: int
    keep: bool = True
    """Whether the built image is kept for the next engine: not worth it where a build takes no longer than a load."""

    @cached_property
    def key(self) -> str:
        """The hash of all that goes into it."""
        return context.digest(self.tree, self.base.key)

    @property
    def kept(self) -> Path:
        """Where the built image is kept for the next engine."""
        return cache.place(self.role, self.key, ".image.tar")


def python_recipe(base: Base) -> Recipe:
    """Python with the services' dependencies."""
    site = materials.site()
    tree = {f"site/{path.relative_to(site)}": Entry(path) for path in site.rglob("*") if path.is_file()}
    return Recipe("python", base, {**tree, **_dockerfile("python")}, 6, keep=base == _debian())


def mongo_recipe(base: Base) -> Recipe:
    """The stand-in for the official mongo."""
    tree = {
        "bin/mongod": Entry(materials.mongod(), executable=True),
        "bin/node": Entry(materials.node() / "bin" / "node", executable=True),
        "bin/mongosh": Entry(materials.mongosh(), executable=True),
        "bin/mongo-entrypoint.sh": Entry(materials.DOCKER / "mongo-entrypoint.sh", executable=True),
        "mongosh.conf": Entry(b"mongosh:\n  enableTelemetry: false\n"),
    }
    return Recipe("mongo", base, {**tree, **_dockerfile("mongo")}, 10)


def service_recipe(role: str, python: Base) -> Recipe:
    """`control` or `counter`."""
    tree = context.folder(REPOSITORY / role, at=role, suffixes=_SOURCES)
    tree["docker/requirements.lock"] = Entry(materials.REQUIREMENTS)
    tree["pyproject.toml"] = Entry(REPOSITORY / "pyproject.toml")
    return Recipe(role, python, {**tree, **_dockerfile(role)}, 3, keep=False)


def kept_recipes() -> list[Recipe]:
    """The local images that `.build` keeps, as they are where no registry answers."""
    return [python_recipe(_debian()), mongo_recipe(_debian())]


def _dockerfile(role: str) -> Tree:
    return {"Dockerfile": Entry(materials.DOCKER / f"{role}.Dockerfile")}


class Images:
    """Readies images on one engine."""

    def __init__(self, engine: Engine, *, registry: bool) -> None:
        """With `registry`, official images are tried first."""
        self._engine = engine
        self._registry = registry

    async def alpine(self) -> str:
        """A busybox named alpine, for tests."""
        tree = rootfs.alpine()
        key = context.digest(tree)
        path = cache.kept("alpine", key, lambda target: _write(tree, target), suffix=".rootfs.tar")
        await self._imported("alpine:latest", "alpine", key, path, ['CMD ["sh"]', "ENV PATH=/bin"])
        return "alpine:latest"

    async def mongo(self) -> str:
        """MongoDB: the official image, or the stand-in."""
        if await self._official(OFFICIAL_MONGO, instead_of="mongo"):
            return OFFICIAL_MONGO
        return await self.built(mongo_recipe(_debian()))

    async def python(self) -> str:
        """Python with the services' dependencies, on the official image or on the stand-in for it."""
        return await self.built(await self.python_recipe())

    async def control(self) -> str:
        """Control."""
        return await self.built(service_recipe("control", await self.ready_python()))

    async def counter(self) -> str:
        """The counter, built on the engine directly."""
        return await self.built(service_recipe("counter", await self.ready_python()))

    async def ready_python(self) -> Base:
        """`python`, as something to build on."""
        recipe = await self.python_recipe()
        return Base(await self.built(recipe), recipe.key)

    async def python_recipe(self) -> Recipe:
        """How `python` is built on this engine."""
        official = await self._official(OFFICIAL_PYTHON, instead_of="python")
        return python_recipe(Base(OFFICIAL_PYTHON, official.id) if official else _debian())

    async def find(self, tag: str, key: str | None = None) -> Image | None:
        """The image of this tag, if it is there (and was made from what the key says)."""
        try:
            image = await self._engine.images.inspect(tag)
        except NotFound:
            return None
        return image if key is None or image.labels.get(KEY) == key else None

    async def tidy(self) -> None:
        """Remove earlier builds of ours that have lost their name to a later one and that nothing uses."""
        for image in await self._engine.images.list({"dangling": ["true"], "label": [ROLE]}):
            with contextlib.suppress(Problem):
                await self._engine.images.remove(image.id)

    async def _official(self, name: str, *, instead_of: str) -> Image | None:
        """The official image: there already, or pulled. None where the local stand-in is there, or nothing answers."""
        found = await self.find(name)
        if found is not None or not self._registry or await self.find(local(instead_of)) is not None:
            return found
        repository, _, tag = name.partition(":")
        try:
            with step(f"pulling {name}") as progress:
                await _drain(self._engine.images.pull(repository, tag), progress, first=ANSWER_SECONDS)
        except (Problem, TimeoutError) as error:
            self._registry = False
            why = "no answer" if isinstance(error, TimeoutError) else str(error).partition(". ")[0].rpartition(": ")[2]
            say(f"no registry answers ({why[:80]}): local images take the place of the official ones")
            return None
        return await self.find(name)

    async def built(self, recipe: Recipe) -> str:
        """Build the image of a recipe, or load it from `.build`, unless the engine has that very image."""
        tag, kept = local(recipe.role), recipe.kept
        if await self.find(tag, recipe.key) is not None:
            return tag
        if kept.exists():
            with step(f"loading the image {tag}") as progress:
                await _drain(self._engine.images.load(_async(kept)), progress)
            return await self._made(tag)
        if recipe.base == _debian():
            path = await asyncio.to_thread(rootfs.debian)
            await self._imported(recipe.base.tag, "base", recipe.base.key, path, ['CMD ["python3"]'])
        with tempfile.TemporaryDirectory(prefix="pontlevis-") as scratch:
            tar, image = Path(scratch) / "context.tar", Path(scratch) / "image.tar"
            _write(recipe.tree, tar)
            wanted = WantedBuild(
                tags=(tag,), args={"BASE": recipe.base.tag}, labels={ROLE: recipe.role, KEY: recipe.key}
            )
            with step(f"building the image {tag} (about {recipe.seconds} s)") as progress:
                await _drain(self._engine.images.build(wanted, _async(tar)), progress)
            if recipe.keep:
                with image.open("wb") as file:
                    async for piece in self._engine.images.save([tag]):
                        file.write(piece)
                cache.kept(recipe.role, recipe.key, lambda target: _move(image, target), suffix=".image.tar")
        return await self._made(tag)

    async def _imported(self, tag: str, role: str, key: str, path: Path, changes: list[str]) -> None:
        if await self.find(tag, key) is not None:
            return
        repository, _, version = tag.partition(":")
        changes = [f"LABEL {ROLE}={role} {KEY}={key}", *changes]
        with step(f"importing the image {tag}") as progress:
            await _drain(self._engine.images.import_rootfs(_async(path), repository, version, changes), progress)
        await self._made(tag)

    async def _made(self, tag: str) -> str:
        if await self.find(tag) is None:
            raise Trouble(f"the engine took the image {tag} and does not have it")
        return tag


def _debian() -> Base:
    return Base(local("base"), rootfs.debian_key())


async def _drain(pieces: AsyncIterator[Piece], progress: Progress, *, first: float | None = None) -> None:
    """Follow long work to its end; a TimeoutError when it stalls, or does not begin within `first` seconds."""
    patience = first
    while True:
        try:
            piece = await asyncio.wait_for(anext(pieces), patience)
        except StopAsyncIteration:
            return
        if first is not None:
            patience = STALL_SECONDS
        share = f" {100 * piece.current // piece.total} %" if piece.current and piece.total else ""
        progress(piece.text or f"{piece.id or ''} {piece.status or ''}{share}")


async def _async(path: Path) -> AsyncIterator[bytes]:
    for piece in context.pieces(path):
        yield piece


def _write(tree: Tree, target: Path) -> None:
    with target.open("wb") as file:
        context.write(tree, file)


def _move(source: Path, target: Path) -> None:
    shutil.move(source, target)  # from one file system to another, it may be
