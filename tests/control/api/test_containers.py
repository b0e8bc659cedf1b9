"""Containers over HTTP, held against what the engine itself shows."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.api import ALPINE, SLEEP, execute, problem_of, run
from tests.support.control import Control
from tests.support.engine import PrivateEngine


def names(engine: PrivateEngine) -> set[str]:
    """The names of all containers, from the engine."""
    return {name for entry in engine.call("GET", "/containers/json", all="true") for name in entry["Names"]}


def test_runs_as_asked(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Command, environment, labels, user, folder, host name and policy are those asked for."""
    answer = api.post(
        "/containers",
        json={
            "name": "asked",
            "image": ALPINE,
            "command": SLEEP,
            "env": {"GREETING": "good = day"},
            "labels": {"team": "one"},
            "user": "1000:1000",
            "workdir": "/tmp",
            "hostname": "house",
            "restart": "on-failure",
            "init": True,
            "read_only": True,
            "no_new_privileges": True,
            "group_add": ["4242"],
        },
    )
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/containers/{answer.json()['id']}"
    shown = engine.call("GET", "/containers/asked/json")
    assert (shown["Config"]["User"], shown["Config"]["Hostname"]) == ("1000:1000", "house")
    assert shown["HostConfig"]["RestartPolicy"]["Name"] == "on-failure"
    assert shown["HostConfig"]["SecurityOpt"] == ["no-new-privileges"]
    said = execute(api, "asked", "sh", "-c", "echo $GREETING; id -G; pwd; hostname; touch /x")
    assert said["stdout"].split("\n")[:4] == ["good = day", "1000 4242", "/tmp", "house"]
    assert "Read-only" in said["stderr"]


def test_joins_several_networks_with_aliases(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Several networks at once, each with its own options, on an engine that takes one at creation."""
    api.post("/networks", json={"name": "one"})
    api.post("/networks", json={"name": "two", "ipam": {"pools": [{"subnet": "10.130.0.0/24"}]}})
    answer = api.post(
        "/containers",
        json={
            "name": "both",
            "image": ALPINE,
            "command": SLEEP,
            "networks": [{"network": "one", "aliases": ["first"]}, {"network": "two", "ipv4": "10.130.0.40"}],
        },
    )
    assert answer.status_code == 201, answer.text
    assert {member["network"]["name"]: member["state"] for member in answer.json()["networks"]} == {
        "one": "connected",
        "two": "connected",
    }
    shown = engine.call("GET", "/containers/both/json")["NetworkSettings"]["Networks"]
    assert "first" in shown["one"]["Aliases"]
    assert shown["two"]["IPAddress"] == "10.130.0.40"
    assert set(shown) == {"one", "two"}


@pytest.mark.parametrize(
    ("mode", "network"), [("host", "host"), ("none", "none"), ("bridge", "bridge"), (None, "bridge")]
)
def test_network_modes(api: httpx2.Client, mode: str | None, network: str) -> None:
    """host, none and bridge by name; the default bridge where nothing is asked for."""
    container = run(api, "mode", network_mode=mode)
    assert container["network_mode"] == network
    assert [member["network"]["name"] for member in container["networks"]] == [network]


def test_shares_the_network_of_another(api: httpx2.Client) -> None:
    """`container:NAME` has the other's addresses and no network of its own."""
    first = run(api, "owner")
    sharer = run(api, "sharer", network_mode="container:owner")
    assert sharer["network_mode"] == f"container:{first['id']}"
    assert sharer["networks"] == []
    addresses = [execute(api, name, "ip", "-4", "addr")["stdout"] for name in ("owner", "sharer")]
    assert addresses[0] == addresses[1] != ""


def test_publishes_on_loopback_unless_said(api: httpx2.Client, engine: PrivateEngine) -> None:
    """A published port answers at 127.0.0.1; a free host port is taken where none is named."""
    container = run(
        api,
        "web",
        command=["httpd", "-f", "-p", "80", "-h", "/etc"],
        publish=[{"container_port": 80, "host_port": 8099}, {"container_port": 81}],
    )
    ports = api.get("/containers/web/ports").json()["items"]
    assert ports == container["ports"]
    assert ports[0] == {"container_port": 80, "protocol": "tcp", "host_address": "127.0.0.1", "host_port": 8099}
    assert (ports[1]["container_port"], ports[1]["host_address"]) == (81, "127.0.0.1")
    assert ports[1]["host_port"] > 1024
    with engine.entered():
        assert "root" in httpx2.get("http://127.0.0.1:8099/passwd").text
    taken = api.post(
        "/containers",
        json={"name": "late", "image": ALPINE, "publish": [{"container_port": 80, "host_port": 8099}]},
    )
    assert (taken.status_code, problem_of(taken)["type"]) == (409, "urn:pontlevis:problem:port-taken")
    assert "/late" not in names(engine)


def test_links_work_one_way_and_warn(api: httpx2.Client) -> None:
    """The deprecated link of the seed: alpine2 finds alpine1, not the other way round, and the reply warns."""
    run(api, "alpine1")
    second = run(api, "alpine2", links=["alpine1"])
    assert "deprecated" in second["warnings"][0]
    assert execute(api, "alpine2", "ping", "-c1", "-W2", "alpine1")["exit_code"] == 0
    assert execute(api, "alpine1", "ping", "-c1", "-W2", "alpine2")["exit_code"] != 0


def test_mounts_volumes_folders_and_memory(api: httpx2.Client, control: Control) -> None:
    """A named volume, a folder of the host under CONTROL_BIND_ROOTS, and a tmpfs; read-only where asked."""
    folder = control.data_dir.parent / "allowed" / "here"
    folder.mkdir(exist_ok=True)
    (folder / "note").write_text("from the host\n")
    container = run(
        api,
        "mounted",
        mounts=[
            {"type": "volume", "source": "vol", "target": "/vol"},
            {"type": "bind", "source": str(folder), "target": "/host", "read_only": True},
            {"type": "tmpfs", "target": "/mem"},
        ],
    )
    assert {mount["target"]: (mount["type"], mount["read_only"]) for mount in container["mounts"]} == {
        "/vol": ("volume", False),
        "/host": ("bind", True),
        "/mem": ("tmpfs", False),
    }
    assert execute(api, "mounted", "cat", "/host/note")["stdout"] == "from the host\n"
    assert execute(api, "mounted", "touch", "/host/x")["exit_code"] != 0
    assert execute(api, "mounted", "sh", "-c", "echo kept > /vol/it")["exit_code"] == 0
    api.delete("/containers/mounted", params={"force": "true"})
    run(api, "next", mounts=[{"source": "vol", "target": "/data"}])
    assert execute(api, "next", "cat", "/data/it")["stdout"] == "kept\n"


def test_folders_outside_the_roots_are_refused(api: httpx2.Client, control: Control, tmp_path: Path) -> None:
    """Neither directly, nor by `..`, nor by a symbolic link inside a root: 403, and nothing is made."""
    allowed = control.data_dir.parent / "allowed"
    link = allowed / "way-out"
    link.unlink(missing_ok=True)
    link.symlink_to("/etc")
    for source in ("/", "/etc", str(tmp_path), f"{allowed}/../data", str(link), f"{allowed}-beside"):
        body = {"name": "out", "image": ALPINE, "mounts": [{"type": "bind", "source": source, "target": "/x"}]}
        answer = api.post("/containers", json=body)
        assert answer.status_code == 403, source
        assert "CONTROL_BIND_ROOTS" in problem_of(answer)["detail"]
    assert api.get("/containers/out").status_code == 404


@pytest.mark.parametrize(
    ("change", "status", "kind"),
    [
        ({"command": ["/no/such/program"]}, 422, "start-failed"),
        ({"image": "no-such-image-here:1"}, 404, "not-found"),
        ({"networks": [{"network": "no-such-network"}]}, 404, "not-found"),
        ({"networks": [{"network": "bridge", "ipv4": "172.17.0.77"}]}, 422, "invalid"),
        ({"network_mode": "container:nobody"}, 404, "not-found"),
        ({"network_mode": "weird"}, 422, "invalid"),
        ({"links": ["nobody"]}, 404, "not-found"),
        ({"mounts": [{"type": "bind", "source": "relative", "target": "/x"}]}, 422, "invalid"),
        ({"mounts": [{"type": "tmpfs", "source": "x", "target": "/x"}]}, 422, "invalid"),
        ({"publish": [{"container_port": 0}]}, 422, "invalid"),
        ({"publish": [{"container_port": 80}], "network_mode": "host"}, 422, "invalid"),
        ({"env": {"A=B": "x"}}, 422, "invalid"),
        ({"env": {"A": "nul\x00"}}, 422, "invalid"),
        ({"privileged": True}, 422, "invalid"),
        ({"HostConfig": {"Binds": ["/:/host"]}}, 422, "invalid"),
        ({"name": "../up"}, 422, "invalid"),
    ],
)
def test_a_run_that_fails_leaves_nothing(
    api: httpx2.Client, engine: PrivateEngine, change: dict[str, Any], status: int, kind: str
) -> None:
    """Each failure is a 4xx of its kind, and no container is left, not even half made."""
    before = names(engine)
    answer = api.post("/containers", json={"name": "failing", "image": ALPINE, "command": SLEEP, **change})
    assert (answer.status_code, problem_of(answer)["type"]) == (status, f"urn:pontlevis:problem:{kind}"), answer.text
    assert names(engine) == before


def test_a_name_in_use_is_a_conflict(api: httpx2.Client) -> None:
    """409, and the one there is goes on."""
    first = run(api, "mine")
    answer = api.post("/containers", json={"name": "mine", "image": ALPINE})
    assert (answer.status_code, problem_of(answer)["type"]) == (409, "urn:pontlevis:problem:name-taken")
    assert api.get("/containers/mine").json()["id"] == first["id"]


def test_start_stop_and_remove_are_idempotent(api: httpx2.Client) -> None:
    """Stopping a stopped and starting a running container is 200; removing a running one needs force."""
    run(api, "cycle")
    for _ in range(2):
        answer = api.post("/containers/cycle/stop", params={"timeout": 0})
        assert (answer.status_code, answer.json()["state"]) == (200, "exited")
    for _ in range(2):
        answer = api.post("/containers/cycle/start")
        assert (answer.status_code, answer.json()["state"]) == (200, "running")
    refused = api.delete("/containers/cycle")
    assert (refused.status_code, problem_of(refused)["type"]) == (409, "urn:pontlevis:problem:in-use")
    assert api.delete("/containers/cycle", params={"force": "true"}).status_code == 204
    assert api.delete("/containers/cycle").status_code == 404


def test_created_without_a_start(api: httpx2.Client) -> None:
    """`start: false` creates alone."""
    container = run(api, "later", start=False)
    assert (container["state"], container["started"]) == ("created", None)


def test_lists_with_filters(api: httpx2.Client) -> None:
    """By name, running ones alone where asked, by label, state and network."""
    run(api, "list-b", labels={"l": "1"})
    run(api, "list-a")
    run(api, "list-c", start=False)

    def listed(**query: str) -> list[str]:
        items = api.get("/containers", params={"name": "list-", **query}).json()["items"]
        return [item["name"] for item in items]

    assert listed() == ["list-a", "list-b", "list-c"]
    assert listed(all="false") == ["list-a", "list-b"]
    assert listed(label="l=1") == ["list-b"]
    assert listed(status="created") == ["list-c"]
    assert listed(network="bridge") == ["list-a", "list-b", "list-c"]


def test_finds_containers_strictly(api: httpx2.Client) -> None:
    """A name, a full id or twelve digits of it; nothing shorter, and no path of the engine's."""
    container = run(api, "strict")
    for reference in ("strict", container["id"], container["id"][:12]):
        assert api.get(f"/containers/{reference}").json()["id"] == container["id"]
    for reference in ("stric", container["id"][:3], "..%2fnetworks%2fbridge", "strict%3fsize=1", "%00"):
        assert api.get(f"/containers/{reference}").status_code == 404
