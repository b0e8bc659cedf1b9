"""The seed's story over control's API: a database and a counting server on a network of their own.

Each step looks first, and does only what is missing: said twice, it changes nothing. What a container was asked to
be is in its label as a hash, so that a changed image, port or name has it made anew.
"""

import json
import tempfile
from pathlib import Path
from typing import Final

import httpx2

from docker import context
from docker.api import Api, Json, await_that
from docker.context import Entry
from docker.images import KEY, ROLE, Recipe, local
from docker.say import say, step
from docker.settings import CONFIG, Settings

READY_SECONDS: Final = 60.0
LOG_SECONDS: Final = 10.0
COUNTER_PORT: Final = 8000


class Story:
    """Tells it on one control. `changed` says afterwards whether anything had to be done."""

    def __init__(self, api: Api, settings: Settings) -> None:
        self.changed = False
        self._api = api
        self._settings = settings

    def tell(self, mongo: str, counter: Recipe) -> None:
        """Every step of the seed, in its order."""
        settings = self._settings
        self._build(counter)
        self._volume()
        database = self._container(
            {
                "name": settings.db,
                "image": mongo,
                "mounts": [{"type": "volume", "source": settings.volume, "target": "/data/db"}],
                "restart": "unless-stopped",
            },
            f"running {settings.db} ({mongo}) with the volume {settings.volume}, on the default bridge",
        )
        self._network()
        self._move(database)
        server = self._container(
            {
                "name": settings.server,
                "image": local("counter"),
                "env": {"COUNTER_MONGODB_URL": f"mongodb://{settings.db}"},
                "networks": [{"network": settings.network}],
                "publish": [{"container_port": COUNTER_PORT, "host_port": settings.server_port}],
                "restart": "unless-stopped",
                "init": True,
                "read_only": True,
                "no_new_privileges": True,
                "cap_drop": ["ALL"],
                "mounts": [{"type": "tmpfs", "target": "/tmp"}],  # noqa: S108  (in the container)
            },
            f"running {settings.server} on {settings.network}, published at {settings.server_url}",
        )
        self._await_counter(server["id"])

    def count(self) -> int:
        """Ask the server once, which adds one."""
        return int(httpx2.get(f"{self._settings.server_url}/", trust_env=False, timeout=10).raise_for_status().text)

    def log(self) -> list[Json]:
        """Connects and disconnects of the two containers, in order, once those of the present are all in."""
        ids = [self._api.get(f"/containers/{name}")["id"] for name in (self._settings.db, self._settings.server)]

        def read() -> list[Json]:
            pages = (self._api.get("/events", container=id_, kind="network", limit="200")["items"] for id_ in ids)
            return sorted((event for page in pages for event in page), key=lambda event: int(event["seq"]))

        def complete() -> bool:
            last = {event["container"]["id"]: event for event in read() if event["network"]["name"] == network}
            return all(id_ in last and last[id_]["after"] == "connected" for id_ in ids)

        network = self._settings.network
        await_that(complete, "the log does not show the two containers", lambda: None, within=LOG_SECONDS)
        return read()

    def _build(self, recipe: Recipe) -> None:
        tag = local(recipe.role)
        found = self._api.find("images", tag)
        if found is not None and found["labels"].get(KEY) == recipe.key:
            return
        self.changed = True
        with tempfile.TemporaryDirectory() as folder, step(f"building the counter's image {tag}") as progress:
            tar = Path(folder) / "context.tar"
            with tar.open("wb") as file:
                context.write(recipe.tree, file)
            labels = {ROLE: recipe.role, KEY: recipe.key}
            self._api.build(tar, progress, tag=tag, args={"BASE": recipe.base.tag}, labels=labels)

    def _volume(self) -> None:
        name = self._settings.volume
        if self._api.find("volumes", name) is None:
            self._do(f"creating the volume {name}")
            self._api.post("/volumes", {"name": name, "labels": self._settings.labels})

    def _network(self) -> None:
        name = self._settings.network
        if self._api.find("networks", name) is None:
            self._do(f"creating the network {name}")
            self._api.post("/networks", {"name": name, "labels": self._settings.labels})

    def _container(self, wanted: Json, doing: str) -> Json:
        image = (self._api.find("images", wanted["image"]) or {}).get("id", "")
        config = context.digest({"wanted": Entry(json.dumps(wanted, sort_keys=True).encode())}, image)
        found = self._api.find("containers", wanted["name"])
        if found is not None and found["labels"].get(CONFIG) == config:
            if found["state"] != "running":
                self._do(f"starting {wanted['name']} again")
                found = self._api.post(f"/containers/{found['id']}/start", {})
            return found
        if found is not None:
            self._do(f"{wanted['name']} is to be another: removing it")
            self._api.delete(f"/containers/{found['id']}", force="true", volumes="true")
        self._do(doing)
        return self._api.post("/containers", {**wanted, "labels": {**self._settings.labels, CONFIG: config}})

    def _move(self, database: Json) -> None:
        name, network = self._settings.db, self._settings.network
        on = {membership["network"]["name"] for membership in database["networks"]}
        if network not in on:
            self._do(f"connecting {name} to {network}")
            self._api.put(f"/networks/{network}/containers/{database['id']}")
        if "bridge" in on:
            self._do(f"disconnecting {name} from bridge")
            self._api.delete(f"/networks/bridge/containers/{database['id']}")

    def _await_counter(self, container: str) -> None:
        def ready() -> bool:
            return httpx2.get(f"{self._settings.server_url}/readyz", trust_env=False, timeout=5).is_success

        def ended() -> str | None:
            state = self._api.get(f"/containers/{container}")["state"]
            if state == "running":
                return None
            logs = self._api.get(f"/containers/{container}/logs", tail="1")
            return f"{state}: {(logs['stdout'] + logs['stderr']).strip()[-400:]}"

        await_that(ready, f"{self._settings.server} does not get ready", ended, within=READY_SECONDS)

    def _do(self, what: str) -> None:
        self.changed = True
        say(what)
