"""Control's HTTP API, as `make up` uses it: the same that is open to everyone."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx2

from docker.say import Progress, Trouble
from docker.settings import Settings

Json = dict[str, Any]
PAUSE: Final = 0.1


class Api:
    """One control. What it refuses is Trouble, in its own words."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # A proxy that the environment names is not for this machine.
        self._http = httpx2.Client(base_url=settings.url, timeout=60, trust_env=False)

    def close(self) -> None:
        """Let go."""
        self._http.close()

    def await_ready(self, failed: Callable[[], str | None], *, within: float) -> None:
        """Wait until control answers, read its token, and wait until the engine answers to it."""

        def alive() -> bool:
            return self._http.get("/healthz", timeout=5).is_success

        def ready() -> bool:
            return self._http.get("/readyz", timeout=5).is_success

        await_that(alive, "control does not answer", failed, within=within)
        path = self._settings.data / "token"
        try:
            self._http.headers["Authorization"] = f"Bearer {path.read_text().strip()}"
        except OSError as error:
            raise Trouble(
                f"control's token {path} can't be read: {error.strerror}. Does another control listen at "
                f"{self._settings.url}?"
            ) from error
        await_that(ready, "control does not get ready", failed, within=within)

    def get(self, path: str, **query: str) -> Json:
        """A record, or a page of them."""
        return self._answer(self._http.get(path, params=query))

    def find(self, kind: str, name: str) -> Json | None:
        """The network, container, volume or image of this name, or None."""
        answer = self._http.get(f"/{kind}/{quote(name, safe='')}")
        return None if answer.status_code == httpx2.codes.NOT_FOUND else self._answer(answer)

    def post(self, path: str, body: Json) -> Json:
        """Make something."""
        return self._answer(self._http.post(path, json=body))

    def put(self, path: str) -> Json:
        """Have it so."""
        return self._answer(self._http.put(path))

    def delete(self, path: str, **query: str) -> None:
        """Have it gone."""
        self._answer(self._http.delete(path, params=query))

    def build(self, tar: Path, progress: Progress, *, tag: str, args: dict[str, str], labels: dict[str, str]) -> None:
        """Build an image from the tar of its context, as `docker build` does."""
        query = {
            "tag": tag,
            "arg": [f"{key}={value}" for key, value in args.items()],
            "label": [f"{key}={value}" for key, value in labels.items()],
        }
        headers = {"Content-Type": "application/x-tar", "Accept": "text/event-stream"}
        with (
            tar.open("rb") as body,
            self._http.sse(
                "/images/build", method="POST", params=query, content=body, headers=headers, timeout=600
            ) as stream,
        ):
            if not stream.response.is_success:
                stream.response.read()
                self._answer(stream.response)
            for event in stream:
                told = json.loads(event.data) if event.data else {}
                if event.event == "problem":
                    raise Trouble(f"the image {tag} was not built: {told['detail']}")
                if event.event == "progress":
                    progress(told.get("stream") or told.get("text") or told.get("status") or "")

    def _answer(self, answer: httpx2.Response) -> Json:
        if answer.is_success:
            return answer.json() if answer.content else {}
        try:
            detail = answer.json()["detail"]
        except (ValueError, KeyError, TypeError):
            detail = answer.text[:200]
        raise Trouble(f"control answered {answer.status_code} to {answer.request.method} {answer.url.path}: {detail}")


def await_that(holds: Callable[[], bool], otherwise: str, failed: Callable[[], str | None], *, within: float) -> None:
    """Ask until it holds. Raises Trouble when time is up, or as soon as `failed` says why it never will."""
    deadline = time.monotonic() + within
    while True:
        try:
            if holds():
                return
        except httpx2.TransportError:
            pass  # nobody listens yet
        reason = failed()
        if reason is not None:
            raise Trouble(f"{otherwise}: {reason}")
        if time.monotonic() > deadline:
            raise Trouble(f"{otherwise} within {within:.0f} s: see `make logs`")
        time.sleep(PAUSE)
