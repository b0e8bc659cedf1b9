"""The overlay driver over HTTP, on an engine that is a swarm of one."""

from pathlib import Path

from tests.support.api import execute, run
from tests.support.control import running_control
from tests.support.engine import private_engine
from tests.support.fixtures import load_images
from tests.support.polling import eventually


def test_containers_meet_on_an_attachable_overlay(tmp_path: Path) -> None:
    """Created, joined at the start and while running, resolved by name, left, removed; and the log has it."""
    with private_engine() as engine, running_control(engine.url, tmp_path / "data") as control, control.client() as api:
        load_images(engine, "alpine")
        engine.call("POST", "/swarm/init", json={"ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1"})
        answer = api.post("/networks", json={"name": "wide", "driver": "overlay", "attachable": True})
        assert answer.status_code == 201, answer.text
        assert (answer.json()["driver"], answer.json()["scope"]) == ("overlay", "swarm")
        run(api, "one", networks=["wide"])
        run(api, "two")
        assert api.put("/networks/wide/containers/two", json={"aliases": ["second"]}).status_code == 201
        assert execute(api, "one", "ping", "-c1", "-W2", "second")["exit_code"] == 0
        assert [member["container"]["name"] for member in api.get("/networks/wide").json()["containers"]] == [
            "one",
            "two",
        ]
        refused = api.delete("/networks/wide")
        assert refused.status_code == 409, refused.text
        assert api.delete("/networks/wide/containers/two").status_code == 204
        assert api.delete("/containers/one", params={"force": "true"}).status_code == 204
        # The network leaves the node with its last endpoint, a moment later.
        eventually(lambda: api.delete("/networks/wide").status_code in {204, 404})
        # Materialising here and leaving again is not the network's life: that is the swarm's.
        wanted = {"network": "wide", "kind": "network"}
        eventually(lambda: api.get("/events", params=wanted).json()["items"][-1]["kind"] == "network.destroy")
        events = api.get("/events", params=wanted).json()["items"]
        assert {event["network"]["scope"] for event in events} == {"swarm"}
        assert [(event["kind"], (event["container"] or {}).get("name"), event["after"]) for event in events] == [
            ("network.create", None, None),
            ("network.connect", "one", "configured"),
            ("network.connect", "one", "connected"),
            ("network.connect", "two", "connected"),
            ("network.disconnect", "two", "absent"),
            ("network.disconnect", "one", "configured"),
            ("network.disconnect", "one", "absent"),
            ("network.destroy", None, None),
        ]
        assert {event["cause"] for event in events} == {"request"}
