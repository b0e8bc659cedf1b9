"""The plan of a network's replacement: from what is there and what is wanted to what is done, or to why it can't be.
Pure.

Measured on Docker 20.10: all containers go along, also those that do not run, that were made for this network (by its
name or by its id), and that are paused; they run on, and start afterwards. A container with several networks keeps its
default route, which the engine chooses by the networks' names; the interface gets a new name (eth2 for eth0). An
address that the engine chooses is the lowest free one, so those that have one are connected in the order of these,
after all fixed ones, and get the same again unless there was a hole. Published ports are bound anew: a host port that
was given stays, one that the engine chose is another.
"""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address
from typing import Final

from pydantic import ValidationError

from control import addresses
from control.endpoints import membership_on
from control.errors import AddressConflict, AddressesOutside, Conflict, Forbidden, InUse, Invalid
from control.records import (
    BUILT_IN,
    AddressPool,
    Container,
    Ipam,
    MembershipState,
    Network,
    NetworkDetail,
    NetworkSettings,
    Record,
    RequestRef,
)
from control.topology.replacement import Member, Plan, alike, endpoint_of, plain, settings_of
from control.wanted import WantedNetwork, WantedReplacement

OF_THE_SWARM: Final = "docker_gwbridge"
CONFIGURED: Final = ("driver", "labels", "options", "ipam", "ipv6")
"""What a network that takes a configuration has from that."""


class Observed(Record):
    """What a plan is made of: the network, the containers on it, and all networks."""

    network: NetworkDetail
    containers: tuple[Container, ...]
    networks: tuple[Network, ...]


def plan(observed: Observed, wanted: WantedReplacement, request: RequestRef) -> Plan | None:
    """What is to be done, or None where the network is so already. Raises Forbidden, and Conflict and its kinds, where
    it can't be done: nothing has been touched then."""
    network = observed.network
    _check_kind(network)
    _check_configuration(observed, wanted)
    target = changed(network, wanted)
    if alike(target, network):
        return None
    _check_values(target)
    _check_endpoints(network)
    members, warnings = _members(observed, target, renumber=wanted.renumber)
    _check_room(target, members)
    return Plan(
        request_id=request.id,
        principal=request.principal,
        reason=request.reason,
        network=plain(network),
        target=target,
        members=members,
        warnings=(*warnings, *_of_ports(members, target)),
    )


def _check_kind(network: Network) -> None:
    if network.name in BUILT_IN:
        raise Forbidden(
            f"{network.name} is the engine's own and can't be replaced. Make a network of your own (POST /networks) "
            "and connect the containers to it."
        )
    if network.ingress or network.name == OF_THE_SWARM:
        raise Conflict(f"{network.name} is the swarm's own. Change it with `docker network` as Docker's manual says.")
    if network.scope == "swarm":
        raise Conflict(
            f"{network.name} belongs to the swarm: what is on it at other nodes, and its services, can't be seen and "
            "brought back from here. Create another network, and move services and containers to that."
        )


def _check_configuration(observed: Observed, wanted: WantedReplacement) -> None:
    network = observed.network
    if network.config_from is not None and (given := sorted(wanted.model_fields_set & set(CONFIGURED))):
        raise Conflict(
            f"{network.name} has {' and '.join(given)} from the configuration {network.config_from}. Create another "
            "configuration, a network that takes it, and connect the containers to that."
        )
    users = sorted(other.name for other in observed.networks if other.config_from == network.name)
    if network.config_only and users:
        raise InUse(
            f"{network.name} is the configuration of {', '.join(users)}. Remove these networks first.", users=users
        )


def _check_values(target: NetworkSettings) -> None:
    """Raises Invalid where what was there and what is wanted do not fit together."""
    asked = target.model_dump(
        include={"driver", "ipv4", "ipv6", "ipam"} if not target.config_only else {"ipv6", "ipam"}
    )
    try:
        WantedNetwork.model_validate({"name": "checked", "config_only": target.config_only, **asked})
    except ValidationError as error:
        errors = [
            {"at": ".".join(["body", *map(str, item["loc"])]), "message": item["msg"]}
            for item in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        told = "; ".join(f"{item['at']}: {item['message']}" for item in errors)
        raise Invalid(
            f"With what stays as it is, this does not fit: {told}. Nothing was changed.", errors=errors
        ) from error


def _check_endpoints(network: NetworkDetail) -> None:
    if network.other_endpoints:
        named = [it.name or it.container or "" for it in network.other_endpoints]
        raise InUse(
            f"On {network.name} are endpoints of no container that there is: {', '.join(named)}. They could not be "
            f"brought back. Restart the engine, which frees them, then ask again.",
            users=named,
        )


def subnets_of(ipam: Ipam) -> list[addresses.Subnet]:
    """The subnets of a network."""
    return [subnet for pool in ipam.pools if (subnet := addresses.as_subnet(pool.subnet)) is not None]


def _check_room(target: NetworkSettings, members: Sequence[Member]) -> None:
    subnets = [subnet for subnet in subnets_of(target.ipam) if subnet.version == 4]  # noqa: PLR2004  (IPv4)
    needed = sum(member.runs for member in members)
    room = sum(addresses.use_of(subnet, None, None, (), ()).total for subnet in subnets)
    if subnets and needed > room:
        raise AddressConflict(
            f"The new subnets have {room} addresses for containers, and {needed} are connected. Choose a larger "
            "subnet. Nothing was changed."
        )


def _members(observed: Observed, target: NetworkSettings, *, renumber: bool) -> tuple[tuple[Member, ...], list[str]]:
    network, subnets = observed.network, subnets_of(target.ipam)
    taken = {address for pool in target.ipam.pools for address in (pool.gateway, *pool.auxiliary_addresses.values())}
    members: list[Member] = []
    warnings: list[str] = []
    outside: list[dict[str, str]] = []
    for container in observed.containers:
        was = membership_on(container, network)
        if was is None:
            continue
        name = container.name
        given_up: list[str] = []
        for option in ("ipv4", "ipv6"):
            fixed, has = getattr(was.wanted, option), getattr(was.endpoint, option)
            if fixed is not None and (not _inside(fixed, subnets) or fixed in taken):
                outside.append({"container": name, "address": fixed})
                given_up.append(option)
                warnings.append(f"{name} had the fixed address {fixed} and gets one that the engine chooses.")
            elif fixed is None and has is not None and subnets and not _inside(has, subnets):
                warnings.append(f"{name} has {has}, which is no address of the new subnets: it gets another one.")
        members.append(
            Member(
                was=was,
                renumbered=tuple(given_up),
                ports=container.ports,
                runs=was.state is MembershipState.CONNECTED,
            )
        )
    if outside and not renumber:
        told = ", ".join(f"{it['container']} ({it['address']})" for it in outside)
        raise AddressesOutside(
            f"Fixed addresses would be lost, because the new {target.name} can't give them: {told}. Choose subnets "
            "that have them, or ask with renumber: true to have the engine choose others. Nothing was changed.",
            addresses=outside,
        )
    return tuple(sorted(members, key=_order)), warnings


def _inside(address: str, subnets: Iterable[addresses.Subnet]) -> bool:
    return any(ip_address(address) in subnet for subnet in subnets)


def _order(member: Member) -> tuple[int, int, str]:
    """Fixed addresses first, then the others in the order of theirs, then those that do not run."""
    fixed = bool(endpoint_of(member).ipv4 or endpoint_of(member).ipv6)
    has = member.was.endpoint.ipv4 or member.was.endpoint.ipv6
    number = int(ip_address(has)) if has else 0
    return (2 if not member.runs else 0 if fixed else 1), number, member.was.container.id


def _of_ports(members: Iterable[Member], target: NetworkSettings) -> Iterator[str]:
    for member in members:
        published = [port for port in member.ports if port.host_port is not None]
        if published and target.internal:
            yield f"{member.was.container.name} publishes ports, which an internal network does not do."


def changed(network: Network, wanted: WantedReplacement) -> NetworkSettings:
    """The network as it is to be."""
    settings = settings_of(network)
    given = {name: getattr(wanted, name) for name in wanted.model_fields_set & NetworkSettings.model_fields.keys()}
    update = {name: value for name, value in given.items() if name != "ipam" and value is not None}
    if wanted.ipam is not None:
        pools = tuple(AddressPool(**pool.model_dump()) for pool in wanted.ipam.pools)
        update["ipam"] = Ipam(driver=wanted.ipam.driver, options=wanted.ipam.options, pools=pools)
    elif wanted.ipv6 is False:
        kept = tuple(pool for pool in settings.ipam.pools if ":" not in (pool.subnet or ""))
        update["ipam"] = settings.ipam.model_copy(update={"pools": kept})
    return settings.model_copy(update=update)
