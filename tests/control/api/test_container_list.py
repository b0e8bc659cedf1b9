"""The list of containers: the engine's filters, and pages of which only what is shown is inspected."""

import httpx2
import pytest

from tests.support.api import ALPINE, SLEEP, problem_of, run
from tests.support.engine import PrivateEngine
from tests.support.polling import eventually


def listed(api: httpx2.Client, **query: str | int | list[str]) -> list[str]:
    """The names in the list, in its order."""
    answer = api.get("/containers", params=query)
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.json()["items"]]


def test_filters(api: httpx2.Client) -> None:
    """Each filter alone: what it lets through and what not."""
    api.post("/networks", json={"name": "net-a"})
    first = run(
        api,
        "one",
        labels={"tier": "data", "team": "x"},
        networks=["net-a"],
        mounts=[{"source": "vol-a", "target": "/a"}],
        publish=[{"container_port": 80, "host_port": 8321}],
    )
    run(api, "two", labels={"tier": "web"}, expose=[{"container_port": 9000, "protocol": "udp"}])
    run(api, "three", command=["sh", "-c", "exit 5"])
    run(api, "four", start=False)
    run(api, "five", healthcheck={"test": ["true"], "interval": 0.1})
    eventually(lambda: api.get("/containers/three").json()["state"] == "exited")
    eventually(lambda: api.get("/containers/five").json()["health"] == "healthy")

    assert listed(api) == ["five", "four", "one", "three", "two"]
    assert listed(api, all="false") == ["five", "one", "two"]
    assert listed(api, id=first["id"][:20]) == ["one"]
    assert listed(api, name="t") == ["three", "two"]
    assert listed(api, label="tier") == ["one", "two"]
    assert listed(api, label=["tier=data", "team=x"]) == ["one"]
    assert listed(api, label=["tier=data", "team=y"]) == []
    assert listed(api, status="exited") == ["three"]
    assert listed(api, status=["exited", "created"]) == ["four", "three"]
    assert listed(api, network="net-a") == ["one"]
    assert listed(api, network=["net-a", "bridge"]) == ["five", "four", "one", "three", "two"]
    assert listed(api, volume="vol-a") == ["one"]
    assert listed(api, volume="/a") == ["one"]
    assert listed(api, ancestor=ALPINE) == ["five", "four", "one", "three", "two"]
    assert listed(api, ancestor="nothing-like-it") == []
    assert listed(api, before="three") == ["one", "two"]
    assert listed(api, since="three") == ["five", "four"]
    assert listed(api, exited=5) == ["three"]
    assert listed(api, exited=6) == []
    assert listed(api, health="healthy") == ["five"]
    assert listed(api, publish="8321") == ["one"]
    assert listed(api, publish="8320-8322/tcp") == ["one"]
    assert listed(api, expose="9000/udp") == ["two"]
    assert listed(api, is_task="true") == []
    assert listed(api, is_task="false", name="one") == ["one"]


def test_what_is_no_filter(api: httpx2.Client) -> None:
    """422 for a value that can't be one, and for a parameter that there is not; 404 for a container that is none."""
    for query in (
        {"status": "sleeping"},
        {"health": "fine"},
        {"exited": "x"},
        {"publish": "http"},
        {"is_task": "maybe"},
        {"is-task": "true"},
        {"size": "true"},
        {"limit": "0"},
        {"after": "x"},
    ):
        answer = api.get("/containers", params=query)
        assert (answer.status_code, problem_of(answer)["type"]) == (422, "urn:pontlevis:problem:invalid"), answer.text
    for query in ({"before": "nobody"}, {"since": "nobody"}):
        answer = api.get("/containers", params=query)
        assert (answer.status_code, problem_of(answer)["type"]) == (404, "urn:pontlevis:problem:not-found"), answer.text


def test_pages(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Each once, in the order of the names, whatever comes and goes between the pages."""
    for number in range(7):
        engine.call("POST", "/containers/create", json={"Image": ALPINE, "Cmd": SLEEP}, name=f"page-{number}")
    seen: list[str] = []
    query: dict[str, str] = {"limit": "2"}
    while True:
        page = api.get("/containers", params=query).json()
        seen += [item["name"] for item in page["items"]]
        if page["next"] is None:
            break
        query["after"] = page["next"]
        if len(seen) == 4:
            engine.call("DELETE", "/containers/page-4")
            engine.call("POST", "/containers/create", json={"Image": ALPINE}, name="page-0a")
    assert seen == ["page-0", "page-1", "page-2", "page-3", "page-5", "page-6"]


def test_one_that_others_link_to_has_its_own_name(api: httpx2.Client) -> None:
    """The engine lists a link as a further name of the container that is linked to; here it has its own alone."""
    run(api, "zz-linked")
    run(api, "linker", links=["zz-linked:aa-alias"])
    assert listed(api) == ["linker", "zz-linked"]
    page = api.get("/containers", params={"limit": 1}).json()
    assert listed(api, limit=1, after=page["next"]) == ["zz-linked"]


@pytest.mark.parametrize("shown", ["/containers/lean", "/containers"])
def test_the_list_is_lean(api: httpx2.Client, shown: str) -> None:
    """What only an inspect of one shows is not in the list; both have what all have."""
    run(api, "lean")
    answer = api.get(shown).json()
    item = answer if shown == "/containers/lean" else answer["items"][0]
    assert ("env_names" in item) is (shown == "/containers/lean")
    assert {"id", "name", "state", "networks", "ports", "mounts", "labels"} <= item.keys()
