"""`make up`: an engine, images, control, and the seed's story over control's API. Said twice, it changes nothing.

First everything is looked at and nothing changed, so that a port taken or a name that is another's ends it with one
line. What is made carries a label, by which the next `make up` knows it again and `make down` takes it away.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import click
import httpx2

from control import log
from control.cli.lines import line
from control.engine import Engine
from docker import cache, checks, controller, engine
from docker.api import Api
from docker.images import Images, Recipe, service_recipe
from docker.say import Trouble, run, say
from docker.settings import Settings, load
from docker.story import Story

T = TypeVar("T")
READY_SECONDS: Final = 60.0


def main() -> None:
    """The command."""
    log.configure(form="console", level="error")
    settings = load()
    place = look(settings)
    if place is None:
        engine.start()
        place = look(settings)
        if place is None:
            raise Trouble(f"the engine was started and does not answer at {engine.SOCKET}: see {engine.LOG}")
    with cache.lock():
        mongo, counter, changed = with_engine(place, lambda found: ready(found, settings, place))
    api = Api(settings)
    try:
        api.await_ready(
            lambda: with_engine(place, lambda found: controller.failure(found, settings)), within=READY_SECONDS
        )
        story = Story(api, settings)
        story.tell(mongo, counter)
        changed = changed or story.changed
        if changed:
            with_engine(place, lambda found: Images(found, registry=False).tidy())
        if story.changed:
            say(f"counting at {settings.server_url}/")
            click.echo(story.count())
        else:
            say("all is as it should be" + (", but for control nothing changed" if changed else "; nothing changed"))
        say(f"the log of {settings.db} and {settings.server}, as {settings.url}/events has it:")
        for event in story.log():
            click.echo(line(event))  # without colours off a terminal
    except httpx2.HTTPError as error:
        raise Trouble(f"control or the counter stopped answering ({error}): see `make logs`") from error
    finally:
        api.close()
    say(f"the counter is at {settings.server_url}/, control at {settings.url} (`make token` prints its token)")
    say("`make logs` follows control's log, `make down` takes all of this away")


def look(settings: Settings) -> engine.Place | None:
    """Find the engine, and see that nothing stands in the way. Changes nothing."""
    place = asyncio.run(engine.look(settings.docker_host))
    if place is None:
        engine.check_startable()
        checks.check_ports(settings, ours=())
        return None
    with_engine(place, lambda found: checks.check_engine(found, settings))
    return place


async def ready(found: Engine, settings: Settings, place: engine.Place) -> tuple[str, Recipe, bool]:
    """Ready the images and run control. Gives the name of the mongo image, how the counter's is built, and whether
    control had to be changed."""
    say(f"using the Docker Engine {place.version} at {place.socket}")
    images = Images(found, registry=True)
    mongo = await images.mongo()
    python = await images.ready_python()
    changed = await controller.run(found, settings, place, await images.built(service_recipe("control", python)))
    return mongo, service_recipe("counter", python), changed


def with_engine(place: engine.Place, use: Callable[[Engine], Awaitable[T]]) -> T:
    """Use the engine for one thing, and let go of it."""

    async def using() -> T:
        found = Engine(place.url)
        try:
            return await use(found)
        finally:
            await found.close()

    return asyncio.run(using())


if __name__ == "__main__":
    run(main)
