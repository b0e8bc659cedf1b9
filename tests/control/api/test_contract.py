"""The contract: the OpenAPI document is valid, says everything, and is shown as a page."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import httpx2
import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel

from control import errors
from control.api import openapi
from control.api.docs import made
from control.api.openapi import page
from control.api.openapi.asked import asked_of
from control.api.routes import ROUTES
from control.wanted import Wanted
from tests.support.contract import contract
from tests.support.control import Control

OPERATIONS = list(openapi.operations(ROUTES))

SUMMARY = re.compile(r"[A-Z`].+")


def test_the_document_is_valid() -> None:
    """By the specification's own schema, and its rules beyond."""
    assert list(OpenAPIV31SpecValidator(dict(contract())).iter_errors()) == []


def test_operation_ids_are_unique() -> None:
    """Also among the WebSockets."""
    ids = [operation["operationId"] for item in contract()["paths"].values() for operation in item.values()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("at", OPERATIONS, ids=lambda at: at.operation.id)
def test_every_operation_is_told_well(at: openapi.At) -> None:
    """A summary that is one phrase and no status; each parameter of the path described."""
    told = contract()["paths"][at.path][at.method.lower()]
    assert SUMMARY.fullmatch(told["summary"]), told["summary"]
    assert len(told["summary"]) <= 120
    for parameter in told.get("parameters", ()):
        assert parameter["in"] == "query" or parameter["description"]


@pytest.mark.parametrize("at", OPERATIONS, ids=lambda at: at.operation.id)
def test_every_problem_is_told(at: openapi.At) -> None:
    """Each problem that an operation declares is in the answer of its status, by its type."""
    responses = contract()["paths"][at.path][at.method.lower()]["responses"]
    for kind in openapi.problems_of(at.path, at.operation):
        content = responses[str(int(kind.status))]["content"]["application/problem+json"]
        assert errors.PREFIX + kind.slug in content["schema"]["properties"]["type"]["enum"]
        assert kind.slug in content["examples"]


def _bodies() -> list[type[BaseModel]]:
    return list(dict.fromkeys(model for at in OPERATIONS for model in asked_of(at.operation)))


@pytest.mark.parametrize("model", _bodies(), ids=lambda model: model.__name__)
def test_every_body_has_examples_that_are_taken(model: type[Wanted]) -> None:
    """By the model that validates requests, and by its schema."""
    extra = model.model_config.get("json_schema_extra")
    assert isinstance(extra, dict), "give it `json_schema_extra` with `examples`"
    examples: Any = extra["examples"]
    assert examples
    validator = _validator({"$ref": f"#/components/schemas/{model.__name__}"})
    for example in examples:
        model.model_validate_json(json.dumps(example))
        validator.validate(example)


def _validator(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({**schema, "components": contract()["components"]})


def _examples() -> Iterator[Any]:
    for path, item in contract()["paths"].items():
        for operation in item.values():
            for status, response in operation["responses"].items():
                for media, content in response.get("content", {}).items():
                    for name, example in content.get("examples", {}).items():
                        where = f"{operation['operationId']}-{status}-{media.partition('+')[0]}-{name}"
                        yield pytest.param(content["schema"], example, id=f"{where}-{path}")


@pytest.mark.parametrize(("schema", "example"), list(_examples()))
def test_every_example_of_an_answer_fits(schema: dict[str, Any], example: dict[str, Any]) -> None:
    """Those of problems too, which stand among the components."""
    if "$ref" in example:
        example = contract()["components"]["examples"][example["$ref"].rpartition("/")[2]]
    _validator(schema).validate(example["value"])


def test_names_of_schemas_are_those_of_what_they_are() -> None:
    """No name that pydantic or a module makes up: clients' types are called so."""
    for name in contract()["components"]["schemas"]:
        assert re.fullmatch(r"[A-Z][A-Za-z0-9]+", name), name
    assert "NetworkPage" in contract()["components"]["schemas"]


def test_every_link_leads_somewhere() -> None:
    """To an operation that there is, with parameters that it has; from a network made to its removal."""
    ids = {at.operation.id: at for at in OPERATIONS}
    links = [
        link
        for item in contract()["paths"].values()
        for operation in item.values()
        for response in operation["responses"].values()
        for link in response.get("links", {}).values()
    ]
    assert links
    for link in links:
        at = ids[link["operationId"]]
        assert all(f"{{{name}}}" in at.path for name in link["parameters"])
    made_network = contract()["paths"]["/networks"]["post"]["responses"]["201"]["links"]
    assert {"connect", "inspect_network", "remove_network"} <= made_network.keys()
    connected = contract()["paths"]["/networks/{network}/containers/{container}"]["put"]["responses"]["201"]["links"]
    assert {"disconnect", "show_member"} <= connected.keys()


def test_lists_are_pages_or_streams() -> None:
    """Every answer with `items` has `next`, and its operation takes `limit` and `after`; ports are few."""
    lists = 0
    for at in OPERATIONS:
        told = contract()["paths"][at.path][at.method.lower()]
        names = {parameter["name"] for parameter in told.get("parameters", ())}
        for content in told["responses"].get("200", {}).get("content", {}).values():
            schema = content.get("schema", {})
            for one in schema.get("anyOf", [schema]):
                found = contract()["components"]["schemas"].get(one.get("$ref", "").rpartition("/")[2], {})
                assert found.get("type") != "array", at.path
                if "items" in found.get("properties", {}):
                    lists += 1
                    assert "next" in found["properties"], at.path
                    if at.path != "/containers/{container}/ports":
                        assert {"limit", "after"} <= names, at.path
    assert lists > 8


class _Page(HTMLParser):
    """Which anchors there are, which are linked, and what is fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Each tag."""
        self.tags.add(tag)
        for name, value in attrs:
            assert name not in {"style", "src", "onclick", "onload"}
            if name == "id":
                self.ids.append(value or "")
            elif name == "href":
                self.links.append(value or "")


def test_the_page_shows_everything_and_fetches_nothing() -> None:
    """An anchor for each operation, schema and problem; each link leads to one; no script, no image, no style sheet."""
    shown = _Page()
    shown.feed(page.rendered(contract()))
    assert len(shown.ids) == len(set(shown.ids))
    wanted = {operation["operationId"] for item in contract()["paths"].values() for operation in item.values()}
    wanted |= {f"schema-{name}" for name in contract()["components"]["schemas"]}
    wanted |= {f"problem-{slug}" for slug in contract()["components"]["examples"]}
    assert wanted <= set(shown.ids)
    assert {link for link in shown.links if not link.startswith("#")} == {"/openapi.json"}
    assert {link[1:] for link in shown.links if link.startswith("#")} <= set(shown.ids)
    assert not shown.tags & {"script", "img", "link", "iframe", "object", "form", "base"}


def test_the_page_escapes_what_it_shows() -> None:
    """Also texts that would be tags."""
    document = {
        "info": {"title": "<script>", "version": "<b>", "summary": "`<i>`", "description": "&"},
        "tags": [],
        "paths": {},
        "components": {"schemas": {"A": {"type": "string", "pattern": "<em>"}}, "examples": {}},
    }
    shown = page.rendered(document)
    assert "<script>" not in shown
    assert "<code>&lt;i&gt;</code>" in shown
    assert "<code>&lt;em&gt;</code>" in shown


def test_both_are_served_without_a_token(control: Control) -> None:
    """With an ETag that saves sending them again, and a policy that lets the page's own style in and nothing else."""
    for path, media in (("/openapi.json", "application/json"), ("/docs", "text/html; charset=utf-8")):
        answer = httpx2.get(control.url + path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, media)
        assert answer.headers["cache-control"] == "no-cache"
        again = httpx2.get(control.url + path, headers={"If-None-Match": f"W/{answer.headers['etag']}"})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])
        assert httpx2.get(control.url + path, headers={"If-None-Match": '"other"'}).status_code == 200
        assert httpx2.get(control.url + path, params={"x": "y"}).status_code == 422
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
    style = re.search(r"<style>(.*)</style>", answer.text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}';" in policy


def test_the_document_served_is_that_of_the_code(control: Control) -> None:
    """And the same each time."""
    served = httpx2.get(control.url + "/openapi.json").json()
    assert {**served, "info": {**served["info"], "version": "test"}} == contract()
    assert made(dict(contract())) == made(dict(contract()))
