"""The event log of a real control process on a fake engine: how fast it records, how soon it tells, what it answers.

The fake sends as fast as control reads, with the rules of Docker 20.10 (two disconnect events for one disconnect), and
answers control's inspects from a model that says what the stream says. Never more than WINDOW changes are sent and not
yet recorded: an inbox that overflows is another matter. Control runs as users run it, every record logged (to a file).
A rate is of records in the log, so the second of two disconnect events counts for nothing, though it was read.
"""

import contextlib
import http.client
import itertools
import json
import os
import random
import re
import socket
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from control.eventlog import timetravel
from control.eventlog.schema import KINDS
from control.eventlog.store import FILE
from control.records import Kind
from tests.bench import load, tools
from tests.bench.crowd import Crowd
from tests.bench.figures import Figure, strangers, table
from tests.support.control import Control
from tests.support.fake import FakeEngine, fake_engine
from tests.support.fake.shapes import rendered

VERSION: Final = "20"
CONTAINERS: Final = 500
NETWORKS: Final = 20
CALM: Final = (100, 10)
"""Containers and networks where every endpoint is to be known: fewer, because each connect costs two inspects."""

CHUNK: Final = 500
WINDOW: Final = 10_000
"""Changes sent and not yet recorded at most: far below what control keeps before it lets go, and never so few that it
has nothing to do between two looks."""

STUCK: Final = 15.0
"""Seconds without progress after which no more is waited for."""

FAR, NEAR = 0.05, 0.005
"""Seconds between looks at how far control is."""

FAR_ROWS: Final = 1_000
QUIET: Final = 1.0
ASK_SECONDS: Final = 15.0
"""After which no further question is asked of a kind."""

WARMING: Final = 50
"""Questions that do not count."""

IN_CALM: Final = 32
"""Changes under way where every endpoint is to be known."""

RATE: Final = 100
INSPECT_SECONDS: Final = 0.0025
"""What an inspect takes on a real engine (engine-facts: 2 to 3 ms), where latency is measured."""

FILL_SECONDS: Final = 150.0
"""After which a log that is not full yet is taken as it is, and said to be short."""

# What is wanted.
INGEST: Final = 20_000.0
P50, P99 = 10.0, 50.0
AT_P99: Final = 5.0
BYTES: Final = 250.0
RSS_MB: Final = 150.0
KNOWN: Final = 0.99
"""The share of endpoints that counts as every endpoint: one may be gone before it is looked at."""

_CONNECT: Final = KINDS.index(Kind.CONNECT)


@dataclass(slots=True)
class Measured:
    """What was seen. Latencies in ms, memory in MB."""

    wanted_rows: int
    filled: int = 0
    fill_rate: float = 0.0
    rows: int = 0
    rate: float = 0.0
    events_rate: float = 0.0
    cpu: float = 0.0
    cpu_calm: float = 0.0
    strangers: float = 0.0
    steps: int = 0
    latencies: list[float] = field(default_factory=list)
    at_http: list[float] = field(default_factory=list)
    at_http_whole: list[float] = field(default_factory=list)
    at_store: list[float] = field(default_factory=list)
    members: list[float] = field(default_factory=list)
    total_rows: int = 0
    bytes_full: float = 0.0
    known_full: float = 0.0
    calm_rows: int = 0
    calm_rate: float = 0.0
    bytes_calm: float = 0.0
    known_calm: float = 0.0
    rss: list[float] = field(default_factory=list)


class Bench:
    """A control on a fake engine, and a crowd on that."""

    def __init__(self, cleanup: ExitStack, folder: Path, *, containers: int, networks: int) -> None:
        self._cleanup = cleanup
        self.fake: FakeEngine = cleanup.enter_context(fake_engine(VERSION, seed=1))
        self.crowd = Crowd(self.fake, containers=containers, networks=networks)
        self.control = Control(self.fake.url, folder)
        cleanup.callback(self.control.stop)
        self.control.start()
        self._asking = self.connection()
        self.settle()
        self._own = self._last()

    def connection(self) -> "Asking":
        """A connection to control's API."""
        asking = Asking(self.control)
        self._cleanup.callback(asking.close)
        return asking

    @property
    def recorded(self) -> int:
        """How many changes of the crowd are durable: what is beyond the records that there were before."""
        return self._last() - self._own

    def _last(self) -> int:
        items = json.loads(self._asking.get("/events?order=desc&limit=1"))["items"]
        return int(items[0]["seq"]) if items else 0

    def flood(self, rows: int, *, window: int = WINDOW, chunk: int = CHUNK, within: float) -> int:
        """Send so many changes, and wait until they are durable. Gives how many are."""
        deadline = time.monotonic() + within
        begun, done = self.crowd.rows, self.recorded
        target, moved = begun + rows, time.monotonic()
        while done < target and time.monotonic() < deadline and time.monotonic() - moved < STUCK:
            # What control is asked between is little beside what it is sent, and exact at the end.
            room = min(window - (self.crowd.rows - done), target - self.crowd.rows, window // 4)
            for first in range(0, room, chunk):
                self.crowd.send(min(chunk, room - first))
            time.sleep(FAR if self.crowd.rows - done > window // 4 and window > FAR_ROWS else NEAR)
            before, done = done, self.recorded
            moved = time.monotonic() if done > before else moved
        return min(done, self.crowd.rows) - begun

    def settle(self) -> None:
        """Wait until control asks nothing more of the engine: what follows a burst is over."""
        asked, since = -1, time.monotonic()
        deadline = since + 20
        while time.monotonic() - since < QUIET and time.monotonic() < deadline:
            if (now := len(self.fake.asked())) != asked:
                asked, since = now, time.monotonic()
            time.sleep(0.1)

    @property
    def pid(self) -> int:
        """Control's."""
        assert self.control.process is not None
        return self.control.process.pid

    def peak_mb(self) -> float:
        """The most memory that control has ever had resident (VmHWM)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        match = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert match is not None
        return int(match[1]) * 1024 / 1e6


class Asking:
    """One kept connection to control."""

    def __init__(self, control: Control) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", control.port, timeout=60)
        self._connection.connect()
        self._socket = self._connection.sock
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._headers = {"Authorization": f"Bearer {control.token}"}

    def get(self, path: str) -> bytes:
        """The body of a 200."""
        self._connection.request("GET", path, headers=self._headers)
        response = self._connection.getresponse()
        body = response.read()
        assert response.status == 200, (path, response.status, body[:500])
        return body

    def follow(self, path: str) -> http.client.HTTPResponse:
        """An answer that goes on."""
        self._connection.request("GET", path, headers=self._headers)
        return self._connection.getresponse()

    def close(self) -> None:
        """Let go, also of an answer that goes on."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._connection.close()
        self._socket.close()


def measure(*, rows: int = 1_000_000, seconds: float = 10.0, questions: int = 1_000) -> Measured:
    """Everything, with a log of so many rows. Latency is measured for so many seconds."""
    measured = Measured(wanted_rows=rows)
    with tempfile.TemporaryDirectory(prefix="pontlevis-bench-") as name:
        with ExitStack() as cleanup:
            bench = Bench(cleanup, Path(name) / "full", containers=CONTAINERS, networks=NETWORKS)
            _ingest(bench, measured, rows)
            _latency(bench, measured, seconds)
            _membership(bench, measured, questions)
            measured.rss.append(bench.peak_mb())
        measured.total_rows, measured.bytes_full, measured.known_full = _on_disk(Path(name) / "full")
        with ExitStack() as cleanup:
            containers, networks = CALM
            bench = Bench(cleanup, Path(name) / "calm", containers=containers, networks=networks)
            _calm(bench, measured, min(rows // 10, 10_000))
            measured.rss.append(bench.peak_mb())
        measured.calm_rows, measured.bytes_calm, measured.known_calm = _on_disk(Path(name) / "calm")
    return measured


def _ingest(bench: Bench, measured: Measured, rows: int) -> None:
    tools.say(f"filling the log to {rows:,} records")
    began = time.monotonic()
    measured.filled = bench.flood(rows, within=FILL_SECONDS)
    measured.fill_rate = measured.filled / (time.monotonic() - began)
    more, events = max(rows // 5, 1), bench.crowd.events
    tools.say(f"{measured.filled:,} at {measured.fill_rate:,.0f}/s; measuring {more:,} more")
    began, cpu, machine = time.monotonic(), load.cpu_seconds(bench.pid), _others(bench)
    measured.rows = bench.flood(more, within=FILL_SECONDS / 3)
    took = time.monotonic() - began
    measured.rate = measured.rows / took
    measured.events_rate = (bench.crowd.events - events) / took
    measured.cpu = (load.cpu_seconds(bench.pid) - cpu) / max(measured.rows, 1) * 1e6
    measured.strangers = max(_others(bench) - machine, 0.0) / (took * (os.cpu_count() or 1))


def _others(bench: Bench) -> float:
    """What programs that have no part in this have worked so far, in seconds."""
    return load._machine_seconds() - load.cpu_seconds(bench.pid) - time.process_time()


def _latency(bench: Bench, measured: Measured, seconds: float) -> None:
    tools.say(f"latency for {seconds:g} s")
    bench.settle()
    read: dict[str, int] = {}
    following = bench.connection()
    response = following.follow("/events/stream")
    ready = threading.Event()

    def reader() -> None:
        try:
            for line in response:
                now = time.monotonic_ns()
                ready.set()
                if line.startswith(b"data: {"):
                    read[json.loads(line.removeprefix(b"data: "))["time"]] = now
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass  # closed below

    thread = threading.Thread(target=reader, daemon=True)
    thread.start()
    assert ready.wait(20), "the stream says nothing"
    told: dict[str, int] = {}
    cpu, began = load.cpu_seconds(bench.pid), time.monotonic()
    with bench.fake.delay(r"GET /(containers|networks)/[0-9a-f]{64}", INSPECT_SECONDS):
        due = time.monotonic()
        for _ in range(round(seconds * RATE)):
            instant, written = bench.crowd.step()
            told[rendered(instant)] = written
            due += 1 / RATE
            time.sleep(max(due - time.monotonic(), 0))
        deadline = time.monotonic() + 10
        while not told.keys() <= read.keys() and time.monotonic() < deadline:
            time.sleep(0.05)
    measured.cpu_calm = (load.cpu_seconds(bench.pid) - cpu) / (time.monotonic() - began)
    following.close()
    thread.join(5)
    response.close()
    measured.steps = len(told)
    measured.latencies = sorted((read[key] - told[key]) / 1e6 for key in told.keys() & read.keys())


def _membership(bench: Bench, measured: Measured, questions: int) -> None:
    tools.say(f"{questions:,} questions about the past")
    chance = random.Random(2)
    asking = bench.connection()

    def instants() -> Iterator[tuple[str, int]]:
        deadline = time.monotonic() + ASK_SECONDS
        for _ in range(questions):
            if time.monotonic() > deadline:
                return
            yield f"network-{chance.randrange(NETWORKS):02}", chance.randrange(bench.crowd.first, bench.crowd.last)

    bench.settle()
    for name, instant in itertools.chain(itertools.islice(instants(), WARMING), instants()):
        path = f"/networks/{name}/containers?at={quote(rendered(instant))}"
        took, _ = _timed(lambda path=path: asking.get(path))  # type: ignore[misc]
        measured.at_http.append(took)
    del measured.at_http[: min(WARMING, questions)]
    for name, instant in itertools.islice(instants(), max(questions // 5, 1)):
        path = f"/networks/{name}/containers?at={quote(rendered(instant))}&limit=1000"
        took, body = _timed(lambda path=path: asking.get(path))  # type: ignore[misc]
        measured.at_http_whole.append(took)
        measured.members.append(len(json.loads(body)["items"]))
    file = bench.control.data_dir / FILE
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        for name, instant in instants():
            took, _ = _timed(lambda name=name, at=instant: _stays(connection, name, at))  # type: ignore[misc]
            measured.at_store.append(took)


def _stays(connection: sqlite3.Connection, network: str, instant: int) -> Sequence[object]:
    keys = timetravel.keys_of(connection, "network", network)
    return timetravel.stays(connection, "network", keys, instant, instant + 1)


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    return (time.perf_counter() - began) * 1000, result


def _calm(bench: Bench, measured: Measured, rows: int) -> None:
    tools.say(f"{rows:,} records, every endpoint looked at")
    began = time.monotonic()
    done = bench.flood(rows, window=IN_CALM, chunk=IN_CALM // 2, within=60)
    measured.calm_rate = done / (time.monotonic() - began)


def _on_disk(folder: Path) -> tuple[int, float, float]:
    """Records of a log that nobody has open, its bytes each, and the share of connects whose endpoint is known."""
    with closing(sqlite3.connect(folder / FILE)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (rows,) = connection.execute("SELECT count(*) FROM event").fetchone()
        (connects, known) = connection.execute(
            "SELECT count(*), count(endpoint) FROM event WHERE kind = ?", (_CONNECT,)
        ).fetchone()
    size = sum(path.stat().st_size for path in folder.glob(f"{FILE}*"))
    return rows, size / max(rows, 1), known / max(connects, 1)


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that so many of them are not above."""
    ordered = sorted(values)
    return ordered[min(round(share * (len(ordered) - 1)), len(ordered) - 1)] if ordered else float("inf")


def figures(measured: Measured) -> Iterator[Figure]:
    """The promises of the README against what was measured."""
    full = measured.filled >= measured.wanted_rows
    yield Figure(
        f"the engine's events (a third told twice), durable, /s at {measured.wanted_rows:,} records",
        f"≥ {INGEST:,.0f}",
        f"{measured.events_rate:,.0f}" + ("" if full else f" at {measured.filled:,}: not filled in time"),
        full and measured.events_rate >= INGEST,
    )
    p50, p99 = percentile(measured.latencies, 0.5), percentile(measured.latencies, 0.99)
    came = f"{len(measured.latencies):,} of {measured.steps:,} came"
    whole = 0 < len(measured.latencies) == measured.steps
    yield Figure(
        f"engine event to SSE client, {RATE}/s, p50", f"≤ {P50:g} ms", f"{p50:.1f} ms ({came})", whole and p50 <= P50
    )
    yield Figure(
        f"engine event to SSE client, {RATE}/s, p99", f"≤ {P99:g} ms", f"{p99:.1f} ms ({came})", whole and p99 <= P99
    )
    at = percentile(measured.at_http, 0.99)
    yield Figure("who was on a network at T, over HTTP, p99", f"≤ {AT_P99:g} ms", f"{at:.1f} ms", at <= AT_P99)
    yield Figure(
        "bytes on disk a record, endpoints known",
        f"≤ {BYTES:g}",
        f"{measured.bytes_calm:.0f} ({measured.known_calm:.1%} of connects with their endpoint)",
        measured.bytes_calm <= BYTES and measured.known_calm > KNOWN,
    )
    peak = max(measured.rss)
    yield Figure("peak resident memory", f"≤ {RSS_MB:g} MB", f"{peak:.0f} MB", peak <= RSS_MB)


def report(measured: Measured) -> tuple[str, bool]:
    """Two Markdown tables, and whether every figure holds."""

    def of(values: Sequence[float]) -> str:
        return f"{percentile(values, 0.5):.2f} / {percentile(values, 0.99):.2f} / {max(values, default=0):.2f}"

    members = percentile(measured.members, 0.5)
    seen = (
        (f"filling an empty log to {measured.filled:,}, records/s", f"{measured.fill_rate:,.0f}"),
        (f"{measured.rows:,} more, records/s", f"{measured.rate:,.0f}"),
        ("the engine's events read meanwhile, events/s", f"{measured.events_rate:,.0f}"),
        ("control's CPU for a record, µs", f"{measured.cpu:.0f}"),
        ("event to SSE client, ms, p50 / p99 / most", of(measured.latencies)),
        (f"control's share of a core at {RATE}/s", f"{measured.cpu_calm:.0%}"),
        ("at T, over HTTP, 100 at most, ms, p50 / p99 / most", of(measured.at_http)),
        (f"at T, over HTTP, all ({members:.0f} in the median), ms, p50 / p99 / most", of(measured.at_http_whole)),
        ("at T, in the store alone, all, ms, p50 / p99 / most", of(measured.at_store)),
        (
            f"bytes a record, {measured.total_rows:,} records, {measured.known_full:.0%} of endpoints known",
            f"{measured.bytes_full:.0f}",
        ),
        (
            f"bytes a record, {measured.calm_rows:,} records, {measured.known_calm:.1%} of endpoints known",
            f"{measured.bytes_calm:.0f}",
        ),
        ("records/s with two inspects for each connect", f"{measured.calm_rate:,.0f}"),
        ("peak resident memory, MB, full / calm", " / ".join(f"{one:.0f}" for one in measured.rss)),
    )
    lines = ["| seen | |", "|---|--:|", *(f"| {text} | {value} |" for text, value in seen)]
    told = list(figures(measured))
    lines += ["", *table(told, "measured"), "", strangers(measured.strangers)]
    return "\n".join(lines), all(figure.holds for figure in told)
