"""Every route of the API, in the order in which they are tried."""

from typing import Final

from starlette.routing import BaseRoute

from control.api import (
    containers,
    docs,
    events,
    execs,
    health,
    history,
    images,
    lifecycle,
    logs,
    memberships,
    networks,
    pruning,
    replacing,
    swarm,
    terminal,
    volumes,
)

ROUTES: Final[list[BaseRoute]] = [
    *health.routes,
    *docs.routes,
    *pruning.routes,
    *memberships.routes,
    *networks.routes,
    *replacing.routes,
    *containers.routes,
    *lifecycle.routes,
    *logs.routes,
    *execs.routes,
    *terminal.routes,
    *volumes.routes,
    *images.routes,
    *swarm.routes,
    *events.routes,
    *history.routes,
]
