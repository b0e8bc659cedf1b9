"""What a fake engine does to networks, and to containers on them, when it is asked."""

import asyncio
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tests.support.fake.model import PREDEFINED, Container, Entry, Network, Refusal, Subnet, World, subnet_of
from tests.support.fake.stream import NANOSECONDS
from tests.support.fake.telling import Teller

SECOND: Final = 0.002
"""Seconds between the two disconnect events of one disconnect."""


def labelled(labels: Mapping[str, str], wanted: Iterable[str]) -> bool:
    """Whether all of `key` or `key=value` are among the labels."""
    return all(
        key in labels and (not separator or labels[key] == value)
        for key, separator, value in (text.partition("=") for text in wanted)
    )


class Networking:
    """The networks of one engine."""

    def __init__(self, world: World, teller: Teller) -> None:
        self.world = world
        self.teller = teller

    def predefine(self, *names: str) -> None:
        """Make these of the engine's own networks, untold."""
        for name in names:
            body: dict[str, Any] = {"Driver": {"none": "null"}.get(name, name)}
            if name == "bridge":
                body["IPAM"] = {"Config": [{"Subnet": "172.17.0.0/16"}]}
            self._make(body, name)

    def create(self, body: Mapping[str, Any]) -> dict[str, str]:
        """`POST /networks/create`: id and warning."""
        name = body.get("Name") or ""
        if not name:
            raise Refusal(self.world.version.empty_name, "network name cannot be blank")
        if name in {*PREDEFINED, "default"}:
            raise Refusal(403, f"operation is not permitted on predefined {name} network ")
        warning = ""
        if any(network.name == name for network in self.world.networks.values()):
            if self.world.version.names_are_unique or body.get("CheckDuplicate"):
                raise Refusal(409, f"network with name {name} already exists")
            warning = f"Network with name {name} already exists"
        network = self._make(body, name)
        self.teller.of_network("create", network)
        return {"Id": network.id, "Warning": warning}

    def _make(self, body: Mapping[str, Any], name: str) -> Network:
        driver = body.get("Driver") or "bridge"
        subnet, gateway = subnet_of(body)
        users = subnet is not None
        if driver in {"null", "host"}:
            subnet = None
        elif subnet is None:
            subnet = self.world.free_subnet()
        elif any(other.subnet and other.subnet.overlaps(subnet) for other in self.world.networks.values()):
            raise Refusal(403, "Pool overlaps with other one on this address space")
        return self.world.add(
            Network(
                id=self.world.new_id(),
                name=name,
                driver=driver,
                created=self.teller.now(),
                subnet=subnet,
                gateway=gateway or (str(subnet.network_address + 1) if subnet else ""),
                gateway_is_told=bool(gateway) or not users,
                subnet_is_users=users and name not in PREDEFINED,
                internal=bool(body.get("Internal")),
                attachable=bool(body.get("Attachable")),
                labels=dict(body.get("Labels") or {}),
                options=dict(body.get("Options") or {}),
            )
        )

    def remove(self, reference: str) -> None:
        """`DELETE /networks/<id>`."""
        network = self.world.network(reference)
        if network.predefined:
            raise Refusal(403, f"{network.name} is a pre-defined network and cannot be removed")
        if network.endpoints:
            raise Refusal(
                403, f"error while removing network: network {network.name} id {network.id} has active endpoints"
            )
        del self.world.networks[network.id]
        self.teller.of_network("destroy", network)

    def prune(self, filters: Mapping[str, Any]) -> list[str]:
        """`POST /networks/prune`: the names of those removed. Those of stopped containers are not in use."""
        before = min((float(value) * NANOSECONDS for value in filters.get("until") or ()), default=None)
        removed = []
        for network in list(self.world.networks.values()):
            fits = labelled(network.labels, filters.get("label") or ()) and not any(
                labelled(network.labels, [label]) for label in filters.get("label!") or ()
            )
            old = before is None or network.created < before
            if fits and old and not network.predefined and not network.endpoints:
                self.remove(network.id)
                removed.append(network.name)
        self.teller.of_prune()
        return removed

    async def connect(self, reference: str, body: Mapping[str, Any]) -> None:
        """`POST /networks/<id>/connect`."""
        container = self.world.container(body.get("Container") or "")
        network = self.world.network(reference)
        wanted = body.get("EndpointConfig") or {}
        async with self.world.locks[container.id]:
            if not container.running or container.status == "dead":
                self._configure(container, network, wanted)
                return
            self._check_mode(container, network)
            if container.id in network.endpoints:
                raise Refusal(403, f"endpoint with name {container.name} already exists in network {network.name}")
            entry = container.entries[network.name] = self.entry(network, wanted)
            self.world.give_names(network, container, entry)
            # One that can't be given its address leaves its entry behind.
            self.world.attach(network, container, entry)
            container.note()
            self.teller.of_pair("connect", network, container.id)

    def _configure(self, container: Container, network: Network, wanted: Mapping[str, Any]) -> None:
        self._check_mode(container, network)
        entry = container.entries[network.name] = self.entry(network, wanted)
        self.world.give_names(network, container, entry)
        container.note()

    def _check_mode(self, container: Container, network: Network) -> None:
        if container.mode.startswith("container:"):
            raise Refusal(400, "container sharing network namespace with another container or host cannot be connected")
        if container.mode == "host" or network.name == "host":
            raise Refusal(400, "container cannot be connected to host network or disconnected from it: host network")
        if network.name == "none" or (container.mode == "none" and "none" in container.entries):
            raise Refusal(
                400,
                "container cannot be connected to multiple networks with one of the networks in private (none) mode",
            )

    def entry(self, network: Network, wanted: Mapping[str, Any]) -> Entry:
        """A container's entry for a network, as it is wanted. Raises Refusal where that can't be."""
        ipam = {key: value for key, value in (wanted.get("IPAMConfig") or {}).items() if value}
        fixed = ipam.get("IPv4Address")
        if fixed and not network.subnet_is_users:
            raise Refusal(
                400,
                "user specified IP address is supported only when connecting to networks with user configured subnets",
            )
        if fixed and network.subnet and not _inside(fixed, network.subnet):
            raise Refusal(
                self.world.version.outside_subnet,
                f"invalid address {fixed}: It does not belong to any of this network's subnets",
            )
        aliases = list(wanted.get("Aliases") or ())
        if aliases and network.predefined:
            raise Refusal(400, "network-scoped alias is supported only for containers in user defined networks")
        return Entry(
            ipam=ipam or None,
            aliases=aliases or None,
            links=list(wanted.get("Links") or ()) or None,
            options=dict(wanted.get("DriverOpts") or {}) or None,
        )

    async def disconnect(self, reference: str, body: Mapping[str, Any]) -> None:
        """`POST /networks/<id>/disconnect`; `Force` finds an endpoint by its name where its container is gone."""
        network = self.world.network(reference)
        named = body.get("Container") or ""
        left = [id_ for id_, it in network.endpoints.items() if it.name == named and id_ not in self.world.containers]
        if left and body.get("Force"):
            del network.endpoints[left[0]]
            return
        container = self.world.container(named)
        async with self.world.locks[container.id]:
            entry = container.entries.get(network.name)
            if not container.running:
                if entry is None:
                    raise Refusal(500, f"container {container.id} is not connected to the network {network.name}")
                del container.entries[network.name]
                container.note()
                if self.world.version.tells_of_stopped:
                    self.teller.of_pair("disconnect", network, container.id)
                return
            if container.mode == "host" and network.name == "host":
                raise Refusal(400, "container cannot be disconnected from host network")
            if container.id not in network.endpoints:
                raise Refusal(500, f"container {container.id} is not connected to network {network.name}")
            self.world.detach(network, container)
            container.entries.pop(network.name, None)
            container.note()
            for number in range(self.world.version.disconnects_told):
                if number:
                    await asyncio.sleep(SECOND)
                self.teller.of_pair("disconnect", network, container.id)


def _inside(address: str, subnet: Subnet) -> bool:
    try:
        return ipaddress.IPv4Address(address) in subnet
    except ValueError:
        return False
