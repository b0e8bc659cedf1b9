"""Two private engines with a cable between them, each with a control of its own: what a swarm takes."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import httpx2

from tests.support.control import Control, running_control
from tests.support.engine import PrivateEngine, private_engine
from tests.support.fixtures import load_images

FIRST: Final = "10.200.0.1"
SECOND: Final = "10.200.0.2"


class Node(NamedTuple):
    """An engine of the two, its control, and a client of that."""

    engine: PrivateEngine
    control: Control
    api: httpx2.Client


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def cable(one: PrivateEngine, other: PrivateEngine) -> None:
    """Join the networks of two engines by a veth pair, as `eth0` of each."""
    with one.entered():
        _run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", str(other.pid))
    for engine, address in ((one, FIRST), (other, SECOND)):
        with engine.entered():
            _run("ip", "address", "add", f"{address}/24", "dev", "eth0")
            _run("ip", "link", "set", "eth0", "up")


@contextmanager
def two_nodes(folder: Path) -> Iterator[tuple[Node, Node]]:
    """Two engines with alpine, cabled, with a control each."""
    with ExitStack() as stack:
        nodes = []
        for name in ("one", "two"):
            engine = stack.enter_context(private_engine())
            load_images(engine, "alpine")
            control = stack.enter_context(running_control(engine.url, folder / name))
            nodes.append(Node(engine, control, stack.enter_context(control.client())))
        cable(nodes[0].engine, nodes[1].engine)
        yield nodes[0], nodes[1]
