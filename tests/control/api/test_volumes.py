"""Volumes over HTTP, held against what the engine itself shows."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tests.support.api import execute, problem_of, run
from tests.support.control import Control
from tests.support.engine import PrivateEngine


def test_volumes_are_created_once(api: httpx2.Client, engine: PrivateEngine) -> None:
    """201, then 200 for the same wish, 409 for another; the engine shows what was asked."""
    wanted = {"name": "store", "labels": {"a": "b"}}
    assert api.post("/volumes", json=wanted).status_code == 201
    assert engine.call("GET", "/volumes/store")["Labels"] == {"a": "b"}
    assert api.post("/volumes", json=wanted).status_code == 200
    other = api.post("/volumes", json={"name": "store"})
    assert (other.status_code, problem_of(other)["type"]) == (409, "urn:pontlevis:problem:name-taken")
    assert [volume["name"] for volume in api.get("/volumes", params={"label": "a=b"}).json()["items"]] == ["store"]


def test_a_volume_in_use_stays(api: httpx2.Client) -> None:
    """409 while a container has it, 204 after; 404 when it is gone."""
    run(api, "holder", mounts=[{"source": "held", "target": "/x"}])
    assert problem_of(api.delete("/volumes/held"))["type"] == "urn:pontlevis:problem:in-use"
    api.delete("/containers/holder", params={"force": "true"})
    assert api.delete("/volumes/held").status_code == 204
    assert api.get("/volumes/held").status_code == 404


@pytest.mark.parametrize(
    "options",
    [
        {"type": "none", "o": "bind", "device": "/"},
        {"o": "rbind,rw", "device": "/etc"},
        {"type": "ext4", "device": "/dev/vda"},
        {"type": "overlay", "device": "overlay", "o": "lowerdir=/,upperdir=/tmp/u,workdir=/tmp/w"},
        {"type": "nfs", "o": "bind", "device": "/"},
    ],
)
def test_a_volume_is_no_way_round_the_roots(api: httpx2.Client, options: dict[str, str]) -> None:
    """A local volume of a device or a bind is held to CONTROL_BIND_ROOTS like a bind mount."""
    assert api.post("/volumes", json={"name": "sly", "options": options}).status_code == 403
    assert api.get("/volumes/sly").status_code == 404


def test_a_volume_of_an_allowed_folder(api: httpx2.Client, control: Control) -> None:
    """A bind of a folder under the roots, and a tmpfs, work."""
    folder = control.data_dir.parent / "allowed" / "vol"
    folder.mkdir(exist_ok=True)
    (folder / "seen").write_text("yes\n")
    options = {"type": "none", "o": "bind", "device": str(folder)}
    assert api.post("/volumes", json={"name": "bound", "options": options}).status_code == 201
    memory = {"name": "mem", "options": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}}
    assert api.post("/volumes", json=memory).status_code == 201
    run(api, "both", mounts=[{"source": "bound", "target": "/b"}, {"source": "mem", "target": "/m"}])
    assert execute(api, "both", "cat", "/b/seen")["stdout"] == "yes\n"


def test_a_volume_of_one_name_is_made_once(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Of many at once one is told 201 and the others 200, or 409 where they want another; the engine has one."""
    wishes = [{"name": "once", "labels": {"n": "1"}}] * 8 + [{"name": "once", "labels": {"n": "2"}}] * 8
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda wish: api.post("/volumes", json=wish), wishes))
    made = engine.call("GET", "/volumes/once")["Labels"]
    same, other = (answers[:8], answers[8:]) if made == {"n": "1"} else (answers[8:], answers[:8])
    assert sorted(answer.status_code for answer in same) == [200] * 7 + [201]
    assert {answer.status_code for answer in other} == {409}
    assert problem_of(other[0])["differs"] == ["labels"]


def test_a_volume_without_a_name(api: httpx2.Client, engine: PrivateEngine) -> None:
    """It is given one, a new one each time; the same where the request is sent again with its Idempotency-Key."""
    one, other = (api.post("/volumes", json={}).json()["name"] for _ in range(2))
    assert len(one) == 64
    assert one != other
    key = {"Idempotency-Key": "volume-without-a-name"}
    first = api.post("/volumes", json={"labels": {"k": "v"}}, headers=key)
    again = api.post("/volumes", json={"labels": {"k": "v"}}, headers=key)
    assert (first.status_code, again.json()) == (201, first.json())
    assert engine.call("GET", f"/volumes/{first.json()['name']}")["Labels"] == {"k": "v"}


def test_who_uses_a_volume(api: httpx2.Client) -> None:
    """Inspect names each container that mounts it, running or not, where and how; a removal is refused with them."""
    run(api, "reader", mounts=[{"source": "shared", "target": "/in", "read_only": True}])
    run(api, "writer", mounts=[{"source": "shared", "target": "/out"}, {"source": "own", "target": "/own"}])
    api.post("/containers/reader/stop", params={"timeout": "0"})
    users = api.get("/volumes/shared").json()["users"]
    assert [(user["name"], user["state"], user["target"], user["read_only"]) for user in users] == [
        ("reader", "exited", "/in", True),
        ("writer", "running", "/out", False),
    ]
    problem = problem_of(api.delete("/volumes/shared"))
    assert (problem["type"], problem["users"]) == ("urn:pontlevis:problem:in-use", ["reader", "writer"])
    assert "reader and writer" in problem["detail"]
    for name in ("reader", "writer"):
        api.delete(f"/containers/{name}", params={"force": "true"})
    assert api.get("/volumes/shared").json()["users"] == []
    assert api.delete("/volumes/shared").status_code == 204


def test_volumes_are_listed_by_every_filter_and_page_by_page(api: httpx2.Client) -> None:
    """Name, driver, labels of which all must match, dangling or not; pages in order, none twice."""
    for name, labels in (("list-a", {}), ("list-b", {"x": "1"}), ("list-c", {"x": "1", "y": "2"})):
        assert api.post("/volumes", json={"name": name, "labels": labels}).status_code == 201
    run(api, "holder", mounts=[{"source": "list-b", "target": "/b"}])

    def listed(**query: Any) -> list[str]:  # noqa: ANN401  (what a query takes)
        items = api.get("/volumes", params=query).json()["items"]
        return [item["name"] for item in items if item["name"].startswith("list-")]

    assert listed() == ["list-a", "list-b", "list-c"]
    assert listed(name="ist-a") == ["list-a"]
    assert listed(name=["ist-a", "ist-c"]) == ["list-a", "list-c"]
    assert listed(driver="local") == ["list-a", "list-b", "list-c"]
    assert listed(driver="no-such") == []
    assert listed(label="x") == ["list-b", "list-c"]
    assert listed(label=["x=1", "y=2"]) == ["list-c"]
    assert listed(dangling="true") == ["list-a", "list-c"]
    assert listed(dangling="false") == ["list-b"]
    page = api.get("/volumes", params={"name": "list-", "limit": 2}).json()
    assert [item["name"] for item in page["items"]] == ["list-a", "list-b"]
    page = api.get("/volumes", params={"name": "list-", "limit": 2, "after": page["next"]}).json()
    assert ([item["name"] for item in page["items"]], page["next"]) == (["list-c"], None)
    assert api.get("/volumes", params={"dangling": "perhaps"}).status_code == 422
    assert api.get("/volumes", params={"driverr": "local"}).status_code == 422


def test_a_driver_that_is_not_there(api: httpx2.Client) -> None:
    """422, with the engine's words."""
    answer = api.post("/volumes", json={"name": "odd", "driver": "no-such-driver"})
    assert (answer.status_code, problem_of(answer)["type"]) == (422, "urn:pontlevis:problem:invalid")
