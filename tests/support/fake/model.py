"""What a fake engine holds: networks, containers, endpoints. State and its look-ups; it tells of nothing.

Two things are kept apart because the engine keeps them apart: a network's live endpoints, and a container's entries
(what its inspect shows), which may be configured only, stale after the engine's death, or the residue of a connect
that failed.
"""

import asyncio
import ipaddress
import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tests.support.fake.versions import Version

LIVE: Final = frozenset({"running", "paused", "restarting"})
PREDEFINED: Final = frozenset({"bridge", "host", "none"})
Subnet = ipaddress.IPv4Network

POOLS: Final = (
    *(ipaddress.IPv4Network(f"172.{number}.0.0/16") for number in range(18, 32)),
    *(ipaddress.IPv4Network(f"192.168.{number}.0/20") for number in range(0, 256, 16)),
)
"""The subnets of networks that name none: thirty."""


class Refusal(Exception):
    """The engine's answer to what it does not do: a status and its words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(slots=True)
class Endpoint:
    """A container's live place on a network."""

    id: str
    ipv4: str
    mac: str
    name: str
    """Its container's, by which it can be found when that is gone."""


@dataclass(slots=True)
class Network:
    """A network, and who has a live endpoint on it, by container."""

    id: str
    name: str
    driver: str
    created: int
    subnet: Subnet | None = None
    gateway: str = ""
    subnet_is_users: bool = False
    gateway_is_told: bool = True
    """Whether its inspect names the gateway: not where only the subnet was asked for."""

    scope: str = "local"
    internal: bool = False
    attachable: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    @property
    def predefined(self) -> bool:
        """Whether it is the engine's own."""
        return self.name in PREDEFINED


@dataclass(slots=True)
class Entry:
    """What a container's inspect holds under a network's name. `network_id` is empty until the container has run."""

    network_id: str = ""
    ipam: dict[str, str] | None = None
    aliases: list[str] | None = None
    links: list[str] | None = None
    options: dict[str, str] | None = None
    names: list[str] | None = None
    endpoint: Endpoint | None = None
    gateway: str = ""
    prefix: int = 0

    @property
    def fixed(self) -> str | None:
        """The address that it must have."""
        return (self.ipam or {}).get("IPv4Address") or None

    def clear(self) -> None:
        """What is left when the container has stopped: what it wants."""
        self.endpoint, self.gateway, self.prefix = None, "", 0


@dataclass(slots=True)
class Container:
    """A container."""

    id: str
    name: str
    image: str
    command: list[str]
    labels: dict[str, str]
    host: dict[str, Any]
    created: int
    entries: dict[str, Entry] = field(default_factory=dict)
    listed: dict[str, Entry] = field(default_factory=dict)
    """The entries as the list shows them: those of the last thing that went well. (A start that fails leaves its
    endpoints there, a connect that fails leaves nothing there; measured on 20.10.)"""

    status: str = "created"
    exit_code: int = 0
    started: int = 0
    finished: int = 0
    restarts: int = 0
    out_of_memory: bool = False
    health: str | None = None
    stopped_by_hand: bool = False
    ended_unseen: bool = False
    """Whether its process ended while the engine was down."""

    lives: int = 0
    """Counts its starts, so that an end planned for one life does not end another."""

    @property
    def mode(self) -> str:
        """Its network mode; the default bridge where nothing was asked for."""
        mode: str = self.host.get("NetworkMode") or "default"
        return "bridge" if mode == "default" else mode

    @property
    def running(self) -> bool:
        """As the engine says it: one that waits for its restart is running too."""
        return self.status in LIVE

    @property
    def policy(self) -> str:
        """Its restart policy."""
        return (self.host.get("RestartPolicy") or {}).get("Name") or "no"

    def note(self) -> None:
        """Something went well: the list knows the entries as they are."""
        self.listed = {name: replace(entry) for name, entry in self.entries.items()}

    @property
    def obeys(self) -> bool:
        """Whether SIGTERM ends it: the first process of a container ignores it, unless an init takes its place."""
        return bool(self.host.get("Init"))


class World:
    """Networks and containers, with the engine's rules for names, ids and addresses."""

    def __init__(self, version: Version, chance: random.Random) -> None:
        self.version = version
        self.chance = chance
        self.networks: dict[str, Network] = {}
        self.containers: dict[str, Container] = {}
        self.locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """By container: held while something is done to it. An inspect of the container waits for it."""

        self._endpoints = itertools.count(1)

    def new_id(self) -> str:
        """64 hexadecimal digits."""
        return self.chance.randbytes(32).hex()

    def add(self, network: Network) -> Network:
        """Keep a network. Its gateway is taken."""
        self.networks[network.id] = network
        if network.gateway:
            network.taken.add(network.gateway)
        return network

    def network(self, reference: str) -> Network:
        """By id, else by name, else by id prefix."""
        found = self.networks.get(reference)
        if found is not None:
            return found
        for matches in (
            [network for network in self.networks.values() if network.name == reference],
            [network for id_, network in self.networks.items() if reference and id_.startswith(reference)],
        ):
            if len(matches) == 1:
                return matches[0]
            if matches:
                raise Refusal(400, f"network {reference} is ambiguous ({len(matches)} matches found on name)")
        raise Refusal(404, f"network {reference} not found")

    def container(self, reference: str) -> Container:
        """By id, else by name, else by id prefix."""
        found = self.containers.get(reference)
        if found is not None:
            return found
        reference = reference.removeprefix("/")
        for container in self.containers.values():
            if container.name == reference:
                return container
        matches = [container for id_, container in self.containers.items() if reference and id_.startswith(reference)]
        if len(matches) > 1:
            raise Refusal(self.version.ambiguous_container, f"Multiple IDs found with provided prefix: {reference}")
        if not matches:
            raise Refusal(404, f"No such container: {reference}")
        return matches[0]

    def network_of(self, name: str, entry: Entry) -> Network:
        """The network that a container's entry stands for: one that ever ran is pinned to the id, except of the
        engine's own networks."""
        return self.network(name if name in PREDEFINED else entry.network_id or name)

    def live_entries(self, container: Container) -> Iterator[tuple[str, Entry, Network]]:
        """A container's live endpoints: by its entries' names."""
        for name, entry in list(container.entries.items()):
            network = self.networks.get(entry.network_id)
            if network is not None and container.id in network.endpoints:
                yield name, entry, network

    def attach(self, network: Network, container: Container, entry: Entry) -> Endpoint:
        """Give a container a live endpoint, and its entry what it shows of it."""
        address = "" if network.subnet is None else self._address(network, entry.fixed)
        number = next(self._endpoints)
        endpoint = Endpoint(
            f"{number:016x}{container.id[:24]}{network.id[:24]}", address, mac_of(address), container.name
        )
        network.endpoints[container.id] = endpoint
        if address:
            network.taken.add(address)
        entry.network_id = network.id
        entry.endpoint = endpoint
        entry.gateway = network.gateway
        entry.prefix = network.subnet.prefixlen if network.subnet else 0
        self.give_names(network, container, entry)
        return endpoint

    def give_names(self, network: Network, container: Container, entry: Entry) -> None:
        """The names that a container is found by, besides its aliases."""
        short = container.id[:12]
        if network.predefined:
            return
        if self.version.dns_names:
            entry.names = list(dict.fromkeys([container.name, *(entry.aliases or ()), short]))
        elif short not in (entry.aliases or ()):
            entry.aliases = [*(entry.aliases or ()), short]

    def detach(self, network: Network, container: Container) -> None:
        """Take a container's live endpoint away, and leave its entry as it is."""
        endpoint = network.endpoints.pop(container.id, None)
        if endpoint is not None:
            network.taken.discard(endpoint.ipv4)

    def _address(self, network: Network, wanted: str | None) -> str:
        assert network.subnet is not None
        if wanted:
            if wanted in network.taken:
                raise Refusal(403, "Address already in use")
            return wanted
        first = int(network.subnet.network_address) + 1
        for number in range(first, int(network.subnet.broadcast_address)):
            address = str(ipaddress.IPv4Address(number))
            if address not in network.taken:
                return address
        raise Refusal(500, "no available IPv4 addresses on this network's address pools")

    def free_subnet(self) -> Subnet:
        """A subnet for a network that names none."""
        used = [network.subnet for network in self.networks.values() if network.subnet is not None]
        for pool in POOLS:
            if not any(pool.overlaps(subnet) for subnet in used):
                return pool
        raise Refusal(
            404,
            "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the "
            "network",
        )


def mac_of(address: str) -> str:
    """The MAC of a bridge's endpoint, which follows from its address."""
    if not address:
        return ""
    return ":".join(f"{number:02x}" for number in (0x02, 0x42, *ipaddress.IPv4Address(address).packed))


def subnet_of(body: Mapping[str, Any]) -> tuple[Subnet | None, str]:
    """The subnet and gateway that a network's creation names."""
    pools = (body.get("IPAM") or {}).get("Config") or ()
    if not pools or not pools[0].get("Subnet"):
        return None, ""
    try:
        subnet = ipaddress.IPv4Network(pools[0]["Subnet"], strict=False)
    except ValueError as error:
        raise Refusal(400, f"invalid CIDR address: {pools[0]['Subnet']}") from error
    return subnet, pools[0].get("Gateway") or ""
