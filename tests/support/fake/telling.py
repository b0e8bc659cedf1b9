"""How a fake engine words its events: attributes and old fields as the real one has them."""

from collections.abc import Mapping

from tests.support.fake.model import Container, Network
from tests.support.fake.stream import Stream


class Teller:
    """Tells of things in an engine's stream."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def now(self) -> int:
        """The engine's clock, in nanoseconds."""
        return self._stream.now()

    def of_network(self, action: str, network: Network) -> None:
        """`create`, `destroy`."""
        self._stream.tell("network", action, network.id, {"name": network.name, "type": network.driver})

    def of_pair(self, action: str, network: Network, container: str) -> None:
        """`connect`, `disconnect`: no address, no endpoint, no name of the container."""
        attributes = {"container": container, "name": network.name, "type": network.driver}
        self._stream.tell("network", action, network.id, attributes)

    def of_prune(self) -> None:
        """A prune of networks, which names none."""
        self._stream.tell("network", "prune", "", {"reclaimed": "0"})

    def of_container(self, action: str, container: Container, more: Mapping[str, str] | None = None) -> None:
        """Any of a container: its labels, image and name, and what belongs to the action."""
        attributes = {**container.labels, "image": container.image, "name": container.name, **(more or {})}
        self._stream.tell("container", action, container.id, attributes, status=True)

    def of_tag(self, image: str) -> None:
        """A tag of an image: it takes its place in the ring as any event does."""
        self._stream.tell("image", "tag", f"sha256:{'0' * 64}", {"name": image}, status=True)
