"""Every route of the API, in the order in which they are tried."""

from typing import Final

from starlette.routing import BaseRoute

from control.api import containers, events, health, history, images, memberships, networks, volumes

ROUTES: Final[list[BaseRoute]] = [
    *health.routes,
    *memberships.routes,
    *networks.routes,
    *containers.routes,
    *volumes.routes,
    *images.routes,
    *events.routes,
    *history.routes,
]
