"""What stands: who is a member of what, which containers live, which networks there are; and the one way in which a
membership changes. No I/O.

The transitions of one pair chain: each begins in the state in which the one before ended, because it is made of what
stands and not of what an event claims.
"""

from dataclasses import replace
from typing import NamedTuple

from control.eventlog.entries import Between, Entry, Known
from control.eventlog.ledger import Ledger
from control.eventlog.names import Names
from control.eventlog.standing import ABSENT, RANK, Changes, Life, Pair, Standing
from control.records import Cause, ContainerRef, Endpoint, Kind, MembershipState, NetworkRef, Source


class Changed(NamedTuple):
    """What of the standing changed: memberships (None: absent), lives (None: gone), networks (whether there)."""

    pairs: dict[Pair, tuple[NetworkRef, ContainerRef, Known | None]]
    lives: dict[str, tuple[ContainerRef, Life | None]]
    networks: dict[str, tuple[NetworkRef, bool]]


class Register:
    """What stands of one engine. `changes` are what has changed since it was written last."""

    def __init__(self, standing: Standing, names: Names, ledger: Ledger, *, verified: int | None = None) -> None:
        """`verified`: the last instant at which log and engine agreed."""
        self.memberships: dict[Pair, Known] = dict(standing.memberships)
        self.lives: dict[str, Life] = dict(standing.lives)
        self.networks: dict[str, NetworkRef] = dict(standing.networks)
        self.names = names
        self.ledger = ledger
        self.verified = verified
        self.changes = Changes()
        self._of_container: dict[str, set[str]] = {}
        self._of_network: dict[str, set[str]] = {}
        for pair in self.memberships:
            self._index(pair)

    def move(
        self,
        pair: Pair,
        after: MembershipState,
        at: int,
        source: Source,
        cause: Cause,
        *,
        endpoint: Endpoint | None = None,
        between: Between | None = None,
    ) -> list[Entry]:
        """The transition of a pair to another state, or nothing where it is in that one. A request that asked for it is
        its cause, whatever it looked like."""
        known = self.memberships.get(pair)
        before = known.state if known else ABSENT
        if before is after:
            return []
        up = RANK[after] > RANK[before]
        container = self.names.container(pair.container)
        since = None if between is None else between[0] or 0
        asked = self.ledger.claim(
            pair.network, pair.container, at, up=up, since=since, name=container.name, to_absent=after is ABSENT
        )
        if asked is not None:
            cause = Cause.REQUEST
            if between is not None:
                # It was not so before it was asked for.
                between = (min(max(between[0] or 0, asked.began), at), at)
        if after is ABSENT:
            self._forget(pair)
        else:
            self.memberships[pair] = Known(after, at, endpoint)
            self._index(pair)
        self.changes.pairs.add(pair)
        return [
            Entry(
                Kind.CONNECT if up else Kind.DISCONNECT,
                at,
                source,
                self.names.network(pair.network),
                container,
                # Who leaves takes the endpoint along that it had.
                endpoint or (known.endpoint if known else None),
                before,
                after,
                cause,
                asked.request if asked else None,
                between,
                held=known,
            )
        ]

    def missed(self, pair: Pair, at: int) -> list[Entry]:
        """The end of a membership that was not seen, at some time before `at`."""
        return self.move(pair, ABSENT, at, Source.RECONCILE, Cause.UNKNOWN, between=self.between(pair, at))

    def between(self, pair: Pair, at: int) -> Between:
        """When something happened to a pair that was found at `at`: since it entered its state, and since all was last
        compared."""
        known = self.memberships.get(pair)
        lower = [it for it in (known.since if known else None, self.verified) if it is not None]
        return (min(max(lower), at) if lower else None, at)

    def learn(self, pair: Pair, endpoint: Endpoint | None) -> None:
        """An endpoint's details, where they were not known."""
        known = self.memberships[pair]
        if endpoint is not None and known.endpoint != endpoint and not (known.endpoint and known.endpoint.id):
            known.endpoint = endpoint
            self.changes.pairs.add(pair)

    def clear_owed(self, pair: Pair) -> None:
        """Nothing more is to be told of a pair's end."""
        known = self.memberships[pair]
        if known.owed:
            known.owed = False
            self.changes.pairs.add(pair)

    def take_changes(self) -> "Changed":
        """What has changed since this was last asked, as it is now. It is a copy: while it is written by another
        thread, more is folded, and none of that may be kept without the records that go with it."""
        names, changes = self.names, self.changes
        changed = Changed(
            {
                pair: (
                    names.network(pair.network),
                    names.container(pair.container),
                    None
                    if (known := self.memberships.get(pair)) is None
                    else Known(known.state, known.since, known.endpoint, known.owed),
                )
                for pair in changes.pairs
            },
            {
                id_: (names.container(id_), replace(life) if (life := self.lives.get(id_)) else None)
                for id_ in changes.lives
            },
            {id_: (self.networks.get(id_) or names.network(id_), id_ in self.networks) for id_ in changes.networks},
        )
        changes.pairs, changes.lives, changes.networks = set(), set(), set()
        return changed

    def networks_of(self, container: str) -> list[str]:
        """The networks that a container is on, connected or configured."""
        return sorted(self._of_container.get(container, ()))

    def containers_on(self, network: str) -> list[str]:
        """The containers that are on a network, connected or configured."""
        return sorted(self._of_network.get(network, ()))

    def pairs_of(self, container: str) -> list[Pair]:
        """The pairs of a container that are not absent."""
        return [Pair(network, container) for network in self.networks_of(container)]

    def _index(self, pair: Pair) -> None:
        self._of_container.setdefault(pair.container, set()).add(pair.network)
        self._of_network.setdefault(pair.network, set()).add(pair.container)

    def _forget(self, pair: Pair) -> None:
        del self.memberships[pair]
        for index, key, other in (
            (self._of_container, pair.container, pair.network),
            (self._of_network, pair.network, pair.container),
        ):
            others = index[key]
            others.discard(other)
            if not others:
                del index[key]


def another(held: Endpoint | None, shown: Endpoint | None) -> bool:
    """Whether these are two endpoints for certain. An endpoint's id is that of one interval of membership."""
    return bool(held and shown and held.id and shown.id and held.id != shown.id)
