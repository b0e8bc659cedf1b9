"""`make logs`: control's structured log. Followed on a terminal; FOLLOW=0 and FOLLOW=1 say it outright."""

import asyncio
import os
import sys
from contextlib import suppress

from control import log
from control.engine import Engine
from control.engine.multiplexed import Output
from control.errors import NotFound
from docker import engine
from docker.say import Trouble, run
from docker.settings import load

LIMIT = 1 << 26


class Printed(Output):
    """Written to standard output as it comes."""

    def add(self, stream: int, data: bytes) -> None:
        """Pass it on; the two streams are one to the reader."""
        del stream
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def main() -> None:
    """The command."""
    log.configure(form="console", level="error")
    settings = load()
    follow = os.environ.get("FOLLOW", "1" if sys.stdout.isatty() else "0") not in {"0", "no", "false"}
    place = asyncio.run(engine.look(settings.docker_host))
    if place is None:
        raise Trouble("no engine answers: `make up` starts one")
    with suppress(BrokenPipeError):  # whoever read has had enough
        asyncio.run(show(place.url, settings.control, follow=follow))


async def show(url: str, name: str, *, follow: bool) -> None:
    """Print the container's log."""
    found = Engine(url)
    options = {"stdout": "true", "stderr": "true", "tail": os.environ.get("TAIL", "200")}
    try:
        container = await found.containers.resolve(name)
        if follow:
            await found.logs.copy(container.id, Printed(LIMIT), **options)
        else:
            output = await found.logs.read(container.id, limit=LIMIT, **options)
            sys.stdout.buffer.write(output.stdout + output.stderr)
            sys.stdout.buffer.flush()
    except NotFound as error:
        raise Trouble(f"there is no container {name}: `make up` runs it") from error
    finally:
        await found.close()


if __name__ == "__main__":
    run(main)
