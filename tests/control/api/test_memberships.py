"""A container on a network, by PUT and DELETE, held against what the engine itself shows."""

from typing import Any

import httpx2
import pytest

from tests.support.api import execute, problem_of, run
from tests.support.engine import PrivateEngine


@pytest.fixture(autouse=True)
def _a_network_and_a_container(api: httpx2.Client) -> None:
    """`island` with a subnet of its own, and `guest` on the default bridge."""
    pool = {"ipam": {"pools": [{"subnet": "10.120.0.0/24"}]}}
    assert api.post("/networks", json={"name": "island", **pool}).status_code == 201
    run(api, "guest")


def endpoint(engine: PrivateEngine, network: str = "island") -> dict[str, Any] | None:
    """What the engine's own inspect of the container shows."""
    shown: dict[str, Any] = engine.call("GET", "/containers/guest/json")["NetworkSettings"]["Networks"]
    return shown.get(network)


def test_connects_once_however_often_it_is_said(api: httpx2.Client, engine: PrivateEngine) -> None:
    """201 the first time, 200 with the same membership after that."""
    first = api.put("/networks/island/containers/guest")
    assert first.status_code == 201, first.text
    shown = endpoint(engine)
    assert shown is not None
    assert first.json()["state"] == "connected"
    assert first.json()["endpoint"]["id"] == shown["EndpointID"]
    assert first.json()["endpoint"]["ipv4"] == shown["IPAddress"]
    again = api.put("/networks/island/containers/guest")
    assert (again.status_code, again.json()) == (200, {**first.json(), "done": "nothing"})
    shown_here = api.get(first.headers["location"])
    assert first.json() == {**shown_here.json(), "done": "connected", "warnings": []}
    assert first.headers["etag"] == again.headers["etag"] == shown_here.headers["etag"]


def test_connects_with_aliases_and_address(api: httpx2.Client, engine: PrivateEngine) -> None:
    """What was asked for is so on the engine, works in DNS, and counts as already so; what was not asked for does
    not differ."""
    wanted = {"aliases": ["visitor"], "ipv4": "10.120.0.77"}
    answer = api.put("/networks/island/containers/guest", json=wanted)
    assert answer.status_code == 201, answer.text
    assert answer.json()["endpoint"]["aliases"] == ["visitor"]
    shown = endpoint(engine)
    assert shown is not None
    assert shown["IPAddress"] == "10.120.0.77"
    assert api.put("/networks/island/containers/guest", json=wanted).status_code == 200
    assert api.put("/networks/island/containers/guest", json={}).status_code == 200
    run(api, "neighbour", networks=["island"])
    assert execute(api, "neighbour", "ping", "-c1", "-W2", "visitor")["exit_code"] == 0


def test_connected_otherwise_tells_the_difference(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Another wish than what is so is 409 with both values, and nothing changes."""
    api.put("/networks/island/containers/guest", json={"aliases": ["one"], "ipv4": "10.120.0.77"})
    before = endpoint(engine)
    answer = api.put("/networks/island/containers/guest", json={"aliases": ["two"], "ipv4": "10.120.0.78"})
    assert answer.status_code == 409
    assert problem_of(answer)["difference"] == {
        "aliases": {"wanted": ["two"], "present": ["one"]},
        "ipv4": {"wanted": "10.120.0.78", "present": "10.120.0.77"},
    }
    assert endpoint(engine) == before


def test_disconnects_also_when_it_was_not_connected(api: httpx2.Client, engine: PrivateEngine) -> None:
    """204 each time; the container runs on, without the network."""
    api.put("/networks/island/containers/guest")
    assert api.delete("/networks/island/containers/guest").status_code == 204
    assert endpoint(engine) is None
    assert api.delete("/networks/island/containers/guest").status_code == 204
    assert api.get("/networks/island/containers/guest").status_code == 404
    assert api.get("/containers/guest").json()["state"] == "running"


def test_a_stopped_container_is_configured(api: httpx2.Client) -> None:
    """Connecting a stopped container configures it: it joins at its start, with what was asked for."""
    api.post("/containers/guest/stop", params={"timeout": 0})
    answer = api.put("/networks/island/containers/guest", json={"ipv4": "10.120.0.9"})
    assert (answer.status_code, answer.json()["state"]) == (201, "configured")
    assert answer.json()["endpoint"] == {
        "id": None,
        "ipv4": "10.120.0.9",
        "ipv6": None,
        "mac": None,
        "gateway": None,
        "aliases": [],
    }
    assert answer.json()["wanted"]["ipv4"] == "10.120.0.9"
    assert [member["state"] for member in api.get("/networks/island/containers").json()["items"]] == ["configured"]
    api.post("/containers/guest/start")
    member = api.get("/networks/island/containers/guest").json()
    assert (member["state"], member["endpoint"]["ipv4"]) == ("connected", "10.120.0.9")


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"ipv4": "10.120.0.1"}, 409, "address-taken"),  # the gateway
        ({"ipv4": "10.99.0.5"}, 422, "invalid"),  # outside the subnet
        ({"ipv4": "10.120.0"}, 422, "invalid"),
        ({"ipv4": "fe80::1"}, 422, "invalid"),
        ({"aliases": ["a b"]}, 422, "invalid"),
        ({"alias": ["a"]}, 422, "invalid"),
    ],
)
def test_refuses_what_can_not_be(api: httpx2.Client, body: dict[str, Any], status: int, kind: str) -> None:
    """Addresses that can't be had and options that are none are 4xx with their reason."""
    answer = api.put("/networks/island/containers/guest", json=body)
    assert (answer.status_code, problem_of(answer)["type"]) == (status, f"urn:pontlevis:problem:{kind}"), answer.text


def test_a_fixed_address_needs_a_subnet_of_ones_own(api: httpx2.Client) -> None:
    """Docker gives fixed addresses only where the subnet was given: 422 that says so."""
    api.post("/networks", json={"name": "auto"})
    answer = api.put("/networks/auto/containers/guest", json={"ipv4": "172.18.0.9"})
    assert answer.status_code == 422
    assert "subnet" in problem_of(answer)["detail"]


def test_host_and_none_can_not_be_joined(api: httpx2.Client) -> None:
    """A container with a network of its own can't join host or none: 409 that says so."""
    for network in ("host", "none"):
        answer = api.put(f"/networks/{network}/containers/guest")
        assert (answer.status_code, problem_of(answer)["type"]) == (409, "urn:pontlevis:problem:network-mode")


def test_unknown_network_or_container_is_404(api: httpx2.Client) -> None:
    """And the problem names which."""
    for path, named in (("nowhere/containers/guest", "nowhere"), ("island/containers/nobody", "nobody")):
        for method in ("PUT", "DELETE", "GET"):
            answer = api.request(method, f"/networks/{path}")
            assert answer.status_code == 404
            assert named in problem_of(answer)["detail"]
