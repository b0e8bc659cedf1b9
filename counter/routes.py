"""The routes. They parse, call and respond; errors are mapped by class in `errors`."""

from typing import Final, TypedDict

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from counter import metrics
from counter.coalescer import Coalescer
from counter.errors import CounterError, PrefetchRefused, on_counter_error
from counter.store import CountStore

JSON: Final = "application/json"
# The first is the standard's (https://www.w3.org/TR/nav-speculation/), the others older browsers'.
PREFETCH_HEADERS: Final = frozenset({b"sec-purpose", b"purpose", b"x-purpose", b"x-moz"})
_COUNT_HEADERS: Final = [(b"content-type", JSON.encode()), (b"cache-control", b"no-store")]


class State(TypedDict):
    """What the lifespan yields and requests find in `request.state`."""

    coalescer: Coalescer
    store: CountStore


class Next:
    """`GET /`: add one, answer the new value. `HEAD /`: the same headers, and nothing counted.

    Plain ASGI rather than a function of request and response: that costs 9 µs less on every request.
    """

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """Answer one request."""
        headers = _COUNT_HEADERS
        body = b""
        if scope["method"] == "GET":
            for name, value in scope["headers"]:
                if name in PREFETCH_HEADERS and (b"prefetch" in value or b"preview" in value):
                    raise PrefetchRefused(
                        "This request is a browser's guess and was not counted. Ask without Sec-Purpose: prefetch."
                    )
            coalescer: Coalescer = scope["state"]["coalescer"]
            body = b"%d" % await coalescer.take()
            headers = [*headers, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Shortcut:
    """Hands `GET /` to its route without a walk through Starlette: a tenth of the server's work per request."""

    def __init__(self, app: ASGIApp, route: Route) -> None:
        """`route` is `GET /`'s; `app` answers all else."""
        self._app = app
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        scope["route"] = self._route
        try:
            await self._route.app(scope, receive, send)
        except CounterError as error:
            await on_counter_error(Request(scope), error)(scope, receive, send)


async def favicon(_: Request) -> Response:
    """Browsers ask for one with every page: there is none, and it counts for nothing."""
    return Response(status_code=204, headers={"Cache-Control": "public, max-age=86400"})


async def healthz(_: Request) -> Response:
    """Alive: the event loop turns."""
    return Response(b'{"status":"ok"}', media_type=JSON, headers={"Cache-Control": "no-store"})


async def readyz(request: Request) -> Response:
    """Ready: MongoDB answers and holds a count that can be used, or none yet."""
    store: CountStore = request.state.store
    await store.check()
    return Response(b'{"status":"ready"}', media_type=JSON, headers={"Cache-Control": "no-store"})


async def prometheus(_: Request) -> Response:
    """Metrics of all workers."""
    return Response(metrics.render(), headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})


COUNT: Final = Route("/", Next(), methods=["GET"])
ROUTES: Final = [
    COUNT,
    Route("/favicon.ico", favicon, methods=["GET"]),
    Route("/healthz", healthz, methods=["GET"]),
    Route("/readyz", readyz, methods=["GET"]),
    Route("/metrics", prometheus, methods=["GET"]),
]
