"""Operations: what the API can do, each one function with all that reads, guards and documents it.

The function's signature says what is read of a request: a parameter whose type is a `Query` is the query parameters,
one whose type is a `Wanted` the JSON body. Both are validated before it is called; what they do not name is refused.
The same models are in the OpenAPI document, so that document and validation can't differ.
"""

import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from control.api.http import NoQuery, Query, read_body, read_query
from control.errors import Problem
from control.wanted import Wanted

Function = Callable[..., Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Media:
    """A body in a media type of its own. `model` is the JSON in it, of each item where it is a list (`many`), or of
    each line or message of a stream."""

    name: str
    model: type[BaseModel] | None = None
    description: str = ""
    many: bool = False


Answer = type[BaseModel] | Media
Answers = Mapping[int, Answer | tuple[Answer, ...] | None]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    `action` is what the log calls it, of what changes something. `creates`: it takes an `Idempotency-Key`.
    `conditional`: it takes an `If-Match`. `engine`: it asks the engine. `bodies` documents what the function reads
    itself, `headers` which it reads and what they say.
    """

    function: Function
    answers: Answers
    action: str | None
    problems: tuple[type[Problem], ...]
    query: type[Query]
    body: type[Wanted] | None
    bodies: tuple[Media, ...]
    creates: bool
    conditional: bool
    engine: bool
    headers: Mapping[str, str]
    parameters: Mapping[str, str]

    async def __call__(self, request: Request) -> Response:
        """Read the request, then do it."""
        read: dict[str, Any] = {}
        query = read_query(request, self.query)
        for name, kind in self.parameters.items():
            read[name] = query if kind == "query" else await read_body(request, typing.cast("type[Wanted]", self.body))
        return await self.function(request, **read)

    @property
    def id(self) -> str:
        """The `operationId`."""
        return self.function.__name__


def operation(
    *,
    answers: Answers,
    action: str | None = None,
    problems: tuple[type[Problem], ...] = (),
    bodies: tuple[Media, ...] = (),
    creates: bool = False,
    conditional: bool = False,
    engine: bool = True,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Callable[[Function], Operation]:
    """Make an operation of an endpoint: `async def name(request, query: SomeQuery, wanted: WantedThing)`."""

    def made(function: Function) -> Operation:
        hints = typing.get_type_hints(function)
        query: type[Query] = NoQuery
        body: type[Wanted] | None = None
        parameters: dict[str, str] = {}
        for name in list(inspect.signature(function).parameters)[1:]:
            hint = hints[name]
            if issubclass(hint, Query):
                query, parameters[name] = hint, "query"
            else:
                body, parameters[name] = hint, "body"
        return Operation(
            function, answers, action, problems, query, body, bodies, creates, conditional, engine, headers, parameters
        )

    return made
