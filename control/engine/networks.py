"""Networks and the endpoints on them: observed and acted on.

What a reader may rely on (measured on Docker 20.10 and 26.1): the list leaves out who is connected, an inspect
shows running and paused containers alone, and the engine's answer to a duplicate name depends on its version.
"""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiodocker.networks import DockerNetwork

from control import instants
from control.engine.connection import Connection
from control.engine.resolve import resolve
from control.engine.spec import endpoint_config, network_config
from control.errors import NameTaken
from control.records import (
    AddressPool,
    ContainerRef,
    Endpoint,
    Ipam,
    Membership,
    MembershipState,
    Network,
    NetworkDetail,
    NetworkName,
)
from control.wanted import WantedEndpoint, WantedNetwork

ALLOCATION: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 0)
"""Seconds between looks at a network that a swarm has yet to allocate."""


def network_of(raw: Mapping[str, Any]) -> Network:
    """A network from the engine's JSON of a list or an inspect."""
    return Network(**_network_fields(raw))


def detail_of(raw: Mapping[str, Any]) -> NetworkDetail:
    """A network and the containers that have a live endpoint on it, from the engine's JSON of an inspect."""
    network = NetworkName(id=raw["Id"], name=raw["Name"])
    members = [
        Membership(
            network=network,
            container=ContainerRef(id=container, name=raw["Containers"][container].get("Name") or None),
            state=MembershipState.CONNECTED,
            endpoint=endpoint,
        )
        for container, endpoint in endpoints_of(raw).items()
    ]
    members.sort(key=lambda member: (member.container.name or "", member.container.id))
    return NetworkDetail(**_network_fields(raw), containers=tuple(members))


def _network_fields(raw: Mapping[str, Any]) -> dict[str, Any]:
    ipam = raw.get("IPAM") or {}
    return {
        "id": raw["Id"],
        "name": raw["Name"],
        "driver": raw["Driver"],
        "scope": raw.get("Scope") or "local",
        "created": instants.parse_or_none(raw.get("Created")),
        "internal": bool(raw.get("Internal")),
        "attachable": bool(raw.get("Attachable")),
        "ingress": bool(raw.get("Ingress")),
        "ipv6": bool(raw.get("EnableIPv6")),
        "labels": raw.get("Labels") or {},
        "options": raw.get("Options") or {},
        "ipam": Ipam(
            driver=ipam.get("Driver") or "default",
            options=ipam.get("Options") or {},
            pools=tuple(
                AddressPool(
                    subnet=pool.get("Subnet") or None,
                    range=pool.get("IPRange") or None,
                    gateway=pool.get("Gateway") or None,
                    auxiliary_addresses=pool.get("AuxiliaryAddresses") or {},
                )
                for pool in ipam.get("Config") or ()
            ),
        ),
    }


def _bare(address: str | None) -> str | None:
    """`172.18.0.2/16` → `172.18.0.2`."""
    return address.partition("/")[0] if address else None


def endpoints_of(raw: Mapping[str, Any]) -> dict[str, Endpoint]:
    """The live endpoints on a network by their containers' ids, from the engine's JSON of an inspect."""
    return {
        container: Endpoint(
            id=entry.get("EndpointID") or None,
            ipv4=_bare(entry.get("IPv4Address")),
            ipv6=_bare(entry.get("IPv6Address")),
            mac=entry.get("MacAddress") or None,
        )
        for container, entry in (raw.get("Containers") or {}).items()
        # A swarm's overlay shows a pseudo-container `lb-…` or `<network>-endpoint`, whose key is no id.
        if _ID.fullmatch(container)
    }


_ID: Final = re.compile(r"[0-9a-f]{64}")


class Networks:
    """The engine's networks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._creating = asyncio.Lock()

    async def list(self, filters: Mapping[str, Sequence[str]] | None = None) -> list[Network]:
        """Every network that passes the engine's own filters, in the engine's order."""
        async with self._connection.use() as docker:
            return [network_of(raw) for raw in await docker.networks.list(filters=filters or None)]

    async def resolve(self, reference: str) -> Network:
        """The one network of this name, full id, or id prefix of twelve digits or more.

        Docker lets several networks bear one name, and its own look-up takes a prefix of a single digit; so the
        list is searched here. Raises NotFound or Ambiguous.
        """
        return resolve("network", reference, await self.list(), lambda network: (network.id, network.name))

    async def inspect(self, network_id: str) -> NetworkDetail:
        """The network of this full id, with those connected. Raises NotFound."""
        async with self._connection.use() as docker:
            return detail_of(await DockerNetwork(docker, network_id).show())

    async def endpoints(self, network_id: str) -> tuple[Network, dict[str, Endpoint]]:
        """The network of this full id, and the live endpoints on it by their containers' ids. Raises NotFound."""
        async with self._connection.use() as docker:
            raw = await DockerNetwork(docker, network_id).show()
        return network_of(raw), endpoints_of(raw)

    async def create(self, wanted: WantedNetwork) -> NetworkDetail:
        """Create a network. Raises NameTaken where one has this name already, which Docker itself may allow."""
        # One at a time: six at once made six networks of one name on Docker 20.10, CheckDuplicate or not, and the
        # engine works them off one by one anyway.
        async with self._creating:
            if any(network.name == wanted.name for network in await self.list({"name": [wanted.name]})):
                raise NameTaken(f"There is a network {wanted.name!r}. Choose another name, or use the one there is.")
            async with self._connection.use() as docker:
                created = await docker.networks.create(network_config(wanted))
        # A swarm allocates a network after it has answered: until then an inspect has no driver (20.10).
        for pause in ALLOCATION:
            network = await self.inspect(created.id)
            if network.driver:
                break
            await asyncio.sleep(pause)
        return network

    async def remove(self, network_id: str) -> None:
        """Remove the network of this full id. Raises NotFound, InUse, Forbidden."""
        async with self._connection.use() as docker:
            await DockerNetwork(docker, network_id).delete()

    async def connect(self, network_id: str, container_id: str, wanted: WantedEndpoint) -> None:
        """Connect a container to a network. Raises AlreadyConnected, AddressConflict, Invalid, …"""
        body = {"Container": container_id, "EndpointConfig": endpoint_config(wanted)}
        async with self._connection.use() as docker:
            await DockerNetwork(docker, network_id).connect(body)

    async def disconnect(self, network_id: str, container_id: str, *, force: bool = False) -> None:
        """Disconnect a container from a network; `force` also where the engine has forgotten that it is there. Raises
        NotConnected."""
        async with self._connection.use() as docker:
            await DockerNetwork(docker, network_id).disconnect({"Container": container_id, "Force": force})

    async def prune_nothing(self) -> None:
        """Have the engine emit a network `prune` event, and do nothing else: a sign of life for the event stream, which
        has none of its own. It prunes networks that bear a label that none has and are older than 1970. Raises Conflict
        where another prune is under way."""
        nothing = {"label": ["pontlevis.canary"], "until": ["1"]}
        async with self._connection.use(within=5) as docker:
            await docker._query_json("networks/prune", "POST", params={"filters": json.dumps(nothing)})
