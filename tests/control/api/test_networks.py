"""Networks over HTTP, on a real engine: what the API says is held against what the engine itself shows."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tests.support.api import problem_of, run
from tests.support.engine import PrivateEngine


def test_lists_the_built_in_networks(api: httpx2.Client) -> None:
    """A fresh engine has bridge, host and none, and the list is by name."""
    answer = api.get("/networks", params={"type": "builtin"})
    assert answer.status_code == 200
    body = answer.json()
    assert [(network["name"], network["driver"]) for network in body["items"]] == [
        ("bridge", "bridge"),
        ("host", "host"),
        ("none", "null"),
    ]
    assert body["next"] is None


def test_pages_through_a_list(api: httpx2.Client) -> None:
    """Pages of one give all there is, once each, also when something new sorts before the cursor meanwhile."""
    for name in ("pages-b", "pages-c"):
        assert api.post("/networks", json={"name": name}).status_code == 201
    first = api.get("/networks", params={"name": "pages-", "limit": 1}).json()
    assert [network["name"] for network in first["items"]] == ["pages-b"]
    api.post("/networks", json={"name": "pages-a"})
    second = api.get("/networks", params={"name": "pages-", "limit": 1, "after": first["next"]}).json()
    assert [network["name"] for network in second["items"]] == ["pages-c"]
    assert second["next"] is None


def test_creates_as_asked(api: httpx2.Client, engine: PrivateEngine) -> None:
    """What was asked is what the engine shows; the answer is 201 with the place of the new network."""
    wanted: dict[str, Any] = {
        "name": "asked",
        "internal": True,
        "attachable": True,
        "labels": {"team": "a b=c"},
        "options": {"com.docker.network.driver.mtu": "1400"},
        "ipam": {
            "pools": [
                {
                    "subnet": "10.111.0.0/24",
                    "range": "10.111.0.128/25",
                    "gateway": "10.111.0.9",
                    "auxiliary_addresses": {"printer": "10.111.0.7"},
                }
            ]
        },
    }
    answer = api.post("/networks", json=wanted)
    assert answer.status_code == 201, answer.text
    shown = engine.call("GET", f"/networks/{answer.json()['id']}")
    assert answer.headers["location"] == f"/networks/{shown['Id']}"
    assert (shown["Name"], shown["Internal"], shown["Attachable"]) == ("asked", True, True)
    assert (shown["Labels"], shown["Options"]) == (wanted["labels"], wanted["options"])
    assert shown["IPAM"]["Config"] == [
        {
            "Subnet": "10.111.0.0/24",
            "IPRange": "10.111.0.128/25",
            "Gateway": "10.111.0.9",
            "AuxiliaryAddresses": {"printer": "10.111.0.7"},
        }
    ]
    (pool,) = api.get("/networks/asked").json()["ipam"]["pools"]
    assert [{name: value for name, value in pool.items() if name != "use"}] == wanted["ipam"]["pools"]


def test_one_name_is_one_network(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Of many creates of one name at once, one succeeds; the others are 409 and make nothing (Docker itself made
    six of six)."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.post("/networks", json={"name": "only"}), range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert len([network for network in engine.call("GET", "/networks") if network["Name"] == "only"]) == 1
    assert {problem_of(answer)["type"] for answer in answers if answer.status_code == 409} == {
        "urn:pontlevis:problem:name-taken"
    }


def test_finds_by_name_id_and_short_id_alone(api: httpx2.Client) -> None:
    """A name, a full id and twelve digits of it find the network; fewer digits, which Docker would take, do not."""
    network = api.post("/networks", json={"name": "found"}).json()
    for reference in ("found", network["id"], network["id"][:12]):
        assert api.get(f"/networks/{reference}").json()["id"] == network["id"]
    for reference in ("foun", network["id"][:4], "..%2Fimages", "no%3Fsuch"):
        assert api.get(f"/networks/{reference}").status_code == 404


def test_two_networks_of_one_name_are_ambiguous(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Where others made two of one name, the name is 409 with the ids, and each id still works."""
    ids = sorted(engine.call("POST", "/networks/create", json={"Name": "twin"})["Id"] for _ in range(2))
    answer = api.get("/networks/twin")
    assert answer.status_code == 409
    assert problem_of(answer)["ids"] == ids
    for id_ in ids:
        assert api.delete(f"/networks/{id_}").status_code == 204


def test_a_network_in_use_stays(api: httpx2.Client) -> None:
    """Removing a network in use is 409 and names the users; with force they are disconnected first."""
    api.post("/networks", json={"name": "used"})
    run(api, "user", networks=["used"])
    answer = api.delete("/networks/used")
    assert answer.status_code == 409
    assert problem_of(answer)["users"] == ["user"]
    assert "user" in problem_of(answer)["detail"]
    assert api.delete("/networks/used", params={"force": "true"}).status_code == 204
    assert api.get("/networks/used").status_code == 404
    assert api.get("/containers/user").json()["state"] == "running"


@pytest.mark.parametrize("name", ["bridge", "host", "none"])
def test_built_in_networks_stay(api: httpx2.Client, name: str) -> None:
    """The engine's own networks can't be removed: 403 that says so."""
    answer = api.delete(f"/networks/{name}")
    assert answer.status_code == 403
    assert "engine's own" in problem_of(answer)["detail"]


def test_macvlan_passes_through(api: httpx2.Client, engine: PrivateEngine) -> None:
    """A macvlan with a parent is made by the engine as asked."""
    answer = api.post(
        "/networks",
        json={
            "name": "macv",
            "driver": "macvlan",
            "options": {"parent": "docker0"},
            "ipam": {"pools": [{"subnet": "10.112.0.0/24"}]},
        },
    )
    assert answer.status_code == 201, answer.text
    assert engine.call("GET", "/networks/macv")["Options"] == {"parent": "docker0"}


def test_overlay_without_a_swarm_says_how(api: httpx2.Client) -> None:
    """An overlay needs a swarm: 409 that says so, and nothing is left."""
    answer = api.post("/networks", json={"name": "over", "driver": "overlay"})
    assert answer.status_code == 409
    assert problem_of(answer)["type"] == "urn:pontlevis:problem:no-swarm"
    assert "swarm" in problem_of(answer)["detail"].lower()
    assert api.get("/networks/over").status_code == 404


def test_overlapping_subnets_are_a_conflict(api: httpx2.Client) -> None:
    """The engine's 403 for an overlap is a 409 here."""
    pool = {"ipam": {"pools": [{"subnet": "10.113.0.0/24"}]}}
    assert api.post("/networks", json={"name": "lap-a", **pool}).status_code == 201
    answer = api.post("/networks", json={"name": "lap-b", **pool})
    assert (answer.status_code, problem_of(answer)["type"]) == (409, "urn:pontlevis:problem:address-taken")


@pytest.mark.parametrize(
    ("body", "at"),
    [
        ({}, "body.name"),
        ({"name": "a b"}, "body.name"),
        ({"name": "-x"}, "body.name"),
        ({"name": "x/y"}, "body.name"),
        ({"name": "x" * 300}, "body.name"),
        ({"name": ""}, "body.name"),
        ({"name": 7}, "body.name"),
        ({"name": "x", "drivr": "bridge"}, "body.drivr"),
        ({"name": "x", "ipam": {"pools": [{"subnet": "10.0.0.1/24"}]}}, "body.ipam.pools.0.subnet"),
        ({"name": "x", "ipam": {"pools": [{"subnet": "nonsense"}]}}, "body.ipam.pools.0.subnet"),
        ({"name": "x", "ipam": {"pools": [{"gateway": "300.1.1.1"}]}}, "body.ipam.pools.0.gateway"),
        ({"name": "x", "labels": {"a": 1}}, "body.labels.a"),
        ([], "body"),
    ],
)
def test_refuses_what_is_wrong(api: httpx2.Client, body: object, at: str) -> None:
    """A wrong value is 422 and its place is named; the engine never sees it."""
    answer = api.post("/networks", json=body)
    assert answer.status_code == 422, answer.text
    assert [error["at"] for error in problem_of(answer)["errors"]] == [at]


@pytest.mark.parametrize(
    "query", [{"nmae": "x"}, {"limit": "0"}, {"limit": "x"}, {"after": "%%%"}, {"dangling": "maybe"}]
)
def test_refuses_unknown_and_wrong_parameters(api: httpx2.Client, query: dict[str, str]) -> None:
    """A misspelt parameter is an error and never silently ignored."""
    answer = api.get("/networks", params=query)
    assert answer.status_code == 422
    assert next(iter(query)) in problem_of(answer)["detail"]


def test_filters(api: httpx2.Client) -> None:
    """Filters are the engine's own, and several labels must all match."""
    api.post("/networks", json={"name": "lab-1", "labels": {"tier": "one", "x": "1"}})
    api.post("/networks", json={"name": "lab-2", "labels": {"tier": "one"}})

    def names(**query: str | list[str]) -> list[str]:
        return [item["name"] for item in api.get("/networks", params=query).json()["items"]]

    assert names(label="tier=one") == ["lab-1", "lab-2"]
    assert names(label=["tier=one", "x"]) == ["lab-1"]
    assert names(name="lab-2") == ["lab-2"]
    assert names(driver="host") == ["host"]
    assert names(scope="swarm") == []
