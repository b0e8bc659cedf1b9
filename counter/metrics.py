"""Prometheus metrics. With several workers, any of them answers `/metrics` for all.

That is prometheus-client's multiprocess mode: each process keeps its numbers in files under
`PROMETHEUS_MULTIPROC_DIR`, which `__main__` sets before the workers start, and a scrape adds them up
(https://prometheus.github.io/client_python/multiprocess/). Numbers of workers that died stay in the sums.
"""

import os
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

MULTIPROCESS_ENV: Final = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS: Final = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.0, 2.0)
_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

REQUESTS: Final = Counter("counter_requests", "Requests answered.", ["method", "route", "status"])
REQUEST_SECONDS: Final = Histogram(
    "counter_request_duration_seconds", "From a request's arrival to its answer.", ["route"], buckets=_SECONDS
)
COMMITS: Final = Counter("counter_commits", "Increments sent to MongoDB, by outcome.", ["outcome"])
COMMIT_SECONDS: Final = Histogram(
    "counter_commit_duration_seconds", "One increment, journaled by a majority.", buckets=_SECONDS
)
COMMIT_SIZE: Final = Histogram("counter_commit_requests", "Requests that shared one increment.", buckets=_SIZES)


def render() -> bytes:
    """All metrics in Prometheus' text format."""
    if MULTIPROCESS_ENV not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
