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


def view_of(container: Raw, networks: Iterable[Raw]) -> View:
    """One container by its own inspect and the list of networks alone."""
    networks = list(networks)
    status = container["State"]["Status"]
    members = {}
    for identity, entry in entries(container, networks).items():
        endpoint = entry.get("EndpointID") if status in LIVE else None
        members[identity] = Member("connected", endpoint) if endpoint else Member("configured")
    policy = (container.get("HostConfig") or {}).get("RestartPolicy") or {}
    return View(status, members, container["Name"].removeprefix("/"), policy.get("Name") or "no")
