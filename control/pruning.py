"""What a prune removes and what it keeps. Pure.

A container that does not run uses its networks, volumes and image as one that runs does: without them it could not
start any more. (Docker's own prune of networks takes what only such containers refer to.)
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import orjson

from control.endpoints import membership_on
from control.records import BUILT_IN, GATEWAYS, Container, Image, Kept, Network, PruneItem, Volume
from control.wanted import WantedFullPrune, WantedPrune
from control.wanted.prune import instant_of

STOPPED: Final = frozenset({"created", "exited", "dead"})
ANONYMOUS: Final = "com.docker.volume.anonymous"
"""The label of a volume that nobody named, from Docker 23 on. Before, it can be told by its name alone."""
_HEX: Final = frozenset("0123456789abcdef")


class Candidate(NamedTuple):
    """Something that might go. `kept` is why it stays, whatever the filters say; `mark` changes when it does, `names`
    are what an image is removed by."""

    item: PruneItem
    labels: Mapping[str, str]
    mark: str
    kept: Kept | None
    names: tuple[str, ...] = ()


class Decision(NamedTuple):
    """What goes, and what stays."""

    remove: tuple[Candidate, ...]
    kept: tuple[Kept, ...]

    def reclaims(self) -> int | None:
        """Bytes, where they are known."""
        return total([it.item for it in self.remove])


def total(items: Iterable[PruneItem]) -> int | None:
    """The sum of the sizes that are known; None where none is."""
    sizes = [it.size for it in items if it.size is not None]
    return sum(sizes) if sizes else None


def decide(candidates: Iterable[Candidate], wanted: WantedPrune, now: int) -> Decision:
    """What goes and what stays, by name; `now` is the engine's clock, in nanoseconds."""
    remove: list[Candidate] = []
    kept: list[Kept] = []
    before = None if wanted.until is None else instant_of(wanted.until, now)
    for one in sorted(candidates, key=lambda it: (it.item.name, it.item.id)):
        stays = one.kept
        if stays is None and not _labels_fit(one.labels, wanted):
            stays = Kept(id=one.item.id, name=one.item.name, why="label")
        if stays is None and before is not None and (one.item.created is None or one.item.created >= before):
            stays = Kept(id=one.item.id, name=one.item.name, why="too-young")
        if stays is None:
            remove.append(one)
        else:
            kept.append(stays)
    return Decision(tuple(remove), tuple(kept))


def _labels_fit(labels: Mapping[str, str], wanted: WantedPrune) -> bool:
    def has(text: str) -> bool:
        key, given, value = text.partition("=")
        return key in labels and (not given or labels[key] == value)

    return all(map(has, wanted.label)) and not any(map(has, wanted.not_label))


def changes(planned: Mapping[str, Mapping[str, str]], now: Iterable[Candidate]) -> list[dict[str, object]]:
    """What of a plan is not so any more: of each, what happened to it. `planned` has name and mark by id."""
    present = {it.item.id: it for it in now}
    told: list[dict[str, object]] = []
    for id_, was in planned.items():
        it = present.get(id_)
        if it is None:
            told.append({"id": id_, "name": was["name"], "change": "gone"})
        elif it.kept is not None:
            told.append({"id": id_, "name": was["name"], "change": it.kept.why, "users": list(it.kept.users)})
        elif it.mark != was["mark"]:
            told.append({"id": id_, "name": was["name"], "change": "changed"})
    return told


def _mark(*values: object) -> str:
    return hashlib.sha256(orjson.dumps(values, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def networks(
    found: Sequence[Network], containers: Sequence[Container], services: Mapping[str, Sequence[str]]
) -> Iterator[Candidate]:
    """Networks that no container is on and would join at its start, no network has its configuration from, and no
    service uses (`services`: those of each network, by its id)."""
    for network in found:
        users = [it.name for it in containers if membership_on(it, network) is not None]
        users += [it.name for it in found if network.config_only and it.config_from == network.name]
        users += services.get(network.id, ())
        kept = None
        if network.name in BUILT_IN or network.name == GATEWAYS or network.ingress:
            kept = Kept(id=network.id, name=network.name, why="built-in")
        elif users:
            kept = Kept(id=network.id, name=network.name, why="in-use", users=tuple(sorted(users)))
        item = PruneItem(id=network.id, name=network.name, created=network.created)
        yield Candidate(item, network.labels, _mark(network.name, network.labels), kept)


def containers(found: Sequence[Container], sizes: Mapping[str, int]) -> Iterator[Candidate]:
    """Containers that do not run, and whose network no container shares that stays."""
    running = [it for it in found if it.state not in STOPPED]
    stopped = {it.id for it in found if it.state in STOPPED}
    for it in found:
        sharers = [ref for ref in it.network_shared_by or () if ref.id not in stopped]
        kept = None
        if it in running:
            kept = Kept(id=it.id, name=it.name, why="running")
        elif sharers:
            kept = Kept(id=it.id, name=it.name, why="in-use", users=tuple(sorted(ref.name or "" for ref in sharers)))
        item = PruneItem(id=it.id, name=it.name, created=it.created, size=sizes.get(it.id))
        yield Candidate(item, it.labels, _mark(it.name, it.state, it.started, it.finished), kept)


def anonymous(volume: Volume) -> bool:
    """Whether nobody named it."""
    return ANONYMOUS in volume.labels or (len(volume.name) == 64 and set(volume.name) <= _HEX)  # noqa: PLR2004  (an id)


def volumes(
    found: Sequence[Volume], containers: Sequence[Container], sizes: Mapping[str, int], wanted: WantedPrune
) -> Iterator[Candidate]:
    """Volumes that no container mounts; those that somebody named only with `all`."""
    users: dict[str, set[str]] = {}
    for container in containers:
        for mount in container.mounts:
            if mount.type == "volume" and mount.source is not None:
                users.setdefault(mount.source, set()).add(container.name)
    for it in found:
        kept = None
        if it.name in users:
            kept = Kept(id=it.name, name=it.name, why="in-use", users=tuple(sorted(users[it.name])))
        elif not _whole(wanted) and not anonymous(it):
            kept = Kept(id=it.name, name=it.name, why="named")
        item = PruneItem(id=it.name, name=it.name, created=it.created, size=sizes.get(it.name))
        yield Candidate(item, it.labels, _mark(it.driver, it.created, it.labels, it.options), kept)


def images(found: Sequence[Image], containers: Sequence[Container], wanted: WantedPrune) -> Iterator[Candidate]:
    """Images that no container was made from; those with a tag only with `all`."""
    users: dict[str, set[str]] = {}
    for container in containers:
        users.setdefault(container.image_id, set()).add(container.name)
    for it in found:
        name = (it.tags or it.digests or (it.id,))[0]
        kept = None
        if it.id in users:
            kept = Kept(id=it.id, name=name, why="in-use", users=tuple(sorted(users[it.id])))
        elif it.tags and not _whole(wanted):
            kept = Kept(id=it.id, name=name, why="tagged")
        item = PruneItem(id=it.id, name=name, created=it.created, size=it.size)
        yield Candidate(item, it.labels, _mark(sorted(it.tags), sorted(it.digests)), kept, (*it.tags,) or (it.id,))


def _whole(wanted: WantedPrune) -> bool:
    return isinstance(wanted, WantedFullPrune) and wanted.all
