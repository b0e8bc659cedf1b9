"""One run of wrk, and what it said."""

import os
import re
import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_UNITS: Final = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Unusable(Exception):
    """A run with errors measures nothing."""


@dataclass(frozen=True, slots=True)
class Run:
    """Throughput in requests a second, latencies in ms, the server's own CPU in µs a request, and the share of
    the machine that programs with no part in the run took meanwhile.
    """

    rate: float
    p50: float
    p99: float
    cpu: float
    strangers: float


def cpu_seconds(pid: int) -> float:
    """User and system time of one process so far (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _machine_seconds() -> float:
    """What all processors have worked so far: all of /proc/stat's first line but idle and iowait (proc(5))."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split(maxsplit=11)[1:11]]
    return (sum(fields[:3]) + sum(fields[5:8])) / _TICKS


def _wrk_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(url: str, *, pid: int, database: int, connections: int, seconds: int) -> Run:
    """Ask url on so many connections, each as soon as it is answered. One wrk thread: there are few cores."""
    before = cpu_seconds(pid)
    all_before = _machine_seconds() - _wrk_seconds() - cpu_seconds(database) - before
    started = time.monotonic()
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency", url]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    cpu = cpu_seconds(pid) - before
    strangers = _machine_seconds() - _wrk_seconds() - cpu_seconds(database) - cpu_seconds(pid) - all_before
    strangers /= (time.monotonic() - started) * (os.cpu_count() or 1)
    if "Non-2xx" in text or "Socket errors" in text:
        raise Unusable(f"{url}: {text}")
    requests = int(_match(r"(\d+) requests in", text)[1])
    return Run(
        rate=float(_match(r"Requests/sec: +([\d.]+)", text)[1]),
        p50=_milliseconds("50", text),
        p99=_milliseconds("99", text),
        cpu=cpu / max(requests, 1) * 1e6,
        strangers=max(strangers, 0.0),
    )


def _match(pattern: str, text: str) -> re.Match[str]:
    found = re.search(pattern, text)
    if found is None:
        raise Unusable(text)
    return found


def _milliseconds(percentile: str, text: str) -> float:
    found = _match(rf"{percentile}% +([\d.]+)(us|ms|s|m)\b", text)
    return float(found[1]) * _UNITS[found[2]]
