"""The fixtures of tests on a real engine; tests/conftest.py makes them known everywhere.

`engine` is one for the whole run: a test labels what it makes and removes it, or calls `engine.clear()`. A test
that kills or restarts has an engine of its own, from `private_engine`.
"""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from control.engine import Engine
from docker.images import Images
from tests.support.engine import PrivateEngine, private_engine, sweep_abandoned


def load_images(engine: PrivateEngine, *roles: str) -> dict[str, str]:
    """Ready images on a private engine, and give their names by role: alpine, mongo, python, control, counter.

    They come from `.build` in seconds where they were made before, and never from a registry.
    """
    names: dict[str, str] = {}
    failed: list[BaseException] = []

    async def load() -> None:
        adapter = Engine(engine.url)
        try:
            images = Images(adapter, registry=False)
            make = {
                "alpine": images.alpine,
                "python": images.python,
                "mongo": images.mongo,
                "control": images.control,
                "counter": images.counter,
            }
            for role in roles:
                names[role] = await make[role]()
        finally:
            await adapter.close()

    def run() -> None:
        try:
            asyncio.run(load())
        except BaseException as error:  # noqa: BLE001  (handed to the caller's thread)
            failed.append(error)

    # In a thread of its own: the caller's may have a loop that runs, pytest-asyncio's.
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return names


@pytest.fixture(scope="session")
def engine() -> Iterator[PrivateEngine]:
    """A private engine with the image `alpine`, for the whole run."""
    sweep_abandoned()
    with private_engine() as engine:
        load_images(engine, "alpine")
        yield engine


@pytest.fixture(scope="session")
def mongo_image(engine: PrivateEngine) -> str:
    """The name of a mongo image on `engine`, with mongosh in it."""
    return load_images(engine, "mongo")["mongo"]


@pytest.fixture(scope="session")
def python_image(engine: PrivateEngine) -> str:
    """The name of an image on `engine` with Python and all dependencies: the BASE of counter's and control's."""
    return load_images(engine, "python")["python"]


@pytest.fixture(scope="session")
def counter_image(engine: PrivateEngine) -> str:
    """The name of an image of the counter on `engine`."""
    return load_images(engine, "counter")["counter"]


@pytest.fixture
def inside_engine(engine: PrivateEngine) -> Iterator[PrivateEngine]:
    """`engine`, with the test's own thread in the engine's network: 127.0.0.1 is the engine's host."""
    with engine.entered():
        yield engine
