"""Every route of the API, in the order in which they are tried."""

from typing import Final

from starlette.routing import BaseRoute

from control.api import containers, docs, events, execs, health, history, images, logs, memberships, networks, volumes

ROUTES: Final[list[BaseRoute]] = [
    *health.routes,
    *docs.routes,
    *memberships.routes,
    *networks.routes,
    *containers.routes,
    *logs.routes,
    *execs.routes,
    *volumes.routes,
    *images.routes,
    *events.routes,
    *history.routes,
]
