"""The counter beside the seed's server and beside itself answering a constant, on one mongod.

All run on the same replica set of one with w=majority and j=true, interleaved round by round, so that a
machine whose speed drifts drifts for all; the quotients are taken within a round, and their median is quoted.
The counter runs as users run it: one worker, every request logged (to a file).
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import httpx2

from counter.embedded import LOOPBACK, Mongod, free_port
from tests.bench import tools
from tests.bench.figures import Figure, strangers, table
from tests.bench.load import Run, run
from tests.support.counting import CounterProcess, eventually

CONNECTIONS: Final = (64, 256, 16, 1)
SEED: Final = "the seed's server"
CONSTANT: Final = "a constant (`/healthz`)"
COUNT: Final = "`GET /`"
# (what, of what, connections, at least)
RATIOS: Final = (
    (SEED, 64, 6.0),
    (SEED, 256, 5.0),
    (SEED, 16, 3.5),
    (SEED, 1, 1.2),
    (CONSTANT, 64, 0.55),
)

Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Server:
    """Something to measure."""

    name: str
    url: str
    pid: int


def measure(*, rounds: int, seconds: int) -> dict[Key, list[Run]]:
    """All runs, by server and connections."""
    runs: dict[Key, list[Run]] = {}
    tools.wrk()
    seed = tools.seed_server()
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="pontlevis-bench-")))
        mongod = cleanup.enter_context(Mongod(folder / "mongod"))
        port = free_port()
        node = subprocess.Popen([*seed, mongod.url, str(port)], stdout=subprocess.DEVNULL, env=_production())
        cleanup.callback(_end, node)
        counter = cleanup.enter_context(CounterProcess(folder, mongod.url))
        counter.count()
        servers = [
            Server(SEED, f"http://{LOOPBACK}:{port}/", node.pid),
            Server(CONSTANT, f"{counter.base}/healthz", counter.process.pid),
            Server(COUNT, f"{counter.base}/", counter.process.pid),
        ]
        eventually("the seed's server answers", lambda: _answers(servers[0].url))
        for number in range(rounds + 1):
            tools.say(f"round {number} of {rounds}" if number else "warming up")
            for connections in CONNECTIONS:
                # Every other round backwards, so that nobody is always first.
                for server in servers if number % 2 else reversed(servers):
                    done = run(
                        server.url,
                        pid=server.pid,
                        database=mongod.pid,
                        connections=connections,
                        seconds=seconds if number else 1,
                    )
                    if number:
                        runs.setdefault((server.name, connections), []).append(done)
    return runs


def figures(runs: dict[Key, list[Run]]) -> Iterator[Figure]:
    """The promises of the README against the runs."""
    for other, connections, least in RATIOS:
        pairs = zip(runs[COUNT, connections], runs[other, connections], strict=True)
        quotients = sorted(mine.rate / theirs.rate for mine, theirs in pairs)
        got = median(quotients)
        yield Figure(
            f"{COUNT} ÷ {other}, {connections} connections",
            f"≥ {least:g}",
            f"{got:.2f} ({quotients[0]:.2f}-{quotients[-1]:.2f})",
            got >= least,
        )
    slow = median(one.p99 for one in runs[COUNT, 64])
    theirs = median(one.p50 for one in runs[SEED, 64])
    yield Figure(
        f"p99 of {COUNT} below p50 of {SEED}, 64 connections",
        f"< {theirs:.1f} ms",
        f"{slow:.1f} ms",
        slow < theirs,
    )


def report(runs: dict[Key, list[Run]]) -> tuple[str, bool]:
    """Two Markdown tables, and whether every figure holds."""
    lines = [
        "| server | connections | requests/s | p50 ms | p99 ms | its CPU, µs/request |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for (name, connections), done in sorted(runs.items(), key=lambda item: (-item[0][1], item[0][0])):
        rate, p50, p99, cpu = (median(getattr(one, field) for one in done) for field in ("rate", "p50", "p99", "cpu"))
        lines.append(f"| {name} | {connections} | {rate:,.0f} | {p50:.2f} | {p99:.2f} | {cpu:.0f} |")
    told = list(figures(runs))
    share = median(one.strangers for done in runs.values() for one in done)
    lines += ["", *table(told, "median (least-most)"), "", strangers(share)]
    return "\n".join(lines), all(figure.holds for figure in told)


def _production() -> dict[str, str]:
    return {**os.environ, "NODE_ENV": "production"}


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url).status_code == 200
    except httpx2.TransportError:
        return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    process.wait(10)
