"""Containers run with every option, held against what the engine itself shows and what the container sees."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.api import ALPINE, SLEEP, execute, problem_of, run
from tests.support.control import Control
from tests.support.engine import PrivateEngine
from tests.support.polling import eventually

MIB = 1024 * 1024


def said(api: httpx2.Client, container: str, script: str) -> str:
    """What a shell in the container says."""
    stdout: str = execute(api, container, "sh", "-c", script)["stdout"]
    return stdout


def host_config(engine: PrivateEngine, container: str) -> dict[str, Any]:
    """The engine's own HostConfig."""
    shown: dict[str, Any] = engine.call("GET", f"/containers/{container}/json")["HostConfig"]
    return shown


def test_limits(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Memory, swap, processors, their weight and set, and processes, as the engine has them and the reply tells."""
    limits = {
        "memory": 64 * MIB,
        "memory_swap": 128 * MIB,
        "memory_reservation": 32 * MIB,
        "cpus": 0.5,
        "cpu_shares": 512,
        "cpuset": "0",
        "pids": 100,
    }
    made = run(api, "limited", limits=limits)
    assert made["limits"] == limits
    host = host_config(engine, "limited")
    assert (host["Memory"], host["MemorySwap"], host["MemoryReservation"]) == (64 * MIB, 128 * MIB, 32 * MIB)
    assert (host["NanoCpus"], host["CpuShares"], host["CpusetCpus"], host["PidsLimit"]) == (500_000_000, 512, "0", 100)


def test_ulimits_shared_memory_and_kernel_settings(api: httpx2.Client) -> None:
    """What the container itself sees of them."""
    made = run(
        api,
        "tuned",
        ulimits={"nofile": {"soft": 1000, "hard": 2000}},
        shm_size=32 * MIB,
        sysctls={"net.ipv4.ip_local_port_range": "2000 3000", "kernel.shm_rmid_forced": "1"},
    )
    assert said(api, "tuned", "ulimit -Sn; ulimit -Hn").split() == ["1000", "2000"]
    assert said(api, "tuned", "cat /proc/sys/net/ipv4/ip_local_port_range").split() == ["2000", "3000"]
    assert "32768" in said(api, "tuned", "df -k /dev/shm")
    assert made["ulimits"] == {"nofile": {"soft": 1000, "hard": 2000}}
    assert (made["shm_size"], made["sysctls"]["kernel.shm_rmid_forced"]) == (32 * MIB, "1")


def test_restart_policy_with_a_count(api: httpx2.Client, engine: PrivateEngine) -> None:
    """On failure it is started again so many times, and no more."""
    made = run(api, "failing", command=["sh", "-c", "exit 3"], restart="on-failure", restart_retries=2)
    assert (made["restart"], made["restart_retries"]) == ("on-failure", 2)
    assert host_config(engine, "failing")["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 2}

    def ended() -> bool:
        shown = api.get("/containers/failing").json()
        return (shown["state"], shown["restart_count"], shown["exit_code"]) == ("exited", 2, 3)

    eventually(ended)


def test_health(api: httpx2.Client) -> None:
    """A check as a list or for the shell; the last looks with their output; none where it is disabled."""
    made = run(
        api, "well", healthcheck={"test": "echo fine; test -e /well", "interval": 0.2, "timeout": 3, "retries": 2}
    )
    assert made["healthcheck"] == {
        "test": ["echo fine; test -e /well"],
        "shell": True,
        "interval": 0.2,
        "timeout": 3.0,
        "start_period": None,
        "retries": 2,
    }
    eventually(lambda: api.get("/containers/well").json()["health"] == "unhealthy")
    assert said(api, "well", "touch /well") == ""
    eventually(lambda: api.get("/containers/well").json()["health"] == "healthy")
    log = api.get("/containers/well").json()["health_log"]
    assert (log[-1]["exit_code"], log[-1]["output"]) == (0, "fine\n")
    assert 1 <= len(log) <= 5
    as_list = run(api, "listed", healthcheck={"test": ["true"], "start_period": 1})
    assert (as_list["healthcheck"]["shell"], as_list["healthcheck"]["test"]) == (False, ["true"])
    none = run(api, "unchecked", healthcheck={"disable": True})
    assert (none["healthcheck"], none["health"], none["health_log"]) == (None, None, [])


def test_names_hosts_and_dns(api: httpx2.Client) -> None:
    """Host and domain name, name servers with options and search, and further hosts, as the container finds them."""
    made = run(
        api,
        "named",
        hostname="house",
        domainname="street.test",
        dns=["192.0.2.53"],
        dns_options=["ndots:2"],
        dns_search=["street.test"],
        extra_hosts=[{"name": "other", "address": "192.0.2.7"}, {"name": "host", "address": "host-gateway"}],
    )
    resolv = said(api, "named", "cat /etc/resolv.conf").splitlines()
    assert {"nameserver 192.0.2.53", "search street.test", "options ndots:2"} <= set(resolv)
    hosts = said(api, "named", "cat /etc/hosts").splitlines()
    assert "192.0.2.7\tother" in hosts
    assert any(line.endswith("\thost") and line.startswith("172.") for line in hosts)
    assert said(api, "named", "hostname") == "house\n"
    assert (made["hostname"], made["domainname"], made["dns"]) == ("house", "street.test", ["192.0.2.53"])
    assert made["extra_hosts"] == ["other:192.0.2.7", "host:host-gateway"]


def test_several_networks_with_all_options_at_once(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Addresses, aliases, MAC and driver options of each, on an engine that takes one endpoint at creation; what that
    engine does not heed is told."""
    for number, name in enumerate(("n1", "n2", "n3")):
        subnet = {"pools": [{"subnet": f"10.13{number}.0.0/24"}]}
        assert api.post("/networks", json={"name": name, "ipam": subnet}).status_code == 201
    answer = api.post(
        "/containers",
        json={
            "name": "everywhere",
            "image": ALPINE,
            "command": SLEEP,
            "init": True,
            "networks": [
                {"network": "n1", "ipv4": "10.130.0.77", "aliases": ["first"], "mac": "02:42:0a:82:00:aa"},
                {"network": "n2", "ipv4": "10.131.0.77", "aliases": ["second"], "options": {"some.option": "1"}},
                {"network": "n3", "mac": "02:42:0a:84:00:bb"},
            ],
        },
    )
    assert answer.status_code == 201, answer.text
    made = answer.json()
    shown = engine.call("GET", "/containers/everywhere/json")["NetworkSettings"]["Networks"]
    assert (shown["n1"]["IPAddress"], shown["n1"]["MacAddress"]) == ("10.130.0.77", "02:42:0a:82:00:aa")
    assert (shown["n2"]["IPAddress"], shown["n2"]["DriverOpts"]) == ("10.131.0.77", {"some.option": "1"})
    assert "first" in shown["n1"]["Aliases"]
    assert "second" in shown["n2"]["Aliases"]
    assert set(shown) == {"n1", "n2", "n3"}
    # Docker 20.10 takes a MAC for the network of the creation alone, and says nothing.
    assert [warning for warning in made["warnings"] if "mac" in warning and warning.startswith("n3:")]
    assert not [warning for warning in made["warnings"] if warning.startswith(("n1:", "n2:"))]


def test_mounts_with_their_options(api: httpx2.Client, engine: PrivateEngine) -> None:
    """A tmpfs has its size and mode, a new volume its labels and the image's content unless `no_copy`."""
    run(
        api,
        "mounting",
        mounts=[
            {"type": "tmpfs", "target": "/small", "size": MIB, "mode": "0750"},
            {"source": "labelled", "target": "/vol", "labels": {"team": "one"}},
            {"source": "filled", "target": "/bin2", "read_only": True},
            {"source": "copied", "target": "/etc"},
            {"source": "bare", "target": "/usr", "no_copy": True},
        ],
    )
    assert said(api, "mounting", "df -k /small | tail -1").split()[1] == "1024"
    assert said(api, "mounting", "stat -c %a /small") == "750\n"
    assert engine.call("GET", "/volumes/labelled")["Labels"]["team"] == "one"
    assert execute(api, "mounting", "touch", "/bin2/x")["exit_code"] != 0
    assert "passwd" in said(api, "mounting", "ls /etc")
    assert said(api, "mounting", "ls /usr") == ""


def test_a_volume_of_a_mount_is_no_way_to_the_host(api: httpx2.Client, engine: PrivateEngine) -> None:
    """A volume that a mount would make as a bind of the host's is refused like one made by itself."""
    mount = {
        "source": "sly",
        "target": "/x",
        "driver": "local",
        "options": {"type": "none", "o": "bind", "device": "/"},
    }
    for told in (mount, {key: value for key, value in mount.items() if key != "driver"}):
        answer = api.post("/containers", json={"image": ALPINE, "mounts": [told]})
        assert (answer.status_code, problem_of(answer)["type"]) == (403, "urn:pontlevis:problem:forbidden")
    assert engine.call("GET", "/volumes")["Volumes"] in (None, [])


def test_a_link_to_a_folder_is_mounted_as_what_was_checked(
    api: httpx2.Client, engine: PrivateEngine, control: Control
) -> None:
    """The engine is asked for the folder that was checked, and not for a path that may be another's by then."""
    allowed = control.data_dir.parent / "allowed"
    (allowed / "real").mkdir(exist_ok=True)
    link = allowed / "link"
    link.unlink(missing_ok=True)
    link.symlink_to(allowed / "real")
    run(api, "linked", mounts=[{"type": "bind", "source": str(link), "target": "/host"}])
    (mount,) = host_config(engine, "linked")["Mounts"]
    assert (Path(mount["Source"]), mount["BindOptions"]["Propagation"]) == (allowed / "real", "rprivate")


def test_ports_by_range_protocol_and_address(api: httpx2.Client, engine: PrivateEngine) -> None:
    """UDP beside TCP, several at once, the first free one of a range, an address of its own."""
    made = run(
        api,
        "ports",
        publish=[
            {"container_port": 53, "host_port": 5353, "protocol": "udp", "host_address": "127.0.0.2"},
            {"container_port": 53, "host_port": 5353},
            {"container_port": 8000, "host_port": 18000, "count": 3},
            {"container_port": 90, "host_port": 19000, "host_port_end": 19009},
        ],
        expose=[{"container_port": 7777}],
    )
    live = engine.call("GET", "/containers/ports/json")["NetworkSettings"]["Ports"]
    assert live["53/udp"] == [{"HostIp": "127.0.0.2", "HostPort": "5353"}]
    assert live["53/tcp"] == [{"HostIp": "127.0.0.1", "HostPort": "5353"}]
    assert [live[f"800{n}/tcp"][0]["HostPort"] for n in range(3)] == ["18000", "18001", "18002"]
    assert live["90/tcp"] == [{"HostIp": "127.0.0.1", "HostPort": "19000"}]
    second = run(api, "ports2", publish=[{"container_port": 90, "host_port": 19000, "host_port_end": 19009}])
    assert second["ports"][0]["host_port"] == 19001
    assert {"container_port": 7777, "protocol": "tcp", "host_address": None, "host_port": None} in made["ports"]
    later = run(
        api, "ports3", publish=[{"container_port": 90, "host_port": 19000, "host_port_end": 19009}], start=False
    )
    assert later["ports"][0]["host_port"] is None


def test_publish_all_stays_on_loopback(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Each exposed port is published at a free port of 127.0.0.1, and at no other address."""
    run(api, "open", expose=[{"container_port": 80}, {"container_port": 53, "protocol": "udp"}], publish_all=True)
    live = engine.call("GET", "/containers/open/json")["NetworkSettings"]["Ports"]
    assert set(live) == {"80/tcp", "53/udp"}
    assert {binding["HostIp"] for bindings in live.values() for binding in bindings} == {"127.0.0.1"}


def test_process_options(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Entrypoint and command apart, terminal, input, init, capabilities dropped, stop signal and time, log files."""
    made = run(
        api,
        "process",
        entrypoint=["sleep"],
        command=["100000"],
        env={"SECRET": "hidden"},
        tty=True,
        stdin=True,
        cap_drop=["ALL"],
        stop_signal="SIGUSR1",
        stop_timeout=3,
        log={"driver": "json-file", "max_size": "1m", "max_file": 2},
    )
    assert (made["entrypoint"], made["arguments"], made["command"]) == (["sleep"], ["100000"], ["sleep", "100000"])
    assert "SECRET" in made["env_names"]
    assert "hidden" not in api.get("/containers/process").text
    assert "SECRET=hidden" in api.get("/containers/process", params={"raw": "true"}).json()["Config"]["Env"]
    assert (made["tty"], made["stdin"], made["init"], made["cap_drop"]) == (True, True, True, ["ALL"])
    assert (made["stop_signal"], made["stop_timeout"]) == ("SIGUSR1", 3)
    assert host_config(engine, "process")["LogConfig"] == {
        "Type": "json-file",
        "Config": {"max-size": "1m", "max-file": "2"},
    }
    assert "CapEff:\t0000000000000000" in said(api, "process", "cat /proc/self/status")


def test_the_engines_own_inspect(api: httpx2.Client, engine: PrivateEngine) -> None:
    """`raw` is what the engine shows, member by member."""
    run(api, "shown")
    assert api.get("/containers/shown", params={"raw": "true"}).json() == engine.call("GET", "/containers/shown/json")


def test_auto_remove(api: httpx2.Client, engine: PrivateEngine) -> None:
    """It goes when it ends; one that has ended before it could be looked at is told all the same."""
    made = run(api, "brief", auto_remove=True)
    assert made["auto_remove"] is True
    assert api.post("/containers/brief/stop", params={"timeout": 0}).status_code == 200
    eventually(lambda: api.get("/containers/brief").status_code == 404)
    for number in range(5):
        answer = api.post(
            "/containers", json={"name": f"flash{number}", "image": ALPINE, "command": ["true"], "auto_remove": True}
        )
        assert answer.status_code == 201, answer.text
    eventually(lambda: engine.call("GET", "/containers/json", all="true") == [])


def test_links_as_the_seed_shows_them(api: httpx2.Client) -> None:
    """The link is in /etc/hosts and in the environment of the one that links, one way alone, and the reply warns."""
    first = run(api, "alpine1", expose=[{"container_port": 80}])
    second = run(api, "alpine2", links=["alpine1:front"])
    address = first["networks"][0]["endpoint"]["ipv4"]
    assert f"{address}\tfront {first['id'][:12]} alpine1" in said(api, "alpine2", "cat /etc/hosts")
    # What `docker exec` runs has the link's variables too.
    told = said(api, "alpine2", "env")
    assert f"FRONT_PORT_80_TCP_ADDR={address}" in told
    assert "FRONT_NAME=/alpine2/front" in told
    assert execute(api, "alpine2", "ping", "-c1", "-W2", "front")["exit_code"] == 0
    assert execute(api, "alpine1", "ping", "-c1", "-W2", "alpine2")["exit_code"] != 0
    assert "deprecated" in second["warnings"][0]
    assert api.get("/containers/alpine2").json()["links"] == ["alpine1:front"]


@pytest.mark.parametrize(
    "given",
    [
        {"privileged": True},
        {"cap_add": ["SYS_ADMIN"]},
        {"devices": ["/dev/kmsg"]},
        {"pid_mode": "host"},
        {"ipc_mode": "host"},
        {"userns_mode": "host"},
        {"uts_mode": "host"},
        {"security_opt": ["seccomp=unconfined"]},
        {"volumes_from": ["other"]},
        {"sysctls": {"kernel.core_pattern": "|/bin/sh"}},
        {"sysctls": {"net/ipv4/ip_forward": "1"}},
        {"sysctls": {"net.ipv4.ip_forward": "1"}, "network_mode": "host"},
        {"sysctls": {"kernel.shmmax": "1\n2"}},
        {"log": {"driver": "syslog"}},
        {"log": {"driver": "none", "max_size": "1m"}},
        {"extra_hosts": [{"name": "a", "address": "1.2.3.4\n5.6.7.8 b"}]},
        {"extra_hosts": [{"name": "a b", "address": "1.2.3.4"}]},
        {"dns_search": ["a\nnameserver 1.2.3.4"]},
        {"dns_options": ["x\ny"]},
        {"dns": ["localhost"]},
        {"mounts": [{"type": "bind", "source": "/x", "target": "/y", "propagation": "shared"}]},
        {"mounts": [{"type": "bind", "source": "/x", "target": "/y", "options": {"type": "none"}}]},
        {"mounts": [{"source": "v", "target": "/y", "size": 1}]},
        {"mounts": [{"type": "tmpfs", "target": "/y", "mode": "999"}]},
        {"restart_retries": 2},
        {"restart": "always", "auto_remove": True},
        {"healthcheck": {"disable": True, "retries": 2}},
        {"healthcheck": {"test": []}},
        {"limits": {"memory": 1000}},
        {"limits": {"memory_swap": 64 * MIB}},
        {"limits": {"memory": 64 * MIB, "memory_swap": 32 * MIB}},
        {"limits": {"memory": 64 * MIB, "memory_reservation": 65 * MIB}},
        {"limits": {"pids": 0}},
        {"limits": {"cpus": "many"}},
        {"limits": {"cpuset": "0;1"}},
        {"ulimits": {"nofile": {"soft": 2, "hard": 1}}},
        {"ulimits": {"unknown": {"soft": 1, "hard": 1}}},
        {"stop_signal": "SIGNONSENSE"},
        {"stop_signal": "65"},
        {"publish": [{"container_port": 65535, "count": 2}]},
        {"publish": [{"container_port": 80, "host_port_end": 81}]},
        {"publish": [{"container_port": 80, "host_port": 80, "host_port_end": 90, "count": 2}]},
        {"publish": [{"container_port": "80"}]},
        {"publish_all": True, "network_mode": "none"},
        {"hostname": "x", "network_mode": "container:abc"},
        {"networks": [{"network": "bridge"}, {"network": "bridge"}]},
    ],
)
def test_what_is_refused(api: httpx2.Client, engine: PrivateEngine, given: dict[str, Any]) -> None:
    """What would reach the host, and what can't be meant, is 422 before the engine hears of it."""
    answer = api.post("/containers", json={"name": "refused", "image": ALPINE, **given})
    assert (answer.status_code, problem_of(answer)["type"]) == (422, "urn:pontlevis:problem:invalid"), answer.text
    assert engine.call("GET", "/containers/json", all="true") == []


def test_a_platform_that_the_image_is_not_of(api: httpx2.Client, engine: PrivateEngine) -> None:
    """404, as an image that is not there, with what to do; the right one runs."""
    answer = api.post("/containers", json={"image": ALPINE, "platform": "linux/s390x"})
    assert (answer.status_code, problem_of(answer)["type"]) == (404, "urn:pontlevis:problem:not-found")
    assert engine.call("GET", "/containers/json", all="true") == []
    assert run(api, "right", platform="linux/amd64")["state"] == "running"
