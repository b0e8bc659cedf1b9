"""What the engine's own inspects show: the state of every pair. Pure, and no code of control's.

`connected`: the network's inspect has the container. `configured`: the container's inspect has an entry for a
network that exists, and no live endpoint. An entry names its network by id once it has one; one of `bridge`, `host`
or `none` always by its name, because the bridge has another id after each restart of the engine.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.chaos.journal import Member, Pair, View

BUILT_IN: Final = frozenset({"bridge", "host", "none"})
LIVE: Final = frozenset({"running", "paused"})

Raw = Mapping[str, Any]


@dataclass(frozen=True)
class Shown:
    """`GET /networks/{id}` of every network, and `GET /containers/{id}/json` of every container."""

    networks: list[dict[str, Any]] = field(default_factory=list)
    containers: list[dict[str, Any]] = field(default_factory=list)

    def pairs(self) -> dict[Pair, Member]:
        """Every pair that is not absent."""
        found: dict[Pair, Member] = {}
        there = {container["Id"] for container in self.containers}
        for network in self.networks:
            for container, entry in (network.get("Containers") or {}).items():
                if container not in there:
                    continue  # 20.10 now and then leaves the endpoint of a container that it has removed
                found[network["Id"], container] = Member("connected", entry.get("EndpointID") or None)
        for container in self.containers:
            for identity in entries(container, self.networks):
                found.setdefault((identity, container["Id"]), Member("configured"))
        return found


def entries(container: Raw, networks: Iterable[Raw]) -> dict[str, Raw]:
    """The entries of a container for networks that exist, by the network's id."""
    ids = {network["Id"] for network in networks}
    names = {network["Name"]: network["Id"] for network in networks}
    found: dict[str, Raw] = {}
    for key, entry in ((container.get("NetworkSettings") or {}).get("Networks") or {}).items():
        own = "" if key in BUILT_IN else (entry or {}).get("NetworkID") or ""
        identity = str(own or names.get(key, ""))
        if identity in ids:
            found[identity] = entry or {}
    return found


def may_be_connected(container: Raw, networks: Iterable[Raw]) -> list[str]:
    """The networks that a container says it has an endpoint on. Only their own inspects say whether that lives: one of
    a daemon that was killed in the middle of it is stale."""
    if container["State"]["Status"] not in LIVE:
        return []
    return [identity for identity, entry in entries(container, networks).items() if entry.get("EndpointID")]


def view_of(container: Raw, networks: Iterable[Raw]) -> View:
    """One container, by its own inspect, the list of networks, and the inspects of those that it may be connected to
    (in place of their entries in the list)."""
    networks = list(networks)
    live = {network["Id"]: (network.get("Containers") or {}).get(container["Id"]) for network in networks}
    members = {}
    for identity in entries(container, networks):
        here = live[identity]
        members[identity] = Member("connected", here.get("EndpointID") or None) if here else Member("configured")
    policy = (container.get("HostConfig") or {}).get("RestartPolicy") or {}
    return View(container["State"]["Status"], members, container["Name"].removeprefix("/"), policy.get("Name") or "no")
