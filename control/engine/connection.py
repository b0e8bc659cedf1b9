"""The connection to the one Docker Engine.

Concurrency: one aiodocker client for all; any number of calls at once, each on a connection of aiohttp's pool.
Nothing here remembers the engine's state but the API version, which is agreed on with the first call, and anew
after every failure to reach the engine, because another version may come back. Nothing survives a crash, and
nothing needs to.
"""

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
from aiodocker import Docker
from aiodocker.exceptions import DockerError, DockerStreamError

from control import log
from control.engine.faults import UNREACHABLE, translate
from control.errors import EngineAway, EngineTimeout

SPOKEN: Final = ((1, 41), (1, 51))
"""The lowest and highest API version that this adapter is written for (engines 20.10 to 28)."""

CONNECT_SECONDS: Final = 3.0


def agree(oldest: str, newest: str) -> tuple[int, int] | None:
    """The highest API version that both sides speak, or None. Pure.

    Docker's own rule: an engine takes any version in [MinAPIVersion, ApiVersion] of `GET /version`.
    """
    low, high = _version(oldest), _version(newest)
    chosen = min(high, SPOKEN[1])
    return chosen if chosen >= max(low, SPOKEN[0]) else None


def _version(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)\.(\d+)", text)
    if match is None:
        raise EngineAway(f"The engine reports the API version {text!r}, which is none.")
    return int(match[1]), int(match[2])


class Connection:
    """The engine's client at an agreed version, its errors turned into ours, its calls bounded in time."""

    def __init__(self, url: str, *, timeout: float) -> None:
        self.url = url
        self.timeout = timeout
        # Deadlines are asyncio's, one for each call whatever it does, so aiohttp's are left for connecting alone.
        self._docker = Docker(
            url=url,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            api_version="auto",
        )
        self._agreed = False
        self._agreeing = asyncio.Lock()

    @property
    def api_version(self) -> str | None:
        """The version agreed on (`1.41`), or None while there is none."""
        return self._docker.api_version.removeprefix("v") if self._agreed else None

    @asynccontextmanager
    async def use(self, *, within: float | None = None, endless: bool = False) -> AsyncIterator[Docker]:
        """The client, for one call or a few that belong together.

        `within` seconds for all of it (else the connection's own), or `endless` for a stream. Raises EngineAway,
        EngineTimeout, or what `faults.translate` makes of the engine's answer.
        """
        deadline = asyncio.timeout(None if endless else self.timeout if within is None else within)
        try:
            async with deadline:
                await self._agree()
                yield self._docker
        except DockerStreamError:
            raise  # the one that reads the stream knows what failed
        except DockerError as error:
            if error.status == UNREACHABLE:
                self._lost()
            raise translate(error.status, str(error.message)) from error
        except TimeoutError as error:
            if deadline.expired():
                raise EngineTimeout(
                    f"The Docker Engine did not answer within {deadline_text(within or self.timeout)}. Whether it "
                    "did what was asked is not known: look before you ask again."
                ) from error
            self._lost()
            raise translate(UNREACHABLE, "connecting took too long") from error
        except (aiohttp.ClientError, ConnectionError) as error:
            self._lost()
            raise translate(UNREACHABLE, str(error) or type(error).__name__) from error

    @property
    def local(self) -> bool:
        """Whether the engine is on this machine, as far as its address tells."""
        return self.url.startswith("unix://")

    def peer(self) -> str | None:
        """Which process listens at the engine's socket: its pid, and when it was started where that can be read. None
        where it can't be known (over TCP, out of another pid namespace). Raises OSError where nobody listens.

        The engine's own id stays the same when it restarts; this does not. An engine that shuts down stops listening
        before it stops its containers (measured on Docker 20.10), so this also tells whether it does.
        """
        kind, _, path = self.url.partition("://")
        if kind != "unix":
            return None
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(0.5)
            probe.connect(path)
            pid, _, _ = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if pid == 0:
            return None
        try:
            started = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
        except (OSError, IndexError):
            started = ""
        return f"{pid}:{started}"

    async def _agree(self) -> None:
        async with self._agreeing:
            if self._agreed:
                return
            offer = await self._docker._query_json("version", versioned_api=False)
            chosen = agree(offer.get("MinAPIVersion") or "1.24", offer["ApiVersion"])
            if chosen is None:
                low, high = (".".join(map(str, version)) for version in SPOKEN)
                raise EngineAway(
                    f"This engine speaks API {offer.get('MinAPIVersion')} to {offer['ApiVersion']}; needed is one of "
                    f"{low} to {high} (Docker 20.10 or newer)."
                )
            self._docker.api_version = "v{}.{}".format(*chosen)
            self._agreed = True
            log.logger().info(
                log.ENGINE_UP,
                **{log.ENGINE: offer.get("Version"), log.API_VERSION: self.api_version, log.URL: self.url},
            )

    def _lost(self) -> None:
        if self._agreed:
            self._agreed = False
            log.logger().warning(log.ENGINE_AWAY, **{log.URL: self.url})

    async def close(self) -> None:
        """Let go of the engine."""
        await self._docker.close()


def deadline_text(seconds: float) -> str:
    """`30 s`, `0.5 s`."""
    return f"{seconds:g} s"
