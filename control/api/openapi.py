"""The OpenAPI 3.1 document, made from the operations themselves: from the models that validate and the problems that
each declares. Pure.

`document` is made once, at the first request for it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import JsonSchemaMode, models_json_schema
from starlette.routing import BaseRoute, Route

from control import errors
from control.api import idempotency
from control.api.asking import LONGEST as REASON_LONGEST
from control.api.asking import REASON
from control.api.methods import Methods
from control.api.operations import Media, Operation
from control.errors import Problem
from control.records import Container, Image, Network, Record, Volume

VERSION: Final = "3.1.0"
JSON: Final = "application/json"
PROBLEM_JSON: Final = "application/problem+json"
OPEN: Final = frozenset({"/healthz", "/openapi.json", "/docs"})
"""Paths that need no token: they tell nothing of the engine or the log."""

PARAMETERS: Final = {
    "network": "A network: its name, its full id, or 12 digits of it or more.",
    "container": "A container: its name, its full id, or 12 digits of it or more.",
    "volume": "A volume's name.",
    "image": "An image: a name with its tag or digest, or an id.",
    "seq": "A record's number.",
}
_LINKED: Final[Mapping[type[BaseModel], tuple[str, str]]] = {
    Network: ("network", "id"),
    Container: ("container", "id"),
    Volume: ("volume", "name"),
    Image: ("image", "id"),
}
"""Which path parameter stands for what an answer tells, and where the answer has it."""

ALWAYS: Final = (errors.Invalid, errors.Internal)
GUARDED: Final = (errors.Unauthenticated, errors.Forbidden)
WITH_BODY: Final = (errors.BadRequest, errors.TooLarge, errors.UnsupportedMediaType)
OF_THE_ENGINE: Final = (errors.EngineFailed, errors.EngineAway, errors.EngineTimeout)
OF_A_KEY: Final = (errors.KeyReused, errors.KeyInUse, errors.MemoryUnavailable, errors.TooLarge)


class ProblemDocument(Record):
    """What went wrong, and what to do (RFC 9457). Some types have further members, which their texts name."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str
    title: str
    status: int
    detail: str
    request_id: str | None = None


class At(NamedTuple):
    """An operation and where it is."""

    path: str
    method: str
    operation: Operation


def operations(routes: Iterable[BaseRoute]) -> Iterator[At]:
    """Every operation of the API."""
    for route in routes:
        if isinstance(route, Route) and isinstance(route.endpoint, Methods):
            for method, operation in route.endpoint.operations.items():
                if method != "HEAD":
                    yield At(route.path_format, method, operation)


def document(routes: Iterable[BaseRoute], version: str) -> dict[str, Any]:
    """The whole document."""
    found = list(operations(routes))
    models: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(ProblemDocument, "serialization"): None}
    for at in found:
        for model in _asked(at.operation):
            models[model, "validation"] = None
        models[at.operation.query, "validation"] = None
        for media in _answered(at.operation):
            if media.model is not None:
                models[media.model, "serialization"] = None
    places, definitions = models_json_schema(list(models), ref_template="#/components/schemas/{model}")
    schemas = definitions.get("$defs", {})

    def place(model: type[BaseModel], mode: JsonSchemaMode) -> dict[str, Any]:
        return dict(places[model, mode])

    paths: dict[str, dict[str, Any]] = {}
    for at in found:
        paths.setdefault(at.path, {})[at.method.lower()] = _operation(at, found, schemas, place)
    for at in found:  # the models of query parameters stand with their operations, not among the schemas
        schemas.pop(places[at.operation.query, "validation"].get("$ref", "").rpartition("/")[2], None)
    return {
        "openapi": VERSION,
        "info": {
            "title": "Pontlevis",
            "version": version,
            "summary": "Docker networks over HTTP, with a durable log of every connect and disconnect.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"token": []}],
        "tags": [{"name": name} for name in dict.fromkeys(_tag(at.path) for at in found)],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas,
        },
    }


def _operation(at: At, found: list[At], schemas: Mapping[str, Any], place: Any) -> dict[str, Any]:  # noqa: ANN401  (a function of document's own)
    operation = at.operation
    summary, _, description = (operation.function.__doc__ or "").strip().partition("\n\n")
    told: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [_tag(at.path)],
        "summary": " ".join(summary.split()),
    }
    if description:
        told["description"] = " ".join(description.split())
    parameters = [*_path_parameters(at.path), *_query_parameters(operation, schemas, place), *_headers(operation)]
    if parameters:
        told["parameters"] = parameters
    if content := _request_content(operation, place):
        told["requestBody"] = {"content": content, "required": _needs_body(operation, schemas, place)}
    told["responses"] = _responses(at, found, place)
    if at.path in OPEN:
        told["security"] = []
    return told


def _tag(path: str) -> str:
    first = path.strip("/").partition("/")[0]
    return (
        first if first in {"networks", "containers", "volumes", "images", "swarm", "events", "overlaps"} else "control"
    )


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": PARAMETERS[name],
            "schema": {"type": "string", "minLength": 1},
        }
        for name in re.findall(r"{(\w+)}", path)
    ]


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    return schemas[reference.rpartition("/")[2]] if reference else schema


def _query_parameters(operation: Operation, schemas: Mapping[str, Any], place: Any) -> list[dict[str, Any]]:  # noqa: ANN401  (a function of document's own)
    schema = _resolved(place(operation.query, "validation"), schemas)
    required = set(schema.get("required", ()))
    parameters = []
    for name, described in schema.get("properties", {}).items():
        one = {key: value for key, value in described.items() if key not in {"title", "description"}}
        # A parameter that is left out is null; none can be sent.
        options = [it for it in one.get("anyOf", ()) if it != {"type": "null"}]
        if len(options) == 1:
            one = {**{key: value for key, value in one.items() if key not in {"anyOf", "default"}}, **options[0]}
        parameter: dict[str, Any] = {"name": name, "in": "query", "required": name in required, "schema": one}
        if "description" in described:
            parameter["description"] = described["description"]
        if one.get("type") == "array":
            parameter |= {"style": "form", "explode": True}
        parameters.append(parameter)
    return parameters


def _headers(operation: Operation) -> Iterator[dict[str, Any]]:
    def header(name: str, description: str, longest: int) -> dict[str, Any]:
        schema = {"type": "string", "minLength": 1, "maxLength": longest, "pattern": "^[!-~]([ -~]*[!-~])?$"}
        return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}

    if operation.action is not None:
        yield header(REASON, "Why; it is kept in the event log.", REASON_LONGEST)
    if operation.creates:
        yield header(
            idempotency.HEADER,
            "A text of your own, another for each thing to create: sent again, the request is answered as it was.",
            idempotency.LONGEST,
        )
    if operation.conditional:
        yield header("If-Match", "The `ETag` of what is to be changed: 412 where it is not so any more.", 1024)


def _asked(operation: Operation) -> Iterator[type[BaseModel]]:
    if operation.body is not None:
        yield operation.body
    yield from (media.model for media in operation.bodies if media.model is not None)


def _request_content(operation: Operation, place: Any) -> dict[str, Any]:  # noqa: ANN401  (a function of document's own)
    bodies = operation.bodies if operation.body is None else (Media(JSON, operation.body), *operation.bodies)
    return {
        media.name: {"schema": place(media.model, "validation")} if media.model is not None else {} for media in bodies
    }


def _needs_body(operation: Operation, schemas: Mapping[str, Any], place: Any) -> bool:  # noqa: ANN401  (a function of document's own)
    if operation.body is None:
        return True
    return bool(_resolved(place(operation.body, "validation"), schemas).get("required"))


def _as_media(answer: object) -> tuple[Media, ...]:
    several = answer if isinstance(answer, tuple) else () if answer is None else (answer,)
    return tuple(it if isinstance(it, Media) else Media(JSON, it) for it in several)


def _answered(operation: Operation) -> Iterator[Media]:
    for answer in operation.answers.values():
        yield from _as_media(answer)


def problems_of(path: str, operation: Operation) -> list[type[Problem]]:
    """Every problem that an operation may be answered with."""
    kinds: list[type[Problem]] = [*ALWAYS, *operation.problems]
    if path not in OPEN:
        kinds += GUARDED
    else:
        kinds.append(errors.Forbidden)  # the Host header is looked at everywhere
    if "{" in path:
        kinds.append(errors.NotFound)
    if operation.body is not None or operation.bodies:
        kinds += WITH_BODY
    if operation.engine:
        kinds += OF_THE_ENGINE
    if operation.action is not None:
        kinds.append(errors.LogUnavailable)
    if operation.creates:
        kinds += OF_A_KEY
    if operation.conditional:
        kinds.append(errors.PreconditionFailed)
    return sorted(set(kinds), key=lambda kind: (int(kind.status), kind.slug))


def _response(at: At, status: int, answer: object, found: list[At], place: Any) -> dict[str, Any]:  # noqa: ANN401  (a function of document's own)
    content: dict[str, Any] = {}
    for media in _as_media(answer):
        schema = place(media.model, "serialization") if media.model is not None else {}
        if media.name in content:
            before = content[media.name]["schema"]
            content[media.name] = {"schema": {"anyOf": [*before.get("anyOf", [before]), schema]}}
        elif media.name == JSON or not schema:
            content[media.name] = {"schema": schema} if schema else {}
        else:  # lines or messages, each of this schema
            content[media.name] = {"x-item-schema": schema}
    told = " ".join(media.description for media in _as_media(answer) if media.description)
    response: dict[str, Any] = {"description": told or HTTPStatus(status).phrase}
    if content:
        response["content"] = content
    if status == HTTPStatus.CREATED:
        response["headers"] = {"Location": {"description": "Where it is.", "schema": {"type": "string"}}}
    if links := _links(at, answer, found):
        response["links"] = links
    return response


def _responses(at: At, found: list[At], place: Any) -> dict[str, Any]:  # noqa: ANN401  (a function of document's own)
    responses: dict[str, Any] = {
        str(status): _response(at, status, answer, found, place) for status, answer in at.operation.answers.items()
    }
    by_status: dict[int, list[type[Problem]]] = {}
    for kind in problems_of(at.path, at.operation):
        by_status.setdefault(int(kind.status), []).append(kind)
    for number, kinds in by_status.items():
        examples = {kind.slug: {"summary": kind.title, "value": _example(kind)} for kind in kinds}
        content = {PROBLEM_JSON: {"schema": place(ProblemDocument, "serialization"), "examples": examples}}
        described = " ".join(f"`{kind.slug}`: {' '.join((kind.__doc__ or kind.title).split())}" for kind in kinds)
        if str(number) in responses:
            responses[str(number)]["content"] |= content
            responses[str(number)]["description"] += f" Or {described}"
        else:
            responses[str(number)] = {"description": described, "content": content}
    return responses


def _example(kind: type[Problem]) -> dict[str, Any]:
    return {**kind("What is wrong, and what to do about it.").document(), "request_id": "6f1d2c9a40b7e853"}


def _links(at: At, answer: object, found: list[At]) -> dict[str, Any]:
    """From what an answer tells of to what can be done with it."""
    links: dict[str, Any] = {}
    for kind, (parameter, member) in _LINKED.items():
        if not (isinstance(answer, type) and issubclass(answer, kind)):
            continue
        for other in found:
            if f"{{{parameter}}}" not in other.path or other.operation is at.operation:
                continue
            parameters = {parameter: f"$response.body#/{member}"}
            # What this very request names in its path goes along: the other side of a membership.
            parameters |= {
                name: f"$request.path.{name}"
                for name in re.findall(r"{(\w+)}", at.path)
                if f"{{{name}}}" in other.path and name != parameter
            }
            links[other.operation.id] = {"operationId": other.operation.id, "parameters": parameters}
    if at.path == "/networks/{network}/containers/{container}" and at.method in {"PUT", "GET"} and answer is not None:
        for other in found:
            if other.path.startswith(at.path) and other.operation is not at.operation:
                same = {name: f"$request.path.{name}" for name in ("network", "container")}
                links[other.operation.id] = {"operationId": other.operation.id, "parameters": same}
    return links
