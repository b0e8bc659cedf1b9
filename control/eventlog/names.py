"""What networks and containers are called, learned on the way. No I/O.

A network's event tells the container by id alone, and a container that is gone can't be asked. So names are
taken from whatever passes: events of containers, inspects, the log itself. Kept in memory, for the newest few
thousand of each; what is still connected comes back from the log after a restart.
"""

from collections import OrderedDict
from typing import Final, TypeVar

from control.eventlog.rows import Checkpoint
from control.records import Container, ContainerRef, EngineEvent, Network, NetworkRef

KEPT: Final = 10_000

Ref = TypeVar("Ref", NetworkRef, ContainerRef)


class Names:
    """References by id."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._networks = OrderedDict((ref.id, ref) for ref in checkpoint.networks)
        self._containers = OrderedDict((ref.id, ref) for ref in checkpoint.containers)

    def network(self, id_: str) -> NetworkRef:
        """The network of this id, as far as it is known."""
        return self._networks.get(id_) or NetworkRef(id=id_, name="")

    def container(self, id_: str) -> ContainerRef:
        """The container of this id, as far as it is known."""
        return self._containers.get(id_) or ContainerRef(id=id_)

    def hear(self, event: EngineEvent) -> None:
        """Take what an event tells. Events are told in order, so the newest is right."""
        told = event.attributes
        if event.type == "network" and told.get("name"):
            scope = self.network(event.actor).scope
            self.learn_network(
                NetworkRef(id=event.actor, name=told["name"], driver=told.get("type") or None, scope=scope)
            )
        elif event.type == "container" and told.get("name"):
            self.learn_container(ContainerRef(id=event.actor, name=told["name"], image=told.get("image") or None))

    def learn_network(self, ref: NetworkRef) -> None:
        """Take what was seen now."""
        _keep(self._networks, ref)

    def see_network(self, network: Network) -> None:
        """Take what was seen now, of a network as a whole."""
        self.learn_network(NetworkRef(id=network.id, name=network.name, driver=network.driver, scope=network.scope))

    def learn_container(self, ref: ContainerRef) -> None:
        """Take what was seen now; an image that is known already stays known."""
        known = self._containers.get(ref.id)
        if known is not None and ref.image is None:
            ref = ref.model_copy(update={"image": known.image})
        _keep(self._containers, ref)

    def fill_in(self, container: Container) -> None:
        """Take an inspect's answer where no event told a name. It is later than the event that led to it, and
        the container may have been renamed in between."""
        known = self.container(container.id)
        self.learn_container(
            ContainerRef(id=container.id, name=known.name or container.name, image=known.image or container.image)
        )


def _keep(refs: OrderedDict[str, Ref], ref: Ref) -> None:
    refs[ref.id] = ref
    refs.move_to_end(ref.id)
    while len(refs) > KEPT:
        refs.popitem(last=False)
