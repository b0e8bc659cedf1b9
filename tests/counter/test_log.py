"""One line a request, in JSON off a terminal."""

import asyncio
import json
import os
import pty
import re
import threading
from pathlib import Path

from counter.log import PIPE_BUF, LineWriter
from tests.counter.conftest import Serve, Target
from tests.support.counting import CounterProcess, eventually


def test_each_request_is_one_line(serve: Serve, target: Target) -> None:
    """Method, path without query, status, duration, request id, level and time of every request."""
    counter = serve(target.url)
    answered = [
        counter.http.get("/?secret=1"),
        counter.http.head("/"),
        counter.http.get("/%1b[2J%c3%a4%0a" + "x" * 500),
    ]

    ids = [response.headers["x-request-id"] for response in answered]
    eventually("logged", lambda: ids[-1] in counter.output())
    lines = [line for line in counter.log() if line.get("request_id") in ids]

    assert [line["request_id"] for line in lines] == ids
    assert [(line["event"], line["method"], line["status"]) for line in lines] == [
        ("request", "GET", 200),
        ("request", "HEAD", 200),
        ("request", "GET", 404),
    ]
    assert lines[0]["path"] == "/"
    assert len(lines[2]["path"]) <= 200
    assert all(line["level"] == "info" and line["duration_ms"] > 0 for line in lines)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["timestamp"]) for line in lines)


def test_requests_can_go_unlogged(serve: Serve, target: Target) -> None:
    """COUNTER_LOG_REQUESTS=false leaves the other lines."""
    counter = serve(target.url, log_requests="false")
    counter.count()
    assert {line["event"] for line in counter.log()} >= {"Application startup complete."}
    assert "request" not in {line["event"] for line in counter.log()}


def test_readable_on_a_terminal(tmp_path: Path, target: Target) -> None:
    """On a terminal the lines are for people."""
    ours, theirs = pty.openpty()
    seen = bytearray()

    def read() -> None:
        try:
            while chunk := os.read(ours, 4096):
                seen.extend(chunk)
        except OSError:
            return  # the other side was closed

    reader = threading.Thread(target=read)
    reader.start()
    with CounterProcess(tmp_path, target.url, output=theirs) as counter:
        os.close(theirs)
        counter.count()
        eventually("a line for people", lambda: re.search(rb"request.*path.*=.*/", bytes(seen)) is not None)
    reader.join(10)
    os.close(ours)
    assert b'{"' not in seen


async def test_lines_of_a_turn_are_written_together_in_whole_lines() -> None:
    """What is logged in one turn leaves in writes of whole lines, none longer than a pipe keeps unmixed."""
    read_end, write_end = os.pipe()
    try:
        writer = LineWriter(write_end)
        lines = [json.dumps({"n": number, "pad": "x" * (number % 300)}).encode() for number in range(200)]
        for line in lines:
            writer.line(line)
        await asyncio.sleep(0)
        assert os.read(read_end, 1_000_000).splitlines() == lines
        writer.line(b"y" * (PIPE_BUF + 10))
        writer.line(b"z")
        writer.flush()
        assert os.read(read_end, 1_000_000) == b"y" * (PIPE_BUF + 10) + b"\nz\n"
    finally:
        os.close(read_end)
        os.close(write_end)


def test_without_a_loop_a_line_is_written_at_once() -> None:
    """At the start, at the end, and from other threads nothing is held back; a gone reader is no error."""
    read_end, write_end = os.pipe()
    writer = LineWriter(write_end)
    writer.line(b"now")
    assert os.read(read_end, 100) == b"now\n"
    os.close(read_end)
    writer.line(b"nobody")
    os.close(write_end)


def test_a_full_non_blocking_pipe_is_waited_for() -> None:
    """Where standard output is non-blocking and full, the line waits and none is lost."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    filled = 0
    try:
        while True:
            filled += os.write(write_end, b"f" * PIPE_BUF)
    except BlockingIOError:
        pass
    received = bytearray()

    def drain() -> None:
        while len(received) < filled + 5:
            received.extend(os.read(read_end, 65536))

    reader = threading.Thread(target=drain)
    reader.start()
    LineWriter(write_end).line(b"last")
    reader.join(10)
    assert bytes(received[filled:]) == b"last\n"
    os.close(read_end)
    os.close(write_end)
