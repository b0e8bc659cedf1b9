"""One batch in the making. No I/O."""

from collections.abc import Collection

from control.eventlog.fold import Known, Pair, Seen, Transition, step
from control.eventlog.inbox import Received
from control.eventlog.names import Names
from control.eventlog.rows import Batch


class Draft:
    """Gathers what one transaction will write, and carries what is known forward with it."""

    def __init__(self, memberships: dict[Pair, Known], handled: Collection[bytes]) -> None:
        self._memberships = memberships
        self._handled = set(handled)
        self._changed: set[Pair] = set()
        self.transitions: list[Transition] = []
        self.digests: list[bytes] = []
        self.cursor: int | None = None
        self.verified: int | None = None

    def take(self, received: Received) -> bool:
        """Mark an event of the engine as handled; False for one that was handled before."""
        digest = received.digest
        if digest in self._handled:
            return False
        self._handled.add(digest)
        self.digests.append(digest)
        if received.source is not None:
            self.cursor = received.event.time
        return True

    def see(self, seen: Seen) -> None:
        """Fold in what was seen of a pair."""
        known = self._memberships.get(seen.pair)
        after, transitions = step(known, seen)
        self.transitions += transitions
        if after != known:
            self._changed.add(seen.pair)
        if after is None:
            self._memberships.pop(seen.pair, None)
        else:
            self._memberships[seen.pair] = after

    def batch(self, names: Names) -> Batch:
        """What there is to write."""
        return Batch(
            transitions=tuple(self.transitions),
            memberships={
                pair: (names.network(pair.network), names.container(pair.container), self._memberships.get(pair))
                for pair in self._changed
            },
            handled=tuple(self.digests),
            cursor=self.cursor,
            verified=self.verified,
        )
