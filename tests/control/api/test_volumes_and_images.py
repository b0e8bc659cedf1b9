"""Volumes and images over HTTP, held against what the engine itself shows."""

import gzip
import io
import json
import tarfile
from typing import Any

import httpx2
import pytest

from tests.support.api import ALPINE, execute, problem_of, run
from tests.support.control import Control
from tests.support.engine import PrivateEngine

DOCKERFILE = f"FROM {ALPINE}\nARG WORD=none\nRUN echo $WORD > /word\nCOPY file /file\n"


def context(**files: str) -> bytes:
    """The tar of a build context."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return whole.getvalue()


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


@pytest.mark.parametrize("media", ["application/x-tar", "application/gzip"])
def test_builds_from_a_tar(api: httpx2.Client, engine: PrivateEngine, media: str) -> None:
    """A real build through the API, from a tar plain or gzip'd, with arguments, labels and a tag."""
    tar = context(Dockerfile=DOCKERFILE, file="content")
    answer = api.post(
        "/images/build",
        params={"tag": "built:one", "arg": ["WORD=said"], "label": ["a=b=c"], "no_cache": "true"},
        content=gzip.compress(tar) if media == "application/gzip" else tar,
        headers={"Content-Type": media},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["tags"] == ["built:one"]
    assert engine.call("GET", "/images/built:one/json")["Config"]["Labels"]["a"] == "b=c"
    run(api, "from-built", image="built:one")
    assert execute(api, "from-built", "cat", "/word", "/file")["stdout"] == "said\ncontent"
    api.delete("/containers/from-built", params={"force": "true"})
    assert "built:one" in [tag for image in api.get("/images").json()["items"] for tag in image["tags"]]
    assert api.delete("/images/built:one").status_code == 204
    assert api.get("/images/built:one").status_code == 404


def test_builds_from_an_allowed_folder(api: httpx2.Client, control: Control) -> None:
    """By path, without what .dockerignore leaves out; a folder outside CONTROL_BUILD_ROOTS is refused."""
    folder = control.data_dir.parent / "allowed" / "context"
    (folder / "kept").mkdir(parents=True, exist_ok=True)
    for name, text in {
        "Containerfile": f"FROM {ALPINE}\nCOPY . /all\n",
        ".dockerignore": "*.log\nkept/*\n!kept/this\n",
        "a.log": "",
        "b": "",
        "kept/this": "",
        "kept/that": "",
    }.items():
        (folder / name).write_text(text)
    wanted = {"context": str(folder), "tag": "built:path", "dockerfile": "Containerfile"}
    answer = api.post("/images/build", json=wanted)
    assert answer.status_code == 200, answer.text
    run(api, "path", image="built:path")
    found = execute(api, "path", "sh", "-c", "cd /all; find . -type f | sort")["stdout"].split()
    assert found == ["./.dockerignore", "./Containerfile", "./b", "./kept/this"]
    api.delete("/containers/path", params={"force": "true"})
    api.delete("/images/built:path")
    assert api.post("/images/build", json={"context": "/etc"}).status_code == 403
    assert api.post("/images/build", json={}).status_code == 422
    assert api.post("/images/build", json={"context": str(folder)}).status_code == 422  # no Dockerfile there


def test_a_build_shows_its_progress(api: httpx2.Client) -> None:
    """As server-sent events: progress as it comes, then one `done` with the image."""
    events = stream_build(api, context(Dockerfile=DOCKERFILE, file="x"))
    assert {name for name, _ in events[:-1]} == {"progress"}
    assert any("Step 1/4" in data.get("text", "") for _, data in events)
    name, image = events[-1]
    assert name == "done"
    assert api.get(f"/images/{image['id']}").json()["id"] == image["id"]
    api.delete(f"/images/{image['id']}", params={"force": "true"})


def test_a_build_that_fails_tells_why(api: httpx2.Client) -> None:
    """422 with the last lines, or a last event `problem`; an empty or broken tar is an error of the request."""
    tar = context(Dockerfile=f"FROM {ALPINE}\nRUN echo before; exit 9\n")
    answer = api.post("/images/build", content=tar, headers={"Content-Type": "application/x-tar"})
    problem = problem_of(answer)
    assert (answer.status_code, problem["type"]) == (422, "urn:pontlevis:problem:build-failed")
    assert "before" in problem["log"]
    assert "9" in problem["detail"]
    name, problem = stream_build(api, tar)[-1]
    assert (name, problem["type"]) == ("problem", "urn:pontlevis:problem:build-failed")
    for broken in (b"", b"no tar at all", context(other="x")):
        answer = api.post("/images/build", content=broken, headers={"Content-Type": "application/x-tar"})
        assert 400 <= answer.status_code < 500, answer.text
        problem_of(answer)


def stream_build(api: httpx2.Client, tar: bytes) -> list[tuple[str, dict[str, Any]]]:
    """The events of a build, each with its data."""
    headers = {"Content-Type": "application/x-tar", "Accept": "text/event-stream"}
    events = []
    with api.stream("POST", "/images/build", content=tar, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in answer.iter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                events.append((name, json.loads(value)))
    return events


def test_images_are_found_by_safe_names_alone(api: httpx2.Client) -> None:
    """A reference never becomes another path of the engine's."""
    assert api.get(f"/images/{ALPINE}").json()["tags"] == [f"{ALPINE}:latest"]
    for reference in ("%2e%2e%2fnetworks/bridge", "%2e%2e/version", "alpine%3fx", "no-such"):
        assert api.get(f"/images/{reference}").status_code == 404
