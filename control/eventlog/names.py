"""What networks and containers are called, learned on the way. No I/O.

A network's event tells the container by id alone, and a container that is gone can't be asked. So names are
taken from whatever passes: events of containers, inspects, the log itself. Kept in memory, for the newest few
thousand of each; what is still a member of something comes back from the log after a restart.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, TypeVar

from control.records import Container, ContainerRef, EngineEvent, Network, NetworkRef

KEPT: Final = 10_000

Ref = TypeVar("Ref", NetworkRef, ContainerRef)


class Names:
    """References by id. The same object for the same thing, as long as nothing new is learned of it."""

    def __init__(self, networks: Iterable[NetworkRef] = (), containers: Iterable[ContainerRef] = ()) -> None:
        self._networks = {ref.id: ref for ref in networks}
        self._containers = {ref.id: ref for ref in containers}

    def network(self, id_: str) -> NetworkRef:
        """The network of this id, as far as it is known."""
        return self._networks.get(id_) or NetworkRef(id=id_, name="")

    def container(self, id_: str) -> ContainerRef:
        """The container of this id, as far as it is known."""
        return self._containers.get(id_) or ContainerRef(id=id_)

    def hear(self, event: EngineEvent) -> None:
        """Take what an event tells. Events are told in order, so the newest is right."""
        told = event.attributes
        name = told.get("name")
        if not name:
            return
        if event.type == "network":
            network = self._networks.get(event.actor)
            driver = told.get("type") or None
            if network is None or network.name != name or network.driver != driver:
                # A node tells of an overlay as of a network of its own, and it is the swarm's.
                told_scope = event.scope if driver != "overlay" or event.scope == "swarm" else None
                scope = network.scope if network and network.scope else told_scope
                self.learn_network(NetworkRef(event.actor, name, driver, scope))
        elif event.type == "container":
            container = self._containers.get(event.actor)
            image = told.get("image") or None
            if container is None or container.name != name or container.image != image:
                self.learn_container(ContainerRef(event.actor, name, image))

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
            ref = replace(ref, image=known.image)
        _keep(self._containers, ref)

    def fill_in(self, container: Container) -> None:
        """Take an inspect's answer where no event told a name. It is later than the event that led to it, and
        the container may have been renamed in between."""
        known = self.container(container.id)
        self.learn_container(ContainerRef(container.id, known.name or container.name, known.image or container.image))


def _keep(refs: dict[str, Ref], ref: Ref) -> None:
    if refs.get(ref.id) == ref:
        return
    refs.pop(ref.id, None)
    refs[ref.id] = ref
    if len(refs) > KEPT:
        del refs[next(iter(refs))]
