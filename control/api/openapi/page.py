"""The document as one page of HTML: no script, one style, nothing fetched. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any, Final

from control.api.openapi.answered import PROBLEM_JSON
from control.api.openapi.members import Members

STYLE: Final = (Path(__file__).parent / "page.css").read_text()

_METHODS: Final = ("get", "post", "put", "delete")


def rendered(document: Mapping[str, Any]) -> str:
    """The page."""
    info = document["info"]
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(info['title'])} {escape(info['version'])}: the API</title>",
            f"<style>{STYLE}</style></head><body>",
            f'<nav aria-label="Contents"><a class="title" href="#top">{escape(info["title"])}</a>',
            *_contents(document),
            "</nav><main>",
            f'<header id="top"><h1>{escape(info["title"])} <small>{escape(info["version"])}</small></h1>',
            f"<p>{text(info['summary'])}</p><p>{text(info['description'])}</p>",
            '<p>The same for programs: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1).</p></header>',
            *_operations(document),
            *_problems(document),
            *_schemas(document),
            "</main></body></html>",
        )
    )


def text(written: str) -> str:
    """A text of ours as HTML: what stands between backquotes is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(written, quote=False))


def _by_tag(
    document: Mapping[str, Any],
) -> Iterator[tuple[Mapping[str, Any], list[tuple[str, str, Mapping[str, Any]]]]]:
    for tag in document["tags"]:
        yield (
            tag,
            [
                (path, method, item[method])
                for path, item in document["paths"].items()
                for method in _METHODS
                if method in item and tag["name"] in item[method]["tags"]
            ],
        )


def _contents(document: Mapping[str, Any]) -> Iterator[str]:
    for tag, found in _by_tag(document):
        yield f"<details open><summary>{escape(tag['name'])}</summary><ul>"
        for path, method, operation in found:
            yield (f'<li><a href="#{operation["operationId"]}">{_badge(method)}<span>{_breaking(path)}</span></a></li>')
        yield "</ul></details>"
    yield '<ul class="ends"><li><a href="#problems">problems</a></li><li><a href="#schemas">schemas</a></li></ul>'


def _badge(method: str) -> str:
    return f'<b class="method {method}">{method.upper()}</b>'


def _breaking(path: str) -> str:
    """A path that may break after its slashes."""
    return escape(path).replace("/", "/<wbr>")


def _operations(document: Mapping[str, Any]) -> Iterator[str]:
    for tag, found in _by_tag(document):
        yield f'<section><h2 id="tag-{escape(tag["name"])}">{escape(tag["name"])}</h2><p>{text(tag["description"])}</p>'
        for path, method, operation in found:
            yield from _operation(document, path, method, operation)
        yield "</section>"


def _operation(document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    members = Members(document["components"]["schemas"], text)
    name = operation["operationId"]
    yield f'<article id="{name}"><h3><a href="#{name}">{_badge(method)} <code>{_breaking(path)}</code></a></h3>'
    yield f'<p class="summary">{text(operation["summary"])}</p>'
    if "description" in operation:
        yield f"<p>{text(operation['description'])}</p>"
    if operation.get("security") == []:
        yield '<p class="note">Needs no token.</p>'
    for place, title in (("path", "Path"), ("query", "Query"), ("header", "Headers")):
        parameters = [it for it in operation.get("parameters", ()) if it["in"] == place]
        if parameters:
            yield f"<h4>{title}</h4><dl>"
            yield from (
                members.item(it["name"], it["schema"], it.get("description"), it["required"]) for it in parameters
            )
            yield "</dl>"
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<h4>Body <small>{escape(media)}</small></h4>"
        yield from _body(members, content)
    yield "<h4>Answers</h4><dl class='answers'>"
    for status, response in operation["responses"].items():
        yield from _response(members, status, response)
    yield "</dl></article>"


def _body(members: Members, content: Mapping[str, Any]) -> Iterator[str]:
    if "schema" in content:
        yield members.opened(content["schema"])
    for example in content.get("examples", {}).values():
        yield _example(example["value"])


def _example(value: object) -> str:
    return f"<pre><code>{escape(json.dumps(value, indent=2, ensure_ascii=False), quote=False)}</code></pre>"


def _response(members: Members, status: str, response: Mapping[str, Any]) -> Iterator[str]:
    kind = "bad" if status >= "400" else "good"
    problems = response.get("content", {}).get(PROBLEM_JSON, {}).get("examples", {})
    linked = " ".join(f'<a class="problem" href="#problem-{it}">{it}</a>' for it in problems)
    yield f"<dt class='{kind}'>{status} {linked}</dt><dd>"
    if set(response.get("content", ())) != {PROBLEM_JSON}:
        yield f"<p>{text(response['description'].partition(' Or `')[0])}</p>"
    for media, content in response.get("content", {}).items():
        if media == PROBLEM_JSON:
            continue
        schema = content.get("schema") or content.get("x-item-schema")
        each = " each line or message" if "x-item-schema" in content else ""
        yield f"<p class='media'><small>{escape(media)}</small>{each} {members.type(schema) if schema else ''}</p>"
        for example in content.get("examples", {}).values():
            yield f"<details><summary>Example</summary>{_example(example['value'])}</details>"
    yield "</dd>"


def _problems(document: Mapping[str, Any]) -> Iterator[str]:
    yield '<section id="problems"><h2>problems</h2><p>The <code>type</code> of each begins with '
    yield "<code>urn:pontlevis:problem:</code>.</p><dl>"
    for slug, example in document["components"]["examples"].items():
        value = example["value"]
        yield f'<dt id="problem-{slug}"><code>{slug}</code> <small>{value["status"]}</small></dt>'
        yield f"<dd>{text(value['detail'])}</dd>"
    yield "</dl></section>"


def _schemas(document: Mapping[str, Any]) -> Iterator[str]:
    named = document["components"]["schemas"]
    members = Members(named, text)
    yield '<section id="schemas"><h2>schemas</h2>'
    for name, schema in named.items():
        yield f'<article id="schema-{escape(name)}"><h3><a href="#schema-{escape(name)}">{escape(name)}</a></h3>'
        yield members.opened(schema)
        yield "</article>"
    yield "</section>"
