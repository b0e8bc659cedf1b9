"""`Idempotency-Key`: a request that creates something, sent again with its key, is answered as it was the first time.

Kept across restarts, for CONTROL_IDEMPOTENCY_AGE hours. What is made under a key bears it as a label (a digest of it
and of the principal), so that after a crash in between, or an answer of the engine's that never came, the request sent
again finds what the first one made. A request that failed for certain is forgotten, and may be sent again.
"""

import base64
import contextlib
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from starlette.responses import Response

from control.api.http import read_raw
from control.api.state import state_of
from control.errors import EngineAway, EngineTimeout, Invalid, KeyInUse, KeyReused, MemoryUnavailable, Problem

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
    memory, active, age = state["memory"], state["active_keys"], state["settings"].idempotency_age * 3600
    digest = hashlib.sha256(f"{request.user.display_name}\0{key}".encode()).hexdigest()
    asked = await _fingerprint(request)
    if digest in active:
        _check_same(await memory.get(KIND, digest), asked)
        raise KeyInUse(
            f"A request with this {HEADER} is under way: ask again when it has ended.", headers={"Retry-After": "1"}
        )
    # From here to the answer that is kept, nobody else does anything under this key.
    active.add(digest)
    try:
        known = None
        if not await memory.put_new(KIND, digest, {"asked": asked}, seconds=age):
            known = await memory.get(KIND, digest)
            _check_same(known, asked)
            if known is not None and "status" in known:
                request.scope["replayed"] = True
                return Response(
                    base64.b64decode(known["body"]), known["status"], {**known["headers"], REPLAYED: "true"}
                )
        request.scope[_KEY] = Mark(digest, again=known is not None)
        return await _done(operation, request, digest, asked, age)
    finally:
        active.discard(digest)


def _check_same(known: dict[str, Any] | None, asked: str) -> None:
    if known is not None and known["asked"] != asked:
        raise KeyReused(f"This {HEADER} was used for another request: take a new one for each thing to create.")


async def _done(operation: "Operation", request: Request, digest: str, asked: str, age: float) -> Response:
    """Do it, and keep the answer."""
    memory = state_of(request)["memory"]
    try:
        response = await operation(request)
    except Problem as problem:
        if not isinstance(problem, EngineTimeout | EngineAway):  # then it is not known what was made
            with contextlib.suppress(MemoryUnavailable):
                await memory.remove(KIND, digest)
        raise
    answer = {
        "asked": asked,
        "status": response.status_code,
        "headers": {name: value for name, value in response.headers.items() if name != "content-length"},
        "body": base64.b64encode(bytes(response.body)).decode(),
    }
    # It is made, whether that can be kept or not; a request that is sent again finds it by its label.
    with contextlib.suppress(MemoryUnavailable):
        await memory.put(KIND, digest, answer, seconds=age)
    return response


async def _fingerprint(request: Request) -> str:
    scope = request.scope
    told = "\0".join((scope["method"], scope["path"], scope["query_string"].decode("latin-1")))
    return hashlib.sha256(told.encode() + b"\0" + await read_raw(request)).hexdigest()
