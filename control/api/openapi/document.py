"""The whole document."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode
from starlette.routing import BaseRoute, Route, WebSocketRoute

from control.api.methods import Methods
from control.api.openapi.answered import (
    HEADERS,
    At,
    Problem,
    answered_of,
    problem_examples,
    responses_of,
)
from control.api.openapi.asked import asked_of, parameters_of, path_parameters, request_body
from control.api.openapi.schemas import Schemas, one_line, schemas_of
from control.auth import OPEN_PATHS

VERSION: Final = "3.1.0"

TAGS: Final = {
    "networks": "Networks, and the containers on them.",
    "containers": "Containers: run, looked at, ended; commands, logs and terminals in them.",
    "volumes": "Volumes.",
    "images": "Images.",
    "swarm": "The swarm that this engine is in: overlay networks need one.",
    "events": "The log of every connect and disconnect.",
    "overlaps": "Who could talk to whom, and when.",
    "control": "Control itself.",
}
_DESCRIPTION: Final = (
    "Every error is a problem (RFC 9457) whose `detail` says what to do. A list answers `items` and `next`: ask again "
    "with `after` set to it for the page that follows, until it is null. Networks, containers and images are named by "
    "name, full id, or 12 digits of it or more. Unknown parameters and members are refused. Times are RFC 3339, in UTC "
    "with nanoseconds. What changes something is in the event log, with the text of the header `Reason`."
)


def operations(routes: Iterable[BaseRoute]) -> Iterator[At]:
    """Every operation of the API."""
    for route in routes:
        if isinstance(route, Route) and isinstance(route.endpoint, Methods):
            for method, operation in route.endpoint.operations.items():
                if method != "HEAD":
                    yield At(route.path_format, method, operation)


def document(routes: Iterable[BaseRoute], version: str) -> dict[str, Any]:
    """The whole document, as JSON values."""
    routes = list(routes)
    found = list(operations(routes))
    schemas = schemas_of(_models(found))
    paths: dict[str, dict[str, Any]] = {}
    for at in found:
        paths.setdefault(at.path, {})[at.method.lower()] = _operation(at, found, schemas)
    for route in routes:
        if isinstance(route, WebSocketRoute):
            begin = paths.setdefault(route.path_format, {}).setdefault("get", _socket(route))
            begin["responses"] = {"101": {"description": "A WebSocket (RFC 6455) from here on."}, **begin["responses"]}
    for at in found:  # the models of query parameters stand with their operations, not among the schemas
        schemas.named.pop(schemas.place(at.operation.query, "validation").get("$ref", "").rpartition("/")[2], None)
    used = {_tag(path) for path in paths}
    return {
        "openapi": VERSION,
        "info": {
            "title": "Pontlevis",
            "version": version,
            "summary": "Docker networks over HTTP, with a durable log of every connect and disconnect.",
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"token": []}],
        "tags": [{"name": name, "description": told} for name, told in TAGS.items() if name in used],
        "paths": dict(sorted(paths.items())),
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "`pontlevis token` prints it."}
            },
            "schemas": schemas.named,
            "headers": HEADERS,
            "examples": problem_examples(found),
        },
    }


def _models(found: Iterable[At]) -> list[tuple[type[BaseModel], JsonSchemaMode]]:
    models: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(Problem, "serialization"): None}
    for at in found:
        models[at.operation.query, "validation"] = None
        models |= dict.fromkeys((model, "validation") for model in asked_of(at.operation))
        models |= dict.fromkeys((model, "serialization") for model in answered_of(at.operation))
    return list(models)


def _operation(at: At, found: list[At], schemas: Schemas) -> dict[str, Any]:
    told = _head(at.operation.id, at.path, at.operation.function.__doc__)
    if parameters := parameters_of(at.path, at.operation, schemas):
        told["parameters"] = parameters
    if (body := request_body(at.operation, schemas)) is not None:
        told["requestBody"] = body
    told["responses"] = responses_of(at, found, schemas)
    if at.path in OPEN_PATHS:
        told["security"] = []
    return told


def _head(name: str, path: str, text: str | None) -> dict[str, Any]:
    summary, *further = re.split(r"[.:;] ", one_line(text or ""), maxsplit=1)
    told = {"operationId": name, "tags": [_tag(path)], "summary": summary.removesuffix(".")}
    return {**told, "description": further[0][0].upper() + further[0][1:]} if further else told


def _socket(route: WebSocketRoute) -> dict[str, Any]:
    """A WebSocket, which OpenAPI has no word for: the GET with which it begins."""
    told = _head(route.name, route.path_format, route.endpoint.__doc__)
    return {
        **told,
        "parameters": path_parameters(route.path_format),
        "responses": {},
    }


def _tag(path: str) -> str:
    first = path.strip("/").partition("/")[0]
    return first if first in TAGS else "control"
