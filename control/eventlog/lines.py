"""What the recorder tells of its work: a log line for each record, and the metrics."""

from collections.abc import Iterable
from typing import Any, Final

from prometheus_client import Counter, Gauge

from control import log
from control.eventlog.entries import Written, rendered
from control.records import Endpoint, Kind

EVENTS: Final = Counter("control_events", "Records written to the log.", ["kind", "source"])
LAST: Final = Gauge("control_event_last_seq", "Number of the newest record of the log.")
STREAM: Final = Gauge("control_event_stream_up", "1 while the engine's event stream is read, else 0.")
INBOX: Final = Gauge("control_event_inbox", "Events of the engine received and not yet recorded.")
STREAM_LAG: Final = Gauge(
    "control_event_stream_lag_seconds", "From the engine's time of the event received last to its receipt."
)
WRITER_LAG: Final = Gauge(
    "control_event_writer_lag_seconds", "How long the oldest event that is not recorded yet has waited."
)
WRITABLE: Final = Gauge("control_event_log_writable", "1 while the event log takes what is written, else 0.")
COMPARISONS: Final = Counter("control_event_comparisons", "Comparisons of the whole log with the engine.", ["outcome"])
DIVERGENCES: Final = Counter(
    "control_event_divergences", "Records that a comparison had to add, because no event told of them."
)
GAPS: Final = Counter("control_event_gaps", "Intervals in which the log may lack something.", ["reason"])
FOLLOWERS: Final = Gauge("control_event_followers", "Streams of the log that are open.")

_PER_KIND: dict[tuple[str, str], Any] = {}


def tell(written: Iterable[Written]) -> None:
    """Write the records' log lines and count them. Call it when they are durable."""
    record = None
    logger = log.records()
    for record in written:
        entry = record.entry
        logger.info(entry.kind.value, **line(record))
        counted = _PER_KIND.get((entry.kind, entry.source))
        if counted is None:
            counted = _PER_KIND[entry.kind, entry.source] = EVENTS.labels(entry.kind, entry.source)
        counted.inc()
        if entry.kind is Kind.GAP:
            GAPS.labels((entry.detail or {}).get("reason", "")).inc()
    if record is not None:
        log.flush_records()


_NO_ENDPOINT: Final = Endpoint()


def line(record: Written) -> dict[str, Any]:
    """The keys and values of a record's log line: the API's record, flat. What is unknown is null; what the kind does
    not have is left out."""
    entry = record.entry
    told: dict[str, Any] = {log.SEQ: record.seq, log.TIME: rendered(entry.time)}
    if (network := entry.network) is not None:
        told[log.NETWORK] = network.name
        told[log.NETWORK_ID] = network.id
        told[log.DRIVER] = network.driver
        told[log.SCOPE] = network.scope
    if (container := entry.container) is not None:
        told[log.CONTAINER] = container.name
        told[log.CONTAINER_ID] = container.id
        told[log.IMAGE] = container.image
    if entry.before is not None:
        endpoint = entry.endpoint or _NO_ENDPOINT
        told[log.ENDPOINT_ID] = endpoint.id
        told[log.IPV4] = endpoint.ipv4
        told[log.IPV6] = endpoint.ipv6
        told[log.MAC] = endpoint.mac
        told[log.GATEWAY] = endpoint.gateway
        told[log.ALIASES] = endpoint.aliases
        told[log.BEFORE] = entry.before
        told[log.AFTER] = entry.after
    if entry.cause is not None:
        told[log.CAUSE] = entry.cause
    if (request := entry.request) is not None:
        told[log.REQUEST_ID] = request.id
        told[log.PRINCIPAL] = request.principal
        told[log.REASON] = request.reason
    told[log.SOURCE] = entry.source
    if entry.between is not None:
        told[log.OBSERVED_BETWEEN] = [None if it is None else rendered(it) for it in entry.between]
    if entry.detail is not None:
        told.update(entry.detail)
    told[log.HASH] = record.hash.hex()
    return told
