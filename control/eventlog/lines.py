"""What the recorder tells of its work: a log line for each event, and the metrics."""

from typing import Any, Final

from prometheus_client import Counter, Gauge

from control import instants, log
from control.records import Endpoint, Event

EVENTS: Final = Counter("control_events", "Events written to the log.", ["kind", "source"])
LAST: Final = Gauge("control_event_last_seq", "Number of the newest event of the log.")
STREAM: Final = Gauge("control_event_stream_up", "1 while the engine's event stream is open, else 0.")
INBOX: Final = Gauge("control_event_inbox", "Events of the engine received and not yet recorded.")
WRITABLE: Final = Gauge("control_event_log_writable", "1 while the event log takes what is written, else 0.")
COMPARISONS: Final = Counter("control_event_comparisons", "Comparisons of the log with the engine.", ["outcome"])


def tell(event: Event) -> None:
    """Write an event's log line and count it. Call it when the event is durable."""
    log.logger().info(event.kind, **line(event))
    EVENTS.labels(event.kind, event.source).inc()
    LAST.set(event.seq)


def line(event: Event) -> dict[str, Any]:
    """The keys and values of an event's log line: the API's record, flat. What is unknown is null, never left out."""
    endpoint = event.endpoint or Endpoint()
    told: dict[str, Any] = {
        log.SEQ: event.seq,
        log.TIME: instants.render(event.time),
        log.NETWORK: event.network.name,
        log.NETWORK_ID: event.network.id,
        log.DRIVER: event.network.driver,
        log.SCOPE: event.network.scope,
        log.CONTAINER: event.container.name,
        log.CONTAINER_ID: event.container.id,
        log.IMAGE: event.container.image,
        log.ENDPOINT_ID: endpoint.id,
        log.IPV4: endpoint.ipv4,
        log.IPV6: endpoint.ipv6,
        log.MAC: endpoint.mac,
        log.GATEWAY: endpoint.gateway,
        log.ALIASES: None if endpoint.aliases is None else list(endpoint.aliases),
        log.BEFORE: event.before.value,
        log.AFTER: event.after.value,
        log.SOURCE: event.source.value,
    }
    if event.observed_between is not None:
        told[log.OBSERVED_BETWEEN] = [
            instant if instant is None else instants.render(instant) for instant in event.observed_between
        ]
    return told
