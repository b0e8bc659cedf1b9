"""Requests read and responses written: the one way that every route does both.

Bodies and query parameters are pydantic models that refuse what they do not know, so that a misspelt option is
an error and never silently nothing.
"""

import functools
import json
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from control.api import cursors
from control.api.state import state_of
from control.errors import BadRequest, Invalid, TooLarge, UnsupportedMediaType

Model = TypeVar("Model", bound=BaseModel)
Item = TypeVar("Item", bound=BaseModel)


class Query(BaseModel):
    """The query parameters of a request. Unknown ones are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NoQuery(Query):
    """No query parameters."""


class Paging(Query):
    """The parameters of every list."""

    limit: int = Field(100, ge=1, le=1000, description="Items in one answer.")
    after: str | None = Field(None, max_length=1024, description="The `next` of the answer before.")


class Page(BaseModel, Generic[Item]):
    """A page of a list: `next` is the `after` of the page that follows, null at the end."""

    items: tuple[Item, ...]
    next: str | None

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """`NetworkPage`, in the OpenAPI document."""
        return f"{params[0].__name__}Page"


def several(value: object) -> object:
    """One value of a parameter that may be given several times."""
    return (value,) if isinstance(value, str) else value


Several = Annotated[tuple[str, ...], BeforeValidator(several)]
"""A query parameter that may be given several times."""


async def read_body(request: Request, model: type[Model]) -> Model:
    """The JSON body as `model`; an absent body is an empty object. Raises UnsupportedMediaType, BadRequest, Invalid,
    TooLarge."""
    raw = await read_raw(request)
    if raw:
        require_type(request, "application/json")
    try:
        # Strict: a text is no number, and neither is a truth.
        return model.model_validate_json(raw or b"{}", strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise BadRequest(f"The body is no JSON: {first['msg']}.") from error
        raise _invalid(error, "body") from error


async def read_raw(request: Request) -> bytes:
    """The body, up to CONTROL_BODY_LIMIT, the same at each call. Raises TooLarge."""
    raw: bytes | None = request.scope.get("raw")
    if raw is None:
        limit = state_of(request)["settings"].body_limit
        raw = b"".join([chunk async for chunk in read_chunks(request, limit, "CONTROL_BODY_LIMIT")])
        request.scope["raw"] = raw
    return raw


async def read_chunks(request: Request, limit: int, setting: str) -> AsyncGenerator[bytes]:
    """The body as it comes, up to `limit` bytes, which `setting` sets. Raises TooLarge, before reading any of it
    where the client says its length."""
    too_large = TooLarge(f"The body may have {limit} bytes at most; the operator allows more with {setting}.")
    if int(request.headers.get("content-length", "0")) > limit:
        raise too_large
    total = 0
    async for chunk in request.stream():
        total += len(chunk)
        if total > limit:
            raise too_large
        yield chunk


def require_type(request: Request, *types: str) -> str:
    """The content type of the body, if it is one of `types`. A form can't send these, so a page can't forge them."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in types:
        raise UnsupportedMediaType(f"Send the body with Content-Type: {' or '.join(types)}, not {given or 'none'}.")
    return given


def read_query(request: HTTPConnection, model: type[Model]) -> Model:
    """The query parameters as `model`. A parameter given twice is a list where the model has one, else an error."""
    values: dict[str, Any] = {}
    for key, value in request.query_params.multi_items():
        if key in values:
            values[key] = [*(values[key] if isinstance(values[key], list) else [values[key]]), value]
        else:
            values[key] = value
    types = _types_of(model)
    for key, value in values.items():
        if isinstance(value, str) and key in types and not types[key].fullmatch(value):
            what = "true or false" if types[key] is _TRUTH else "a whole number, in digits"
            error = {"at": f"query.{key}", "message": f"Input should be {what}"}
            raise Invalid(f"Correct these and send it again: {error['at']}: {error['message']}.", errors=[error])
    return checked(model, values, "query")


_TRUTH: Final = re.compile(r"true|false")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,18})")


@functools.cache
def _types_of(model: type[BaseModel]) -> Mapping[str, re.Pattern[str]]:
    """The query parameters that are numbers or truths: how they are written, and not as pydantic would read them too
    (`yes`, `1_000`)."""
    found = {}
    for name, schema in model.model_json_schema().get("properties", {}).items():
        types = {it.get("type") for it in schema.get("anyOf", [schema])}
        if types <= {"boolean", "null"}:
            found[name] = _TRUTH
        elif types <= {"integer", "null"}:
            found[name] = _NUMBER
    return found


def checked(model: type[Model], value: object, place: str) -> Model:
    """The value as `model`; `place` is where it stood. Raises Invalid."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _invalid(error, place) from error


def _invalid(error: ValidationError, place: str) -> Invalid:
    errors = [
        {"at": ".".join([place, *map(str, item["loc"])]), "message": item["msg"]}
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    told = "; ".join(f"{item['at']}: {item['message']}" for item in errors[:3])
    return Invalid(f"Correct these and send it again: {told}.", errors=errors[:100])


def engine_filters(**wanted: str | tuple[str, ...] | bool | None) -> dict[str, list[str]]:
    """The engine's filters, from the query parameters that were given."""
    filters: dict[str, list[str]] = {}
    for key, value in wanted.items():
        if isinstance(value, bool):
            filters[key] = [str(value).lower()]
        elif isinstance(value, str):
            filters[key] = [value]
        elif value:
            filters[key] = list(value)
    return filters


def reply(record: BaseModel, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A record as the JSON response."""
    return Response(record.model_dump_json(), status, dict(headers or {}), "application/json")


def reply_page(items: Sequence[Item], paging: Paging, key: Callable[[Item], cursors.Key]) -> Response:
    """A page of `items`, in the order of `key`, which no two share."""
    return reply_items(*cursors.page(items, key=key, after=paging.after, limit=paging.limit))


def reply_items(items: Sequence[BaseModel], following: str | None) -> Response:
    """Items and the cursor after them, as the JSON response of a list."""
    return reply_items_with(items, following)


def reply_items_with(items: Sequence[BaseModel], following: str | None, **further: Any) -> Response:  # noqa: ANN401  (any JSON)
    """As `reply_items`, with `further` members beside the items."""
    return reply_texts([item.model_dump_json() for item in items], following, **further)


def reply_texts(items: Sequence[str], following: str | None, **further: Any) -> Response:  # noqa: ANN401  (any JSON)
    """As `reply_items_with`, of items that are JSON already."""
    told = json.dumps({"next": following, **further}, separators=(",", ":"))
    return Response(f'{{"items":[{",".join(items)}],{told[1:]}', media_type="application/json")


def no_content() -> Response:
    """204."""
    return Response(status_code=204)
