"""Keeps the log within its limits.

Concurrency: one task on the event loop, which has the store remove a chunk after the other in its writer's thread, so
that what is to be written waits for no more than one. A crash between two chunks leaves whole chunks.
"""

import asyncio
from typing import Final

from control import log
from control.errors import LogUnavailable
from control.eventlog.clock import EngineClock
from control.eventlog.retention import Limits
from control.eventlog.store import Store

PAUSE: Final = 60.0
BETWEEN: Final = 0.05


async def keep(store: Store, limits: Limits, clock: EngineClock, *, pause: float = PAUSE) -> None:
    """Remove what is beyond the limits, each `pause` seconds, until cancelled."""
    while True:
        removed = 0
        try:
            while count := await store.trim(limits, clock.now()):
                removed += count
                await asyncio.sleep(BETWEEN)
        except LogUnavailable:
            pass  # the recorder tells of it
        if removed:
            log.logger().info(log.LOG_TRIMMED, **{log.RECORDS: removed})
        await asyncio.sleep(pause)
