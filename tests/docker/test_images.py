"""The local images, and what they are made from."""

import io
import os
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from docker import context
from docker.cache import REPOSITORY
from docker.context import Entry
from tests.support.engine import PrivateEngine
from tests.support.polling import eventually

LABEL = "pontlevis.test=images"
LABELS = {"pontlevis.test": "images"}
PIN = re.compile(r"^([a-z0-9.-]+==[^ ;\\]+)", re.MULTILINE)


@pytest.fixture
def cleared(engine: PrivateEngine) -> Iterator[PrivateEngine]:
    """The engine, without what these tests made."""
    yield engine
    engine.clear(LABEL)


def test_mongo_is_what_the_seed_takes_it_for(cleared: PrivateEngine, mongo_image: str) -> None:
    """Data in /data/db, the user mongodb, a mongosh; what was inserted outlives the container."""
    cleared.call("POST", "/volumes/create", json={"Name": "images-mydb", "Labels": LABELS})
    first = run_mongo(cleared, mongo_image)
    assert mongosh(cleared, first, "db.count.insertOne({count: 41}).acknowledged") == "true"
    status = cleared.execute(first, "cat", "/proc/1/status")
    assert re.findall(r"^(?:Uid|Gid|CapEff):\s*(.*\S)", status, re.MULTILINE) == ["999\t" * 3 + "999"] * 2 + ["0" * 16]
    cleared.call("DELETE", f"/containers/{first}", force="true", v="true")
    assert mongosh(cleared, run_mongo(cleared, mongo_image), "db.count.findOne().count") == "41"


def run_mongo(engine: PrivateEngine, image: str) -> str:
    """`docker run --mount src=…,target=/data/db -d mongo`, and wait until it answers."""
    mount = {"Type": "volume", "Source": "images-mydb", "Target": "/data/db"}
    made = engine.call(
        "POST", "/containers/create", json={"Image": image, "Labels": LABELS, "HostConfig": {"Mounts": [mount]}}
    )
    container = str(made["Id"])
    engine.call("POST", f"/containers/{container}/start")
    eventually(lambda: mongosh(engine, container, "db.hello().isWritablePrimary") == "true")
    return container


def mongosh(engine: PrivateEngine, container: str, expression: str) -> str:
    """What the shell says, in the database `test`."""
    return engine.execute(container, "mongosh", "--quiet", "--eval", expression)


def test_the_services_images_run_without_root(engine: PrivateEngine, counter_image: str) -> None:
    """Also where nobody says so, and each knows how to tell that it is well."""
    config = engine.call("GET", f"/images/{counter_image}/json")["Config"]
    assert config["User"] == "65534:65534"
    assert config["Healthcheck"]["Test"][0] == "CMD"
    assert config["Labels"]["pontlevis.role"] == "counter"


def test_a_context_is_the_same_for_the_same_content(tmp_path: Path) -> None:
    """Neither owner nor time of a file tells one tar, or its key, from another."""
    file = tmp_path / "file"
    file.write_bytes(b"content")
    tree = {"a/file": Entry(file), "link": Entry(link="a/file"), "run": Entry(b"#!/bin/sh\n", executable=True)}
    first, key = tar_of(tree), context.digest(tree)
    os.utime(file, (1, 1))
    file.chmod(0o600)
    assert (tar_of(tree), context.digest(tree)) == (first, key)
    with tarfile.open(fileobj=io.BytesIO(first)) as tar:
        members = {member.name: (member.mode, member.uid, member.mtime) for member in tar}
    assert members == {
        "a": (0o755, 0, 0),
        "a/file": (0o644, 0, 0),
        "link": (0o777, 0, 0),
        "run": (0o755, 0, 0),
    }
    file.write_bytes(b"other")
    assert context.digest(tree) != key


def tar_of(tree: context.Tree) -> bytes:
    """The bytes."""
    target = io.BytesIO()
    context.write(tree, target)
    return target.getvalue()


def test_the_images_hold_what_was_tested() -> None:
    """docker/requirements.lock is the part of requirements.lock that runs; `make lock` renews both."""
    tested = set(PIN.findall((REPOSITORY / "requirements.lock").read_text()))
    shipped = set(PIN.findall((REPOSITORY / "docker" / "requirements.lock").read_text()))
    assert shipped
    assert shipped <= tested


def test_the_lock_files_name_no_registry() -> None:
    """Where packages come from is each machine's own affair."""
    assert '"resolved"' not in (REPOSITORY / "docker" / "mongosh" / "package-lock.json").read_text()
    for name in ("requirements.lock", "docker/requirements.lock", "docker/node.lock"):
        assert "://" not in (REPOSITORY / name).read_text(), name
