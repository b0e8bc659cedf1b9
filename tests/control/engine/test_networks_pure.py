"""The pure parts of networks: what is remembered of them, the host's routes, what stands against a wish."""

import os
from pathlib import Path
from typing import Any

import pytest

from control.addresses import Taken
from control.engine import clashes, hostroutes
from control.engine.networkjson import network_of, referring
from control.engine.remembered import Remembered
from control.engine.spec import network_config
from control.errors import AddressConflict, Conflict
from control.wanted import WantedNetwork

ID = "a" * 64
RAW: dict[str, Any] = {
    "Id": ID,
    "Name": "web",
    "Driver": "bridge",
    "Scope": "local",
    "Created": "2026-11-24T23:43:40.750130377Z",
    "IPAM": {"Driver": "default", "Config": [{"Subnet": "10.1.0.0/24"}]},
    "Labels": {"a": "b"},
}


def test_a_network_that_is_the_same_is_not_read_again() -> None:
    """The very record of before, with the JSON that its model writes; one with any difference is read anew."""
    remembered = Remembered()
    (first,) = remembered.read([RAW])
    (second,) = remembered.read([{**RAW, "Labels": {"a": "b"}}])
    assert second is first
    assert (first.network, first.text) == (network_of(RAW), network_of(RAW).model_dump_json())
    (third,) = remembered.read([{**RAW, "Labels": {"a": "c"}}])
    assert third.network.labels == {"a": "c"}
    assert '"c"' in third.text


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the bound all is read anew, and answered just so."""
    monkeypatch.setattr("control.engine.remembered.MOST", 2)
    remembered = Remembered()
    raws = [{**RAW, "Id": letter * 64} for letter in "abcde"]
    for _ in range(2):
        assert [it.network for it in remembered.read(raws)] == [network_of(raw) for raw in raws]


def test_no_routes_are_known_where_no_bridge_is_seen() -> None:
    """Of a process in another network, or none at all: the routes there are not the engine's host's."""
    assert hostroutes.read(os.getpid(), {"br-nosuch"}) == ()
    assert hostroutes.read(2**30, {"lo"}) == ()


def test_routes_are_read_as_the_kernel_writes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither default routes, nor those to half of everywhere, nor the host's own addresses, nor the bridges' own."""
    (tmp_path / "dev").write_text("Inter-|   Receive\n face |bytes\n    lo:       0\ndocker0:       0\n")
    (tmp_path / "route").write_text(
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "tun0\t00000000\t010200C0\t0003\t0\t0\t0\t00000080\t0\t0\t0\n"
        "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
        "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
        "*\t0000350A\t00000000\t0201\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
    )
    zeros = "0" * 32
    (tmp_path / "ipv6_route").write_text(
        f"fd000007{'0' * 24} 40 {zeros} 00 {zeros} 00000100 00000002 00000000 00000001 eth0\n"
        f"fd000008{'0' * 24} 30 {zeros} 00 {zeros} ffffffff 00000001 00000000 00200200       lo\n"
        f"fd00000700000000{'0' * 15}1 80 {zeros} 00 {zeros} 00000000 00000002 00000000 80200001     eth0\n"
        f"fe80{'0' * 28} 40 {zeros} 00 {zeros} 00000100 00000001 00000000 00000001 eth0\n"
        f"{zeros} 00 {zeros} 00 {zeros} ffffffff 00000001 00000000 00200200       lo\n"
        f"{'0' * 31}1 80 {zeros} 00 {zeros} 00000000 00000002 00000000 80200001       lo\n"
    )
    monkeypatch.setattr("control.engine.hostroutes.folder_of", lambda _: tmp_path)
    assert [str(route) for route in hostroutes.read(1, {"docker0"})] == [
        "the route of the engine's host to 192.0.2.0/24 (by eth0)",
        "the route of the engine's host to 10.53.0.0/24 (which refuses)",
        "the route of the engine's host to fd00:7::/64 (by eth0)",
        "the route of the engine's host to fd00:8::/48 (which refuses)",
    ]


def test_a_named_bridge_may_have_its_own_route() -> None:
    """Who names a bridge that the host has already means the subnet of that; docker0, which has a network, is not for
    the taking."""
    pool = {"pools": [{"subnet": "10.2.0.0/24"}]}
    named = WantedNetwork.model_validate({"name": "x", "options": {clashes.BRIDGE_NAME: "br0"}, "ipam": pool})
    route = Taken(clashes.subnets_of(named.ipam.pools)[0], interface="br0")
    clashes.check_subnets(named, named.ipam.pools, [], [route])
    with pytest.raises(AddressConflict):
        clashes.check_subnets(named, named.ipam.pools, [], [route._replace(interface="eth0")])
    clashes.check_bridge(named, {"docker0": "bridge"})
    with pytest.raises(Conflict):
        clashes.check_bridge(named, {"br0": "other"})


def test_what_takes_no_addresses_of_the_engines_is_in_nobodys_way() -> None:
    """A configuration, and the networks of an IPAM plugin."""
    configuration = network_of({**RAW, "ConfigOnly": True})
    plugin = network_of({**RAW, "IPAM": {"Driver": "weavemesh", "Config": [{"Subnet": "10.1.0.0/24"}]}})
    assert [str(it) for it in clashes.in_use([configuration, plugin, network_of(RAW)])] == [
        "10.1.0.0/24 of the network web"
    ]


def test_no_subnet_of_the_size_may_be_left() -> None:
    """Then the problem says so, and suggests none."""
    wanted = WantedNetwork.model_validate({"name": "x", "ipam": {"pools": [{"subnet": "10.0.0.0/8"}]}})
    taken = Taken(clashes.subnets_of(wanted.ipam.pools)[0], network="all")
    with pytest.raises(AddressConflict, match="smaller") as raised:
        clashes.check_subnets(wanted, wanted.ipam.pools, [taken], [])
    assert raised.value.members["suggestion"] is None


def test_the_engine_is_told_without_ipv4_only_where_that_is_wanted() -> None:
    """Engines before API 1.48 do not know the field, and are never sent it; labels come beside those asked for."""
    assert "EnableIPv4" not in network_config(WantedNetwork(name="x"))
    config = network_config(WantedNetwork(name="x", ipv4=False, ipv6=True, labels={"a": "b"}), labels={"c": "d"})
    assert (config["EnableIPv4"], config["EnableIPv6"], config["Labels"]) == (False, True, {"a": "b", "c": "d"})


@pytest.mark.parametrize(
    ("networks", "key"),
    [
        ({"web": {"NetworkID": ID}}, "web"),
        ({"web": {"NetworkID": ""}}, "web"),
        ({ID: {"NetworkID": ""}}, ID),
        ({"web": {"NetworkID": "b" * 64}}, None),
        ({"other": {"NetworkID": ID}}, None),
        ({}, None),
    ],
)
def test_a_container_refers_to_a_network(networks: dict[str, Any], key: str | None) -> None:
    """By the network's id or, where it never ran, by what it was told."""
    assert referring({"NetworkSettings": {"Networks": networks}}, ID, "web") == key
