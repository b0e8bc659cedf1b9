"""The contract, for programs (`/openapi.json`) and for people (`/docs`).

Both are made from the operations at the first request, in a thread, because that takes a tenth of a second, and are the
same for as long as this process runs.
"""

import asyncio
import base64
import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control.api import openapi
from control.api.etags import matches
from control.api.methods import by_method
from control.api.openapi import page
from control.api.operations import Media, operation

HTML: Final = "text/html"
JSON: Final = "application/json"
IF_NONE_MATCH: Final = "If-None-Match"
HEADERS: Final = {IF_NONE_MATCH: "The `ETag` of the copy that you have: 304 where it is the newest."}


@dataclass(frozen=True, slots=True)
class Text:
    """A text as it is sent, and its ETag."""

    body: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class Contract:
    """The document, and the page that shows it."""

    json: Text
    html: Text


def _style_source() -> str:
    digest = base64.b64encode(hashlib.sha256(page.STYLE.encode()).digest()).decode()
    return f"'sha256-{digest}'"


PROTECTION: Final = {
    # The page's own style, by its hash, and nothing else: no script, no image, no frame, no form.
    "Content-Security-Policy": (
        f"default-src 'none'; style-src {_style_source()}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@operation(answers={200: Media(JSON), 304: None}, headers=HEADERS, engine=False)
async def show_contract(request: Request) -> Response:
    """This API as an OpenAPI 3.1 document. Needs no token."""
    return _answer(request, (await _contract(request)).json, JSON)


@operation(answers={200: Media(HTML), 304: None}, headers=HEADERS, engine=False)
async def show_docs(request: Request) -> Response:
    """This API as a page to read. Needs no token, and no script."""
    return _answer(request, (await _contract(request)).html, HTML)


async def _contract(request: Request) -> Contract:
    app = request.app
    known: Contract | None = getattr(app.state, "contract", None)
    if known is None:
        known = await asyncio.to_thread(lambda: made(openapi.document(app.routes, version("pontlevis"))))
        app.state.contract = known
    return known


def made(document: dict[str, object]) -> Contract:
    """Both texts of a document. Pure."""
    return Contract(json=_text(orjson.dumps(document)), html=_text(page.rendered(document).encode()))


def _text(body: bytes) -> Text:
    return Text(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def _answer(request: Request, text: Text, media: str) -> Response:
    headers = {"ETag": text.etag, "Cache-Control": "no-cache", **PROTECTION}
    wanted = request.headers.get(IF_NONE_MATCH)
    if wanted is not None and matches(wanted.replace("W/", ""), text.etag):
        return Response(status_code=304, headers=headers)
    return Response(text.body, headers=headers, media_type=media)


routes = [
    Route("/openapi.json", by_method(GET=show_contract)),
    Route("/docs", by_method(GET=show_docs)),
]
