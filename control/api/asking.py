"""What a request asks of the engine, entered in the log: every method that changes something, whatever comes of it.

An operation has its action's name, and calls `asking` when it knows what it is about, before the
engine is called; the outcome is written here, when the response is known. A request that is refused before that has its
intent and its outcome written together: nothing was asked of the engine.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final

from sse_starlette import EventSourceResponse
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from control.api.state import state_of
from control.errors import EngineAway, EngineTimeout, Invalid, LogUnavailable, Problem
from control.records import Container, ContainerRef, Network, NetworkRef, RequestRef

if TYPE_CHECKING:
    from control.eventlog.ledger import Asked

REASON: Final = "Reason"
LONGEST: Final = 512
_KEY: Final = "asking"


class Asking:
    """One request's entry in the log."""

    def __init__(self, request: HTTPConnection, action: str) -> None:
        self._request = request
        self._action = action
        self._asked: Asked | None = None
        self._network: NetworkRef | None = None
        self._container: ContainerRef | None = None

    async def begin(
        self,
        reason: str | None,
        *,
        network: NetworkRef | None = None,
        container: ContainerRef | None = None,
        name: str | None = None,
        targets: Sequence[str] = (),
        refused: bool = False,
    ) -> None:
        """Write the intent."""
        scope = self._request.scope
        self._network, self._container = network, container
        self._asked = await state_of(self._request)["intents"].begin(
            RequestRef(scope["request_id"], self._request.user.display_name, reason),
            self._action,
            method=scope["method"],
            path=scope["path"],
            network=network,
            container=container,
            name=name,
            targets=targets,
            refused=refused,
        )

    def widen(self, action: str) -> None:
        """Lay at its door what this action may cause."""
        if self._asked is not None:
            self._asked.widened = action

    async def end(self, status: int | None, problem: Problem | None) -> None:
        """Write the outcome, and the intent where there is none yet."""
        state, scope = state_of(self._request), self._request.scope
        if self._asked is None:
            if isinstance(problem, LogUnavailable):
                return  # it can't be written that it could not be written
            try:
                await self.begin(_reason_or_none(self._request), refused=True)
            except LogUnavailable:
                return
        assert self._asked is not None  # noqa: S101  (begin has set it)
        await state["intents"].end(
            self._asked,
            "replayed" if scope.get("replayed") else _outcome(status, problem, planned=bool(scope.get("planned"))),
            status=status,
            problem=problem.slug if problem else None,
            network=self._network,
            container=self._container,
        )
        if self._container is not None:
            # Of what is done to a container that does not run, the engine tells nothing.
            state["recorder"].touch(self._container.id)


def enter(request: HTTPConnection, action: str) -> Asking:
    """The entry of a request that asks for this."""
    entry = request.scope[_KEY] = Asking(request, action)
    return entry


async def asking(
    request: HTTPConnection,
    *,
    network: Network | None = None,
    container: Container | None = None,
    name: str | None = None,
    targets: Sequence[str] = (),
) -> None:
    """Write that the engine is about to be asked, of this network and container, or to make something of this name, or
    of all these `targets`. Raises LogUnavailable, and Invalid for a reason that can't be kept."""
    await _asking_of(request).begin(
        reason_of(request),
        network=NetworkRef(network.id, network.name, network.driver, network.scope) if network else None,
        container=ContainerRef(container.id, container.name, container.image) if container else None,
        name=name,
        targets=targets,
    )


def planned(request: Request) -> None:
    """This request is answered with a plan, and asks nothing of the engine."""
    request.scope["planned"] = True


def widen(request: Request, action: str) -> None:
    """From here on the request may also cause what this action does: what the engine then shows is laid at its door."""
    _asking_of(request).widen(action)


def failed(request: Request, problem: Problem) -> None:
    """What a response that has begun came to after all."""
    request.scope["problem"] = problem


async def answer(
    action: str, endpoint: Callable[[Request], Awaitable[Response]], scope: Scope, receive: Receive, send: Send
) -> None:
    """Call an endpoint that changes something, write the outcome, and send the response. The outcome is written first,
    so that who was answered finds it in the log; but that of a response whose sending is the work, after it."""
    request = Request(scope, receive, send)
    entry = enter(request, action)
    try:
        reason_of(request)  # one that can't be kept is refused, also where nothing comes to be asked
        response = await endpoint(request)
        if isinstance(response, EventSourceResponse):
            await response(scope, receive, send)
    except Problem as problem:
        await asyncio.shield(entry.end(int(problem.status), problem))
        raise
    except BaseException as error:
        await asyncio.shield(entry.end(500 if isinstance(error, Exception) else None, None))
        raise
    told: Problem | None = scope.get("problem")
    await asyncio.shield(entry.end(int(told.status) if told else response.status_code, told))
    if not isinstance(response, EventSourceResponse):
        await response(scope, receive, send)


def _asking_of(request: HTTPConnection) -> Asking:
    entry: Asking = request.scope[_KEY]
    return entry


def _outcome(status: int | None, problem: Problem | None, *, planned: bool) -> str:
    if status is None or isinstance(problem, EngineTimeout | EngineAway):
        return "unknown"
    if status < 400:  # noqa: PLR2004  (no error)
        return "planned" if planned else "done"
    return "refused" if status < 500 else "failed"  # noqa: PLR2004  (a client error)


def reason_of(request: HTTPConnection) -> str | None:
    """Why, as the request says; None where it does not. Raises Invalid for what can't be kept."""
    given = request.headers.get(REASON)
    if given is None:
        return None
    try:
        reason = given.encode("latin-1").decode()
    except UnicodeDecodeError:
        reason = given
    reason = reason.strip()
    if len(reason) > LONGEST or not reason.isprintable():
        raise Invalid(f"The {REASON} header has {LONGEST} printable characters at most.")
    return reason or None


def _reason_or_none(request: HTTPConnection) -> str | None:
    try:
        return reason_of(request)
    except Invalid:
        return None
