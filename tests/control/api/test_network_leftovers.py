"""Endpoints that an engine has forgotten to remove, on a fake one: a real one leaves them by chance."""

from pathlib import Path

from tests.support.api import problem_of
from tests.support.control import running_control
from tests.support.fake.engine import FakeEngine, fake_engine


def _haunt(fake: FakeEngine) -> str:
    """Make a network with an endpoint of a container that is gone; the id of that."""
    pool = {"Subnet": "10.118.0.0/24", "Gateway": "10.118.0.1"}
    fake.call("POST", "/networks/create", json={"Name": "haunted", "IPAM": {"Config": [pool]}})
    made = {"Image": "alpine", "Cmd": ["sleep", "9"], "HostConfig": {"NetworkMode": "haunted"}}
    id_: str = fake.call("POST", "/containers/create", json=made, name="ghost")["Id"]
    fake.call("POST", f"/containers/{id_}/start")
    fake.do(lambda: fake.daemon.world.containers.pop(id_))
    return id_


def test_an_endpoint_of_a_container_that_is_gone_is_told_and_freed(tmp_path: Path) -> None:
    """It is shown apart from the containers, its address is taken, and it keeps the network: 409 says what it is. With
    force it is freed by its name, which is how the engine finds it."""
    with fake_engine() as fake, running_control(fake.url, tmp_path / "data") as control, control.client() as api:
        id_ = _haunt(fake)
        shown = api.get("/networks/haunted").json()
        assert shown["containers"] == []
        assert [(it["name"], it["container"]) for it in shown["other_endpoints"]] == [("ghost", id_)]
        assert shown["ipam"]["pools"][0]["use"] == {"total": 253, "taken": 1, "free": 252}
        refused = api.delete("/networks/haunted")
        problem = problem_of(refused)
        assert (refused.status_code, problem["users"]) == (409, ["ghost"])
        assert "forgot to remove" in problem["detail"]
        assert api.delete("/networks/haunted", params={"force": "true"}).status_code == 204
        assert "haunted" not in {it["Name"] for it in fake.call("GET", "/networks")}


def test_an_endpoint_that_is_not_even_shown_needs_a_restart(tmp_path: Path) -> None:
    """Where the engine counts endpoints and shows none, nobody can free them: 409 says what can be done."""
    with fake_engine() as fake, running_control(fake.url, tmp_path / "data") as control, control.client() as api:
        fake.call("POST", "/networks/create", json={"Name": "counted"})
        told = "error while removing network: network counted id 96f has active endpoints"
        with fake.fail(r"DELETE /networks/", 403, told):
            answer = api.delete("/networks/counted", params={"force": "true"})
        assert (answer.status_code, problem_of(answer)["users"]) == (409, [])
        assert "restart of the engine" in problem_of(answer)["detail"]


def test_an_endpoint_that_stays_is_named(tmp_path: Path) -> None:
    """Where the engine does not let go of it, a removal with force is 409 that names it."""
    with fake_engine() as fake, running_control(fake.url, tmp_path / "data") as control, control.client() as api:
        _haunt(fake)
        with fake.fail(r"POST /networks/.*/disconnect", 404, "No such container: ghost"):
            answer = api.delete("/networks/haunted", params={"force": "true"})
        assert (answer.status_code, problem_of(answer)["users"]) == (409, ["ghost"])
        assert "does not let go" in problem_of(answer)["detail"]
