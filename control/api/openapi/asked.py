"""What an operation reads of a request: its parameters, headers and bodies. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel

from control.api import idempotency
from control.api.asking import LONGEST as REASON_LONGEST
from control.api.asking import REASON
from control.api.openapi.examples import given_examples
from control.api.openapi.schemas import Schemas
from control.api.operations import Media, Operation

JSON: Final = "application/json"
PRINTABLE: Final = "^[!-~]([ -~]*[!-~])?$"

PATH: Final = {
    "network": "A network: its name, its full id, or 12 digits of it or more.",
    "container": "A container: its name, its full id, or 12 digits of it or more.",
    "exec": "The id of a command in the container.",
    "volume": "A volume's name.",
    "image": "An image: a name with its tag or digest, or an id.",
    "seq": "A record's number.",
}


def asked_of(operation: Operation) -> Iterator[type[BaseModel]]:
    """Every model of a body that it reads."""
    yield from (media.model for media in _bodies(operation) if media.model is not None)


def parameters_of(path: str, operation: Operation, schemas: Schemas) -> list[dict[str, Any]]:
    """What it reads of the path, the query and the headers."""
    return [*path_parameters(path), *query_parameters(operation, schemas), *_headers(operation)]


def path_parameters(path: str) -> list[dict[str, Any]]:
    """The parts of a path that name something."""
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": PATH[name],
            "schema": {"type": "string", "minLength": 1},
        }
        for name in re.findall(r"{(\w+)}", path)
    ]


def query_parameters(operation: Operation, schemas: Schemas) -> list[dict[str, Any]]:
    """The query parameters, from the model that validates them."""
    schema = schemas.resolved(schemas.place(operation.query, "validation"))
    required = set(schema.get("required", ()))
    return [_query_parameter(name, it, required=name in required) for name, it in schema.get("properties", {}).items()]


def _query_parameter(name: str, described: Mapping[str, Any], *, required: bool) -> dict[str, Any]:
    one = {key: value for key, value in described.items() if key not in {"title", "description"}}
    # A parameter that is left out is null; none can be sent.
    options = [it for it in one.get("anyOf", ()) if it != {"type": "null"}]
    if len(options) == 1:
        one = {**{key: value for key, value in one.items() if key not in {"anyOf", "default"}}, **options[0]}
    parameter: dict[str, Any] = {"name": name, "in": "query", "required": required, "schema": one}
    if "description" in described:
        parameter["description"] = described["description"]
    if one.get("type") == "array":
        parameter |= {"style": "form", "explode": True}
    return parameter


def _headers(operation: Operation) -> Iterator[dict[str, Any]]:
    def header(name: str, description: str, **schema: object) -> dict[str, Any]:
        told = {"type": "string", **schema}
        return {"name": name, "in": "header", "required": False, "description": description, "schema": told}

    if operation.action is not None:
        yield header(REASON, "Why; it is kept in the event log. UTF-8.", maxLength=REASON_LONGEST)
    if operation.creates:
        yield header(
            idempotency.HEADER,
            "A text of your own, another for each thing to create: sent again with it, the request is answered as it "
            "was, and nothing is made twice.",
            minLength=1,
            maxLength=idempotency.LONGEST,
            pattern=PRINTABLE,
        )
    if operation.conditional:
        yield header("If-Match", "The `ETag` of what is to be changed: 412 where it is not so any more.")
    for name, description in operation.headers.items():
        yield header(name, description)


def request_body(operation: Operation, schemas: Schemas) -> dict[str, Any] | None:
    """The `requestBody`, where it reads one."""
    bodies = _bodies(operation)
    if not bodies:
        return None
    content: dict[str, Any] = {}
    for media in bodies:
        content[media.name] = {}
        if media.model is not None:
            content[media.name]["schema"] = schemas.place(media.model, "validation")
            if examples := given_examples(media.model):
                content[media.name]["examples"] = examples
    return {"content": content, "required": _needs_body(operation, schemas)}


def _bodies(operation: Operation) -> tuple[Media, ...]:
    return operation.bodies if operation.body is None else (Media(JSON, operation.body), *operation.bodies)


def _needs_body(operation: Operation, schemas: Schemas) -> bool:
    if operation.body is None:
        return True
    return bool(schemas.resolved(schemas.place(operation.body, "validation")).get("required"))
