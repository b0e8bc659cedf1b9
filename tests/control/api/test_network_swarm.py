"""Networks of a swarm over HTTP: peers, services, and what keeps one."""

from pathlib import Path
from typing import Any

from tests.support.api import ALPINE, SLEEP, problem_of, run
from tests.support.control import running_control
from tests.support.engine import private_engine
from tests.support.fixtures import load_images
from tests.support.polling import eventually


def test_shows_peers_and_services(tmp_path: Path) -> None:
    """An overlay shows its services with their tasks, its peers, the containers of this engine and the load balancer;
    each address of these is taken. Services keep it, also from a removal with force, which disconnects nobody then. A
    subnet of another network is refused, where the engine would answer 201 for an overlay that never comes to be."""
    with private_engine() as engine, running_control(engine.url, tmp_path / "data") as control, control.client() as api:
        load_images(engine, "alpine")
        engine.call("POST", "/swarm/init", json={"ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1"})
        body = {
            "name": "wide",
            "driver": "overlay",
            "attachable": True,
            "ipam": {"pools": [{"subnet": "10.117.0.0/24"}]},
        }
        answer = api.post("/networks", json=body)
        assert answer.status_code == 201, answer.text
        assert (answer.json()["scope"], answer.json()["attachable"]) == ("swarm", True)
        overlapping = api.post("/networks", json={**body, "name": "other"})
        assert (overlapping.status_code, problem_of(overlapping)["overlaps"]["network"]) == (409, "wide")
        run(api, "guest", networks=["wide"])
        task = {
            "ContainerSpec": {"Image": ALPINE, "Command": SLEEP},
            "Networks": [{"Target": answer.json()["id"]}],
        }
        engine.call("POST", "/services/create", json={"Name": "played", "TaskTemplate": task})

        def detail() -> dict[str, Any]:
            shown: dict[str, Any] = api.get("/networks/wide").json()
            return shown

        eventually(lambda: len(detail()["containers"]) == 2 and detail()["services"])
        shown = detail()
        (service,) = shown["services"]
        assert service["name"] == "played"
        assert service["address"].startswith("10.117.0.")
        (mine,) = (it for it in shown["containers"] if it["container"]["name"] == service["tasks"][0]["name"])
        assert service["tasks"][0]["endpoint"]["ipv4"] == mine["endpoint"]["ipv4"]
        assert [peer["address"] for peer in shown["peers"]] == ["127.0.0.1"]
        assert [(it["name"], it["container"]) for it in shown["other_endpoints"]] == [("wide-endpoint", None)]
        # The guest, the task, the load balancer, and the service's own address.
        assert shown["ipam"]["pools"][0]["use"] == {"total": 253, "taken": 4, "free": 249}
        refused = api.delete("/networks/wide", params={"force": "true"})
        assert (refused.status_code, problem_of(refused)["users"]) == (409, ["played"])
        assert [it["state"] for it in detail()["containers"]] == ["connected", "connected"]
        engine.call("DELETE", "/services/played")
        eventually(lambda: len(detail()["containers"]) == 1)
        assert api.delete("/networks/wide", params={"force": "true"}).status_code == 204
        assert api.get("/containers/guest").json()["state"] == "running"
