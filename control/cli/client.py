"""Control's API as the command line sees it. Every failure is a `Failed` with one line."""

import ipaddress
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from control.cli import places
from control.cli.errors import Failed

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 60.0
SILENCE_SECONDS: Final = 90.0
"""How long a stream may be silent. Control sends a comment every 15 s unless it is set up otherwise."""

RETRY_SECONDS: Final = 1.0
PAGE: Final = 1000

Record = dict[str, Any]
Parameters = dict[str, str | int]


class Client:
    """One control."""

    def __init__(self) -> None:
        self._url = places.url()
        self._http = httpx2.Client(
            base_url=self._url,
            headers={"Authorization": f"Bearer {places.token()}"},
            timeout=httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            # A proxy that the environment names is not for this machine.
            trust_env=not _is_here(self._url),
        )

    def events(self, filters: Parameters, *, after: int, limit: int | None) -> Iterator[Record]:
        """Events past a number, page by page, up to `limit`."""
        while limit is None or limit > 0:
            size = PAGE if limit is None else min(limit, PAGE)
            try:
                answer = self._http.get("/events", params={**filters, "after": after, "limit": size})
            except httpx2.HTTPError as error:
                raise self._away(error) from error
            self._check(answer)
            page = answer.json()
            yield from page["items"]
            if page["next"] is None:
                return
            after = page["next"]
            limit = None if limit is None else limit - len(page["items"])

    def follow(self, filters: Parameters, *, after: int | None, say: Callable[[str], None]) -> Iterator[Record]:
        """Events as they come, for ever. After a break it goes on past the last one received, and says so.

        Raises Failed where control can't be reached to begin with, or refuses.
        """
        last: str | None = None
        broken = False
        while True:
            headers = {} if last is None else {"Last-Event-ID": last}
            query = {**filters, "after": after} if after is not None and last is None else filters
            try:
                with self._http.sse(
                    "/events/stream",
                    params=query,
                    headers=headers,
                    timeout=httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS),
                ) as stream:
                    if not stream.response.is_success:
                        stream.response.read()
                        self._check(stream.response)
                    if broken:
                        say(f"following again, from {last} on")
                        broken = False
                    for message in stream:
                        last = message.id or last
                        if message.event == "problem":
                            say(json.loads(message.data)["detail"])
                        elif message.data:
                            yield json.loads(message.data)
            except httpx2.HTTPError as error:
                if last is None:
                    raise self._away(error) from error
            if not broken:
                broken = True
                say("control is away; waiting for it")
            time.sleep(RETRY_SECONDS)

    def _check(self, answer: httpx2.Response) -> None:
        if answer.is_success:
            return
        try:
            detail = answer.json()["detail"]
        except (ValueError, KeyError, TypeError):
            detail = f"{self._url} answered {answer.status_code}: is it control?"
        raise Failed(str(detail))

    def _away(self, error: httpx2.HTTPError) -> Failed:
        return Failed(f"No control answers at {self._url} ({error}). Start it, or set PONTLEVIS_URL.")


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
