"""A network to create."""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from itertools import combinations
from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, ValidationInfo, field_validator, model_validator

from control import addresses
from control.wanted.values import Ip, Labels, Name, Options, Reference, Subnet, Wanted

MOST: Final = 128
"""Pools of a network: more is a mistake."""

BUILT_IN: Final = {"host": "host", "none": "none", "null": "none"}
"""Drivers of which an engine has the one network that there can be, by that network's name."""

Plugin = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_./:@-]*$", max_length=255)]
"""A driver's name: the engine's own, or a plugin's."""


class WantedPool(Wanted):
    """One subnet of a network. What is left out, the engine chooses; without a subnet, everything.

    `range` is the part of the subnet that the engine gives addresses from, `auxiliary_addresses` are those that it
    never gives out, by what has them.
    """

    subnet: Subnet | None = None
    range: Subnet | None = None
    gateway: Ip | None = None
    auxiliary_addresses: dict[Name, Ip] = {}

    @field_validator("subnet", mode="after")
    @classmethod
    def _usable(cls, value: str | None) -> str | None:
        if value is not None:
            subnet = ip_network(value)
            for never in addresses.UNUSABLE:
                if addresses.overlap(subnet, never):
                    raise ValueError(f"containers can have no address of {never}: choose another subnet")
            longest = addresses.SMALLEST[subnet.version]
            if subnet.prefixlen > longest:
                raise ValueError(f"too small for a gateway and a container: /{longest} is the smallest")
        return value

    @field_validator("range", mode="after")
    @classmethod
    def _part(cls, value: str | None, info: ValidationInfo) -> str | None:
        subnet = _subnet_of(info, value is not None)
        if value is not None and subnet is not None and not addresses.contains(subnet, ip_network(value)):
            raise ValueError(f"the range must lie in the subnet {subnet}")
        return value

    @field_validator("gateway", mode="after")
    @classmethod
    def _gateway(cls, value: str | None, info: ValidationInfo) -> str | None:
        if (subnet := _subnet_of(info, value is not None)) is not None and value is not None:
            _check_address(value, subnet)
        return value

    @field_validator("auxiliary_addresses", mode="after")
    @classmethod
    def _auxiliary(cls, value: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        subnet = _subnet_of(info, bool(value))
        for name, address in value.items():
            if subnet is not None:
                _check_address(address, subnet)
            if address == info.data.get("gateway"):
                raise ValueError(f"{name} has the gateway's address {address}")
        if len(set(value.values())) < len(value):
            raise ValueError("two of them have the same address")
        return value


def _subnet_of(info: ValidationInfo, needed: bool) -> addresses.Subnet | None:  # noqa: FBT001  (a helper's)
    """The subnet of the pool that is validated; None where that is wrong itself. Raises ValueError where it is needed
    and there is none."""
    if "subnet" not in info.data:
        return None
    if info.data["subnet"] is None:
        if needed:
            raise ValueError("give the subnet too that it belongs to")
        return None
    return ip_network(info.data["subnet"])


def _check_address(text: str, subnet: addresses.Subnet) -> None:
    address = ip_address(text)
    if address not in subnet:
        raise ValueError(f"{text} is outside the subnet {subnet}")
    if address in addresses.reserved(subnet):
        raise ValueError(f"{text} is the subnet's own address or its broadcast address: choose one between")


class WantedIpam(Wanted):
    """How a network gives addresses; without pools the engine chooses a free subnet."""

    driver: Plugin = "default"
    options: Options = {}
    pools: Annotated[tuple[WantedPool, ...], Field(max_length=MOST)] = ()

    @field_validator("pools", mode="after")
    @classmethod
    def _apart(cls, value: tuple[WantedPool, ...]) -> tuple[WantedPool, ...]:
        subnets = list(_subnets(value))
        for one, other in combinations(subnets, 2):
            if addresses.overlap(one, other):
                raise ValueError(f"the pools {one} and {other} overlap")
        return value


def _subnets(pools: Iterable[WantedPool]) -> Iterable[addresses.Subnet]:
    return (ip_network(pool.subnet) for pool in pools if pool.subnet is not None)


class WantedNetwork(Wanted):
    """A network to create.

    Drivers: `bridge` (one engine), `overlay` (a swarm), `macvlan` and `ipvlan` (an interface of the host, `parent` in
    `options`), or a plugin by its name; `host` and `none` are built in. Without `ipv4` it has IPv6 alone (Docker 28 and
    later). With `config_only` it only holds a configuration, which others take by naming it in `config_from`; these
    then have none of their own. `ingress` is a swarm's network for published ports.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "mynet"},
                {
                    "name": "backstage",
                    "internal": True,
                    "labels": {"team": "stage"},
                    "options": {"com.docker.network.driver.mtu": "1400"},
                    "ipam": {
                        "pools": [{"subnet": "10.120.0.0/24", "range": "10.120.0.128/25", "gateway": "10.120.0.1"}]
                    },
                },
            ]
        }
    )

    name: Name
    driver: Plugin = "bridge"
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    scope: Literal["local", "swarm"] | None = None
    config_only: bool = False
    ipv6: bool = False
    ipv4: bool = True
    labels: Labels = {}
    options: Options = {}
    ipam: WantedIpam = WantedIpam()
    config_from: Reference | None = None

    @field_validator("driver", mode="after")
    @classmethod
    def _can_be_created(cls, value: str) -> str:
        if (network := BUILT_IN.get(value)) is not None:
            raise ValueError(
                f"the network {network} is built in, and there can be no second one of this driver: use that, or "
                "choose bridge, overlay, macvlan or ipvlan"
            )
        return value

    @field_validator("ingress", mode="after")
    @classmethod
    def _of_a_swarm(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001  (pydantic's)
        if value and info.data.get("driver", "overlay") != "overlay":
            raise ValueError("only an overlay can be the ingress network: add driver overlay")
        return value

    @field_validator("scope", mode="after")
    @classmethod
    def _fits_driver(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value == "local" and info.data.get("driver") == "overlay":
            raise ValueError("an overlay is a swarm's: leave out the scope")
        return value

    @field_validator("ipv4", mode="after")
    @classmethod
    def _some_addresses(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001  (pydantic's)
        if not value and info.data.get("ipv6") is False:
            raise ValueError("without IPv4 it needs ipv6 true")
        return value

    @field_validator("ipam", mode="after")
    @classmethod
    def _families(cls, value: WantedIpam, info: ValidationInfo) -> WantedIpam:
        versions = [subnet.version for subnet in _subnets(value.pools)]
        if 6 in versions and info.data.get("ipv6") is False:  # noqa: PLR2004  (IPv6)
            raise ValueError("an IPv6 subnet needs ipv6 true")
        if 4 in versions and info.data.get("ipv4") is False:  # noqa: PLR2004  (IPv4)
            raise ValueError("an IPv4 subnet needs ipv4 true")
        bridge = info.data.get("driver") == "bridge" and not info.data.get("config_only")
        if bridge and len(set(versions)) < len(versions):
            raise ValueError("a bridge has one subnet of IPv4 and one of IPv6 at most: make another network")
        return value

    @field_validator("config_only", mode="after")
    @classmethod
    def _holds_alone(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001  (pydantic's)
        refused = [name for name in ("internal", "attachable", "ingress", "scope") if info.data.get(name)]
        if value and refused:
            raise ValueError(f"a configuration has no {' or '.join(refused)}: say it with the network that takes it")
        return value

    @field_validator("config_from", mode="after")
    @classmethod
    def _takes_all(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return value
        own = {"ipv6": False, "ipv4": True, "labels": {}, "options": {}, "ipam": WantedIpam(), "config_only": False}
        refused = [name for name, nothing in own.items() if info.data.get(name, nothing) != nothing]
        if refused:
            raise ValueError(f"{' and '.join(refused)} can't be given beside a configuration: have it in that")
        return value

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.config_only and "driver" in self.model_fields_set:
            raise ValueError("a configuration has no driver: say it with the network that takes it")
        if self.scope == "swarm" and self.driver != "overlay" and self.config_from is None:
            raise ValueError("a swarm's network of this driver takes each node's configuration: add config_from")
        return self
