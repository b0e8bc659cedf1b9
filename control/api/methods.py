"""One route a path.

Starlette answers `Allow` from the first route of a path alone, so the methods of a path share one route, whose
endpoint is an ASGI app that calls the right operation and otherwise says what would be right. What changes something
goes by way of the log (`asking`), and what creates something by way of its key (`idempotency`).
"""

import functools

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from control.api.asking import answer
from control.api.idempotency import once
from control.api.operations import Operation

SAFE = frozenset({"GET", "HEAD"})


class Methods:
    """The operations of a path, by method; HEAD is GET without the body."""

    def __init__(self, operations: dict[str, Operation]) -> None:
        self.operations = operations
        for method, operation in operations.items():
            # What changes something and has no action is a defect, found here when the program starts.
            assert (operation.action is None) == (method in SAFE), operation.id  # noqa: S101
        if "GET" in operations:
            operations["HEAD"] = operations["GET"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation = self.operations.get(scope["method"])
        if operation is None:
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(_methods_of(scope)))})
        if operation.action is None:
            response = await operation(Request(scope, receive, send))
            await response(scope, receive, send)
        else:
            do = functools.partial(once, operation) if operation.creates else operation
            await answer(operation.action, do, scope, receive, send)


def _methods_of(scope: Scope) -> set[str]:
    """What the path takes by any route: `/networks/prune` is a path of its own, and that of a network of this name."""
    return {
        method
        for route in scope["app"].routes
        if isinstance(route, Route) and isinstance(route.endpoint, Methods) and route.path_regex.match(scope["path"])
        for method in route.endpoint.operations
    }


def by_method(**operations: Operation) -> ASGIApp:
    """The ASGI app of a path: `by_method(GET=…, POST=…)`."""
    return Methods(operations)
