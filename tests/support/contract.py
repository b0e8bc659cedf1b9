"""Holds what control answers against its own OpenAPI document: each test of the API is a test of the contract too."""

import copy
import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx2
import jsonschema_rs
from starlette.routing import BaseRoute, Match, Route, WebSocketRoute

from control.api.methods import Methods
from control.api.openapi import document
from control.api.routes import ROUTES

PROBLEM_JSON: Final = "application/problem+json"


class ContractBroken(AssertionError):
    """Control answered what its document does not know."""


@functools.cache
def contract() -> Mapping[str, Any]:
    """The document of the code under test."""
    return document(ROUTES, "test")


def watched(client: httpx2.Client) -> httpx2.Client:
    """The client, which from now on raises ContractBroken at an answer that is not as documented."""
    send = client.send

    def checked(request: httpx2.Request, **options: Any) -> httpx2.Response:  # noqa: ANN401  (httpx2's)
        answer = send(request, **options)
        check(request, answer, read=not options.get("stream"))
        return answer

    client.send = checked  # type: ignore[method-assign]
    return client


def check(request: httpx2.Request, answer: httpx2.Response, *, read: bool) -> None:
    """Raises ContractBroken where the answer is not documented. `read`: its body is there to be looked at."""
    found = _route(request.method, request.url.path)
    told = f"{request.method} {request.url.path} → {answer.status_code} {answer.text[:500] if read else ''}"
    if not isinstance(found, Route) or not isinstance(found.endpoint, Methods):
        _expect(
            answer.status_code in {401, 403, 404} or isinstance(found, WebSocketRoute), told, "there is no such path"
        )
        return
    method = "GET" if request.method == "HEAD" else request.method
    if method not in found.endpoint.operations:
        _expect(answer.status_code in {401, 403, 405}, told, "there is no such method")
        return
    responses = contract()["paths"][found.path_format][method.lower()]["responses"]
    response = responses.get(str(answer.status_code))
    _expect(response is not None, told, f"documented are {', '.join(responses)}")
    assert response is not None
    for name, header in response["headers"].items():
        required = header.get("required") or contract()["components"]["headers"].get(name, {}).get("required")
        _expect(not required or name in answer.headers, told, f"the header {name} is missing")
    if request.method == "HEAD" or "content" not in response:
        _expect(not read or not answer.content, told, "there is a body, and none is documented")
        return
    media = answer.headers.get("content-type", "").partition(";")[0]
    _expect(media in response["content"], told, f"documented are {', '.join(response['content'])}, not {media}")
    if read:
        for value, schema in _values(answer, media, response["content"][media]):
            for error in _validator(json.dumps(schema)).iter_errors(value):
                _expect(False, told, f"{'/'.join(map(str, error.instance_path))}: {error.message[:300]}")


def _expect(holds: bool, told: str, what: str) -> None:
    if not holds:
        raise ContractBroken(f"{told}: {what}")


def _values(answer: httpx2.Response, media: str, content: Mapping[str, Any]) -> Iterator[tuple[object, object]]:
    if media.endswith("json") and "schema" in content:
        yield answer.json(), content["schema"]
    elif media == "application/x-ndjson" and "x-item-schema" in content:
        for line in answer.text.splitlines():
            yield json.loads(line), content["x-item-schema"]


def _route(method: str, path: str) -> BaseRoute | None:
    kind = {"type": "http", "method": method, "path": path, "headers": []}
    other = None
    for route in ROUTES:
        scope = {**kind, "type": "websocket"} if isinstance(route, WebSocketRoute) else kind
        match route.matches(scope)[0]:
            case Match.FULL:
                return route
            case Match.PARTIAL:
                other = other or route
    return other


@functools.cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    components = copy.deepcopy(contract()["components"])
    for name, one in components["schemas"].items():
        if name != "Problem":  # some have members of their own
            _close(one)
    return jsonschema_rs.Draft202012Validator({**json.loads(schema), "components": components})


def _close(schema: Any) -> None:  # noqa: ANN401  (any JSON)
    """What is not documented is not answered."""
    if isinstance(schema, list):
        for part in schema:
            _close(part)
    elif isinstance(schema, dict):
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for part in schema.values():
            _close(part)
