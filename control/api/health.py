"""Whether control is alive, whether it can do its work, and its metrics."""

import asyncio

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from control.api.http import NoQuery, read_query
from control.api.methods import by_method
from control.api.state import state_of
from control.errors import Problem


async def alive(request: Request) -> Response:
    """200 while the process answers. The one path that needs no token."""
    read_query(request, NoQuery)
    return JSONResponse({"status": "alive"})


async def ready(request: Request) -> Response:
    """200 while the engine answers and the event log follows it, else 503 with what is missing."""
    read_query(request, NoQuery)
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
        return JSONResponse({"status": "ready", "checks": checks})
    return JSONResponse({"status": "not ready", "checks": checks}, 503, {"Retry-After": "1"})


async def metrics(request: Request) -> Response:
    """Prometheus metrics, in its text format."""
    read_query(request, NoQuery)
    state_of(request)["recorder"].measure()
    return Response(await asyncio.to_thread(generate_latest), media_type=CONTENT_TYPE_LATEST)


routes = [
    Route("/healthz", by_method(GET=alive)),
    Route("/readyz", by_method(GET=ready)),
    Route("/metrics", by_method(GET=metrics)),
]
