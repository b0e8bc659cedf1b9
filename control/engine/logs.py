"""What containers wrote."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from http import HTTPStatus

import aiohttp
from aiodocker import Docker, DockerError
from aiodocker.containers import DockerContainer

from control import instants
from control.engine import multiplexed
from control.engine.connection import Connection
from control.engine.events import engine_time
from control.engine.loglines import Line, Lines, Place


class Logs:
    """The logs of the engine's containers. Raises Unsupported where a container's log driver can't be read."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def read(self, container_id: str, *, limit: int, **options: str) -> multiplexed.Output:
        """What it wrote, the last `limit` bytes of each stream. Options are the engine's: tail, since, until,
        timestamps, stdout, stderr."""
        output = multiplexed.Output(limit, last=True)
        async with self._connection.use() as docker:
            tty = await _tty(docker, container_id)
            lines = Lines(limit=limit, tty=tty) if options.get("timestamps") == "true" else None
            async with docker._query(f"containers/{container_id}/logs", params=options) as response:
                async for stream, data in multiplexed.frames(response.content.iter_any(), raw=tty):
                    if lines is None:
                        output.add(stream, data)
                    else:
                        _add_stamped(output, lines.add(stream, data))
            if lines is not None:
                _add_stamped(output, lines.end())
        return output

    async def copy(self, container_id: str, output: multiplexed.Output, **options: str) -> None:
        """Add what it writes to `output` as it comes, until it ends. Options as for `read`."""
        async with self._connection.use(endless=True) as docker:
            tty = await _tty(docker, container_id)
            params = {**options, "follow": "true"}
            async with docker._query(f"containers/{container_id}/logs", params=params) as response:
                await multiplexed.collect(response.content.iter_any(), output, raw=tty)

    async def follow(
        self, container_id: str, *, limit: int, after: Place | None, options: Mapping[str, str]
    ) -> AsyncGenerator[Sequence[Line]]:
        """Its lines as they come, some at once, until it ends; `limit` bytes of each are kept. The first item is
        empty: the engine has begun to send. `after` goes on from a place, and stands over `since` and `tail`."""
        begin = options if after is None else _from(options, after)
        async with self._connection.use(endless=True) as docker:
            tty = await _tty(docker, container_id)
            lines = Lines(limit=limit, tty=tty, after=after)
            response = await _begun(docker, container_id, {**begin, "follow": "true"})
            try:
                yield ()
                async for stream, data in multiplexed.frames(response.content.iter_any(), raw=tty):
                    if found := list(lines.add(stream, data)):
                        yield found
            finally:
                response.close()
            # At the end of a container the engine may end this before the last lines (seen on Docker 20.10 with one
            # that had no newline), so what there is of it is read once more.
            async for rest in self._rest(docker, container_id, lines, begin, tty=tty):
                yield rest
            yield list(lines.end())

    async def _rest(
        self, docker: Docker, container_id: str, lines: Lines, options: Mapping[str, str], *, tty: bool
    ) -> AsyncGenerator[Sequence[Line]]:
        if lines.place.time:
            options = _from(options, lines.place)
        elif options.get("tail") == "0":
            return  # nothing came, and since when it could have is not known
        lines.again()
        try:
            response = await _begun(docker, container_id, options)
        except DockerError as error:
            if error.status in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:  # removed, or about to be
                return
            raise
        try:
            async for stream, data in multiplexed.frames(response.content.iter_any(), raw=tty):
                yield list(lines.add(stream, data))
        finally:
            response.close()


def _from(options: Mapping[str, str], place: Place) -> dict[str, str]:
    return {**options, "since": engine_time(place.since), "tail": "all"}


async def _begun(docker: Docker, container_id: str, options: Mapping[str, str]) -> aiohttp.ClientResponse:
    return await docker._do_query(
        f"containers/{container_id}/logs",
        "GET",
        params={**options, "timestamps": "true"},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=3),
    )


async def _tty(docker: Docker, container_id: str) -> bool:
    return bool((await DockerContainer(docker, id=container_id).show())["Config"]["Tty"])


def _add_stamped(output: multiplexed.Output, lines: Iterable[Line]) -> None:
    for line in lines:
        output.add(line.stream, instants.render(line.time).encode() + b" " + line.text + b"\n")
