"""Images over HTTP, held against what the engine itself shows: built, pulled, named, removed."""

import gzip
import io
import json
import socket
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.api import ALPINE, execute, problem_of, run
from tests.support.control import Control, running_control
from tests.support.engine import PrivateEngine
from tests.support.polling import eventually
from tests.support.registry import digest, running_registry

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
    wanted = {"context": str(folder), "tags": ["built:path"], "dockerfile": "Containerfile"}
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
    with api.stream("POST", "/images/build", content=tar, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        return events_of(answer)


def events_of(answer: httpx2.Response) -> list[tuple[str, dict[str, Any]]]:
    """The events of a stream, each with its data."""
    events = []
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


def test_a_build_takes_every_option(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Several tags, a target, a network, further hosts, a cache from another image."""
    dockerfile = (
        f"FROM {ALPINE} AS one\nRUN grep -c elsewhere /etc/hosts > /hosts; ip -o link | wc -l > /links\n"
        "FROM one AS two\nRUN echo two > /two\n"
    )
    tar = context(Dockerfile=dockerfile)
    options: dict[str, Any] = {
        "tag": ["opt:a", "opt:b"],
        "target": "one",
        "network": "none",
        "extra_host": "elsewhere=10.1.2.3",
        "cache_from": [ALPINE],
        "platform": "linux/amd64",
    }
    image = api.post("/images/build", params=options, content=tar, headers={"Content-Type": "application/x-tar"})
    assert image.status_code == 200, image.text
    assert sorted(image.json()["tags"]) == ["opt:a", "opt:b"]
    run(api, "opted", image="opt:b")
    assert execute(api, "opted", "cat", "/hosts", "/links")["stdout"].split() == ["1", "1"]
    assert execute(api, "opted", "cat", "/two")["exit_code"] != 0
    network = api.post("/networks", json={"name": "for-builds"}).json()
    options = {"network": "for-builds", "no_cache": "true", "target": "one"}
    built = api.post("/images/build", params=options, content=tar, headers={"Content-Type": "application/x-tar"})
    assert built.status_code == 200, built.text
    for wrong in ({"network": "no-such"}, {"network": "container:opted"}):
        answer = api.post("/images/build", params=wrong, content=tar, headers={"Content-Type": "application/x-tar"})
        assert answer.status_code == 404
    for wrong in ({"platform": "a b"}, {"extra_host": "x=y"}, {"arg": "novalue"}, {"tag": "-x"}, {"squash": "true"}):
        answer = api.post("/images/build", params=wrong, content=tar, headers={"Content-Type": "application/x-tar"})
        assert (answer.status_code, problem_of(answer)["type"]) == (422, "urn:pontlevis:problem:invalid")
    api.delete("/containers/opted", params={"force": "true"})
    api.delete(f"/networks/{network['id']}")
    for name in ("opt:a", "opt:b", built.json()["id"]):
        assert api.delete(f"/images/{name}").status_code == 204
    assert not [it for it in engine.call("GET", "/images/json") if "opt:a" in (it["RepoTags"] or ())]


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
def test_a_client_that_goes_away_ends_its_build(api: httpx2.Client, engine: PrivateEngine, accept: str) -> None:
    """Whether it was told of the progress or waited: the step's container is gone, no image is made."""
    tar = context(Dockerfile=f"FROM {ALPINE}\nRUN sleep 987\nLABEL gone=yes\n")
    headers = {"Content-Type": "application/x-tar", "Accept": accept}

    def steps() -> list[dict[str, Any]]:
        return [it for it in engine.call("GET", "/containers/json") if "sleep 987" in it["Command"]]

    def build() -> None:
        with api.stream("POST", "/images/build", content=tar, headers=headers, timeout=httpx2.Timeout(60)) as answer:
            for _ in answer.iter_raw():
                if steps():
                    return

    if accept == "text/event-stream":
        build()
    else:
        with socket.create_connection(("127.0.0.1", api.base_url.port or 0)) as connection:
            head = (
                f"POST /images/build HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-tar\r\n"
                f"Authorization: {api.headers['authorization']}\r\nContent-Length: {len(tar)}\r\n\r\n"
            )
            connection.sendall(head.encode() + tar)
            eventually(steps)
    eventually(lambda: not steps())
    eventually(lambda: not outcomes_open(api))
    assert not engine.call("GET", "/images/json", filters=json.dumps({"label": ["gone=yes"]}))


def outcomes_open(api: httpx2.Client) -> bool:
    """Whether the newest request to build has no outcome in the log yet."""
    query: dict[str, Any] = {"kind": "request", "limit": 1000, "order": "desc"}
    items = api.get("/events", params=query).json()["items"]
    phases = [it["detail"]["phase"] for it in items if it["detail"]["action"] == "image.build"]
    return bool(phases[0] != "outcome")


def test_an_image_is_shown_whole(api: httpx2.Client) -> None:
    """How its containers run, its layers, and who uses it; the list has what a list needs."""
    dockerfile = (
        f'FROM {ALPINE}\nENV A=b=c\nEXPOSE 80 53/udp\nVOLUME /data\nUSER 7\nWORKDIR /w\nENTRYPOINT ["sleep"]\n'
        'CMD ["1000"]\nSTOPSIGNAL SIGINT\nLABEL maker=me\n'
    )
    tar = context(Dockerfile=dockerfile)
    built = api.post(
        "/images/build", params={"tag": "whole"}, content=tar, headers={"Content-Type": "application/x-tar"}
    ).json()
    assert api.post("/containers", json={"name": "of-whole", "image": "whole"}).status_code == 201
    shown = api.get("/images/whole").json()
    assert {key: shown[key] for key in ("entrypoint", "command", "user", "workdir", "exposed_ports", "volumes")} == {
        "entrypoint": ["sleep"],
        "command": ["1000"],
        "user": "7",
        "workdir": "/w",
        "exposed_ports": ["53/udp", "80/tcp"],
        "volumes": ["/data"],
    }
    assert shown["env"]["A"] == "b=c"
    assert (shown["os"], shown["stop_signal"], shown["labels"]["maker"]) == ("linux", "SIGINT", "me")
    assert shown["layers"] >= 1
    assert [(user["name"], user["state"]) for user in shown["users"]] == [("of-whole", "running")]
    assert api.get(f"/images/{ALPINE}").json()["users"] == []  # a container of an image made of it is not its own
    listed = api.get("/images", params={"reference": "whole"}).json()["items"]
    assert [image["id"] for image in listed] == [built["id"]]
    problem = problem_of(api.delete("/images/whole"))
    assert (problem["type"], problem["users"]) == ("urn:pontlevis:problem:in-use", ["of-whole"])
    api.delete("/containers/of-whole", params={"force": "true", "volumes": "true"})
    assert api.delete("/images/whole", params={"noprune": "true"}).status_code == 204


def test_images_are_listed_by_every_filter(api: httpx2.Client) -> None:
    """By name, label, age beside another, dangling; mere layers on demand; pages."""
    ids = []
    for number in (1, 2):
        tar = context(Dockerfile=f"FROM {ALPINE}\nLABEL n={number}\nLABEL deep={number}\n")
        built = api.post(
            "/images/build",
            params={"tag": f"listed:{number}"},
            content=tar,
            headers={"Content-Type": "application/x-tar"},
        )
        ids.append(built.json()["id"])
        time.sleep(1.1)  # the engine compares images by whole seconds

    def listed(**query: Any) -> set[str]:  # noqa: ANN401  (what a query takes)
        return {image["id"] for image in api.get("/images", params=query).json()["items"]}

    assert listed(reference="listed:*") == set(ids)
    assert listed(reference=["listed:1", "listed:2"]) == set(ids)
    assert listed(label="n=1") == {ids[0]}
    assert listed(label=["n=1", "deep=2"]) == set()
    assert ids[1] in listed(since="listed:1")
    assert ids[0] not in listed(since="listed:1")
    assert ids[0] in listed(before="listed:2")
    assert ids[1] not in listed(before="listed:2")
    assert listed(all="true") > listed()
    assert not set(ids) & listed(dangling="true")
    assert api.get("/images", params={"since": "no-such"}).status_code == 404
    assert len(api.get("/images", params={"limit": 1}).json()["items"]) == 1
    for number in (1, 2):
        api.delete(f"/images/listed:{number}")


def test_images_are_named_and_lose_their_names_one_by_one(api: httpx2.Client, engine: PrivateEngine) -> None:
    """A further name is 201; a removal takes the name that was said; by id 409 while there are several."""
    for name, location in (("further", "further:latest"), ("127.0.0.1:5000/team/app:v1", "127.0.0.1:5000/team/app:v1")):
        answer = api.post(f"/images/{ALPINE}/tag", json={"name": name})
        assert (answer.status_code, answer.headers["location"]) == (201, f"/images/{location}")
    image = engine.call("GET", f"/images/{ALPINE}/json")
    assert {"further:latest", "127.0.0.1:5000/team/app:v1"} <= set(image["RepoTags"])
    assert api.get("/images/127.0.0.1:5000/team/app:v1").json()["id"] == image["Id"]
    answer = api.delete(f"/images/{image['Id']}")
    assert (answer.status_code, problem_of(answer)["type"]) == (409, "urn:pontlevis:problem:in-use")
    assert api.delete("/images/further").status_code == 204
    assert api.delete("/images/127.0.0.1:5000/team/app:v1").status_code == 204
    assert engine.call("GET", f"/images/{ALPINE}/json")["RepoTags"] == [f"{ALPINE}:latest"]
    for wrong in ("-x", "a b", "x@sha256:" + "0" * 64, ""):
        assert api.post(f"/images/{ALPINE}/tag", json={"name": wrong}).status_code == 422
    assert api.post("/images/no-such/tag", json={"name": "x"}).status_code == 404
    # A name that reads like one of this API's own paths is a name.
    for name in ("odd/tag", "pull", "build"):
        api.post(f"/images/{ALPINE}/tag", json={"name": name})
        assert api.get(f"/images/{name}").json()["id"] == image["Id"]
        assert api.delete(f"/images/{name}").status_code == 204


def pull(api: httpx2.Client, accept: str = "application/json", **body: Any) -> httpx2.Response:  # noqa: ANN401  (any JSON)
    """Ask for an image."""
    return api.post("/images/pull", json=body, headers={"Accept": accept})


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
def test_a_registry_that_is_away_is_a_clear_problem(api: httpx2.Client, accept: str) -> None:
    """502 before any stream begins: no such host, and a port that nobody listens at."""
    for image in ("nowhere.invalid/team/app", "127.0.0.1:9/app:1", "127.0.0.1:9/app@sha256:" + "0" * 64):
        answer = pull(api, accept, image=image)
        assert (answer.status_code, problem_of(answer)["type"]) == (502, "urn:pontlevis:problem:registry-away")


def test_a_registry_that_never_answers_is_not_waited_for(engine: PrivateEngine, tmp_path: Path) -> None:
    """A port that takes connections and says nothing: 502 after CONTROL_REGISTRY_TIMEOUT, and the pull is ended."""
    said: list[bytes] = []
    with engine.entered():
        listener = socket.create_server(("127.0.0.1", 0))

    def silent() -> None:
        connection, _ = listener.accept()
        with connection:
            while data := connection.recv(1024):
                said.append(data)
            said.append(b"")

    settings = {"CONTROL_REGISTRY_TIMEOUT": "1"}
    with listener, running_control(engine.url, tmp_path / "data", **settings) as control, control.client() as api:
        threading.Thread(target=silent, daemon=True).start()
        for accept in ("text/event-stream", "application/json"):
            answer = pull(api, accept, image=f"127.0.0.1:{listener.getsockname()[1]}/app")
            problem = problem_of(answer)
            assert (answer.status_code, problem["type"]) == (502, "urn:pontlevis:problem:registry-away")
            assert "CONTROL_REGISTRY_TIMEOUT" in problem["detail"]
        eventually(lambda: said[-1:] == [b""])


def test_a_pull_waits_for_the_image_or_shows_its_progress(api: httpx2.Client, engine: PrivateEngine) -> None:
    """By tag, by digest, by the name alone; 404 for what the registry does not have, and for another platform."""
    with running_registry(engine) as registry:
        name = f"{registry.address}/app"
        answer = pull(api, image=name)
        assert answer.status_code == 200, answer.text
        image = answer.json()
        assert image["tags"] == [f"{name}:latest"]
        assert (image["command"], image["layers"]) == (["/pulled"], 1)
        assert engine.call("GET", f"/images/{name}:latest/json")["Id"] == image["id"]
        exact = digest(registry.manifest)
        assert pull(api, image=name, digest=exact).json()["digests"] == [f"{name}@{exact}"]
        assert pull(api, image=f"{name}@{exact}").json()["id"] == image["id"]
        api.delete(f"/images/{image['id']}", params={"force": "true"})
        with api.stream(
            "POST", "/images/pull", json={"image": name, "tag": "1"}, headers={"Accept": "text/event-stream"}
        ) as stream:
            assert stream.status_code == 200
            *progress, (last, told) = events_of(stream)
        assert {kind for kind, _ in progress} == {"progress"}
        assert any("Pull complete" in data.get("status", "") for _, data in progress)
        assert (last, told["tags"]) == ("done", [f"{name}:1"])
        api.delete(f"/images/{name}:1")
        for wrong in ({"image": f"{name}:no-such"}, {"image": f"{registry.address}/no-such"}):
            for accept in ("text/event-stream", "application/json"):
                answer = pull(api, accept, **wrong)
                told = problem_of(answer) if answer.status_code != 200 else events_of(answer)[-1][1]
                assert told["type"] == "urn:pontlevis:problem:not-found", told
        assert not [path for path in registry.asked if "latest/list" in path]


def test_a_pull_with_credentials(api: httpx2.Client, engine: PrivateEngine, control: Control) -> None:
    """The engine is told them; without, or with wrong ones, 403; they stand nowhere else."""
    with running_registry(engine, ("someone", "s3cret-word")) as registry:
        name = f"{registry.address}/app"
        for given in (None, {"username": "someone", "password": "s3cret-wrong"}):
            answer = pull(api, image=name, credentials=given)
            assert (answer.status_code, problem_of(answer)["type"]) == (403, "urn:pontlevis:problem:forbidden")
        right = {"username": "someone", "password": "s3cret-word"}
        answer = pull(api, image=name, credentials=right)
        assert (answer.status_code, answer.json()["tags"]) == (200, [f"{name}:latest"])
        api.delete(f"/images/{name}")
    assert "s3cret" not in control.log_path.read_text()


def test_what_is_wrong_with_a_pull(api: httpx2.Client, control: Control) -> None:
    """422; and credentials are told nobody, not even when they are wrong."""
    for body in (
        {},
        {"image": "-x"},
        {"image": "app:1", "tag": "2"},
        {"image": "app", "tag": "1", "digest": "sha256:" + "0" * 64},
        {"image": "app", "digest": "sha256:xyz"},
        {"image": "app", "platform": "a b"},
        {"image": "app", "credentials": {"username": "me"}},
    ):
        answer = pull(api, **body)
        assert (answer.status_code, problem_of(answer)["type"]) == (422, "urn:pontlevis:problem:invalid")
    secret = {"username": "me", "password": "s3cret-of-a-registry"}
    answer = pull(api, image="nowhere.invalid/app", credentials=secret)
    assert answer.status_code == 502
    assert pull(api, image="-x", credentials={**secret, "more": 1}).status_code == 422
    assert "s3cret" not in answer.text + control.log_path.read_text()
    assert "s3cret" not in json.dumps(
        api.get("/events", params={"kind": "request", "limit": 1000, "order": "desc"}).json()
    )
