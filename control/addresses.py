"""Subnets and addresses: what overlaps, which subnet is free, what a pool has still to give. Pure.

How an engine counts (measured on Docker 20.10 by filling networks until it refused): of a pool's range, or of its
subnet where it has none, it gives out everything but the subnet's first address, of IPv4 the last one too, the gateway
and the auxiliary addresses. Where no gateway was asked for, it takes the first free address of the range as one, and an
inspect does not show that.
"""

import hashlib
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, NamedTuple

Subnet = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

PRIVATE: Final[tuple[Subnet, ...]] = (
    *map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),
    IPv6Network("fd00::/8"),
)
"""Where subnets are suggested from (RFC 1918, RFC 4193)."""

USUAL: Final = IPv4Network("10.128.0.0/24")
"""What a suggestion is like where no subnet was asked for: past the first of 10.0.0.0/8, which a swarm takes."""

UNUSABLE: Final[tuple[Subnet, ...]] = (
    *map(IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4")),
    *map(IPv6Network, ("::/127", "ff00::/8")),
)
"""No address of these can be a container's: this host, loopback, multicast."""

SMALLEST: Final = {4: 30, 6: 126}
"""The longest prefix that leaves an address for a container beside the engine's own."""

EXACT: Final = 2**53 - 1
"""The largest number that every reader of JSON reads exactly."""


REFUSING: Final = "*"
"""How the kernel calls the interface of a route that refuses."""


class Taken(NamedTuple):
    """A subnet that is in use: by the network of this name, or by a route of the host through this interface."""

    subnet: Subnet
    network: str | None = None
    interface: str | None = None

    def __str__(self) -> str:
        if self.network is not None:
            return f"{self.subnet} of the network {self.network}"
        way = "which refuses" if self.interface == REFUSING else f"by {self.interface}"
        return f"the route of the engine's host to {self.subnet} ({way})"


class Use(NamedTuple):
    """How many addresses a pool has for containers, how many of them are taken, and how many are free."""

    total: int
    taken: int
    free: int


def overlap(one: Subnet, other: Subnet) -> bool:
    """Whether some address is in both."""
    return one.version == other.version and one.overlaps(other)


def contains(subnet: Subnet, inner: Subnet) -> bool:
    """Whether all of `inner` is in `subnet`."""
    return subnet.version == inner.version and inner.network_address in subnet and inner.prefixlen >= subnet.prefixlen


def first_overlap(wanted: Subnet, taken: Iterable[Taken]) -> Taken | None:
    """What a subnet overlaps with, or None."""
    return next((other for other in taken if overlap(wanted, other.subnet)), None)


def free_subnet(taken: Iterable[Subnet], *, like: Subnet) -> Subnet | None:
    """A private subnet of the size of `like` that overlaps with none of `taken`, or None where there is none.

    The next one after `like` in its own private range, else the first there, else the first of another range.
    """
    blocked = sorted((int(it[0]), int(it[-1])) for it in taken if it.version == like.version)
    fitting = [it for it in PRIVATE if it.version == like.version and it.prefixlen <= like.prefixlen]
    own = [it for it in fitting if contains(it, like)]
    starts = [(int(like[0]), it) for it in own] + [(int(it[0]), it) for it in (*own, *fitting)]
    for start, private in starts:
        found = _first_gap(blocked, start, int(private[-1]), like.num_addresses)
        if found is not None:
            return IPv4Network((found, like.prefixlen)) if like.version == 4 else IPv6Network((found, like.prefixlen))  # noqa: PLR2004  (IPv4)
    return None


def _first_gap(blocked: Iterable[tuple[int, int]], low: int, high: int, size: int) -> int | None:
    """The first multiple of `size` from `low` on from which so many numbers up to `high` are in no interval."""
    start = low
    for first, last in blocked:
        if first >= start + size:
            break
        if last >= start:
            start = -(-(last + 1) // size) * size
    return start if start + size - 1 <= high else None


def local_subnet(name: str) -> IPv6Network:
    """A /64 of the unique local addresses, by a name, so that two hosts hardly choose the same (RFC 4193)."""
    digest = hashlib.sha256(name.encode()).digest()
    return IPv6Network((b"\xfd" + digest[:5] + bytes(10), 64))


def reserved(subnet: Subnet) -> Iterator[Address]:
    """The addresses of a subnet that the engine never gives out: the first, and of IPv4 the last."""
    yield subnet.network_address
    if isinstance(subnet, IPv4Network):
        yield subnet.broadcast_address


def use_of(
    subnet: Subnet, given: Subnet | None, gateway: str | None, auxiliary: Iterable[str], taken: Iterable[Address]
) -> Use:
    """How many addresses a pool has for containers: `given` is the range that it gives from, if not the whole subnet,
    `taken` are the addresses of the endpoints on its network."""
    pool = given if given is not None and contains(subnet, given) else subnet
    kept = {*reserved(subnet), *map(ip_address, auxiliary)}
    if gateway is not None:
        kept.add(ip_address(gateway))
    total = pool.num_addresses - _within(pool, kept) - (gateway is None)
    out = _within(pool, set(taken) - kept)
    return Use(max(0, total), out, max(0, total - out))


def _within(pool: Subnet, addresses: Iterable[Address]) -> int:
    return sum(address in pool for address in addresses)


def as_subnet(text: str | None) -> Subnet | None:
    """What an engine calls a subnet or a range, or None where it is none."""
    try:
        return None if text is None else ip_network(text, strict=False)
    except ValueError:
        return None


def as_address(text: str | None) -> Address | None:
    """What an engine calls an address (`10.1.0.2`, `10.1.0.2/24`), or None where it is none."""
    try:
        return None if text is None else ip_address(text.partition("/")[0])
    except ValueError:
        return None
