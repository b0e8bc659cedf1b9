"""What a prune removes, keeps, and has removed."""

from typing import Any, Literal

from control.instants import Instant
from control.records.base import Record


class PruneItem(Record):
    """Something that nothing uses. `size` is in bytes, null where it is not known; of an image, layers shared with
    others included."""

    id: str
    name: str
    created: Instant | None
    size: int | None = None


class Kept(Record):
    """Something that stays, and why; `users` are who uses it, containers that do not run too."""

    id: str
    name: str
    why: Literal["in-use", "built-in", "running", "named", "tagged", "too-young", "label"]
    users: tuple[str, ...] = ()


class PrunePlan(Record):
    """What would be removed, and what not. `token` stands for it until `ends`. `reclaimable` is the sum of the sizes,
    in bytes, null where they are not known or shared."""

    dry_run: Literal[True] = True
    token: str
    ends: Instant
    remove: tuple[PruneItem, ...]
    kept: tuple[Kept, ...]
    reclaimable: int | None


class Unremoved(Record):
    """Something that could not be removed, and the problem that stood against it."""

    item: PruneItem
    problem: dict[str, Any]


class Pruned(Record):
    """What was removed, what could not be (`failed`), and what was kept (not told with a token, whose plan told it).
    `reclaimed` is the sum of the sizes, in bytes, null where they are not known or shared."""

    dry_run: Literal[False] = False
    removed: tuple[PruneItem, ...]
    failed: tuple[Unremoved, ...]
    kept: tuple[Kept, ...]
    reclaimed: int | None
