"""What can go wrong, and what each client is told: RFC 9457 problems.

    CounterError                 an answer of its own: status, problem type, title, detail
    ├── DatabaseAway             503  nothing was counted; try again
    ├── OutcomeUnknown           503  the count may have moved; the answer never came
    ├── DatabaseRefused          503  MongoDB answers, and says no (rights, password, read-only)
    ├── CountInvalid             503  the collection does not hold one whole number
    └── PrefetchRefused          503  a browser guessed; guesses are not counted

Every detail says what to do. Anything else that escapes a route is a 500 that tells the client nothing of
our insides; the log has the traceback.
"""

from http import HTTPStatus
from typing import ClassVar

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

PROBLEM_URN = "urn:pontlevis:problem:"
PROBLEM_MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1


class CounterError(Exception):
    """An error that a client is told about. `str(error)` is the problem's detail."""

    slug: ClassVar[str]
    title: ClassVar[str]
    status: ClassVar[int] = 503

    def for_unsent(self) -> "CounterError":
        """The same event as those see it whose own increment was not sent yet."""
        return self


class DatabaseAway(CounterError):
    """MongoDB can't be reached. The request was not counted."""

    slug = "database-away"
    title = "The database is away"


class OutcomeUnknown(CounterError):
    """The increment was sent and no answer came: it may have been applied, or may be yet."""

    slug = "outcome-unknown"
    title = "Nobody can know whether this request was counted"

    def for_unsent(self) -> CounterError:
        return DatabaseAway(
            "The database stopped answering before this request's turn came. It was not counted: try again."
        )


class DatabaseRefused(CounterError):
    """MongoDB answers, but refuses the operation. The request was not counted."""

    slug = "database-refused"
    title = "The database refuses"


class CountInvalid(CounterError):
    """The collection does not hold exactly one document with a whole number. Nothing was counted."""

    slug = "count-invalid"
    title = "The stored count can't be used"


class PrefetchRefused(CounterError):
    """A speculative request. Browsers drop a prefetch that fails, and ask again when the page is wanted."""

    slug = "prefetch-refused"
    title = "Prefetches are not counted"


def problem(*, slug: str, title: str, status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """An `application/problem+json` response."""
    body = {"type": PROBLEM_URN + slug, "title": title, "status": status, "detail": detail}
    return Response(
        orjson.dumps(body),
        status_code=status,
        media_type=PROBLEM_MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def on_counter_error(_: Request, error: Exception) -> Response:
    """A CounterError as its problem, with Retry-After: all of them pass, by themselves or by a mending hand."""
    assert isinstance(error, CounterError)  # noqa: S101  registered for this class alone
    return problem(
        slug=error.slug,
        title=error.title,
        status=error.status,
        detail=str(error),
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def on_http_exception(request: Request, error: Exception) -> Response:
    """Starlette's own 404 and 405 as problems; 405 keeps its Allow header."""
    assert isinstance(error, HTTPException)  # noqa: S101  registered for this class alone
    status = HTTPStatus(error.status_code)
    headers = dict(error.headers or {})
    if status is HTTPStatus.NOT_FOUND:
        detail = "There is nothing here. GET / counts; /healthz, /readyz and /metrics tell how it is."
    elif status is HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"{request.method} is not answered here. Allowed: {headers.get('Allow', 'nothing')}."
    else:
        detail = error.detail
    slug = status.phrase.lower().replace(" ", "-")
    return problem(slug=slug, title=status.phrase, status=status, detail=detail, headers=headers)


def on_unexpected(_: Request, __: Exception) -> Response:
    """A fault of ours. What happened is in the log, under the response's X-Request-ID."""
    return problem(
        slug="internal",
        title="Something broke in here",
        status=500,
        detail="The fault is ours. The log has the rest under this response's X-Request-ID.",
    )
