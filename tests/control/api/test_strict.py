"""What no operation takes: parameters and members that it does not name, values of another type, bodies without end."""

from typing import Any

import httpx2
import pytest

from control.api import openapi
from control.api.routes import ROUTES
from tests.support.api import problem_of

OPERATIONS = list(openapi.operations(ROUTES))
WITH_BODY = [at for at in OPERATIONS if at.operation.body is not None]
NAMES = {
    "network": "bridge",
    "container": "no-such",
    "volume": "no-such",
    "image": "alpine",
    "seq": "1",
    "exec": "0" * 64,
}


def _path(at: openapi.At) -> str:
    return at.path.format_map({**NAMES, **{name: "1" for name in _parts(at.path) if name not in NAMES}})


def _parts(path: str) -> list[str]:
    return [part.partition("}")[0] for part in path.split("{")[1:]]


def _ask(api: httpx2.Client, at: openapi.At, **options: Any) -> httpx2.Response:  # noqa: ANN401  (httpx2's)
    return api.request(at.method, _path(at), **options)


@pytest.mark.parametrize("at", OPERATIONS, ids=lambda at: at.operation.id)
def test_unknown_query_parameters_are_refused(api: httpx2.Client, at: openapi.At) -> None:
    """422 that names it, by every operation, before anything is done."""
    answer = _ask(api, at, params={"no_such_parameter": "1"})
    assert answer.status_code == 422, answer.text
    assert problem_of(answer)["errors"][-1]["at"] == "query.no_such_parameter"


@pytest.mark.parametrize("at", WITH_BODY, ids=lambda at: at.operation.id)
def test_unknown_members_are_refused(api: httpx2.Client, at: openapi.At) -> None:
    """422 that names it, by every operation with a body."""
    required = {
        parameter: NAMES["network"]
        for parameter in at.operation.query.model_fields
        if at.operation.query.model_fields[parameter].is_required()
    }
    answer = _ask(api, at, json={"no_such_member": 1}, params=required)
    assert answer.status_code == 422, answer.text
    assert "body.no_such_member" in [error["at"] for error in problem_of(answer)["errors"]]


@pytest.mark.parametrize("at", WITH_BODY, ids=lambda at: at.operation.id)
def test_bodies_are_limited(api: httpx2.Client, at: openapi.At) -> None:
    """413, with a length or without."""
    headers = {"Content-Type": "application/json"}
    for content in (b" " * 1_048_577, iter([b" " * 65_536] * 17)):
        answer = _ask(api, at, content=content, headers=headers)
        assert answer.status_code == 413, answer.text


@pytest.mark.parametrize("at", WITH_BODY, ids=lambda at: at.operation.id)
@pytest.mark.parametrize(
    "body", ["[]", '"text"', "1", "null", "NaN", "{'a': 1}", '{"a": 1', "\ud800", '{"a": "\\ud800"}']
)
def test_bodies_are_json_objects(api: httpx2.Client, at: openapi.At, body: str) -> None:
    """400 for what is no JSON, 422 for what is no object."""
    content = body.encode("utf-8", "surrogatepass")
    answer = _ask(api, at, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}, answer.text


@pytest.mark.parametrize("value", ["yes", "1", "True", "", "on"])
def test_a_truth_is_true_or_false(api: httpx2.Client, value: str) -> None:
    """And nothing that only looks like it."""
    answer = api.get("/networks", params={"dangling": value})
    assert answer.status_code == 422
    assert problem_of(answer)["errors"] == [{"at": "query.dangling", "message": "Input should be true or false"}]


@pytest.mark.parametrize("value", ["1.0", "1_0", " 1", "+1", "1e1", "0x1", "01", "٣", ""])
def test_a_number_is_written_in_digits(api: httpx2.Client, value: str) -> None:
    """In one way alone."""
    answer = api.get("/networks", params={"limit": value})
    assert answer.status_code == 422
    assert problem_of(answer)["errors"][0]["at"] == "query.limit"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/networks", {"name": "x", "internal": "true"}),
        ("/networks", {"name": "x", "attachable": 1}),
        ("/networks", {"name": 1}),
        ("/containers", {"image": "alpine", "publish": [{"container_port": "80"}]}),
        ("/containers", {"image": "alpine", "command": "sleep"}),
        ("/containers", {"image": "alpine", "env": {"A": 1}}),
        ("/swarm", {"subnet_size": 24.5}),
    ],
)
def test_text_is_no_number(api: httpx2.Client, path: str, body: dict[str, Any]) -> None:
    """Nor a number a truth: what is of another type is refused, not read as it may have been meant."""
    answer = api.post(path, json=body)
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "PATCH", "PROPFIND"])
def test_methods_that_are_none(api: httpx2.Client, method: str) -> None:
    """405 with the ones there are, by every path."""
    for path in dict.fromkeys(_path(at) for at in OPERATIONS):
        answer = api.request(method, path)
        assert answer.status_code == 405, (method, path)
        assert answer.headers["allow"]
