"""Control's API as the command line sees it. Every failure is a `Failed` with one line."""

import ipaddress
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx2

from control.cli import places
from control.cli.errors import Failed

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 60.0
SILENCE_SECONDS: Final = 90.0
"""How long a stream may be silent. Control sends a comment every 15 s unless it is set up otherwise."""

CHECK_SECONDS: Final = 3600.0
"""How long control may take to check its whole log: it says nothing meanwhile."""

RETRY_SECONDS: Final = 1.0
PAGE: Final = 1000

Record = dict[str, Any]
Parameters = dict[str, str | int | list[str]]


class Client:
    """One control."""

    def __init__(self) -> None:
        self._url = places.url()
        self._http = httpx2.Client(
            base_url=self._url,
            headers={"Authorization": f"Bearer {places.token()}"},
            timeout=httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            # A proxy that the environment names is not for this machine.
            trust_env=not is_here(self._url),
        )

    def events(self, filters: Parameters, *, after: int | None, limit: int | None) -> Iterator[Record]:
        """Events past a number, in the order that `filters` ask for, page by page, up to `limit`."""
        begin: Parameters = filters if after is None else {**filters, "after": after}
        for page in self.pages("/events", begin, limit=limit):
            yield from page["items"]

    def pages(self, path: str, parameters: Parameters, *, limit: int | None = None) -> Iterator[Record]:
        """The answers of a list, one after the other, up to `limit` items."""
        while limit is None or limit > 0:
            size = PAGE if limit is None else min(limit, PAGE)
            page = self.get(path, {**parameters, "limit": size})
            yield page
            if page["next"] is None:
                return
            parameters = {**parameters, "after": page["next"]}
            limit = None if limit is None else limit - len(page["items"])

    def verify(self) -> Record:
        """What control finds when it checks the chain of its whole log."""
        return self.get("/events/verify", {}, seconds=CHECK_SECONDS)

    def hash_of(self, seq: int) -> str | None:
        """The hash of a record, or of the anchor; None where it is not kept. An export of nothing begins with it."""
        with self.export({"after": seq, "until": seq}) as chunks:
            anchor = json.loads(b"".join(chunks).splitlines()[0])["anchor"]
        return str(anchor["hash"]) if anchor["seq"] == seq else None

    @contextmanager
    def export(self, parameters: Parameters) -> Iterator[Iterator[bytes]]:
        """The export of a range, as it comes."""
        try:
            with self._http.stream("GET", "/events/export", params=parameters) as answer:
                if not answer.is_success:
                    answer.read()
                self._check(answer)
                yield self._whole(answer)
        except httpx2.HTTPError as error:
            raise self._away(error) from error

    def _whole(self, answer: httpx2.Response) -> Iterator[bytes]:
        ending = b""
        for chunk in answer.iter_bytes():
            yield chunk
            ending = (ending + chunk)[-200:]
        if not ending.splitlines()[-1:] or not ending.splitlines()[-1].startswith(b'{"end":'):
            raise Failed(f"What {self._url} sent is no whole export: is it control?")

    def follow(self, filters: Parameters, *, after: int | None, say: Callable[[str], None]) -> Iterator[Record]:
        """Events as they come, for ever. After a break it goes on past the last one received, and says so.

        Raises Failed where control can't be reached to begin with, or refuses.
        """
        last: str | None = None
        broken = False
        trouble: str | None = None
        while True:
            headers = {} if last is None else {"Last-Event-ID": last}
            query = {**filters, "after": after} if after is not None and last is None else filters
            told: str | None = None
            try:
                with self._http.sse(
                    "/events/stream",
                    params=query,
                    headers=headers,
                    timeout=httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS),
                ) as stream:
                    if not stream.response.is_success:
                        stream.response.read()
                        if last is None or not stream.response.is_server_error:
                            self._check(stream.response)
                        told = self._detail(stream.response)
                    elif broken:
                        say(f"following again, from {last} on")
                        broken = False
                    for message in stream if told is None else ():
                        last = message.id or last
                        if message.event == "problem":
                            told = str(json.loads(message.data)["detail"])
                        elif message.data:
                            trouble = None
                            yield json.loads(message.data)
            except httpx2.HTTPError as error:
                if last is None:
                    raise self._away(error) from error
            if told is None:
                if not broken:
                    say("control is away; waiting for it")
                broken = True
            elif told != trouble:
                # Once, however often it is asked again meanwhile.
                say(told)
                trouble = told
            time.sleep(RETRY_SECONDS)

    def get(self, path: str, parameters: Parameters, *, seconds: float = ANSWER_SECONDS) -> Record:
        """An answer of control."""
        try:
            answer = self._http.get(path, params=parameters, timeout=httpx2.Timeout(seconds, connect=CONNECT_SECONDS))
        except httpx2.HTTPError as error:
            raise self._away(error) from error
        self._check(answer)
        try:
            told = answer.json()
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise Failed(f"{self._url} answered with something else: is it control?")
        return told

    def _check(self, answer: httpx2.Response) -> None:
        if not answer.is_success:
            raise Failed(self._detail(answer))

    def _detail(self, answer: httpx2.Response) -> str:
        try:
            problem = answer.json()
            # Which ones an ambiguous name may mean, as a person would give them.
            ids = ", ".join(str(id_)[:12] for id_ in problem.get("candidates", ()))
            return str(problem["detail"]) + (f" ({ids})" if ids else "")
        except (ValueError, KeyError, TypeError, AttributeError):
            return f"{self._url} answered {answer.status_code}: is it control?"

    def _away(self, error: httpx2.HTTPError) -> Failed:
        return Failed(f"No control answers at {self._url} ({error}). Start it, or set PONTLEVIS_URL.")


def path_of(*parts: str) -> str:
    """A path of these parts, whatever characters they have. Raises Failed for those that no path can hold."""
    for part in parts:
        if part in {"", ".", ".."}:
            raise Failed(f"{part!r} can't be asked for by its name: use the full id.")
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def is_here(url: str) -> bool:
    """Whether this is an address of this machine alone."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
