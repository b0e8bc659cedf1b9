"""The swarm that the engine is in: looked at, begun, joined and left.

Measured on Docker 20.10: `/info` tells a node's own state on managers and workers, and on a manager the swarm's own
settings; `/swarm` answers on managers alone, and has the tokens. Neither tells the address that the engine listens on.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from control.engine.connection import Connection
from control.engine.networkjson import network_of
from control.records import Network, Swarm, SwarmManager, SwarmRole, SwarmState, SwarmTokens
from control.wanted import WantedJoin, WantedSwarm

PORT: Final = 2377
JOINING: Final = 45.0
"""Seconds for a join: the engine itself gives up waiting after 20, and goes on in the background."""


def swarm_of(info: Mapping[str, Any]) -> Swarm:
    """A swarm from the `Swarm` of the engine's info."""
    active = bool(info.get("NodeID"))
    cluster = info.get("Cluster") or {}
    return Swarm(
        state=SwarmState(info["LocalNodeState"]),
        role=None if not active else SwarmRole.MANAGER if info.get("ControlAvailable") else SwarmRole.WORKER,
        node=info.get("NodeID") or None,
        address=info.get("NodeAddr") or None,
        managers=tuple(
            sorted(
                (SwarmManager(node=it["NodeID"], address=it["Addr"]) for it in info.get("RemoteManagers") or ()),
                key=lambda manager: manager.node,
            )
        ),
        cluster=cluster.get("ID") or None,
        nodes=info.get("Nodes") or None,
        default_pools=tuple(cluster.get("DefaultAddrPool") or ()),
        subnet_size=cluster.get("SubnetSize") or None,
        data_path_port=cluster.get("DataPathPort") or None,
        error=info.get("Error") or None,
    )


def init_config(wanted: WantedSwarm) -> dict[str, Any]:
    """The body of `POST /swarm/init`."""
    return {
        **_places(wanted),
        "DataPathPort": wanted.data_path_port or 0,
        "DefaultAddrPool": list(wanted.default_pools),
        "SubnetSize": wanted.subnet_size or (24 if wanted.default_pools else 0),
        "ForceNewCluster": wanted.force_new_cluster,
        "Spec": {},
    }


def join_config(wanted: WantedJoin) -> dict[str, Any]:
    """The body of `POST /swarm/join`."""
    return {
        **_places(wanted),
        "RemoteAddrs": [with_port(it) for it in wanted.remote_addresses],
        "JoinToken": wanted.token,
    }


def _places(wanted: WantedSwarm | WantedJoin) -> dict[str, Any]:
    return {
        "AdvertiseAddr": wanted.advertise_address,
        "ListenAddr": with_port(wanted.listen_address or wanted.advertise_address),
        "DataPathAddr": wanted.data_path_address or "",
    }


def with_port(place: str) -> str:
    """An address with the swarm's port where it has none of its own."""
    return place if place.rpartition("]")[2].count(":") else f"{place}:{PORT}"


def hidden(reference: str) -> Network:
    """What stands for an overlay of the swarm's that this engine does not show, of this name or id."""
    return network_of({"Id": reference, "Name": reference, "Driver": "overlay", "Scope": "swarm", "Attachable": True})


class Swarms:
    """The engine's part in a swarm."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def inspect(self) -> Swarm:
        """The swarm that the engine is in, or that it is in none."""
        async with self._connection.use() as docker:
            return swarm_of((await docker.system.info())["Swarm"])

    async def tokens(self) -> SwarmTokens:
        """What others join with. Raises NoSwarm where the engine is no manager."""
        async with self._connection.use() as docker:
            told = (await docker.swarm.inspect())["JoinTokens"]
        return SwarmTokens(worker=told["Worker"], manager=told["Manager"])

    async def init(self, wanted: WantedSwarm) -> None:
        """Begin a swarm. Raises InSwarm, Invalid, Unsupported."""
        async with self._connection.use() as docker:
            await docker._query_json("swarm/init", "POST", data=init_config(wanted))

    async def join(self, wanted: WantedJoin) -> None:
        """Join a swarm. Raises InSwarm, Invalid, SwarmAway, Unsupported."""
        within = max(JOINING, self._connection.timeout)
        asked = json.dumps(join_config(wanted))
        async with self._connection.use(within=within) as docker, docker._query("swarm/join", "POST", data=asked):
            pass

    async def leave(self, *, force: bool) -> None:
        """Leave the swarm. Raises NoSwarm where there is none, and InSwarm where a manager must be forced."""
        asked = {"force": str(force).lower()}
        async with self._connection.use() as docker, docker._query("swarm/leave", "POST", params=asked):
            pass

    async def hides_networks(self) -> bool:
        """Whether the swarm may have networks that the engine does not show: a worker knows an attachable overlay only
        while a container of its own is on it (20.10), and finds it by name when one is connected."""
        async with self._connection.use() as docker:
            info = (await docker.system.info())["Swarm"]
        return bool(info["LocalNodeState"] == SwarmState.ACTIVE and not info.get("ControlAvailable"))
