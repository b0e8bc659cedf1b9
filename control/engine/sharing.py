"""Containers that use the network of another: whose, and who. Pure."""

from collections.abc import Iterable
from typing import Final

from control.engine.listed import Listed
from control.records import Container, ContainerRef

SHARING: Final = "container:"
"""How the network mode of a sharer begins; the owner's full id follows (its name, until Docker resolved it)."""


def owner_of(mode: str) -> ContainerRef | None:
    """Whose network a container of this mode uses, by what the mode says; None: one of its own, or the host's."""
    return ContainerRef(mode.removeprefix(SHARING)) if mode.startswith(SHARING) else None


def told(containers: Iterable[Container], listed: Iterable[Listed], *, everyone: bool) -> list[Container]:
    """The containers with the names of the owners whose networks they use, and (where `everyone` is listed) those who
    use theirs."""
    refs: dict[str, ContainerRef] = {}
    sharers: dict[str, list[ContainerRef]] = {}
    for it in sorted(listed):
        refs[it.id] = ContainerRef(it.id, it.name, it.image)
        if (owner := owner_of(it.mode)) is not None:
            sharers.setdefault(owner.id, []).append(refs[it.id])

    def one(container: Container) -> Container:
        owner = container.shares_network_of
        more: dict[str, object] = {}
        if everyone:
            more["network_shared_by"] = tuple(sharers.get(container.id, ()))
        if owner is not None and owner.id in refs:
            more["shares_network_of"] = refs[owner.id]
        return container.model_copy(update=more) if more else container

    return [one(container) for container in containers]
