"""What everyone here speaks of: networks, containers, endpoints, memberships, events. Pure values.

They are pydantic models so that one definition gives the Python type, the JSON of the API and its schema.
Names are the field's own (network, endpoint, alias, driver, IPAM, subnet, publish); ids are the engine's full
ids of 64 hexadecimal digits (of 25 letters and digits for a swarm's networks).
"""

from control.records.base import Record
from control.records.containers import Container, ContainerLogs, ContainerRun, ExecResult, Mount, Port
from control.records.events import (
    Cause,
    ContainerRef,
    Endpoint,
    EngineEvent,
    Event,
    Kind,
    MembershipState,
    NetworkRef,
    RequestRef,
    Source,
)
from control.records.images import Image
from control.records.networks import AddressPool, EndpointOptions, Ipam, Membership, Network, NetworkDetail, NetworkName
from control.records.volumes import Volume

__all__ = [
    "AddressPool",
    "Cause",
    "Container",
    "ContainerLogs",
    "ContainerRef",
    "ContainerRun",
    "Endpoint",
    "EndpointOptions",
    "EngineEvent",
    "Event",
    "ExecResult",
    "Image",
    "Ipam",
    "Kind",
    "Membership",
    "MembershipState",
    "Mount",
    "Network",
    "NetworkDetail",
    "NetworkName",
    "NetworkRef",
    "Port",
    "Record",
    "RequestRef",
    "Source",
    "Volume",
]
