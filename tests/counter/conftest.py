"""One mongod for the session, a database of its own for each test."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from counter.embedded import Mongod
from tests.support.counting import CounterProcess

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Target:
    """Where a test counts: the URL that names its database, and the collection as mongosh would see it."""

    url: str
    collection: Collection[dict[str, Any]]

    def value(self) -> int:
        """The stored count."""
        document = self.collection.find_one()
        assert document is not None
        return int(document["count"])


@pytest.fixture(scope="session")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """A replica set of one."""
    with Mongod(tmp_path_factory.mktemp("mongod")) as running:
        yield running


@pytest.fixture(scope="session")
def mongo(mongod: Mongod) -> Iterator[MongoClient[dict[str, Any]]]:
    """A client on the session's mongod."""
    with MongoClient[dict[str, Any]](mongod.url) as client:
        yield client


@pytest.fixture
def target(mongod: Mongod, mongo: MongoClient[dict[str, Any]]) -> Iterator[Target]:
    """A database without a count."""
    name = f"counting{next(_numbers)}"
    yield Target(mongod.url.replace("/?", f"/{name}?"), mongo[name]["count"])
    mongo.drop_database(name)


Serve = Callable[..., CounterProcess]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start counters: `serve(url, *options, **settings)`. They are stopped after the test."""
    with ExitStack() as running:
        yield lambda url, *arguments, **settings: running.enter_context(
            CounterProcess(tmp_path, url, *arguments, **settings)
        )
