"""One structlog line per event, written once per turn of the event loop.

Concurrency story. Lines are collected in a list by the event loop's thread and written by a callback that
runs at the end of the same turn, so a batch of answers costs one write, and a line is never older than a turn.
Without a running loop (start, end, other threads) a line is written at once. Writing blocks while the reader
of standard output is slow: lines are neither dropped nor piled up. Chunks end at line ends and stay within
PIPE_BUF, so that the lines of several workers on one pipe do not mix (pipe(7)).
"""

import asyncio
import logging
import os
import select
import sys
from time import gmtime, strftime, time_ns
from typing import Any, Final

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

# The keys of the log, for those who search it.
EVENT: Final = "event"
LEVEL: Final = "level"
TIMESTAMP: Final = "timestamp"
REQUEST_ID: Final = "request_id"
METHOD: Final = "method"
PATH: Final = "path"
STATUS: Final = "status"
DURATION_MS: Final = "duration_ms"
PROBLEM: Final = "problem"
LOGGER: Final = "logger"

PIPE_BUF: Final = 4096


class LineWriter:
    """A structlog logger that appends a newline to rendered lines and writes them to a file descriptor."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lines: list[bytes] = []

    def line(self, rendered: bytes) -> None:
        """Take a rendered line; it is written before the event loop sleeps again."""
        if not self._lines:
            try:
                asyncio.get_running_loop().call_soon(self.flush)
            except RuntimeError:
                self._write(rendered + b"\n")
                return
        self._lines.append(rendered)

    # The names by which structlog's bound loggers call.
    debug = info = warning = error = critical = line

    def flush(self) -> None:
        """Write what was collected."""
        lines, self._lines = self._lines, []
        chunk: list[bytes] = []
        size = 0
        for rendered in lines:
            size += len(rendered) + 1
            if size > PIPE_BUF and chunk:
                self._write(b"\n".join(chunk) + b"\n")
                chunk, size = [], len(rendered) + 1
            chunk.append(rendered)
        if chunk:
            self._write(b"\n".join(chunk) + b"\n")

    def _write(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:  # someone made our standard output non-blocking
                select.select([], [self._fd], [])
            except OSError:  # the reader has gone, and the service does not go with it
                return


class _ToStructlog(logging.Handler):
    """uvicorn's and the libraries' own lines, as ours."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno, record.getMessage(), **{LOGGER: record.name}, exc_info=record.exc_info
        )


class _Stamp:
    """Adds the time in RFC 3339, to the microsecond. The date is formatted once a second: a third of the cost."""

    def __init__(self) -> None:
        self._second = 0
        self._text = ""

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        microseconds = time_ns() // 1000
        second, fraction = divmod(microseconds, 1_000_000)
        if second != self._second:
            self._second = second
            self._text = strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))
        event[TIMESTAMP] = f"{self._text}.{fraction:06}Z"
        return event


def _render_json(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    return orjson.dumps(event, default=str)


def configure(*, level: str, log_format: str) -> LineWriter:
    """Set up structlog and the standard library's logging for this process; returns what to flush at its end."""
    fd = sys.stdout.fileno()
    writer = LineWriter(fd)
    least = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        _Stamp(),
    ]
    if log_format == "json" or (log_format == "auto" and not os.isatty(fd)):
        last: list[Processor] = [structlog.processors.format_exc_info, _render_json]
    else:
        last = [structlog.dev.ConsoleRenderer(), lambda _, __, text: str(text).encode()]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(least, logging.INFO), handlers=[_ToStructlog()], force=True)
    return writer


def get_logger() -> Any:  # noqa: ANN401  structlog's loggers are typed by configuration
    """The process's logger. Call after `configure`."""
    return structlog.get_logger()
