"""`Idempotency-Key`: a request that creates something, sent again with its key, is answered as it was the first time.

Kept across restarts, for CONTROL_IDEMPOTENCY_AGE hours. What is made under a key bears it as a label (a digest of it
and of the principal), so that after a crash in between, or an answer of the engine's that never came, the request sent
again finds what the first one made. A request that failed for certain is forgotten, and may be sent again.
"""

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from starlette.responses import Response

from control.api.http import read_raw
from control.api.state import state_of
from control.errors import EngineAway, EngineTimeout, Invalid, KeyInUse, KeyReused, Problem

if TYPE_CHECKING:
    from control.api.operations import Operation

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
LABEL: Final = "pontlevis.idempotency"
KIND: Final = "idempotency"
LONGEST: Final = 255
_KEY: Final = "idempotency"


@dataclass(frozen=True, slots=True)
class Mark:
    """The key under which a request runs. `again`: one before it may have made all of it, or a part."""

    digest: str
    again: bool


def mark_of(request: Request) -> Mark | None:
    """The key of this request, or None."""
    mark: Mark | None = request.scope.get(_KEY)
    return mark


def labels_of(request: Request) -> dict[str, str]:
    """The labels of what this request makes."""
    mark = mark_of(request)
    return {} if mark is None else {LABEL: mark.digest}


async def once(operation: "Operation", request: Request) -> Response:
    """Do an operation that creates something, or answer as it was answered before."""
    key = request.headers.get(HEADER)
    if key is None:
        return await operation(request)
    if not (0 < len(key) <= LONGEST and key.isascii() and key.isprintable()):
        raise Invalid(f"{HEADER} has 1 to {LONGEST} printable ASCII characters.")
    state = state_of(request)
    memory, active = state["memory"], state["active_keys"]
    digest = hashlib.sha256(f"{request.user.display_name}\0{key}".encode()).hexdigest()
    asked = await _fingerprint(request)
    again = False
    if not await memory.put_new(KIND, digest, {"asked": asked}, seconds=state["settings"].idempotency_age * 3600):
        known: dict[str, Any] = await memory.get(KIND, digest) or {"asked": asked}
        if known["asked"] != asked:
            raise KeyReused(f"This {HEADER} was used for another request: take a new one for each thing to create.")
        if "status" in known:
            request.scope["replayed"] = True
            headers = {**known["headers"], REPLAYED: "true"}
            return Response(base64.b64decode(known["body"]), known["status"], headers)
        if digest in active:
            raise KeyInUse(
                f"A request with this {HEADER} is under way: ask again when it has ended.", headers={"Retry-After": "1"}
            )
        again = True
    active.add(digest)
    request.scope[_KEY] = Mark(digest, again)
    try:
        response = await operation(request)
    except Problem as problem:
        if not isinstance(problem, EngineTimeout | EngineAway):  # then it is not known what was made
            await memory.remove(KIND, digest)
        raise
    finally:
        active.discard(digest)
    answer = {
        "asked": asked,
        "status": response.status_code,
        "headers": {name: value for name, value in response.headers.items() if name != "content-length"},
        "body": base64.b64encode(bytes(response.body)).decode(),
    }
    await memory.put(KIND, digest, answer, seconds=state["settings"].idempotency_age * 3600)
    return response


async def _fingerprint(request: Request) -> str:
    scope = request.scope
    told = "\0".join((scope["method"], scope["path"], scope["query_string"].decode("latin-1")))
    return hashlib.sha256(told.encode() + b"\0" + await read_raw(request)).hexdigest()
