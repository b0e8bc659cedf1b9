"""The structured log: one structlog line a record on standard output, JSON off a terminal.

Keys are constants, the same names as the API's fields; a test holds them against real output.
"""

import logging
import sys
import time
from typing import Any, Final

import orjson
import structlog
from structlog.typing import EventDict

LOGGER = "control"

# Events of control itself. Those of the event log have their kind as name: network.connect, network.disconnect.
STARTED: Final = "control.started"
STOPPED: Final = "control.stopped"
TOKEN_MADE: Final = "control.token-made"  # noqa: S105  (an event's name)
REQUEST: Final = "http.request"
REQUEST_FAILED: Final = "request.failed"
ENGINE_UP: Final = "engine.up"
ENGINE_AWAY: Final = "engine.away"
STREAM_UP: Final = "stream.up"
STREAM_LOST: Final = "stream.lost"
LOG_FAILED: Final = "log.failed"
LOG_WRITES: Final = "log.writes-again"
RECORDER_FAILED: Final = "recorder.failed"
FOLLOWER_LOST: Final = "follower.lost"
COMMAND_LEFT: Final = "command.left"
INBOX_FULL: Final = "inbox.full"
LOG_TRIMMED: Final = "log.trimmed"
REPLACEMENT_FINISHED: Final = "replacement.finished"
REPLACEMENT_UNFINISHED: Final = "replacement.unfinished"

# Keys.
REQUEST_ID: Final = "request_id"
METHOD: Final = "method"
PATH: Final = "path"
STATUS: Final = "status"
DURATION_MS: Final = "duration_ms"
PRINCIPAL: Final = "principal"
PROBLEM: Final = "problem"
DETAIL: Final = "detail"
ENGINE: Final = "engine"
API_VERSION: Final = "api_version"
URL: Final = "url"
DATA_DIR: Final = "data_dir"
VERSION: Final = "version"
SINCE: Final = "since"

# Keys of a transition: those of the API's record, flat.
SEQ: Final = "seq"
TIME: Final = "time"
NETWORK: Final = "network"
NETWORK_ID: Final = "network_id"
DRIVER: Final = "driver"
SCOPE: Final = "scope"
CONTAINER: Final = "container"
CONTAINER_ID: Final = "container_id"
IMAGE: Final = "image"
ENDPOINT_ID: Final = "endpoint_id"
IPV4: Final = "ipv4"
IPV6: Final = "ipv6"
MAC: Final = "mac"
GATEWAY: Final = "gateway"
ALIASES: Final = "aliases"
BEFORE: Final = "before"
AFTER: Final = "after"
SOURCE: Final = "source"
OBSERVED_BETWEEN: Final = "observed_between"
CAUSE: Final = "cause"
REASON: Final = "reason"
HASH: Final = "hash"
EXIT_CODE: Final = "exit_code"
SIGNAL: Final = "signal"
OLD_NAME: Final = "old_name"
HEALTH: Final = "health"
PHASE: Final = "phase"
ACTION: Final = "action"
OUTCOME: Final = "outcome"
NAME: Final = "name"
RECORDS: Final = "records"


def logger() -> structlog.stdlib.BoundLogger:
    """The one logger."""
    bound: structlog.stdlib.BoundLogger = structlog.get_logger(LOGGER)
    return bound


class _Records:
    """A structlog logger for the event log's records: thousands may come at once, so they are rendered past the
    standard library's logging and written with one call."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []

    def msg(self, rendered: bytes) -> None:
        """Take a rendered line."""
        self._lines.append(rendered)

    debug = info = warning = error = critical = msg

    def flush(self) -> None:
        """Write what was collected."""
        lines, self._lines = self._lines, []
        if lines:
            sys.stdout.flush()
            sys.stdout.buffer.write(b"\n".join(lines) + b"\n")
            sys.stdout.buffer.flush()


_written = _Records()
_records: Any = None


def records() -> Any:  # noqa: ANN401  (structlog's loggers are typed by configuration)
    """The logger of the event log's records. What it is told is written by `flush_records`."""
    return _records or logger()


def flush_records() -> None:
    """Write the records' lines."""
    _written.flush()


class _Render:
    """Renders a record's line as JSON, in one step; the date is formatted once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._date = ""

    def __call__(self, _: object, level: str, record: EventDict) -> bytes:
        second, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
        if second != self._second:
            self._second = second
            self._date = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        stamp = f"{self._date}.{nanoseconds // 1000:06d}Z"
        return orjson.dumps({"timestamp": stamp, "level": level, "event": record.pop("event"), **record}, default=str)


def _encoded(_: object, __: str, text: str) -> bytes:
    return text.encode()


def _configure_records(*, json_lines: bool, level: str) -> None:
    global _records  # noqa: PLW0603  (set up once, with the rest)
    processors: list[Any] = [_Render()]
    if not json_lines:
        processors = [
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
            structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty()),
            _encoded,
        ]
    _records = structlog.wrap_logger(
        _written,
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        context_class=dict,
        cache_logger_on_first_use=True,
    ).bind()


def _head_first(_: object, __: str, record: EventDict) -> EventDict:
    """When, how grave and what first, for who reads the lines as they are."""
    head = {key: record.pop(key) for key in ("timestamp", "level", "event") if key in record}
    return {**head, **record}


def configure(*, form: str, level: str) -> None:
    """Set up structlog, and send the standard library's records (uvicorn's, asyncio's) through it."""
    json_lines = form == "json" or (form == "auto" and not sys.stdout.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
        structlog.processors.StackInfoRenderer(),
    ]
    renderers: list[Any] = (
        [structlog.processors.format_exc_info, _head_first, structlog.processors.JSONRenderer()]
        if json_lines
        else [structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    _configure_records(json_lines=json_lines, level=level)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("uvicorn.access").disabled = True
    # uvicorn has a line of its own for each WebSocket, with its query: that is where a terminal's command is.
    logging.getLogger("uvicorn.error").addFilter(
        lambda record: record.levelno > logging.INFO or "/websockets/" not in record.pathname
    )
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
