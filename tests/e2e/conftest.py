"""Fixtures for whole commands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.engine import PrivateEngine
from tests.support.person import Bare, Person


@pytest.fixture
def person(engine: PrivateEngine, tmp_path: Path) -> Iterator[Person]:
    """On an engine that nothing stands on, before and after."""
    engine.clear()
    yield Person(engine, tmp_path / "data")
    engine.clear()


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Bare]:
    """Such a machine."""
    machine = Bare(tmp_path)
    yield machine
    machine.close()
