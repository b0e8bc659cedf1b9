"""`make down`: takes away what `make up` made, by its label. Control need not be alive for it.

Images and `.build` stay, so that the next `make up` is quick: `make clean` (`--all`) takes those as well. With
KEEP=1 the volume and the data folder (the log, the token) stay too.
"""

import asyncio
import shutil
import sys
from collections.abc import Awaitable
from pathlib import Path

from control import log
from control.engine import Engine
from control.errors import NotFound, Problem
from docker import cache, controller, engine
from docker.images import ROLE
from docker.say import Trouble, run, say
from docker.settings import Settings, load


def main() -> None:
    """The command."""
    log.configure(form="console", level="error")
    settings = load()
    everything = "--all" in sys.argv[1:]
    place = asyncio.run(engine.look(settings.docker_host))
    left: list[str] = []
    if place is None:
        say("no engine answers, so there is nothing of ours on it that could be removed")
    else:
        left = asyncio.run(clear(place.url, settings, images=everything))
    remove_data(settings)
    if place is not None:
        stop_engine(place)
    if everything and cache.BUILD.exists():
        say(f"removing {cache.BUILD}")
        shutil.rmtree(cache.BUILD)
    if left:
        raise Trouble("; ".join(left))
    if not everything:
        say("images and .build stay for the next time; `make clean` removes them")


async def clear(url: str, settings: Settings, *, images: bool) -> list[str]:
    """Remove what carries our label, control last so that it can record the rest. Gives what could not be removed."""
    found = Engine(url)
    left: list[str] = []
    try:
        containers = await found.containers.list(filters=settings.ours)
        for container in sorted(
            containers, key=lambda one: (one.name == settings.control, one.name != settings.server)
        ):
            say(f"removing the container {container.name}")
            if container.name == settings.control:
                await found.containers.stop(container.id)
            await _remove(found.containers.remove(container.id, force=True, volumes=True), left)
        for network in await found.networks.list(settings.ours):
            say(f"removing the network {network.name}")
            await _remove(found.networks.remove(network.id), left)
        for volume in await found.volumes.list(settings.ours):
            if settings.keep:
                say(f"keeping the volume {volume.name}")
                continue
            say(f"removing the volume {volume.name}")
            await _remove(found.volumes.remove(volume.name), left)
        for image in await found.images.list({"label": [ROLE]}) if images else ():
            say(f"removing the image {', '.join(image.tags) or image.id}")
            await _remove(found.images.remove(image.id, force=True), left)
    finally:
        await found.close()
    return left


async def _remove(removal: Awaitable[None], left: list[str]) -> None:
    try:
        await removal
    except NotFound:
        pass  # somebody was quicker
    except Problem as problem:
        left.append(str(problem))


def remove_data(settings: Settings) -> None:
    """Remove control's data folder if `make up` made it."""
    folder = settings.data
    if not _made_here(folder):
        return
    if settings.keep:
        say(f"keeping the log and the token in {folder}")
        return
    say(f"removing the log and the token in {folder}")
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise Trouble(f"{folder} could not be removed: {error.strerror}") from error


def _made_here(folder: Path) -> bool:
    try:
        return (folder / controller.MARK).exists()
    except PermissionError:
        return False


def stop_engine(place: engine.Place) -> None:
    """Stop the engine if `make up` started it by hand and nothing else runs on it."""
    pid = engine.started_here()
    if pid is None or place.url != f"unix://{engine.SOCKET}":
        return
    others = asyncio.run(_running(place.url))
    if others:
        say(f"the engine that `make up` started goes on, for {', '.join(others)}")
    else:
        engine.stop(pid)


async def _running(url: str) -> list[str]:
    found = Engine(url)
    try:
        return sorted(container.name for container in await found.containers.list(stopped=False))
    finally:
        await found.close()


if __name__ == "__main__":
    run(main)
