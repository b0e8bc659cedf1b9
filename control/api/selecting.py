"""Which records of the log, and in which form: the query parameters and media types of everything under /events."""

from collections.abc import Callable
from typing import Annotated, Final, Literal

import orjson
from pydantic import AfterValidator, BaseModel, Field
from starlette.requests import Request

from control.api.http import Query, Several
from control.eventlog.entries import Written
from control.eventlog.reading import Filter
from control.instants import Instant
from control.records import Cause, Event, Kind, Source

MOST: Final = 2**63 - 1

JSON, NDJSON = "application/json", "application/x-ndjson"
CLOUDEVENT, CLOUDEVENTS = "application/cloudevents+json", "application/cloudevents-batch+json"

CLOUD_SOURCE: Final = "urn:pontlevis:events"

Form = Callable[[Written], bytes]


def _kinds(values: tuple[str, ...]) -> tuple[str, ...]:
    families = {kind.value.partition(".")[0] for kind in Kind}
    for value in values:
        if value not in families and value not in set(Kind):
            raise ValueError(f"{value!r} is no kind: take one of {', '.join(Kind)}, or a family such as network")
    return values


def _causes(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if value not in set(Cause):
            raise ValueError(f"{value!r} is no cause: take one of {', '.join(Cause)}")
    return values


Reference = Annotated[str, Field(min_length=1, max_length=1024)]
Kinds = Annotated[Several, AfterValidator(_kinds)]
Causes = Annotated[Several, AfterValidator(_causes)]


class Filters(Query):
    """Which records."""

    network: Reference | None = Field(
        None, description="The network's full id, 12 digits of it or more, or the name it had then."
    )
    container: Reference | None = Field(
        None, description="The container's full id, 12 digits of it or more, or the name it had then."
    )
    kind: Kinds = Field((), description="`network.connect`, or `network` for all of a family. Several: any of them.")
    cause: Causes = Field((), description="Why a membership changed. Several: any of them.")
    principal: Reference | None = Field(None, description="Who asked for it here.")
    request: Reference | None = Field(None, description="The id of the request that asked for it here.")
    source: Source | None = Field(None, description="How it was learned.")
    since: Instant | None = Field(None, ge=-MOST, le=MOST, description="At this instant or later.")

    def filter(self, until: int | None = None) -> Filter:
        """These, for the store."""
        return Filter(
            network=self.network,
            container=self.container,
            kinds=tuple(kind for kind in Kind if {kind.value, kind.value.partition(".")[0]} & set(self.kind)),
            causes=tuple(Cause(cause) for cause in self.cause),
            principal=self.principal,
            request=self.request,
            source=self.source,
            since=self.since,
            until=until,
        )


class ListQuery(Filters):
    """Which records, in which order, and where to begin."""

    until: Instant | None = Field(None, ge=-MOST, le=MOST, description="Before this instant.")
    order: Literal["asc", "desc"] = Field("asc", description="Oldest or newest first.")
    after: int | None = Field(None, ge=0, le=MOST, description="Past this number: the `next` of the answer before.")
    limit: int | None = Field(
        None, ge=1, le=1_000_000_000, description="Records in one answer: 1000 at most but as NDJSON; 100 unless said."
    )


class StreamQuery(Filters):
    """Which records, and where to begin."""

    after: int | None = Field(
        None, ge=0, le=MOST, description="Past this number; 0 for all there are. Without it, from now on."
    )


class CloudEvent(BaseModel):
    """A record as a CloudEvent 1.0."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str | None = None
    time: Instant
    datacontenttype: Literal["application/json"]
    data: Event


def accepts(request: Request, *offered: str) -> str:
    """The media type to answer with: of those offered, the one that `Accept` names first; the first one where it names
    none."""
    wanted = [part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")]
    return next((media for media in wanted if media in offered), offered[0])


def form_of(request: Request) -> Form:
    """How each record is written: as it is, or as a CloudEvent where `Accept` names that."""
    return cloud_event if "application/cloudevents" in request.headers.get("accept", "").lower() else plain


def plain(record: Written) -> bytes:
    """The record's JSON."""
    return record.line


def cloud_event(record: Written) -> bytes:
    """The record as a CloudEvent 1.0 in the JSON format: the record itself is its `data`."""
    entry = record.entry
    about = [
        f"{kind}/{ref.id}"
        for kind, ref in (("networks", entry.network), ("containers", entry.container))
        if ref is not None
    ]
    head = {
        "specversion": "1.0",
        "id": str(record.seq),
        "source": CLOUD_SOURCE,
        "type": f"pontlevis.{entry.kind.value}",
        **({"subject": "/".join(about)} if about else {}),
        "time": orjson.loads(record.line)["time"],
        "datacontenttype": JSON,
    }
    return orjson.dumps(head)[:-1] + b',"data":' + record.line + b"}"
