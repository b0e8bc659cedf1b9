"""Prunes: a plan that is what happens, and nothing that a stopped container needs."""

import json
from typing import Any

import httpx2
import pytest

from tests.support.api import problem_of, run
from tests.support.engine import EngineRefused, PrivateEngine
from tests.support.polling import eventually

KINDS = ("networks", "containers", "volumes", "images")


def prune(api: httpx2.Client, kind: str, **body: Any) -> dict[str, Any]:  # noqa: ANN401  (any JSON)
    """The plan, or what was removed."""
    answer = api.post(f"/{kind}/prune", json=body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def named(items: list[dict[str, Any]]) -> list[str]:
    return [it["name"] for it in items]


def kept(told: dict[str, Any]) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {it["name"]: (it["why"], tuple(it["users"])) for it in told["kept"]}


def networks(engine: PrivateEngine) -> set[str]:
    return {it["Name"] for it in engine.call("GET", "/networks")} - {"bridge", "host", "none"}


def containers(engine: PrivateEngine) -> set[str]:
    return {it["Names"][0].removeprefix("/") for it in engine.call("GET", "/containers/json", all="true")}


def volumes(engine: PrivateEngine) -> set[str]:
    return {it["Name"] for it in engine.call("GET", "/volumes")["Volumes"] or ()}


def network(api: httpx2.Client, name: str, **labels: str) -> str:
    answer = api.post("/networks", json={"name": name, "labels": labels})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def volume(api: httpx2.Client, name: str, **labels: str) -> None:
    assert api.post("/volumes", json={"name": name, "labels": labels}).status_code == 201


@pytest.fixture
def stage(api: httpx2.Client) -> None:
    """Networks of which one is free, one is a running container's, one a stopped one's, one one's that never ran."""
    for name in ("free", "busy", "asleep", "waiting"):
        network(api, name)
    run(api, "player", networks=["busy"])
    run(api, "sleeper", networks=["asleep"])
    assert api.post("/containers/sleeper/stop", params={"timeout": 0}).is_success
    run(api, "novice", networks=["waiting"], start=False)


@pytest.mark.usefixtures("stage")
def test_networks_that_stopped_containers_need_stay(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Docker's own prune takes them. The plan says who uses what."""
    plan = prune(api, "networks", dry_run=True)
    assert named(plan["remove"]) == ["free"]
    assert kept(plan) == {
        "bridge": ("built-in", ()),
        "host": ("built-in", ()),
        "none": ("built-in", ()),
        "busy": ("in-use", ("player",)),
        "asleep": ("in-use", ("sleeper",)),
        "waiting": ("in-use", ("novice",)),
    }
    assert networks(engine) == {"free", "busy", "asleep", "waiting"}

    done = prune(api, "networks", token=plan["token"])
    assert (named(done["removed"]), done["failed"], done["kept"]) == (["free"], [], [])
    assert networks(engine) == {"busy", "asleep", "waiting"}
    for name in ("sleeper", "novice"):
        assert api.post(f"/containers/{name}/start").status_code == 200
    assert problem_of(api.post("/networks/prune", json={"token": plan["token"]}))["status"] == 404


def test_a_configuration_that_a_network_took_stays(api: httpx2.Client) -> None:
    body = {"name": "plan", "config_only": True, "ipam": {"pools": [{"subnet": "10.150.0.0/24"}]}}
    assert api.post("/networks", json=body).status_code == 201
    assert api.post("/networks", json={"name": "taker", "config_from": "plan"}).status_code == 201
    plan = prune(api, "networks", dry_run=True)
    assert (named(plan["remove"]), kept(plan)["plan"]) == (["taker"], ("in-use", ("taker",)))
    assert named(prune(api, "networks")["removed"]) == ["taker"]
    assert named(prune(api, "networks")["removed"]) == ["plan"]


def test_a_plan_that_is_not_so_any_more_removes_nothing(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Used now, or gone: 409 tells which; what came since is not the plan's."""
    for name in ("one", "two", "three"):
        network(api, name)
    plan = prune(api, "networks", dry_run=True)
    network(api, "later")
    run(api, "player", networks=["one"], start=False)
    assert api.delete("/networks/two").status_code == 204
    problem = problem_of(api.post("/networks/prune", json={"token": plan["token"]}))
    assert problem["type"] == "urn:pontlevis:problem:plan-changed"
    assert {it["name"]: it["change"] for it in problem["changed"]} == {"one": "in-use", "two": "gone"}
    assert networks(engine) == {"one", "three", "later"}

    plan = prune(api, "networks", dry_run=True)
    network(api, "latest")
    assert named(prune(api, "networks", token=plan["token"])["removed"]) == ["later", "three"]
    assert networks(engine) == {"one", "latest"}


def test_a_volume_made_anew_is_not_the_one_that_was_planned(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Nor one with other labels."""
    volume(api, "props")
    plan = prune(api, "volumes", dry_run=True, all=True)
    assert named(plan["remove"]) == ["props"]
    assert api.delete("/volumes/props").status_code == 204
    volume(api, "props", dear="yes")
    problem = problem_of(api.post("/volumes/prune", json={"token": plan["token"]}))
    assert problem["changed"] == [{"id": "props", "name": "props", "change": "changed"}]
    assert volumes(engine) == {"props"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_is_of_one_kind_and_of_one_removal(api: httpx2.Client, kind: str) -> None:
    plan = prune(api, kind, dry_run=True, not_label=["nothing"])
    for other in KINDS:
        if other != kind:
            assert problem_of(api.post(f"/{other}/prune", json={"token": plan["token"]}))["status"] == 404
    assert problem_of(api.post(f"/{kind}/prune", json={"token": "guessed"}))["status"] == 404


def test_labels_and_age_choose(api: httpx2.Client, engine: PrivateEngine) -> None:
    network(api, "a", team="x")
    network(api, "b", team="x", keep="yes")
    network(api, "c", team="y")
    plan = prune(api, "networks", dry_run=True, label=["team=x"], not_label=["keep"])
    assert named(plan["remove"]) == ["a"]
    assert kept(plan)["b"] == kept(plan)["c"] == ("label", ())
    young = prune(api, "networks", dry_run=True, until="24h")
    assert (young["remove"], kept(young)["a"]) == ([], ("too-young", ()))
    assert named(prune(api, "networks", until="0s", label=["team"])["removed"]) == ["a", "b", "c"]
    assert networks(engine) == set()


def test_containers_that_do_not_run_go(api: httpx2.Client, engine: PrivateEngine) -> None:
    """What they wrote is told, and stays in their volumes; one whose network a running one shares stays."""
    run(api, "runs")
    run(api, "paused")
    assert api.post("/containers/paused/pause").is_success
    run(api, "never", start=False)
    run(api, "wrote", command=["sh", "-c", "dd if=/dev/zero of=/big bs=1024 count=100"], init=False)
    owner = run(api, "owner")
    run(api, "sharer", network_mode=f"container:{owner['id']}")
    assert api.post("/containers/owner/stop", params={"timeout": 0}).is_success
    eventually(lambda: engine.call("GET", "/containers/wrote/json")["State"]["Status"] == "exited")

    plan = prune(api, "containers", dry_run=True)
    assert named(plan["remove"]) == ["never", "wrote"]
    assert {it["name"]: it["size"] for it in plan["remove"]} == {"never": 0, "wrote": 102_400}
    assert plan["reclaimable"] == 102_400
    assert kept(plan) == {
        "runs": ("running", ()),
        "paused": ("running", ()),
        "sharer": ("running", ()),
        "owner": ("in-use", ("sharer",)),
    }
    done = prune(api, "containers", token=plan["token"])
    assert (named(done["removed"]), done["reclaimed"]) == (["never", "wrote"], 102_400)
    assert containers(engine) == {"runs", "paused", "sharer", "owner"}


def test_one_that_was_started_since_stays(api: httpx2.Client, engine: PrivateEngine) -> None:
    run(api, "actor", start=False)
    run(api, "extra", start=False)
    plan = prune(api, "containers", dry_run=True)
    assert api.post("/containers/actor/start").is_success
    problem = problem_of(api.post("/containers/prune", json={"token": plan["token"]}))
    assert [(it["name"], it["change"]) for it in problem["changed"]] == [("actor", "running")]
    assert containers(engine) == {"actor", "extra"}


def test_volumes_that_somebody_named_stay_unless_all_are_meant(api: httpx2.Client, engine: PrivateEngine) -> None:
    """On every engine: 20.10 itself would take them. Those of stopped containers stay always."""
    volume(api, "props")
    volume(api, "used")
    nameless = engine.call("POST", "/volumes/create", json={})["Name"]
    run(api, "stopped", start=False, mounts=[{"source": "used", "target": "/used"}])
    plan = prune(api, "volumes", dry_run=True)
    assert named(plan["remove"]) == [nameless]
    assert kept(plan) == {"props": ("named", ()), "used": ("in-use", ("stopped",))}
    whole = prune(api, "volumes", dry_run=True, all=True)
    assert set(named(whole["remove"])) == {nameless, "props"}
    assert whole["reclaimable"] == 0
    assert set(named(prune(api, "volumes", token=whole["token"])["removed"])) == {nameless, "props"}
    assert volumes(engine) == {"used"}


def test_images_without_a_tag_go_and_with_all_the_unused_too(api: httpx2.Client, engine: PrivateEngine) -> None:
    """An image is used by containers that do not run as well."""

    def commit(name: str, **query: str) -> str:
        return str(engine.call("POST", "/commit", json={}, container=name, comment=name, **query)["Id"])

    run(api, "one", command=["sh", "-c", "echo one > /one"], init=False)
    eventually(lambda: engine.call("GET", "/containers/one/json")["State"]["Status"] == "exited")
    dangling = commit("one")
    tagged = commit("one", repo="stage", tag="one")
    engine.call("POST", f"/images/{tagged}/tag", repo="again", tag="one")
    used = commit("one", repo="stage", tag="used")
    try:
        engine.call("POST", "/containers/create", json={"Image": "stage:used"}, name="user")
        plan = prune(api, "images", dry_run=True)
        planned = {it["id"] for it in plan["remove"]}  # other tests may have left untagged images of builds
        assert dangling in planned
        assert not planned & {tagged, used}
        assert plan["reclaimable"] is None
        assert kept(plan)["stage:used"] == ("in-use", ("user",))
        assert ("tagged", ()) in kept(plan).values()
        done = prune(api, "images", token=plan["token"])
        assert {it["id"] for it in done["removed"]} == planned
        with pytest.raises(EngineRefused):
            engine.call("GET", f"/images/{dangling}/json")

        whole = prune(api, "images", dry_run=True, all=True, until="0s")
        assert tagged in {it["id"] for it in whole["remove"]}
        assert used not in {it["id"] for it in whole["remove"]}
        assert kept(whole)["alpine:latest"][0] == "in-use"
        if {it["id"] for it in whole["remove"]} == {tagged}:  # other tests may have left images that they go on with
            assert [it["id"] for it in prune(api, "images", token=whole["token"])["removed"]] == [tagged]
            with pytest.raises(EngineRefused):
                engine.call("GET", f"/images/{tagged}/json")
    finally:
        engine.clear()
        ours = json.dumps({"reference": ["stage", "again"]})
        for image in engine.call("GET", "/images/json", filters=ours):
            engine.call("DELETE", f"/images/{image['Id']}", force="true")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("body", [{"until": "soon"}, {"token": "x", "dry_run": True}, {"label": "a"}, {"force": True}])
def test_what_makes_no_sense_is_422(api: httpx2.Client, kind: str, body: dict[str, Any]) -> None:
    assert problem_of(api.post(f"/{kind}/prune", json=body))["status"] == 422


def test_a_thing_named_prune_is_found(api: httpx2.Client) -> None:
    """The path of the prune is its POST alone."""
    id_ = network(api, "prune")
    volume(api, "prune")
    run(api, "prune", start=False)
    assert api.get("/networks/prune").json()["id"] == id_
    assert api.get("/volumes/prune").json()["name"] == "prune"
    assert api.get("/containers/prune").json()["name"] == "prune"
    for kind in ("containers", "networks", "volumes"):
        assert api.delete(f"/{kind}/prune").status_code == 204


def test_the_log_lays_all_of_it_at_the_requests_door(api: httpx2.Client) -> None:
    """Networks and containers that went, and what the containers were on; a plan is told as one."""
    for name in ("one", "two"):
        network(api, name)
    run(api, "actor", networks=["one"], start=False)
    gone = api.post("/containers/prune", json={}, headers={"Reason": "tidy"})
    freed = api.post("/networks/prune", json={}, headers={"Reason": "tidy"})
    assert named(freed.json()["removed"]) == ["one", "two"]

    def told(answer: httpx2.Response) -> set[tuple[str, str | None, str]]:
        query: dict[str, str | int] = {"request": answer.headers["x-request-id"], "limit": 1000}
        items = [it for it in api.get("/events", params=query).json()["items"] if it["kind"] != "request"]
        return {
            (it["kind"], it["cause"], (it["container"] or it["network"])["name"])
            for it in items
            if it["request"]["reason"] == "tidy"
        }

    eventually(lambda: told(gone) == {("network.disconnect", "request", "actor"), ("container.destroy", None, "actor")})
    eventually(lambda: told(freed) == {("network.destroy", "request", name) for name in ("one", "two")})
    query: dict[str, str | int] = {"request": freed.headers["x-request-id"], "kind": "request"}
    intent, outcome = api.get("/events", params=query).json()["items"]
    assert set(intent["detail"]["targets"]) == {it["id"] for it in freed.json()["removed"]}
    assert outcome["detail"]["outcome"] == "done"
    prune(api, "networks", dry_run=True)
    last = api.get("/events", params={"kind": "request", "order": "desc", "limit": 1}).json()["items"][0]
    assert (last["detail"]["action"], last["detail"]["outcome"]) == ("network.prune", "planned")
