"""A second listener at the engine's event stream, for evidence: what the engine said, in the order in which it did.

It is a thread that writes each line to a file as it comes, and a mark of its own where the stream began and ended.
Nothing is checked against it.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2


@contextmanager
def witness(socket: str, path: Path) -> Iterator[None]:
    """Events go to `path` meanwhile."""
    ended = threading.Event()

    def mark(text: str) -> str:
        return json.dumps({"witness": text, "time": time.time_ns()}) + "\n"

    def listen() -> None:
        transport = httpx2.HTTPTransport(uds=socket)
        filters = json.dumps({"type": ["network", "container"]})
        since, last = f"{time.time():.9f}", ""
        with path.open("a", buffering=1) as file, httpx2.Client(transport=transport, timeout=2) as client:
            while not ended.is_set():
                try:
                    query = {"filters": filters, "since": since}
                    with client.stream("GET", "http://engine/events", params=query) as stream:
                        file.write(mark(f"begins, since {since}"))
                        for line in stream.iter_lines():
                            file.write(f"{line}\n")
                            nanoseconds = json.loads(line)["timeNano"]
                            last = f"{nanoseconds // 10**9}.{nanoseconds % 10**9:09d}"
                            if ended.is_set():
                                return
                except httpx2.ReadTimeout:
                    since = last or since  # nothing happens: listen on
                    continue
                except (httpx2.HTTPError, OSError, ValueError):
                    file.write(mark("broken off"))
                # From the beginning: an engine that starts speaks before anyone listens.
                since = "0.000000000"
                ended.wait(0.05)

    thread = threading.Thread(target=listen, name="witness", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(10)
