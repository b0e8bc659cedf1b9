"""Subnets and addresses: free ones are free, and pools are counted as an engine counts."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.addresses import (
    PRIVATE,
    Subnet,
    Taken,
    contains,
    first_overlap,
    free_subnet,
    local_subnet,
    overlap,
    use_of,
)

V4 = st.tuples(st.one_of(st.integers(0, 2**32 - 1), st.integers(10 << 24, (10 << 24) + 2**16)), st.integers(8, 32)).map(
    lambda it: IPv4Network(it, strict=False)
)
V6 = st.tuples(st.integers(0xFD << 120, (0xFE << 120) - 1), st.integers(8, 126)).map(
    lambda it: IPv6Network(it, strict=False)
)


@given(st.lists(st.one_of(V4, V6), max_size=30), st.one_of(V4, V6))
def test_a_free_subnet_is_free_private_and_of_the_size_asked(taken: list[Subnet], like: Subnet) -> None:
    """It overlaps with nothing that is taken; where there is none, each private range is too small or touched."""
    found = free_subnet(taken, like=like)
    if found is None:
        for private in PRIVATE:
            fits = private.version == like.version and private.prefixlen <= like.prefixlen
            assert not fits or any(overlap(private, other) for other in taken)
    else:
        assert (type(found), found.prefixlen) == (type(like), like.prefixlen)
        assert any(contains(private, found) for private in PRIVATE)
        assert not any(overlap(found, other) for other in taken)


@given(st.lists(V4.filter(lambda it: it.prefixlen >= 24), max_size=40), st.integers(0, 255))
def test_a_free_subnet_is_found_where_there_is_one(taken: list[IPv4Network], spared: int) -> None:
    """All of 10.0.0.0/16's /24s are taken but one, and so is the rest of the private ranges: that one is found."""
    spared_subnet = IPv4Network(((10 << 24) + (spared << 8), 24))
    others = [it for it in IPv4Network("10.0.0.0/16").subnets(new_prefix=24) if it != spared_subnet]
    rest = [*IPv4Network("10.0.0.0/8").address_exclude(IPv4Network("10.0.0.0/16"))]
    ranges = [IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16")]
    blocked = [*others, *rest, *ranges, *(it for it in taken if not it.overlaps(spared_subnet))]
    assert free_subnet(blocked, like=IPv4Network("192.168.7.0/24")) == spared_subnet
    assert free_subnet([*blocked, spared_subnet], like=IPv4Network("10.0.0.0/24")) is None


@pytest.mark.parametrize(
    ("taken", "like", "found"),
    [
        ([], "10.1.2.0/24", "10.1.2.0/24"),
        (["10.1.2.0/24"], "10.1.2.0/24", "10.1.3.0/24"),
        (["10.1.0.0/16"], "10.1.2.0/24", "10.2.0.0/24"),
        (["10.1.2.128/25"], "10.1.2.0/24", "10.1.3.0/24"),
        (["192.168.255.0/24"], "192.168.255.0/24", "192.168.0.0/24"),
        (["192.168.0.0/16"], "192.168.1.0/24", "10.0.0.0/24"),
        (["10.0.0.0/8"], "10.0.0.0/8", None),
        (["10.0.0.0/8"], "10.0.0.0/12", "172.16.0.0/12"),
        (["8.8.8.0/24"], "8.8.8.0/24", "10.0.0.0/24"),
        (["fd00:7::/64"], "fd00:7::/64", "fd00:7:0:1::/64"),
        (["2001:db8::/64"], "2001:db8::/64", "fd00::/64"),
    ],
)
def test_a_free_subnet_is_near(taken: list[str], like: str, found: str | None) -> None:
    """The next one in the same private range, then from its beginning, then in another."""
    free = free_subnet(list(map(ip_network, taken)), like=ip_network(like))
    assert (None if free is None else str(free)) == found


@given(st.text(), st.text())
def test_a_local_subnet_is_its_names(one: str, other: str) -> None:
    """Unique local, the same for a name each time, and hardly another's."""
    subnet = local_subnet(one)
    assert (subnet.prefixlen, subnet.is_private, subnet[0].packed[0]) == (64, True, 0xFD)
    assert (subnet == local_subnet(other)) is (one == other)


def test_what_overlaps_is_named() -> None:
    """A network by its name, a route by its interface."""
    network, route = Taken(IPv4Network("10.1.0.0/16"), "web"), Taken(IPv4Network("10.2.0.0/16"), interface="eth0")
    assert first_overlap(IPv4Network("10.1.9.0/24"), [route, network]) == network
    assert first_overlap(IPv6Network("fd00::/64"), [route, network]) is None
    assert str(network) == "10.1.0.0/16 of the network web"
    assert str(route) == "the route of the engine's host to 10.2.0.0/16 (by eth0)"


@pytest.mark.parametrize(
    ("subnet", "given_range", "gateway", "auxiliary", "total"),
    [  # totals are how many containers Docker 20.10 connected before it refused
        ("10.1.0.0/29", None, None, [], 5),
        ("10.1.0.0/29", None, "10.1.0.3", [], 5),
        ("10.1.0.0/30", None, None, [], 1),
        ("10.1.0.0/28", "10.1.0.8/29", None, [], 6),
        ("10.1.0.0/28", "10.1.0.0/29", None, [], 6),
        ("10.1.0.0/24", "10.1.0.8/30", None, [], 3),
        ("10.1.0.0/24", "10.1.0.8/30", "10.1.0.1", [], 4),
        ("10.1.0.0/24", "10.1.0.8/30", "10.1.0.1", ["10.1.0.9", "10.1.0.77"], 3),
        ("10.1.0.0/24", "10.1.0.8/31", "10.1.0.1", [], 2),
        ("10.1.0.0/24", "10.1.0.8/32", "10.1.0.1", [], 1),
        ("10.1.0.0/29", "10.1.0.0/29", None, [], 5),
        ("fd00:7::/125", None, None, [], 6),
        ("fd00:7::/112", "fd00:7::10/126", None, [], 3),
        ("fd00:7::/125", None, "fd00:7::1", [], 6),
        ("fd00:7::/126", None, None, [], 2),
        ("fd00:7::/127", None, None, [], 0),
        ("fd00:7::/64", None, "fd00:7::1", [], 2**64 - 2),
    ],
)
def test_pools_are_counted_as_the_engine_counts(
    subnet: str, given_range: str | None, gateway: str | None, auxiliary: list[str], total: int
) -> None:
    """All but the network's own address, IPv4's broadcast address, the gateway and what is set aside."""
    pool = ip_network(given_range) if given_range else None
    assert use_of(ip_network(subnet), pool, gateway, auxiliary, []) == (total, 0, total)


def test_what_is_taken_counts_once_and_in_the_range_alone() -> None:
    """A fixed address outside the range takes none from it; nor does one that nobody could have."""
    taken = {ip_address(text) for text in ("10.1.0.8", "10.1.0.99", "10.1.0.9", "fd00::1")}
    subnet, pool = ip_network("10.1.0.0/24"), ip_network("10.1.0.8/30")
    assert use_of(subnet, pool, "10.1.0.9", [], taken) == (3, 1, 2)


@given(V4.filter(lambda it: it.prefixlen <= 30), st.sets(st.integers(0, 2**24), max_size=20))
def test_the_counts_add_up(subnet: IPv4Network, numbers: set[int]) -> None:
    """Never below zero, and free is what remains."""
    taken = [subnet[number % subnet.num_addresses] for number in numbers]
    use = use_of(subnet, None, None, [], taken)
    assert use.free == max(0, use.total - use.taken)
    assert 0 <= use.taken <= len(numbers)
    assert use.total == subnet.num_addresses - 3
