"""The outermost layer: each request gets an id, one log line, its metrics, and an answer whatever breaks.

It wraps the whole application, Starlette's own error handling included, so that a 500 carries the id as well.
"""

import re
import secrets
from collections.abc import Awaitable
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from counter import log
from counter.errors import on_unexpected
from counter.metrics import REQUEST_SECONDS, REQUESTS

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

REQUEST_ID_HEADER: Final = b"x-request-id"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
OTHER: Final = "other"
UNMATCHED: Final = "unmatched"
LONGEST_LOGGED_PATH: Final = 200
SERVER_ERROR: Final = 500

_usable_id = re.compile(rb"[\w.:+/=-]{1,128}", re.ASCII).fullmatch


class Edge:
    """ASGI middleware around the application."""

    def __init__(self, app: ASGIApp, *, log_requests: bool) -> None:
        self._app = app
        self._log = log.get_logger().bind()
        self._log_requests = log_requests
        # Unique over processes by the random part, within one by the number: cheaper than a random id each.
        self._prefix = secrets.token_hex(6)
        self._numbers = count(1)
        # Looking a labelled metric up costs more than counting in it. Few keys: their parts are all bounded.
        self._metrics: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan, which passes through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        arrived = perf_counter()
        request_id = self._request_id(scope)
        status = 0

        # Not a coroutine of its own: it hands on the inner one, which saves a frame per message.
        def send_with_id(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (REQUEST_ID_HEADER, request_id)]
            return send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:  # noqa: BLE001  the last resort: logged whole, and answered
            self._log.error("failed", **{log.REQUEST_ID: request_id.decode()}, exc_info=error)
            if not status:
                await on_unexpected(Request(scope), error)(scope, receive, send_with_id)
        self._tell(scope, status, perf_counter() - arrived, request_id)

    def _request_id(self, scope: Scope) -> bytes:
        """The client's own X-Request-ID where it is sane, else a new one."""
        for name, value in scope["headers"]:
            if name == REQUEST_ID_HEADER and _usable_id(value):
                return bytes(value)
        return b"%s-%x" % (self._prefix.encode(), next(self._numbers))

    def _tell(self, scope: Scope, status: int, seconds: float, request_id: bytes) -> None:
        """Count and log an answered request."""
        method = scope["method"]
        route = scope.get("route")
        path = route.path if route is not None else UNMATCHED
        key = (method if method in METHODS else OTHER, path, status)
        metrics = self._metrics.get(key)
        if metrics is None:
            metrics = self._metrics[key] = (REQUESTS.labels(*key), REQUEST_SECONDS.labels(path))
        metrics[0].inc()
        metrics[1].observe(seconds)
        if self._log_requests:
            (self._log.info if status < SERVER_ERROR else self._log.warning)(
                "request",
                method=method,
                path=scope["path"][:LONGEST_LOGGED_PATH],
                status=status,
                duration_ms=round(seconds * 1000, 3),
                request_id=request_id.decode(),
            )
