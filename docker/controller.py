"""Control's own container: the engine's socket, a data folder of the host, and as few rights as it can do with.

It runs as a user without a name, who is let at the socket by the socket's group; where that group is root's, or the
engine is rootless, as root without any capability. The data folder is the host's, at the same path, so that
`pontlevis token` and `pontlevis events` on the host find token and log. This checkout is there read-only at the
same path as well, because control looks into what it may mount or build from.
"""

import asyncio
import os
from pathlib import Path
from typing import Final

from control.engine import Engine
from control.errors import Problem
from control.records import Container, NetworkName
from control.wanted import WantedContainer, WantedEndpoint, WantedMount, WantedNetwork, WantedPort
from docker import context
from docker.cache import REPOSITORY
from docker.context import Entry
from docker.engine import Place
from docker.say import Trouble, say
from docker.settings import CONFIG, INSIDE, Settings

USER: Final = 7070
"""Of control, where the engine runs as root and so does `make up`: nobody else's number."""
MARK: Final = ".made-by-make-up"
_HERE: Final = "/run/docker.sock"


def user_for(place: Place) -> int:
    """Who may open the engine's socket from inside a container, with as few rights as can be."""
    socket = place.socket.stat()
    if socket.st_uid != 0 or socket.st_gid == 0:
        # A rootless engine, whose root is the socket's owner; or a socket for root alone, who can open it without
        # any capability.
        return 0
    return USER if os.geteuid() == 0 else os.geteuid()


def ready_data(folder: Path, user: int) -> int:
    """Make the data folder for this user, and say whose it is: one that was there before may be another's."""
    try:
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
            (folder / MARK).touch()
        if os.geteuid() == 0 and (folder / MARK).exists():
            for path in (folder, *folder.rglob("*")):
                os.chown(path, user, user)
        return folder.stat().st_uid
    except OSError as error:
        raise Trouble(
            f"the data folder {folder} can't be used ({error.strerror}): set CONTROL_DATA_DIR to one that can"
        ) from error


def wanted(settings: Settings, place: Place, image: str, *, user: int) -> WantedContainer:
    """What control's container is to be."""
    data, source = str(settings.data), str(REPOSITORY)
    return WantedContainer(
        name=settings.control,
        image=image,
        user=f"{user}:{user}",
        group_add=(str(place.socket.stat().st_gid),),
        env={
            "CONTROL_DATA_DIR": data,
            "CONTROL_DOCKER_HOST": f"unix://{_HERE}",
            "CONTROL_BIND_ROOTS": source,
            "CONTROL_BUILD_ROOTS": source,
        },
        mounts=(
            WantedMount(type="bind", source=str(place.socket), target=_HERE),
            WantedMount(type="bind", source=data, target=data),
            WantedMount(type="bind", source=source, target=source, read_only=True),
            WantedMount(type="tmpfs", target="/tmp"),  # noqa: S108  (in the container)
        ),
        publish=(WantedPort(container_port=INSIDE, host_port=settings.control_port),),
        restart="unless-stopped",
        init=True,
        read_only=True,
        no_new_privileges=True,
        cap_drop=("ALL",),
    )


async def run(engine: Engine, settings: Settings, place: Place, image: str) -> bool:
    """Have control's container run as wanted, on a network of its own. Says whether anything had to change."""
    user = user_for(place)
    owner = await asyncio.to_thread(ready_data, settings.data, user)
    # Root without capabilities opens what is root's and nothing else, so where it must be root it stays root.
    asked = wanted(settings, place, image, user=owner if user else 0)
    made_of = (await engine.images.inspect(image)).id
    config = context.digest({"wanted": Entry(asked.model_dump_json().encode())}, made_of)
    asked = asked.model_copy(update={"labels": {**settings.labels, CONFIG: config}})
    present = [found for found in await engine.containers.list(filters=settings.ours) if found.name == settings.control]
    if present and present[0].labels.get(CONFIG) == config:
        if present[0].state == "running":
            return False
        say(f"starting control's container {settings.control} again")
        await engine.containers.start(present[0].id)
        return True
    networks = [found for found in await engine.networks.list(settings.ours) if found.name == settings.control]
    network = (
        networks[0]
        if networks
        else await engine.networks.create(WantedNetwork(name=settings.control, labels=settings.labels))
    )
    if present:
        say(f"control or its settings have changed: replacing its container {settings.control}")
        await engine.containers.stop(present[0].id)
        await engine.containers.remove(present[0].id, force=True, volumes=True)
    else:
        say(f"running control as the container {settings.control}, at {settings.url}")
    await engine.runs.run(asked, [(NetworkName(id=network.id, name=network.name), WantedEndpoint())])
    return True


async def failure(engine: Engine, settings: Settings) -> str | None:
    """The last words of control's container if it does not run, else None."""
    try:
        container: Container = await engine.containers.resolve(settings.control)
        if container.state == "running":
            return None
        output = await engine.logs.read(container.id, limit=65_536, tail="1", stdout="true", stderr="true")
    except Problem as problem:
        return str(problem)
    return f"{container.state}: {(output.stdout + output.stderr).decode(errors='replace').strip()[-400:]}"
