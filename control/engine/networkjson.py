"""Networks in the engine's JSON, as records. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from control import addresses, instants
from control.records import (
    AddressPool,
    AddressUse,
    Endpoint,
    Ipam,
    IpamInUse,
    Membership,
    Network,
    NetworkDetail,
    OtherEndpoint,
    Peer,
    PoolInUse,
    Service,
    ServiceTask,
)

CONTAINER_ID: Final = re.compile(r"[0-9a-f]{64}")

Raw = Mapping[str, Any]


def network_of(raw: Raw) -> Network:
    """A network from the engine's JSON of a list or an inspect."""
    ipam = raw.get("IPAM") or {}
    return Network(
        **_fields(raw),
        ipam=Ipam(
            driver=ipam.get("Driver") or "default",
            options=ipam.get("Options") or {},
            pools=tuple(AddressPool(**_pool(pool)) for pool in ipam.get("Config") or ()),
        ),
    )


def _fields(raw: Raw) -> dict[str, Any]:
    return {
        "id": raw["Id"],
        "name": raw["Name"],
        "driver": raw["Driver"],
        "scope": raw.get("Scope") or "local",
        "created": instants.parse_or_none(raw.get("Created")),
        "internal": bool(raw.get("Internal")),
        "attachable": bool(raw.get("Attachable")),
        "ingress": bool(raw.get("Ingress")),
        # An engine before API 1.48 does not say it, because there is no network without.
        "ipv4": raw.get("EnableIPv4") is not False,
        "ipv6": bool(raw.get("EnableIPv6")),
        "config_only": bool(raw.get("ConfigOnly")),
        "config_from": (raw.get("ConfigFrom") or {}).get("Network") or None,
        "labels": raw.get("Labels") or {},
        "options": raw.get("Options") or {},
    }


def _pool(raw: Raw) -> dict[str, Any]:
    return {
        "subnet": raw.get("Subnet") or None,
        "range": raw.get("IPRange") or None,
        "gateway": raw.get("Gateway") or None,
        "auxiliary_addresses": raw.get("AuxiliaryAddresses") or {},
    }


def endpoints_of(raw: Raw) -> dict[str, Endpoint]:
    """The live endpoints on a network by their containers' ids, from the engine's JSON of an inspect."""
    return {
        key: endpoint
        for key, _, endpoint in _all_endpoints(raw)
        # A swarm's overlay shows a pseudo-container `lb-…` or `<network>-endpoint`, whose key is no id.
        if CONTAINER_ID.fullmatch(key)
    }


def _all_endpoints(raw: Raw) -> Iterator[tuple[str, str | None, Endpoint]]:
    for key, entry in (raw.get("Containers") or {}).items():
        endpoint = Endpoint(
            id=entry.get("EndpointID") or None,
            ipv4=_bare(entry.get("IPv4Address")),
            ipv6=_bare(entry.get("IPv6Address")),
            mac=entry.get("MacAddress") or None,
        )
        yield key, entry.get("Name") or None, endpoint


def _bare(address: str | None) -> str | None:
    """`172.18.0.2/16` → `172.18.0.2`."""
    return address.partition("/")[0] if address else None


def detail_of(raw: Raw, members: Iterable[Membership]) -> NetworkDetail:
    """A network from the engine's JSON of an inspect, and from its members."""
    containers = sorted(members, key=lambda member: (member.container.name or "", member.container.id))
    known = {member.container.id for member in containers}
    endpoints = list(_all_endpoints(raw))
    services = tuple(_services(raw))
    taken = _addresses(
        *(endpoint for _, _, endpoint in endpoints),
        *(task.endpoint for service in services for task in service.tasks),
        *(Endpoint(ipv4=service.address) for service in services),
    )
    ipam = raw.get("IPAM") or {}
    return NetworkDetail(
        **_fields(raw),
        ipam=IpamInUse(
            driver=ipam.get("Driver") or "default",
            options=ipam.get("Options") or {},
            pools=tuple(_pool_in_use(pool, taken) for pool in ipam.get("Config") or ()),
        ),
        containers=tuple(containers),
        other_endpoints=tuple(
            OtherEndpoint(name=name, container=key if CONTAINER_ID.fullmatch(key) else None, endpoint=endpoint)
            for key, name, endpoint in sorted(endpoints, key=lambda it: it[0])
            if key not in known
        ),
        peers=tuple(
            sorted(
                (Peer(name=peer.get("Name") or "", address=peer.get("IP") or "") for peer in raw.get("Peers") or ()),
                key=lambda peer: (peer.address, peer.name),
            )
        ),
        services=services,
    )


def _addresses(*endpoints: Endpoint) -> frozenset[addresses.Address]:
    texts = {text for endpoint in endpoints for text in (endpoint.ipv4, endpoint.ipv6)}
    return frozenset(address for text in texts if (address := addresses.as_address(text)) is not None)


def _pool_in_use(raw: Raw, taken: frozenset[addresses.Address]) -> PoolInUse:
    pool = _pool(raw)
    subnet = addresses.as_subnet(pool["subnet"])
    if subnet is None:
        return PoolInUse(**pool, use=None)
    auxiliary = [text for text in pool["auxiliary_addresses"].values() if addresses.as_address(text)]
    gateway = addresses.as_address(pool["gateway"])
    use = addresses.use_of(
        subnet, addresses.as_subnet(pool["range"]), None if gateway is None else str(gateway), auxiliary, taken
    )
    return PoolInUse(**pool, use=AddressUse(**{name: min(n, addresses.EXACT) for name, n in use._asdict().items()}))


def _services(raw: Raw) -> Iterator[Service]:
    """From `Services` of a verbose inspect. Containers of no service stand there too, under no name."""
    for name, entry in sorted((raw.get("Services") or {}).items()):
        if not name:
            continue
        address = addresses.as_address(entry.get("VIP"))  # `<nil>` where it has none
        yield Service(
            name=name,
            address=None if address is None else str(address),
            ports=tuple(entry.get("Ports") or ()),
            tasks=tuple(
                ServiceTask(
                    name=task.get("Name") or "",
                    endpoint=Endpoint(id=task.get("EndpointID") or None, ipv4=_bare(task.get("EndpointIP"))),
                    host=(task.get("Info") or {}).get("Host IP") or None,
                )
                for task in sorted(entry.get("Tasks") or (), key=lambda it: str(it.get("Name")))
            ),
        )


def referring(raw: Raw, network_id: str, network_name: str) -> str | None:
    """The key under which a container's inspect has this network, or None.

    A container that never ran names its networks and leaves their ids empty; another network of this name has its own.
    """
    entries = (raw.get("NetworkSettings") or {}).get("Networks") or {}
    for key in (network_name, network_id):
        entry = entries.get(key)
        if entry is not None and (entry.get("NetworkID") or network_id) == network_id:
            return key
    return None
