"""ETags: a change that was asked for is not made where what it is about has been changed since it was read.

`etag_of(record)` is sent with what a client may change later, and `check_match(request, etag)` is called inside the
turn, when what there is now was looked at.
"""

import hashlib
from typing import Final

import orjson
from pydantic import BaseModel
from starlette.requests import Request

from control.errors import PreconditionFailed

DIGITS: Final = 32


def etag_of(record: BaseModel) -> str:
    """The strong ETag of a record, quotes included: a hash of its canonical JSON."""
    canonical = orjson.dumps(record.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
    return f'"{hashlib.sha256(canonical).hexdigest()[:DIGITS]}"'


def matches(wanted: str, etag: str | None) -> bool:
    """Whether an `If-Match` (`*`, or ETags with commas between) allows a change of what has this ETag now; None is
    what does not exist. A weak ETag matches nothing (RFC 9110, 13.1.1). Pure."""
    if etag is None:
        return False
    return wanted.strip() == "*" or etag in (one.strip() for one in wanted.split(","))


def check_match(request: Request, etag: str | None) -> None:
    """Raises PreconditionFailed where the request has an `If-Match` that does not allow it; see `matches`."""
    wanted = request.headers.get("if-match")
    if wanted is None or matches(wanted, etag):
        return
    if etag is None:
        raise PreconditionFailed(
            "There is no such thing now, so nothing was done. Ask again without If-Match to make it."
        )
    raise PreconditionFailed(
        "It was changed since you read it, so nothing was done. Read it again (GET), see whether you still want your "
        "change, and send the ETag of that answer as If-Match.",
        etag=etag,
    )
