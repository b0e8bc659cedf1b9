"""Round the whole app: a request id, one log line, and the metrics of each request.

It stands outside of starlette's own error handling, so that a 500 has its id and its line too.
"""

import re
import secrets
import time
from http import HTTPStatus
from typing import Final

import structlog
from prometheus_client import Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from control import log
from control.api.problems import problem_response
from control.errors import NotFound

HEADER: Final = "X-Request-ID"
_BEGIN: Final = frozenset({"http.response.start", "websocket.http.response.start", "websocket.accept"})
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")

_DURATION = Histogram(
    "control_request_duration_seconds",
    "Time from the request's first byte to the answer's last.",
    ["method", "route", "status"],
)


class Requests:
    """Counts, times and logs what passes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _SANE.fullmatch(given) else secrets.token_hex(8)
        scope["request_id"] = request_id
        scope.setdefault("method", "GET")  # which a WebSocket's request has, and ASGI leaves out
        status = 0
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "websocket.close" and status == 0:
                # Starlette has no other way to refuse one: the gate has said why, or there is no such path.
                problem = scope.setdefault("problem", NotFound(f"There is no WebSocket at {scope['path']}."))
                await problem_response(problem, request_id)(scope, receive, send_with_id)
                return
            if message["type"] in _BEGIN:
                status = message.get("status", 101)
                message.setdefault("headers", [])
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(**{log.REQUEST_ID: request_id}):
            try:
                await self.app(scope, receive, send_with_id)
            except Exception:
                # Starlette raises again what its own handler has logged and answered.
                if status == 0:
                    raise
            finally:
                self._told(scope, status, time.perf_counter() - started)

    def _told(self, scope: Scope, status: int, seconds: float) -> None:
        route = scope.get("route")
        path = getattr(route, "path_format", "none")
        if status != HTTPStatus.SWITCHING_PROTOCOLS:  # a terminal is open as long as somebody likes
            _DURATION.labels(scope["method"], path, status).observe(seconds)
        user, problem = scope.get("user"), scope.get("problem")
        further = {} if problem is None else {log.PROBLEM: problem.slug, log.DETAIL: problem.detail}
        # Probes come every few seconds and say nothing; they are there at level debug.
        write = log.logger().debug if path in {"/healthz", "/metrics"} and problem is None else log.logger().info
        write(
            log.REQUEST,
            **{
                log.METHOD: scope["method"],
                log.PATH: scope["path"],
                log.STATUS: status,
                log.DURATION_MS: round(seconds * 1000, 2),
                log.PRINCIPAL: user.display_name if user is not None and user.is_authenticated else None,
                **further,
            },
        )
