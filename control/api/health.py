"""Whether control is alive, whether it can do its work, and its metrics."""

import asyncio
from typing import Literal

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control.api.http import reply
from control.api.methods import by_method
from control.api.operations import Media, operation
from control.api.state import state_of
from control.errors import Problem


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Readiness(BaseModel):
    """Whether control can do its work, and what was found by each check."""

    status: Literal["ready", "not ready"]
    checks: dict[str, str]


@operation(answers={200: Alive}, engine=False)
async def alive(_: Request) -> Response:
    """Whether the process answers. Needs no token."""
    return reply(Alive())


@operation(answers={200: Readiness, 503: Readiness}, engine=False)
async def ready(request: Request) -> Response:
    """Whether control can do its work. 200 while the engine answers and the event log follows it, else 503 with what
    is missing."""
    state = state_of(request)
    checks: dict[str, str] = {}
    try:
        checks["engine"] = f"answers, version {await state['engine'].ping()}"
        well = True
    except Problem as problem:
        checks["engine"], well = problem.detail, False
    following = state["recorder"].trouble()
    checks["log"] = following or "follows the engine"
    if well and following is None:
        return reply(Readiness(status="ready", checks=checks))
    return reply(Readiness(status="not ready", checks=checks), status=503, headers={"Retry-After": "1"})


@operation(answers={200: Media("text/plain")}, engine=False)
async def metrics(request: Request) -> Response:
    """Prometheus metrics, in its text format."""
    state_of(request)["recorder"].measure()
    return Response(await asyncio.to_thread(generate_latest), media_type=CONTENT_TYPE_LATEST)


routes = [
    Route("/healthz", by_method(GET=alive)),
    Route("/readyz", by_method(GET=ready)),
    Route("/metrics", by_method(GET=metrics)),
]
