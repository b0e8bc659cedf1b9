"""The application: the one place that wires.

Outermost first: request id, log line and metrics; starlette's own error handling; the gate (Host, token), before
any routing; the routes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware

from control.api.problems import HANDLERS, problem_response
from control.api.replacing import keep_finishing
from control.api.requests import Requests
from control.api.routes import ROUTES
from control.api.state import State
from control.auth import Gate, on_refusal
from control.engine import Engine
from control.eventlog.intents import Intents
from control.eventlog.keeping import keep
from control.eventlog.recorder import Recorder
from control.eventlog.retention import Limits
from control.eventlog.store import Store
from control.instants import NANOSECONDS
from control.memory import Memory
from control.ordering import Order
from control.settings import Settings
from control.topology.replacing import Replacements


def create_app(settings: Settings, store: Store, token: str, *, on_start: Callable[[anyio.Event], None]) -> Requests:
    """The ASGI app. `store` is open and is closed by who opened it. `on_start` is handed the event that, once set,
    ends the streams: at the signal to stop, because a server that waits for open requests would wait for them."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[State]:
        engine = Engine(
            settings.docker_host,
            timeout=settings.engine_timeout,
            build_timeout=settings.build_timeout,
            exec_timeout=settings.exec_timeout,
            output_limit=settings.output_limit,
        )
        recorder = Recorder(engine, store, interval=settings.reconcile_interval, canary=settings.canary_interval)
        intents = Intents(engine, store, recorder.ledger, recorder.clock, later=recorder.tell_later)
        memory = Memory(settings.data_dir)
        stopping = anyio.Event()
        on_start(stopping)
        tasks = [asyncio.create_task(recorder.run(), name="recorder")]
        limits = _limits(settings)
        if limits != Limits():
            tasks.append(asyncio.create_task(keep(store, limits, recorder.clock), name="retention"))
        state = State(
            settings=settings,
            engine=engine,
            store=store,
            recorder=recorder,
            intents=intents,
            memory=memory,
            order=Order(settings.engine_timeout),
            active_keys=set(),
            terminals=asyncio.Semaphore(settings.terminals),
            replacements=Replacements(engine, memory),
            stopping=stopping,
        )
        tasks.append(asyncio.create_task(keep_finishing(state), name="replacements"))
        try:
            yield state
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await engine.close()
            await memory.close()

    app = Starlette(
        routes=ROUTES,
        middleware=[
            Middleware(
                AuthenticationMiddleware,
                backend=Gate(token, settings.allowed_hosts),
                on_error=on_refusal(problem_response),
            ),
        ],
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return Requests(app)


def _limits(settings: Settings) -> Limits:
    age, size = settings.log_max_age, settings.log_max_size
    return Limits(age=round(age * 86_400 * NANOSECONDS) if age else None, size=size or None)
