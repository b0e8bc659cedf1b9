"""The routes of the engine's host, as far as this process can see them.

A subnet that the engine gives to a network takes the way to whatever had it before, and the engine looks for that only
where it chooses the subnet itself (measured on Docker 20.10: a subnet that is asked for is created over a route). They
are read by the process at the engine's socket, in whose network the engine makes its bridges, whatever network control
is in. Where no bridge of the engine's is there, that process is not the engine or not one that can be seen: the engine
is remote, or control is in a container with processes of its own. Then no route is known.
"""

import sys
from collections.abc import Collection, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from typing import Final

from control.addresses import REFUSING, Taken
from control.engine.connection import Connection

WIDE: Final = 8
"""A route with a shorter prefix is one of many to everywhere, such as the 0.0.0.0/1 of a VPN: every subnet is in it."""

_OWN: Final = 0x80000000 | 0x00100000
"""Flags of an IPv6 route to an address of the host's own: RTF_LOCAL, RTF_ANYCAST."""

_REFUSES: Final = 0x200
"""The flag of a route that refuses, RTF_REJECT: of IPv6 it is by `lo`, as are those to the host itself."""

_NEVER: Final = tuple(map(IPv6Network, ("fe80::/10", "ff00::/8")))


def of_engine(connection: Connection, bridges: Collection[str]) -> tuple[Taken, ...]:
    """The routes of the host of the engine that a connection leads to, which has these bridges. Blocks for a moment."""
    try:
        peer = connection.peer()
    except OSError:  # nobody listens now
        return ()
    return () if peer is None else read(int(peer.partition(":")[0]), bridges)


def read(pid: int, bridges: Collection[str]) -> tuple[Taken, ...]:
    """The routes in the network of this process which are not by one of the engine's `bridges`; none where none of
    these is there."""
    folder = folder_of(pid)
    try:
        if not any(line.partition(":")[0].strip() in bridges for line in _lines(folder / "dev")):
            return ()
        routes = [*_ipv4(_lines(folder / "route")), *_ipv6(_lines(folder / "ipv6_route"))]
    except OSError:
        return ()
    return tuple(route for route in routes if route.interface not in bridges)


def folder_of(pid: int) -> Path:
    """Where the kernel tells of the network that a process is in."""
    return Path(f"/proc/{pid}/net")


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _ipv4(lines: list[str]) -> Iterator[Taken]:
    """From `/proc/net/route`: addresses are eight digits in the order of the machine's bytes."""
    for line in lines[1:]:
        interface, destination, _, _, _, _, _, mask, *_ = line.split()
        length = int(mask, 16).bit_count()
        if length >= WIDE:
            address = IPv4Address(int(destination, 16).to_bytes(4, sys.byteorder))
            yield Taken(IPv4Network((address, length), strict=False), interface=interface)


def _ipv6(lines: list[str]) -> Iterator[Taken]:
    """From `/proc/net/ipv6_route`: destination, the length of its prefix, …, flags, interface; all in hexadecimal."""
    for line in lines:
        destination, length, *_, flags, interface = line.split()
        refuses = int(flags, 16) & _REFUSES
        if int(length, 16) >= WIDE and not int(flags, 16) & _OWN and (refuses or interface != "lo"):
            subnet = IPv6Network((IPv6Address(int(destination, 16)), int(length, 16)), strict=False)
            if not any(subnet.overlaps(never) for never in _NEVER):
                yield Taken(subnet, interface=REFUSING if refuses else interface)
