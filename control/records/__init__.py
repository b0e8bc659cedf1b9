"""What everyone here speaks of: networks, containers, endpoints, memberships, events. Pure values.

They are pydantic models so that one definition gives the Python type, the JSON of the API and its schema.
Names are the field's own (network, endpoint, alias, driver, IPAM, subnet, publish); ids are the engine's full
ids of 64 hexadecimal digits (of 25 letters and digits for a swarm's networks).
"""

from control.records.base import Record
from control.records.containers import (
    Container,
    ContainerDetail,
    ContainerRun,
    ContainerWait,
    EngineObject,
    Healthcheck,
    HealthLook,
    Limits,
    Mount,
    Port,
    Ulimit,
)
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
from control.records.execs import ContainerLogs, ExecResult, ExecState, LogEnd, LogLine
from control.records.images import Image, ImageDetail, Progress, User
from control.records.networks import (
    AddressPool,
    AddressUse,
    EndpointOptions,
    Ipam,
    IpamInUse,
    Membership,
    MembershipMade,
    Network,
    NetworkDetail,
    NetworkName,
    OtherEndpoint,
    Peer,
    PoolInUse,
    Service,
    ServiceTask,
)
from control.records.swarm import Swarm, SwarmManager, SwarmRole, SwarmState, SwarmTokens
from control.records.volumes import Volume

__all__ = [
    "AddressPool",
    "AddressUse",
    "Cause",
    "Container",
    "ContainerDetail",
    "ContainerLogs",
    "ContainerRef",
    "ContainerRun",
    "ContainerWait",
    "Endpoint",
    "EndpointOptions",
    "EngineEvent",
    "EngineObject",
    "Event",
    "ExecResult",
    "ExecState",
    "HealthLook",
    "Healthcheck",
    "Image",
    "ImageDetail",
    "Ipam",
    "IpamInUse",
    "Kind",
    "Limits",
    "LogEnd",
    "LogLine",
    "Membership",
    "MembershipMade",
    "MembershipState",
    "Mount",
    "Network",
    "NetworkDetail",
    "NetworkName",
    "NetworkRef",
    "OtherEndpoint",
    "Peer",
    "PoolInUse",
    "Port",
    "Progress",
    "Record",
    "RequestRef",
    "Service",
    "ServiceTask",
    "Source",
    "Swarm",
    "SwarmManager",
    "SwarmRole",
    "SwarmState",
    "SwarmTokens",
    "Ulimit",
    "User",
    "Volume",
]
