"""A model that follows a recorded stream: what is injected is also what the inspects then show."""

import ipaddress
from collections.abc import Mapping
from typing import Any, Final

from tests.support.fake.model import Container, Entry, Network, Refusal, World
from tests.support.fake.stream import NANOSECONDS

_BASE: Final = int(ipaddress.IPv4Address("10.200.0.0"))
_DIED: Final = {"die": "exited", "start": "running", "pause": "paused", "unpause": "running"}
_OWN: Final = frozenset({"container", "image", "name", "exitCode", "execDuration", "signal", "oldName", "execID"})


def follow(world: World, raw: Mapping[str, Any]) -> None:
    """Change the model as one recorded event tells. What it speaks of and is not known is made."""
    actor, attributes = raw["Actor"]["ID"], raw["Actor"].get("Attributes") or {}
    action, time = raw["Action"], int(raw["timeNano"])
    if raw["Type"] == "network":
        _network(world, action, actor, attributes, time)
    elif raw["Type"] == "container":
        _container(world, action, actor, attributes, time)


def _network(world: World, action: str, actor: str, attributes: Mapping[str, str], time: int) -> None:
    if action == "destroy":
        world.networks.pop(actor, None)
    elif actor:
        network = world.networks.get(actor) or _new_network(world, actor, attributes, time)
        if action in {"connect", "disconnect"}:
            container = world.containers.get(attributes["container"]) or _new_container(
                world, attributes["container"], {}, time
            )
            world.detach(network, container)
            if action == "connect":
                entry = container.entries.setdefault(network.name, Entry())
                world.attach(network, container, entry)
            elif container.running and not _ending(container):
                container.entries.pop(network.name, None)
            elif network.name in container.entries:
                container.entries[network.name].clear()
            container.note()


def _ending(container: Container) -> bool:
    # Since 25 the networks are left before the death is told; a signal came before.
    return container.stopped_by_hand


def _container(world: World, action: str, actor: str, attributes: Mapping[str, str], time: int) -> None:
    if action == "destroy":
        for network in world.networks.values():
            gone = world.containers.get(actor)
            if gone is not None:
                world.detach(network, gone)
        world.containers.pop(actor, None)
        return
    container = world.containers.get(actor) or _new_container(world, actor, attributes, time)
    container.name = attributes.get("name", container.name)
    container.status = _DIED.get(action, container.status)
    if action == "start":
        container.started, container.stopped_by_hand = time, False
    elif action == "die":
        container.finished, container.exit_code = time, int(attributes.get("exitCode", 0))
        container.stopped_by_hand = False
    elif action == "kill":
        container.stopped_by_hand = attributes.get("signal") in {"9", "15"}


def _new_network(world: World, identifier: str, attributes: Mapping[str, str], time: int) -> Network:
    name, driver = attributes.get("name", identifier[:12]), attributes.get("type", "bridge")
    try:
        own = world.network(name)
    except Refusal:
        own = None
    if own is not None and own.predefined:
        # The recorded engine's own network takes the place of this one's.
        del world.networks[own.id]
        own.id = identifier
        return world.add(own)
    subnet = None
    if driver not in {"null", "host"}:
        subnet = ipaddress.IPv4Network((_BASE + 256 * len(world.networks), 24))
    gateway = str(subnet.network_address + 1) if subnet else ""
    return world.add(Network(id=identifier, name=name, driver=driver, created=time, subnet=subnet, gateway=gateway))


def _new_container(world: World, identifier: str, attributes: Mapping[str, str], time: int) -> Container:
    container = Container(
        id=identifier,
        name=attributes.get("name", identifier[:12]),
        image=attributes.get("image", ""),
        command=["sleep", "100000"],
        labels={key: value for key, value in attributes.items() if key not in _OWN},
        host={},
        created=time - NANOSECONDS,
        status="created" if attributes else "running",
    )
    world.containers[identifier] = container
    return container
