"""One route a path.

Starlette answers `Allow` from the first route of a path alone, so the methods of a path share one route, whose
endpoint is an ASGI app that calls the right function and otherwise says what would be right. What changes something
goes by way of the log (`asking`).
"""

from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from control.api.asking import answer

SAFE = frozenset({"GET", "HEAD"})

Endpoint = Callable[[Request], Awaitable[Response]]


class Methods:
    """The endpoints of a path, by method; HEAD is GET without the body."""

    def __init__(self, endpoints: dict[str, Endpoint]) -> None:
        self.endpoints = endpoints
        # An endpoint that changes something and has no action is a defect, found here when the program starts.
        self.actions: dict[str, str] = {
            method: endpoint.action  # type: ignore[attr-defined]
            for method, endpoint in endpoints.items()
            if method not in SAFE
        }
        if "GET" in endpoints:
            endpoints["HEAD"] = endpoints["GET"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self.endpoints.get(scope["method"])
        if endpoint is None:
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(self.endpoints))})
        if scope["method"] in SAFE:
            response = await endpoint(Request(scope, receive, send))
            await response(scope, receive, send)
        else:
            await answer(self.actions[scope["method"]], endpoint, scope, receive, send)


def by_method(**endpoints: Endpoint) -> ASGIApp:
    """The ASGI app of a path: `by_method(GET=…, POST=…)`."""
    return Methods(endpoints)
