"""Containers without an engine: what is wanted as its JSON, its JSON as records, and why a start failed."""

from typing import Any

import pytest
from pydantic import ValidationError

from control.engine.details import container_of, detail_of, ports_of
from control.engine.listed import Listed, listed_of
from control.engine.networkjson import network_of
from control.engine.spec import container_config, update_config
from control.engine.starting import Used, explained, host_port_of, place_of
from control.errors import AddressConflict, EngineFailed, Invalid, PortTaken, StartFailed
from control.records import (
    Container,
    ContainerRef,
    Endpoint,
    EndpointOptions,
    Membership,
    MembershipState,
    Network,
    NetworkName,
)
from control.wanted import WantedContainer, WantedEndpoint, WantedUpdate

CONTAINER, OTHER, NET, GONE = "c" * 64, "d" * 64, "1" * 64, "2" * 64


def inspected(**further: Any) -> dict[str, Any]:  # noqa: ANN401  (any JSON)
    """The least that an inspect has."""
    return {
        "Id": CONTAINER,
        "Name": "/db",
        "Image": "sha256:1",
        "State": {"Status": "exited", "ExitCode": 3, **further.pop("State", {})},
        "Config": {"Image": "alpine", **further.pop("Config", {})},
        "HostConfig": further.pop("HostConfig", {}),
        **further,
    }


def test_nothing_wanted_is_nothing_asked() -> None:
    """What is left out is left to the engine, but for what would be open without it."""
    config = container_config(WantedContainer(image="alpine"), network_mode="bridge", endpoint=None)
    host = config.pop("HostConfig")
    assert config == {
        "Image": "alpine",
        "Env": [],
        "Labels": {},
        "ExposedPorts": {},
        "Tty": False,
        "OpenStdin": False,
    }
    assert not {"Privileged", "CapAdd", "Devices", "Binds", "PidMode", "IpcMode", "UsernsMode", "VolumesFrom"} & set(
        host
    )
    assert host["RestartPolicy"] == {"Name": "no", "MaximumRetryCount": 0}


@pytest.mark.parametrize(("own", "mac"), [(True, "02:42:00:00:00:01"), (False, None)])
def test_the_mac_of_the_first_endpoint(own: bool, mac: str | None) -> None:
    """Engines before API 1.44 take it of the container, later ones warn of that."""
    endpoint = WantedEndpoint(mac="02:42:00:00:00:01")
    config = container_config(WantedContainer(image="a"), network_mode="net", endpoint=endpoint, container_mac=own)
    assert config.get("MacAddress") == mac
    assert config["NetworkingConfig"]["EndpointsConfig"]["net"]["MacAddress"] == "02:42:00:00:00:01"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"test": ["a", "b"]}, {"Test": ["CMD", "a", "b"]}),
        ({"test": "a && b", "interval": 0.5}, {"Test": ["CMD-SHELL", "a && b"], "Interval": 500_000_000}),
        ({"retries": 3, "timeout": 2, "start_period": 1}, {"Retries": 3, "Timeout": 2 * 10**9, "StartPeriod": 10**9}),
        ({"disable": True}, {"Test": ["NONE"]}),
    ],
)
def test_health(given: dict[str, Any], expected: dict[str, Any]) -> None:
    """In the engine's words, in nanoseconds."""
    wanted = WantedContainer.model_validate({"image": "a", "healthcheck": given})
    assert container_config(wanted, network_mode="bridge", endpoint=None)["Healthcheck"] == expected


def test_labels_of_a_run_go_to_the_volumes_that_it_makes() -> None:
    """Beside those that are wanted, and to no folder or tmpfs."""
    mounts = [
        {"source": "v", "target": "/v", "labels": {"a": "b"}, "driver": "local", "options": {"type": "tmpfs"}},
        {"type": "tmpfs", "target": "/t", "mode": "1777"},
        {"type": "bind", "source": "/b", "target": "/b"},
    ]
    wanted = WantedContainer.model_validate({"image": "a", "mounts": mounts})
    config = container_config(wanted, network_mode="bridge", endpoint=None, volume_labels={"run": "1"})
    volume, tmpfs, bind = config["HostConfig"]["Mounts"]
    assert volume["VolumeOptions"] == {
        "NoCopy": False,
        "Labels": {"a": "b", "run": "1"},
        "DriverConfig": {"Name": "local", "Options": {"type": "tmpfs"}},
    }
    assert tmpfs["TmpfsOptions"] == {"Mode": 0o1777}
    assert bind["BindOptions"] == {"Propagation": "rprivate"}


def test_an_update_says_what_changes_alone() -> None:
    """What is left out is not sent, because the engine would take it for a change."""
    assert update_config(WantedUpdate.model_validate({"limits": {"cpus": 1.5}})) == {"NanoCpus": 1_500_000_000}
    assert update_config(WantedUpdate.model_validate({"restart": "no"})) == {
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}
    }


@pytest.mark.parametrize("address", ["1.2.3.4", "fe80::1", "host-gateway"])
def test_further_hosts(address: str) -> None:
    """An address of either kind, or the word for the engine's host."""
    wanted = WantedContainer.model_validate({"image": "a", "extra_hosts": [{"name": "h", "address": address}]})
    assert container_config(wanted, network_mode="bridge", endpoint=None)["HostConfig"]["ExtraHosts"] == [
        f"h:{address}"
    ]


@pytest.mark.parametrize("address", ["1.2.3", "::g", "gateway", "", "1.2.3.4 x"])
def test_no_further_hosts(address: str) -> None:
    """Nothing else, and no second word."""
    with pytest.raises(ValidationError):
        WantedContainer.model_validate({"image": "a", "extra_hosts": [{"name": "h", "address": address}]})


def test_what_others_gave_is_shown() -> None:
    """Privileges, capabilities and devices that can't be asked for here, another's quota, an entrypoint as text."""
    raw = inspected(
        Config={"Entrypoint": "run", "Cmd": ["x"], "Env": ["A=1", "B", "A=2"], "Healthcheck": {"Test": ["NONE"]}},
        HostConfig={
            "Privileged": True,
            "CapAdd": ["NET_ADMIN"],
            "Devices": [{"PathOnHost": "/dev/fuse"}],
            "CpuQuota": 50_000,
            "Links": ["/alpine1:/db/front"],
        },
    )
    shown = detail_of(raw)
    assert (shown.privileged, shown.cap_add, shown.devices) == (True, ("NET_ADMIN",), ("/dev/fuse",))
    assert (shown.limits.cpus, shown.command, shown.env_names) == (0.5, ("run", "x"), ("A", "B"))
    assert (shown.links, shown.healthcheck, shown.stop_timeout) == (("alpine1:front",), None, None)
    assert shown.exit_code == 3
    assert dict(container_of(raw)).items() <= dict(shown).items()


def test_health_log_is_the_end_of_it() -> None:
    """The last five looks, each cut."""
    log = [
        {"Start": "2026-11-24T21:00:00Z", "End": "2026-11-24T21:00:01Z", "ExitCode": 1, "Output": f"{n}" + "x" * 2000}
        for n in range(9)
    ]
    raw = inspected(State={"Health": {"Status": "unhealthy", "Log": log}})
    shown = detail_of(raw).health_log
    assert [look.output[0] for look in shown] == ["4", "5", "6", "7", "8"]
    assert {len(look.output) for look in shown} == {1000}


def test_a_range_of_host_ports_is_not_known_before_the_start() -> None:
    """The engine keeps the range as it was asked for."""
    (port,) = ports_of({}, {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8000-8099"}]})
    assert (port.host_address, port.host_port) == ("127.0.0.1", None)


def test_the_name_in_the_list_is_the_containers_own() -> None:
    """Not one of the names that links give it, wherever it stands."""
    raw = {"Id": CONTAINER, "Names": ["/linker/alias", "/own", "/linker2/own"], "State": "running"}
    assert listed_of(raw) == Listed("own", CONTAINER, "running")
    assert listed_of({"Id": CONTAINER, "Names": None}) == Listed("", CONTAINER, "")


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("driver failed: Bind for 127.0.0.1:8099 failed: port is already allocated", 8099),
        ("Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use", 80),
        ("listen tcp6 [::]:443: bind: address already in use", 443),
        ("port is already allocated", None),
    ],
)
def test_the_port_of_which_the_engine_speaks(text: str, port: int | None) -> None:
    """As Docker 20.10 to 28 word it."""
    assert host_port_of(text) == port


def network(id_: str, name: str) -> Network:
    """A network of 10.1.0.0/24."""
    pool = {"Subnet": "10.1.0.0/24", "Gateway": "10.1.0.1"}
    return network_of({"Id": id_, "Name": name, "Driver": "bridge", "IPAM": {"Config": [pool]}})


def member(id_: str, name: str, *, ipv4: str | None = None) -> Membership:
    """A membership that wants an address."""
    return Membership(
        network=NetworkName(id=id_, name=name),
        container=ContainerRef(id=CONTAINER, name="db"),
        state=MembershipState.CONFIGURED,
        endpoint=Endpoint(),
        wanted=EndpointOptions(ipv4=ipv4),
    )


def on(*memberships: Membership) -> Container:
    """A container that does not run, on these networks."""
    return container_of(inspected()).model_copy(update={"networks": memberships})


def test_a_network_is_known_by_its_id_and_before_the_first_start_by_its_name() -> None:
    """One of the same name and another id is another."""
    there = [network(NET, "net")]
    assert place_of(member(NET, "net"), there) is not None
    assert place_of(member("", "net"), there) is not None
    assert place_of(member(GONE, "net"), there) is None
    assert place_of(member("", "other"), there) is None


def test_why_a_start_failed() -> None:
    """A network that is gone before all; an address that can't be, that is taken or the gateway's; else its words."""
    failed = EngineFailed("words")
    there = network(NET, "net")
    used = [Used(there, {OTHER: Endpoint(ipv4="10.1.0.9")}, {OTHER: "other"})]

    def told(*memberships: Membership) -> tuple[type, str]:
        problem = explained(failed, on(*memberships), [there], used, ())
        return type(problem), problem.detail

    kind, text = told(member(GONE, "away"), member(NET, "net", ipv4="10.1.0.9"))
    assert (kind, "away" in text, "10.1.0.9" in text) == (StartFailed, True, False)
    assert "10.1.0.9 on net is other's now" in told(member(NET, "net", ipv4="10.1.0.9"))[1]
    assert "10.1.0.1 on net is the network's gateway" in told(member(NET, "net", ipv4="10.1.0.1"))[1]
    assert "10.9.9.9 is no address of net" in told(member(NET, "net", ipv4="10.9.9.9"))[1]
    assert told(member(NET, "net", ipv4="10.1.0.10")) == (EngineFailed, "words")
    assert type(explained(AddressConflict("x"), on(member(NET, "net", ipv4="10.1.0.9")), [there], used, ())) is (
        AddressConflict
    )
    assert type(explained(Invalid("x"), on(member(NET, "net")), [there], [], ())) is Invalid


def test_who_has_the_port() -> None:
    """Named where it is known; a process of the host is not."""
    taken = PortTaken("The engine says so.")
    assert explained(taken, on(), [], [], ()) is taken
    problem = explained(taken, on(), [], [], ("web", "web2"))
    assert (problem.members["users"], "web and web2 publishes" in problem.detail) == (["web", "web2"], True)
