"""One control on the private engine, for all tests of the API."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.support.contract import watched
from tests.support.control import Control, running_control
from tests.support.engine import PrivateEngine


@pytest.fixture(scope="session")
def control(engine: PrivateEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    """A control that may mount and build from one folder, `allowed`, beside its data folder."""
    folder = tmp_path_factory.mktemp("control")
    allowed = folder / "allowed"
    allowed.mkdir()
    settings = {"CONTROL_BIND_ROOTS": str(allowed), "CONTROL_BUILD_ROOTS": str(allowed), "CONTROL_HEARTBEAT": "1"}
    with running_control(engine.url, folder / "data", **settings) as control:
        yield control


@pytest.fixture
def api(control: Control, engine: PrivateEngine) -> Iterator[httpx2.Client]:
    """A client with the token, which holds each answer against the contract; what the test made on the engine is
    removed afterwards."""
    with control.client() as client:
        yield watched(client)
    engine.clear()
