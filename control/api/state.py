"""What the routes work with, made in the lifespan by `control.app` and typed here."""

import asyncio
from typing import TypedDict, cast

import anyio
from starlette.requests import HTTPConnection

from control.engine import Engine
from control.eventlog.intents import Intents
from control.eventlog.recorder import Recorder
from control.eventlog.store import Store
from control.memory import Memory
from control.ordering import Order
from control.settings import Settings
from control.topology.replacing import Replacements


class State(TypedDict):
    """The lifespan's state."""

    settings: Settings
    engine: Engine
    store: Store
    recorder: Recorder
    intents: Intents
    memory: Memory
    order: Order
    active_keys: set[str]
    terminals: asyncio.Semaphore
    replacements: Replacements
    stopping: anyio.Event


def state_of(conn: HTTPConnection) -> State:
    """The state behind a request."""
    return cast("State", conn.scope["state"])


def engine_of(conn: HTTPConnection) -> Engine:
    """The engine behind a request."""
    return state_of(conn)["engine"]
