"""A counter process, clients that load it, and the judge of what they were told."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx2

from counter.embedded import LOOPBACK, free_port

PATIENCE_SECONDS: Final = 30.0


def eventually(what: str, holds: Callable[[], bool], *, within: float = PATIENCE_SECONDS) -> float:
    """Poll until `holds`; return the seconds that took, fail after `within`."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < within, f"not within {within} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - started


class CounterProcess:
    """`python -m counter` on a free port, its standard output in a file."""

    def __init__(
        self,
        logs: Path,
        url: str,
        *arguments: str,
        folder: Path | None = None,
        output: int | None = None,
        **settings: str,
    ) -> None:
        """`logs` takes its output, unless `output` does; `settings` are fields of counter.settings."""
        self.port = free_port()
        self.base = f"http://{LOOPBACK}:{self.port}"
        self._log = logs / f"counter-{self.port}.log"
        self._command = [sys.executable, "-m", "counter", *arguments]
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("COUNTER_")}
        self._environment |= {"COUNTER_PORT": str(self.port), "COUNTER_MONGODB_URL": url}
        self._environment |= {f"COUNTER_{name.upper()}": value for name, value in settings.items()}
        self._folder = folder
        self._output = output

    def __enter__(self) -> Self:
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=self._folder,
                stdout=self._output or output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        self.http = httpx2.Client(base_url=self.base, timeout=10)
        eventually(f"alive: {self._log.read_text()[-2000:]}", self._alive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def _alive(self) -> bool:
        assert self.process.poll() is None, f"the counter ended: {self._log.read_text()[-2000:]}"
        try:
            return self.http.get("/healthz").status_code == 200
        except httpx2.TransportError:
            return False

    def count(self) -> int:
        """One `GET /` that has to succeed."""
        response = self.http.get("/")
        assert response.status_code == 200, response.text
        return int(response.text)

    def problem(self, path: str = "/") -> dict[str, Any]:
        """One GET that has to be a 503 problem."""
        response = self.http.get(path)
        assert response.status_code == 503, response.text
        assert response.headers["content-type"] == "application/problem+json"
        body: dict[str, Any] = response.json()
        assert body["status"] == 503
        return body

    def counts(self) -> bool:
        """Whether `GET /` is answered with a number now."""
        return self.http.get("/").status_code == 200

    def ready(self) -> bool:
        """Whether `/readyz` says so now."""
        return self.http.get("/readyz").status_code == 200

    def log(self) -> list[dict[str, Any]]:
        """The log so far; every line has to be JSON."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def output(self) -> str:
        """What it printed, as it is."""
        return self._log.read_text()


@dataclass(frozen=True, slots=True)
class Answer:
    """One `GET /`: when it was sent and answered, on one clock, and with what."""

    sent: float
    answered: float
    status: int
    body: bytes

    @property
    def number(self) -> int:
        """The value of a 200."""
        return int(self.body)


class Load:
    """Clients that ask `GET /` on a connection each, one request after the other, until told to stop."""

    def __init__(self, port: int, connections: int) -> None:
        self.answers: list[Answer] = []
        self.dropped = 0
        self._port = port
        self._connections = connections
        self._going = True
        self._wanted = 0
        self._reached = asyncio.Event()

    async def run(self, *, requests: int) -> None:
        """Ask `requests` times on each connection (fewer after `stop`)."""
        await asyncio.gather(*(self._client(requests) for _ in range(self._connections)))

    def stop(self) -> None:
        """Have each client end with the request that it is at."""
        self._going = False

    async def counted(self, more: int, *, within: float = PATIENCE_SECONDS) -> None:
        """Wait until so many more numbers have been answered."""
        self._wanted = more
        self._reached.clear()
        async with asyncio.timeout(within):
            await self._reached.wait()

    def acknowledged(self) -> list[Answer]:
        """The answers that are numbers."""
        return [answer for answer in self.answers if answer.status == 200]

    async def _client(self, requests: int) -> None:
        left = requests
        while left and self._going:
            try:
                reader, writer = await asyncio.open_connection(LOOPBACK, self._port)
            except OSError:
                self.dropped += 1
                await asyncio.sleep(0.02)
                left -= 1
                continue
            try:
                while left and self._going:
                    left -= 1
                    answer = await _ask(reader, writer)
                    self.answers.append(answer)
                    self._wanted -= answer.status == 200
                    if self._wanted <= 0:
                        self._reached.set()
            except (OSError, asyncio.IncompleteReadError):
                self.dropped += 1
            finally:
                writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answer:
    sent = time.monotonic()
    writer.write(b"GET / HTTP/1.1\r\nHost: counter\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    )
    body = await reader.readexactly(length)
    return Answer(sent=sent, answered=time.monotonic(), status=status, body=body)


def assert_linearizable(answers: Iterable[Answer]) -> None:
    """No number twice, and each larger than all that were answered before its request was sent."""
    done = list(answers)
    numbers = [answer.number for answer in done]
    assert len(set(numbers)) == len(numbers), "a number was given twice"
    by_end = sorted(done, key=lambda answer: answer.answered)
    position = 0
    largest = 0
    for answer in sorted(done, key=lambda answer: answer.sent):
        while position < len(by_end) and by_end[position].answered < answer.sent:
            largest = max(largest, by_end[position].number)
            position += 1
        assert answer.number > largest, f"{answer.number} began after {largest} had been answered"
