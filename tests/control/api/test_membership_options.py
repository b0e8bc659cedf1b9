"""Every option of a connect, held against what the engine itself shows; what can't be is explained."""

import subprocess
from typing import Any, NamedTuple

import httpx2
import pytest

from tests.support.api import EVERYTHING, execute, problem_of, run
from tests.support.engine import PrivateEngine
from tests.support.polling import eventually

PLACE = "/networks/island/containers/guest"
POOLS = [{"subnet": "10.120.0.0/24"}, {"subnet": "fd00:120::/64"}]


@pytest.fixture(autouse=True)
def _a_network_and_a_container(api: httpx2.Client) -> None:
    """`island` with IPv4 and IPv6 subnets of its own, and `guest` on the default bridge."""
    made = api.post("/networks", json={"name": "island", "ipv6": True, "ipam": {"pools": POOLS}})
    assert made.status_code == 201, made.text
    run(api, "guest")


def endpoint(engine: PrivateEngine, network: str = "island", container: str = "guest") -> dict[str, Any] | None:
    """What the engine's own inspect of the container shows."""
    shown: dict[str, Any] = engine.call("GET", f"/containers/{container}/json")["NetworkSettings"]["Networks"]
    return shown.get(network)


def kind_of(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, problem_of(answer)["type"].rpartition(":")[2]


def test_every_option_is_so_on_the_engine(api: httpx2.Client, engine: PrivateEngine) -> None:
    """And told as wanted; the names are found by DNS, the link-local address is on the interface."""
    run(api, "neighbour", networks=["island"])
    answer = api.put(PLACE, json=EVERYTHING)
    assert (answer.status_code, answer.json()["warnings"]) == (201, []), answer.text
    shown = endpoint(engine)
    assert shown is not None
    assert (shown["IPAddress"], shown["GlobalIPv6Address"]) == ("10.120.0.77", "fd00:120::77")
    assert shown["IPAMConfig"]["LinkLocalIPs"] == ["169.254.7.7"]
    assert shown["Links"] == ["neighbour:next-door"]
    assert shown["DriverOpts"] == {"org.example.colour": "red"}
    wanted = answer.json()["wanted"]
    assert {key: wanted[key] for key in EVERYTHING} == EVERYTHING
    assert answer.json()["dns_names"] == ["guest", "visitor", "friend", api.get("/containers/guest").json()["id"][:12]]
    for name in answer.json()["dns_names"]:
        assert execute(api, "neighbour", "ping", "-c1", "-W2", name)["exit_code"] == 0, name
    assert execute(api, "guest", "ping", "-c1", "-W2", "next-door")["exit_code"] == 0
    assert "169.254.7.7/" in execute(api, "guest", "ip", "addr")["stdout"]
    again = api.put(PLACE, json=EVERYTHING)
    assert (again.status_code, again.json()["done"]) == (200, "nothing")


def test_a_hostname_is_a_name_and_no_wish(api: httpx2.Client) -> None:
    """Docker 20.10 adds the host's name to the aliases: it is told among the names, and does not differ from a wish."""
    run(api, "named", hostname="on-its-door", networks=["island"])
    member = api.get("/networks/island/containers/named").json()
    assert member["wanted"]["aliases"] == []
    assert set(member["dns_names"]) == {"named", "on-its-door", member["container"]["id"][:12]}
    for aliases in ([], ["on-its-door"]):
        answer = api.put("/networks/island/containers/named", json={"aliases": aliases})
        assert (answer.status_code, answer.json()["done"]) == (200, "nothing"), answer.text


@pytest.mark.parametrize("state", ["created", "exited"])
def test_a_container_that_does_not_run_is_configured_with_them(
    api: httpx2.Client, engine: PrivateEngine, state: str
) -> None:
    """201 and `configured`, 200 when said again, and at its start it has all of them."""
    run(api, "sleeper", start=state != "created")
    if state == "exited":
        api.post("/containers/sleeper/stop", params={"timeout": 0})
    place = "/networks/island/containers/sleeper"
    answer = api.put(place, json=EVERYTHING)
    assert (answer.status_code, answer.json()["state"], answer.json()["warnings"]) == (201, "configured", [])
    assert api.put(place, json=EVERYTHING).status_code == 200
    assert kind_of(api.put(place, json={"ipv4": "10.120.0.78"})) == (409, "connected-otherwise")
    other = api.put(place, params={"replace": True}, json={**EVERYTHING, "ipv4": "10.120.0.78"})
    assert (other.status_code, other.json()["done"], other.json()["state"]) == (200, "reconnected", "configured")
    assert api.post("/containers/sleeper/start").status_code == 200
    shown = endpoint(engine, container="sleeper")
    assert shown is not None
    assert (shown["IPAddress"], shown["GlobalIPv6Address"]) == ("10.120.0.78", "fd00:120::77")
    assert api.put(place, json={**EVERYTHING, "ipv4": "10.120.0.78"}).json()["done"] == "nothing"


@pytest.mark.parametrize("run_it", [True, False], ids=["running", "stopped"])
def test_what_the_engine_does_not_heed_is_said(api: httpx2.Client, engine: PrivateEngine, *, run_it: bool) -> None:
    """A MAC is ignored at a connect, a gateway priority unknown before Docker 28: a warning for each, each time."""
    if not run_it:
        api.post("/containers/guest/stop", params={"timeout": 0})
    wanted = {"mac": "02:42:AA:bb:cc:dd", "gateway_priority": 5}
    for status, done in ((201, "connected"), (200, "nothing")):
        answer = api.put(PLACE, json=wanted)
        assert (answer.status_code, answer.json()["done"]) == (status, done), answer.text
        told = " ".join(answer.json()["warnings"])
        assert "gateway_priority was not heeded" in told
        if run_it or done == "connected":
            assert "mac 02:42:aa:bb:cc:dd was not heeded" in told
    api.post("/containers/guest/start")
    shown = endpoint(engine)
    assert shown is not None
    assert shown["MacAddress"] != "02:42:aa:bb:cc:dd"


def test_replace_reconnects_with_what_is_asked_for(api: httpx2.Client, engine: PrivateEngine) -> None:
    """One request, laid at its door in the log: a disconnect and a connect."""
    api.put(PLACE, json={"aliases": ["one"], "ipv4": "10.120.0.77"})
    seq = api.get("/events", params={"order": "desc", "limit": 1}).json()["items"][0]["seq"]
    answer = api.put(PLACE, params={"replace": True}, json={"aliases": ["two"], "ipv4": "10.120.0.78"})
    assert (answer.status_code, answer.json()["done"]) == (200, "reconnected"), answer.text
    shown = endpoint(engine)
    assert shown is not None
    assert shown["IPAddress"] == "10.120.0.78"
    assert "two" in shown["Aliases"]
    assert "one" not in shown["Aliases"]
    again = api.put(PLACE, params={"replace": True}, json={"aliases": ["two"], "ipv4": "10.120.0.78"})
    assert again.json()["done"] == "nothing"

    def moved() -> list[tuple[str, str, str | None]]:
        items = api.get("/events", params={"after": seq, "kind": "network", "network": "island"}).json()["items"]
        return [(it["kind"], it["cause"], (it["request"] or {}).get("id")) for it in items]

    request = answer.headers["x-request-id"]
    expected = [("network.disconnect", "request", request), ("network.connect", "request", request)]
    eventually(lambda: len(moved()) == 2)
    assert moved() == expected


BAD = {"options": {"com.docker.network.endpoint.macaddress": "none"}}
"""What the bridge driver refuses when the endpoint is made, and not before."""


def test_a_replace_that_fails_brings_it_back_as_it_was(api: httpx2.Client, engine: PrivateEngine) -> None:
    """The problem says so; aliases, addresses, links and options are as before."""
    api.put(PLACE, json=EVERYTHING)
    before = endpoint(engine)
    answer = api.put(PLACE, params={"replace": True}, json=BAD)
    assert kind_of(answer) == (422, "invalid"), answer.text
    assert problem_of(answer)["rolled_back"] is True
    assert "again as it was" in problem_of(answer)["detail"]
    after = endpoint(engine)
    assert before is not None
    assert after is not None
    for changes in ("EndpointID", "MacAddress"):
        assert before.pop(changes)
        assert after.pop(changes)
    assert after == before


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_change_that_others_made_is_not_undone_unseen(api: httpx2.Client, engine: PrivateEngine, method: str) -> None:
    """If-Match: 412 with the present ETag, and nothing is done; with that ETag it is."""
    first = api.put(PLACE, json={"ipv4": "10.120.0.77"})
    second = api.put(PLACE, params={"replace": True}, json={"ipv4": "10.120.0.78"})
    before = endpoint(engine)

    def change(etag: str) -> httpx2.Response:
        if method == "DELETE":
            return api.delete(PLACE, headers={"If-Match": etag})
        wanted = {"ipv4": "10.120.0.79"}
        return api.put(PLACE, params={"replace": True}, json=wanted, headers={"If-Match": etag})

    refused = change(first.headers["etag"])
    assert kind_of(refused) == (412, "precondition-failed")
    assert problem_of(refused)["etag"] == second.headers["etag"]
    assert endpoint(engine) == before
    assert change(f'"other", {second.headers["etag"]}').is_success
    assert endpoint(engine) != before


def test_if_match_of_what_is_not_there(api: httpx2.Client, engine: PrivateEngine) -> None:
    """`*` means any: 412 where the container is not on the network."""
    assert kind_of(api.put(PLACE, headers={"If-Match": "*"})) == (412, "precondition-failed")
    assert kind_of(api.delete(PLACE, headers={"If-Match": "*"})) == (412, "precondition-failed")
    assert endpoint(engine) is None


class Refused(NamedTuple):
    """A wish that can't be had, and how it is answered."""

    network: str
    body: dict[str, Any]
    status: int
    kind: str
    words: str


@pytest.mark.parametrize(
    "wish",
    [
        Refused("bridge", {"aliases": ["a"]}, 422, "invalid", "default bridge"),
        Refused("bridge", {"ipv4": "172.17.0.99"}, 422, "invalid", "default bridge"),
        Refused("island", {"ipv4": "10.99.0.5"}, 422, "invalid", "10.120.0.0/24"),
        Refused("island", {"ipv6": "fd00:121::5"}, 422, "invalid", "fd00:120::/64"),
        Refused("island", {"ipv4": "10.120.0.1"}, 409, "address-taken", "gateway"),
        Refused("flat", {"ipv6": "fd00:120::5"}, 422, "invalid", "no IPv6"),
        Refused("flat", {"link_local": ["fe80::7"]}, 422, "invalid", "link-local"),
        Refused("flat", {"ipv4": "10.121.0.9"}, 409, "address-taken", "set aside"),
        Refused("island", {"link_local": ["10.0.0.1"]}, 422, "invalid", "link_local"),
        Refused("island", {"mac": "01:00:00:00:00:00"}, 422, "invalid", "mac"),
        Refused("island", {"links": ["a:b:c"]}, 422, "invalid", "links"),
        Refused("island", {"gateway_priority": "1"}, 422, "invalid", "gateway_priority"),
        Refused("island", {"restore": True, "ipv4": "10.120.0.9"}, 422, "invalid", "without other options"),
    ],
    ids=lambda wish: f"{wish.network}-{wish.body}",
)
@pytest.mark.parametrize("run_it", [True, False], ids=["running", "stopped"])
def test_what_can_not_be_is_refused_before_the_engine_is_asked(
    api: httpx2.Client, engine: PrivateEngine, wish: Refused, *, run_it: bool
) -> None:
    """Also of a container that does not run, whose start would fail; the answer says why, and nothing is left."""
    pool = {"subnet": "10.121.0.0/24", "auxiliary_addresses": {"printer": "10.121.0.9"}}
    api.post("/networks", json={"name": "flat", "ipam": {"pools": [pool]}})
    api.delete("/networks/bridge/containers/guest")
    if not run_it:
        api.post("/containers/guest/stop", params={"timeout": 0})
    answer = api.put(f"/networks/{wish.network}/containers/guest", json=wish.body)
    assert kind_of(answer) == (wish.status, wish.kind), answer.text
    assert wish.words in problem_of(answer)["detail"]
    assert engine.call("GET", "/containers/guest/json")["NetworkSettings"]["Networks"] == {}


def test_an_address_that_is_taken(api: httpx2.Client) -> None:
    """409 that names who has it, of a container that runs; a warning, of one that does not yet need it."""
    holder = run(api, "holder", networks=["island"])
    address = api.get("/networks/island/containers/holder").json()["endpoint"]["ipv4"]
    answer = api.put(PLACE, json={"ipv4": address})
    assert kind_of(answer) == (409, "address-taken")
    assert holder["id"][:12] in problem_of(answer)["detail"]
    api.post("/containers/guest/stop", params={"timeout": 0})
    answer = api.put(PLACE, json={"ipv4": address})
    assert answer.status_code == 201
    assert ["must be free" in warning for warning in answer.json()["warnings"]] == [True]


@pytest.fixture
def modes(api: httpx2.Client) -> None:
    """Containers of the modes that rule networks out."""
    run(api, "on-host", network_mode="host")
    run(api, "on-none", network_mode="none")
    run(api, "owner", networks=["island"])
    run(api, "sharer", network_mode="container:owner")


@pytest.mark.usefixtures("modes")
@pytest.mark.parametrize("run_it", [True, False], ids=["running", "stopped"])
@pytest.mark.parametrize(
    ("method", "path", "words"),
    [
        ("PUT", "island/containers/on-host", "without network_mode host"),
        ("DELETE", "host/containers/on-host", "without network_mode host"),
        ("PUT", "host/containers/guest", "anew with network_mode host"),
        ("PUT", "island/containers/on-none", "DELETE /networks/none/containers/on-none"),
        ("PUT", "none/containers/guest", "Disconnect it from there"),
        ("PUT", "island/containers/sharer", "it shares that of the container"),
        ("DELETE", "island/containers/sharer", "it shares that of the container"),
    ],
)
def test_a_network_mode_that_rules_it_out_is_explained(
    api: httpx2.Client, engine: PrivateEngine, method: str, path: str, words: str, *, run_it: bool
) -> None:
    """409 network-mode that says what to do instead; nothing is changed."""
    container = path.rpartition("/")[2]
    if not run_it:
        api.post(f"/containers/{container}/stop", params={"timeout": 0})
    before = engine.call("GET", f"/containers/{container}/json")["NetworkSettings"]["Networks"]
    answer = api.request(method, f"/networks/{path}")
    assert kind_of(answer) == (409, "network-mode"), answer.text
    assert words in problem_of(answer)["detail"]
    assert engine.call("GET", f"/containers/{container}/json")["NetworkSettings"]["Networks"] == before


@pytest.mark.usefixtures("modes")
def test_off_none_it_can_be_connected(api: httpx2.Client, engine: PrivateEngine) -> None:
    """As the problem says: disconnect it from none, then connect it; it can even go back."""
    assert api.delete("/networks/none/containers/on-none").status_code == 204
    assert api.put("/networks/island/containers/on-none").status_code == 201
    assert endpoint(engine, container="on-none") is not None
    assert api.delete("/networks/island/containers/on-none").status_code == 204
    assert api.put("/networks/none/containers/on-none").status_code == 201


@pytest.mark.usefixtures("modes")
def test_what_already_is_stays_said_of_them(api: httpx2.Client) -> None:
    """PUT of a mode's own network is 200; DELETE of what it is not on is 204."""
    assert api.put("/networks/host/containers/on-host").status_code == 200
    assert api.put("/networks/none/containers/on-none").status_code == 200
    assert api.delete("/networks/island/containers/on-host").status_code == 204
    assert api.delete("/networks/host/containers/guest").status_code == 204


@pytest.mark.usefixtures("modes")
def test_a_sharer_is_shown_with_whose_network_it_uses(api: httpx2.Client) -> None:
    """The sharer names the owner, the list names an owner's sharers, and what is looked for of a sharer says so."""
    owner = api.get("/containers/owner").json()
    sharer = api.get("/containers/sharer").json()
    assert sharer["shares_network_of"]["id"] == owner["id"]
    assert owner["shares_network_of"] is None
    listed = {it["name"]: it for it in api.get("/containers").json()["items"]}
    assert listed["sharer"]["shares_network_of"] == {"id": owner["id"], "name": "owner", "image": "alpine"}
    assert [it["name"] for it in listed["owner"]["network_shared_by"]] == ["sharer"]
    assert listed["guest"]["network_shared_by"] == []
    answer = api.get("/networks/island/containers/sharer")
    assert kind_of(answer) == (404, "not-found")
    assert owner["id"][:12] in problem_of(answer)["detail"]


def test_the_default_bridge_and_macvlan(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Connected, and with an address where the network gives them."""
    assert api.delete("/networks/bridge/containers/guest").status_code == 204
    assert api.put("/networks/bridge/containers/guest").status_code == 201
    assert endpoint(engine, "bridge") is not None
    with engine.entered():
        subprocess.run(["ip", "link", "add", "mv-a", "type", "veth", "peer", "name", "mv-b"], check=True)
        subprocess.run(["ip", "link", "set", "mv-a", "up"], check=True)
    try:
        wanted = {
            "name": "street", "driver": "macvlan", "options": {"parent": "mv-a"},
            "ipam": {"pools": [{"subnet": "10.122.0.0/24"}]},
        }  # fmt: skip
        assert api.post("/networks", json=wanted).status_code == 201
        answer = api.put("/networks/street/containers/guest", json={"ipv4": "10.122.0.50", "aliases": ["walker"]})
        assert (answer.status_code, answer.json()["endpoint"]["ipv4"]) == (201, "10.122.0.50"), answer.text
        shown = endpoint(engine, "street")
        assert shown is not None
        assert shown["IPAddress"] == "10.122.0.50"
        assert api.delete("/networks/street/containers/guest").status_code == 204
        restored = api.put("/networks/street/containers/guest", json={"restore": True})
        assert restored.json()["wanted"]["aliases"] == ["walker"]
        api.delete("/networks/street/containers/guest")
        assert api.delete("/networks/street").status_code == 204
    finally:
        with engine.entered():
            subprocess.run(["ip", "link", "del", "mv-a"], check=True)
