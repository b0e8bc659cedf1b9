"""Networks and the endpoints on them: observed and acted on.

What a reader may rely on (measured on Docker 20.10 and 26.1): the list leaves out who is connected, an inspect
shows running and paused containers alone, and the engine's answer to a duplicate name depends on its version.
"""

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from aiodocker.networks import DockerNetwork

from control import addresses
from control.engine import clashes, hostroutes
from control.engine.connection import Connection
from control.engine.memberships import memberships_of
from control.engine.networkjson import CONTAINER_ID, detail_of, endpoints_of, network_of, referring
from control.engine.remembered import Read, Remembered
from control.engine.resolve import resolve
from control.engine.spec import endpoint_config, network_config
from control.errors import AddressConflict, NameTaken, NotConnected, NotFound, Unsupported
from control.records import BUILT_IN, ContainerRef, Endpoint, Membership, Network, NetworkDetail
from control.wanted import WantedEndpoint, WantedNetwork

ALLOCATION: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 0)
"""Seconds between looks at a network that a swarm has yet to allocate."""

IPV4_OFF: Final = (1, 48)
"""The first API version that can make a network without IPv4."""


class Networks:
    """The engine's networks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._creating = asyncio.Lock()
        self._remembered = Remembered()

    async def list(self, filters: Mapping[str, Sequence[str]] | None = None) -> list[Network]:
        """Every network that passes the engine's own filters, in the engine's order."""
        return [read.network for read in await self.read(filters)]

    async def read(self, filters: Mapping[str, Sequence[str]] | None = None) -> Sequence[Read]:
        """As `list`, each with its JSON."""
        params = {"filters": json.dumps(filters)} if filters else None
        async with self._connection.use() as docker, docker._query("networks", params=params) as response:
            return self._remembered.read(orjson.loads(await response.read()))

    async def used(self, networks: Sequence[Network]) -> set[str]:
        """The ids of those of these networks that are in use: by a container that runs or would join at its start, or
        by a network that takes the configuration; and the engine's own, which always stay.

        The engine's own filter, `dangling`, takes every network for unused (20.10: a list has no containers in it).
        """
        async with self._connection.use() as docker:
            containers = await docker._query_json("containers/json", params={"all": "true"})
        entries = [it for container in containers for it in container["NetworkSettings"]["Networks"].items()]
        # One that never ran names its networks, and leaves their ids empty.
        ids = {entry.get("NetworkID") for _, entry in entries}
        names = {key for key, entry in entries if not entry.get("NetworkID")}
        taken = {network.config_from for network in await self.list()}
        return {
            network.id
            for network in networks
            if network.id in ids
            or not names.isdisjoint({network.id, network.name})
            or (network.config_only and network.name in taken)
            or network.name in BUILT_IN
        }

    async def resolve(self, reference: str) -> Network:
        """The one network of this name, full id, or id prefix of twelve digits or more.

        Docker lets several networks bear one name, and its own look-up takes a prefix of a single digit; so the
        list is searched here. Raises NotFound or Ambiguous.
        """
        return resolve("network", reference, await self.list(), lambda network: (network.id, network.name))

    async def find(self, reference: str) -> NetworkDetail:
        """The one network that `resolve` finds, as `inspect` has it."""
        if CONTAINER_ID.fullmatch(reference):
            with contextlib.suppress(NotFound):  # an id before a name, so there is nothing to search
                return await self.inspect(reference)
        network = await self.resolve(reference)
        return await self.inspect(network.id, name=network.name)

    async def inspect(self, network_id: str, *, name: str | None = None) -> NetworkDetail:
        """The network of this full id, the use of its addresses, and all who are on it. Raises NotFound.

        `name` is its name where that is known; then the network and the list of its containers are asked for at once.
        """
        if name is None:
            raw = await self._raw_inspect(network_id)
            referred = await self._referring(network_id, raw["Name"])
        else:
            raw, referred = await asyncio.gather(self._raw_inspect(network_id), self._referring(network_id, name))
        # The engine's list is a little behind its inspect: a container may be connected that it does not show there.
        ids = dict.fromkeys((*referred, *filter(CONTAINER_ID.fullmatch, raw.get("Containers") or ())))
        members = await asyncio.gather(*(self._member(id_, network_id, raw["Name"]) for id_ in ids))
        return detail_of(raw, (member for member in members if member is not None))

    async def _raw_inspect(self, network_id: str) -> Mapping[str, Any]:
        # Peers and services are told of a swarm's networks alone, whose ids are of 25 letters and digits.
        verbose = CONTAINER_ID.fullmatch(network_id) is None
        async with self._connection.use() as docker:
            raw: Mapping[str, Any] = await docker._query_json(
                f"networks/{network_id}", params={"verbose": "true"} if verbose else None
            )
        return raw

    async def _referring(self, network_id: str, name: str) -> Sequence[str]:
        """The ids of the containers that may be on a network: the engine knows one that never ran by the network's name
        alone, and one that ran by its id too."""
        filters = {"network": [network_id, name]}
        async with self._connection.use() as docker:
            found = await docker._query_json("containers/json", params={"all": "true", "filters": json.dumps(filters)})
        return [container["Id"] for container in found]

    async def _member(self, container_id: str, network_id: str, network_name: str) -> Membership | None:
        """A container on a network; None where it is not on it, or gone."""
        try:
            async with self._connection.use() as docker:
                raw = await docker._query_json(f"containers/{container_id}/json")
        except NotFound:
            return None
        key = referring(raw, network_id, network_name)
        if key is None:
            return None
        config = raw.get("Config") or {}
        container = ContainerRef(id=raw["Id"], name=raw["Name"].removeprefix("/"), image=config.get("Image"))
        (member,) = memberships_of(
            container,
            raw["State"]["Status"],
            {key: raw["NetworkSettings"]["Networks"][key]},
            hostname=config.get("Hostname") or "",
        )
        return member

    async def endpoints(self, network_id: str) -> tuple[Network, dict[str, Endpoint]]:
        """The network of this full id, and the live endpoints on it by their containers' ids. Raises NotFound."""
        async with self._connection.use() as docker:
            raw = await DockerNetwork(docker, network_id).show()
        return network_of(raw), endpoints_of(raw)

    async def create(self, wanted: WantedNetwork, *, labels: Mapping[str, str] | None = None) -> Network:
        """Create a network, with these labels beside its own (but where it takes its labels from a configuration).

        Raises NameTaken where one has this name already, which Docker itself may allow; AddressConflict with a
        `suggestion` where its subnet is not free or none is left; NotFound, Ambiguous and Invalid for its
        configuration; Unsupported, NoSwarm, and what else the engine says.
        """
        # One at a time: six at once made six networks of one name on Docker 20.10, CheckDuplicate or not, and the
        # engine works them off one by one anyway.
        async with self._creating:
            known = await self.list()
            self._check_version(wanted)
            clashes.check_name(wanted.name, known)
            source = clashes.configuration(wanted, known)
            ipam = wanted.ipam if source is None else source.ipam
            pools: clashes.Pools = ipam.pools
            bridges = clashes.bridges_of(known)
            routes = await asyncio.to_thread(hostroutes.of_engine, self._connection, bridges)
            if not wanted.config_only:
                clashes.check_bridge(wanted, bridges)
                if ipam.driver == clashes.OWN_IPAM:
                    clashes.check_subnets(wanted, pools, clashes.in_use(known), routes)
            config = network_config(wanted, source=None if source is None else source.name, labels=labels or {})
            try:
                async with self._connection.use() as docker:
                    id_ = (await docker.networks.create(config)).id
            except AddressConflict as problem:
                like = next(iter(clashes.subnets_of(pools)), None)
                if like is None and "IPv6" in problem.detail:
                    like = addresses.local_subnet(wanted.name)
                free = clashes.suggestion(wanted.name, like, pools, (*clashes.in_use(await self.list()), *routes))
                raise AddressConflict(f"{problem.detail} {clashes.advice(free)}", suggestion=free) from problem
            return await self._made(id_, wanted)

    async def check(self, wanted: WantedNetwork, *, instead_of: str) -> None:
        """Find out what stands against a network that is to come in the place of the one of this id: as `create`, and
        nothing is made."""
        known = await self.list()
        self._check_version(wanted)
        others = [network for network in known if network.id != instead_of]
        clashes.check_name(wanted.name, others)
        source = clashes.configuration(wanted, others)
        pools: clashes.Pools = wanted.ipam.pools if source is None else source.ipam.pools
        routes = await asyncio.to_thread(hostroutes.of_engine, self._connection, clashes.bridges_of(known))
        if not wanted.config_only:
            clashes.check_bridge(wanted, clashes.bridges_of(others))
            clashes.check_subnets(wanted, pools, clashes.in_use(others), routes)

    def _check_version(self, wanted: WantedNetwork) -> None:
        version = self._connection.api_version or "1.0"
        if not wanted.ipv4 and tuple(map(int, version.split("."))) < IPV4_OFF:
            raise Unsupported(
                f"This engine (API {version}) gives every network IPv4: one without came with Docker 28 (API 1.48). "
                "Leave out ipv4, and use the IPv6 addresses alone."
            )

    async def _made(self, network_id: str, wanted: WantedNetwork) -> Network:
        """The network that was just made. Raises NameTaken where somebody else made one of this name at the same time,
        on the engine itself, and was first; then this one is removed again."""
        # A swarm allocates a network after it has answered: until then a look has no driver (20.10).
        for pause in ALLOCATION:
            same = [network for network in await self.list({"name": [wanted.name]}) if network.name == wanted.name]
            mine = next((network for network in same if network.id == network_id), None)
            if mine is not None and mine.driver:
                break
            await asyncio.sleep(pause)
        if mine is None:
            raise NotFound(f"The network {wanted.name!r} was created, and somebody else has removed it since.")
        if any((it.created or 0, it.id) < (mine.created or 0, mine.id) for it in same):
            with contextlib.suppress(NotFound):
                await self.remove(network_id)
            raise NameTaken(f"Somebody else has just made a network {wanted.name!r}. Choose another name, or use that.")
        return mine

    async def remove(self, network_id: str) -> None:
        """Remove the network of this full id. Raises NotFound, InUse, Forbidden."""
        async with self._connection.use() as docker:
            await DockerNetwork(docker, network_id).delete()

    async def free(self, network_id: str, endpoint_name: str) -> None:
        """Free an endpoint that the engine has left on a network, of a container that is gone: it finds that by the
        endpoint's name, which was the container's."""
        with contextlib.suppress(NotConnected, NotFound):
            await self.disconnect(network_id, endpoint_name, force=True)

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
