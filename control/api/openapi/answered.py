"""What an operation is answered with: records, problems, headers and links. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from control import errors
from control.api import idempotency
from control.api.openapi.asked import JSON
from control.api.openapi.examples import answer_example
from control.api.openapi.schemas import Schemas, one_line
from control.api.operations import Media, Operation
from control.auth import OPEN_PATHS
from control.records import Container, Image, Network, Record, Volume

PROBLEM_JSON: Final = "application/problem+json"
MEMBERSHIP: Final = "/networks/{network}/containers/{container}"

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


class Problem(Record):
    """What went wrong, and what to do (RFC 9457). `type` tells which problem it is. Some have further members, which
    their texts name."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str
    title: str
    status: int
    detail: str
    request_id: str


class At(NamedTuple):
    """An operation and where it is."""

    path: str
    method: str
    operation: Operation


def answered_of(operation: Operation) -> Iterator[type[BaseModel]]:
    """Every model that it answers with."""
    for answer in operation.answers.values():
        yield from (media.model for media in _as_media(answer) if media.model is not None)


def problems_of(path: str, operation: Operation) -> list[type[errors.Problem]]:
    """Every problem that an operation may be answered with."""
    kinds: list[type[errors.Problem]] = [*ALWAYS, *operation.problems]
    if path not in OPEN_PATHS:
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


def responses_of(at: At, found: Iterable[At], schemas: Schemas) -> dict[str, Any]:
    """The `responses`: each status, with what comes with it."""
    responses: dict[str, Any] = {
        str(status): _response(at, status, answer, found, schemas) for status, answer in at.operation.answers.items()
    }
    by_status: dict[int, list[type[errors.Problem]]] = {}
    for kind in problems_of(at.path, at.operation):
        by_status.setdefault(int(kind.status), []).append(kind)
    for status, kinds in by_status.items():
        told = _problems(status, kinds, schemas)
        if (before := responses.get(str(status))) is not None:
            before["content"] = {**before.get("content", {}), **told["content"]}
            before["description"] += f" Or {told['description']}"
        else:
            responses[str(status)] = told
    return dict(sorted(responses.items()))


def _response(at: At, status: int, answer: object, found: Iterable[At], schemas: Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for media in _as_media(answer):
        content[media.name] = _content(media, content.get(media.name), schemas)
    told = " ".join(media.description for media in _as_media(answer) if media.description)
    response: dict[str, Any] = {"description": told or HTTPStatus(status).phrase, "headers": dict(_headers(at, status))}
    if content:
        response["content"] = content
    if links := _links(at, answer, found):
        response["links"] = links
    return response


def _content(media: Media, before: Mapping[str, Any] | None, schemas: Schemas) -> dict[str, Any]:
    if media.model is None:
        return {}
    schema = schemas.place(media.model, "serialization")
    if media.name != JSON and not media.name.endswith("+json"):  # lines or messages, each of this schema
        return {"x-item-schema": schema}
    if media.many:
        schema = {"type": "array", "items": schema}
    examples = {media.model.__name__: {"value": answer_example(schema, schemas.named)}}
    if before is None:
        return {"schema": schema, "examples": examples}
    one = before["schema"]
    return {"schema": {"anyOf": [*one.get("anyOf", [one]), schema]}, "examples": {**before["examples"], **examples}}


def _headers(at: At, status: int) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "X-Request-ID", {"$ref": "#/components/headers/X-Request-ID"}
    if status == HTTPStatus.CREATED:
        yield "Location", {"description": "Where it is.", "required": True, "schema": {"type": "string"}}
    if at.operation.creates:
        yield idempotency.REPLAYED, {"$ref": f"#/components/headers/{idempotency.REPLAYED}"}


def _problems(status: int, kinds: list[type[errors.Problem]], schemas: Schemas) -> dict[str, Any]:
    schema = {
        **schemas.place(Problem, "serialization"),
        "properties": {"type": {"enum": [errors.PREFIX + kind.slug for kind in kinds]}},
    }
    examples = {kind.slug: {"$ref": f"#/components/examples/{kind.slug}"} for kind in kinds}
    headers = {"X-Request-ID": {"$ref": "#/components/headers/X-Request-ID"}}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = {"$ref": "#/components/headers/WWW-Authenticate"}
    return {
        "description": " ".join(f"`{kind.slug}`: {one_line(kind.__doc__ or kind.title)}" for kind in kinds),
        "headers": headers,
        "content": {PROBLEM_JSON: {"schema": schema, "examples": examples}},
    }


def problem_examples(found: Iterable[At]) -> dict[str, Any]:
    """One example of each problem that there is, by its word."""
    kinds = {kind.slug: kind for at in found for kind in problems_of(at.path, at.operation)}
    return {
        slug: {
            "summary": kind.title,
            "value": {**kind(one_line(kind.__doc__ or kind.title)).document(), "request_id": "6f1d2c9a40b7e853"},
        }
        for slug, kind in sorted(kinds.items())
    }


HEADERS: Final = {
    "X-Request-ID": {
        "description": "The request's id, in control's log and in the event log. Yours, where you sent one of up to 64 "
        "letters, digits, `.`, `_` and `-`.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    },
    idempotency.REPLAYED: {
        "description": "`true`: nothing was done now; this is the answer that the key got before.",
        "schema": {"const": "true"},
    },
    "WWW-Authenticate": {"description": "`Bearer`.", "required": True, "schema": {"type": "string"}},
}


def _as_media(answer: object) -> tuple[Media, ...]:
    several = answer if isinstance(answer, tuple) else () if answer is None else (answer,)
    return tuple(it if isinstance(it, Media) else Media(JSON, it) for it in several)


def _links(at: At, answer: object, found: Iterable[At]) -> dict[str, Any]:
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
                for name in _names(at.path)
                if f"{{{name}}}" in other.path and name != parameter
            }
            links[other.operation.id] = {"operationId": other.operation.id, "parameters": parameters}
    if at.path == MEMBERSHIP:
        for other in found:
            if {"network", "container"} <= set(_names(other.path)) and other.operation is not at.operation:
                same = {name: f"$request.path.{name}" for name in ("network", "container")}
                links[other.operation.id] = {"operationId": other.operation.id, "parameters": same}
    return links


def _names(path: str) -> list[str]:
    return re.findall(r"{(\w+)}", path)
