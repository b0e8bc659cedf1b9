"""Errors as RFC 9457 problem responses: the one place."""

import json

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from control import log
from control.errors import BadRequest, Internal, MethodNotAllowed, NotFound, Problem

MEDIA_TYPE = "application/problem+json"


def problem_response(problem: Problem, request_id: str | None) -> Response:
    """The response that tells a client of a problem."""
    document = problem.document()
    if request_id is not None:
        document["request_id"] = request_id
    return Response(json.dumps(document, separators=(",", ":")), int(problem.status), problem.headers, MEDIA_TYPE)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101  (registered for this class alone)
    request.scope["problem"] = error
    return problem_response(error, request.scope.get("request_id"))


async def _http_error(request: Request, error: Exception) -> Response:
    """Starlette's own errors: no such route, another method."""
    assert isinstance(error, HTTPException)  # noqa: S101  (registered for this class alone)
    headers = dict(error.headers or {})
    path = request.scope["path"]
    problem: Problem
    if error.status_code == NotFound.status:
        problem = NotFound(f"There is nothing at {path}.", headers=headers)
    elif error.status_code == MethodNotAllowed.status:
        allowed = headers.get("Allow", "")
        problem = MethodNotAllowed(f"{path} takes {allowed}, not {request.method}.", headers=headers)
    else:
        problem = BadRequest(error.detail, headers=headers)
    return await _problem(request, problem)


async def _gone(request: Request, _: Exception) -> Response:
    """A client that went away in the middle of its body: nobody reads this, and nothing is wrong here."""
    return await _problem(request, BadRequest("The connection ended before the body did."))


async def _defect(request: Request, error: Exception) -> Response:
    request_id = request.scope.get("request_id")
    log.logger().error(
        log.REQUEST_FAILED, exc_info=error, **{log.REQUEST_ID: request_id, log.PATH: request.scope["path"]}
    )
    return await _problem(request, Internal(f"This is a defect of control: report it with request id {request_id}."))


HANDLERS: dict[int | type[Exception], ExceptionHandler] = {
    Problem: _problem,
    HTTPException: _http_error,
    ClientDisconnect: _gone,
    Exception: _defect,
}
