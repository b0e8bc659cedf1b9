"""The one way in which a membership changes: each transition begins in what stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.eventlog.entries import Between, Entry, Known
from control.eventlog.ledger import Asked, Ledger
from control.eventlog.names import Names
from control.eventlog.register import Register, another
from control.eventlog.standing import ABSENT, CONFIGURED, CONNECTED, Life, Pair, Standing
from control.records import Cause, ContainerRef, Endpoint, Kind, MembershipState, NetworkRef, RequestRef, Source
from tests.control.eventlog.telling import chains
from tests.control.eventlog.values import container, endpoint, network

NET, CTR = network(1, "mynet"), container(2, "db")
PAIR = Pair(NET.id, CTR.id)
SECONDS = 10**9


def register(known: Known | None = None, *asked: Asked, verified: int | None = None) -> Register:
    ledger = Ledger()
    for it in asked:
        ledger.open(it)
    standing = Standing(memberships={PAIR: known} if known else {})
    return Register(standing, Names([NET], [CTR]), ledger, verified=verified)


def move(reg: Register, after: MembershipState, at: int, end: Endpoint | None = None) -> list[Entry]:
    return reg.move(PAIR, after, at, Source.STREAM, Cause.EXTERNAL, endpoint=end)


def test_a_transition_is_made_of_what_stands() -> None:
    reg = register()
    [entry] = move(reg, CONNECTED, 5, endpoint(1))
    assert entry == Entry(
        Kind.CONNECT, 5, Source.STREAM, NET, CTR, endpoint(1), ABSENT, CONNECTED, Cause.EXTERNAL, held=None
    )
    assert reg.memberships == {PAIR: Known(CONNECTED, 5, endpoint(1))}
    assert reg.changes.pairs == {PAIR}


def test_what_is_so_already_is_no_transition() -> None:
    reg = register(Known(CONNECTED, 1, endpoint(1)))
    assert move(reg, CONNECTED, 5, endpoint(2)) == []
    assert reg.memberships == {PAIR: Known(CONNECTED, 1, endpoint(1))}
    assert reg.changes.pairs == set()
    assert move(register(), ABSENT, 5) == []


def test_who_leaves_takes_its_endpoint_along() -> None:
    """A disconnect's event tells no endpoint; it is the one that the connect had, and stands no longer."""
    held = Known(CONNECTED, 1, endpoint(1))
    reg = register(held)
    [entry] = move(reg, CONFIGURED, 5)
    assert (entry.endpoint, entry.held) == (endpoint(1), held)
    assert reg.memberships == {PAIR: Known(CONFIGURED, 5, None)}
    [entry] = move(reg, ABSENT, 6)
    assert (entry.endpoint, entry.kind) == (None, Kind.DISCONNECT)
    assert reg.memberships == {}


def test_what_is_missed_lies_between_what_was_known_and_now() -> None:
    """Since it entered its state, and since all was last compared; from the engine's beginning where nothing was."""
    reg = register(Known(CONNECTED, 3, endpoint(1)), verified=7)
    [entry] = reg.missed(PAIR, 9)
    assert (entry.before, entry.after, entry.between) == (CONNECTED, ABSENT, (7, 9))
    assert (entry.source, entry.cause) == (Source.RECONCILE, Cause.UNKNOWN)


@pytest.mark.parametrize(
    ("since", "verified", "at", "expected"),
    [
        (None, None, 9, (None, 9)),
        (None, 4, 9, (4, 9)),
        (5, None, 9, (5, 9)),
        (5, 4, 9, (5, 9)),
        (3, 4, 9, (4, 9)),
        (12, 4, 9, (9, 9)),
    ],
)
def test_the_bounds_of_what_was_found(since: int | None, verified: int | None, at: int, expected: Between) -> None:
    """They never cross, whatever a clock did."""
    known = None if since is None else Known(CONNECTED, since)
    assert register(known, verified=verified).between(PAIR, at) == expected


def asked(action: str, began: int, ended: int | None = None) -> Asked:
    return Asked(RequestRef("r1", "ana", "why"), action, began, NET.id, CTR.id, ended=ended)


def test_a_request_is_the_cause_whatever_it_looked_like() -> None:
    reg = register(None, asked("network.connect", 4 * SECONDS))
    [entry] = move(reg, CONNECTED, 5 * SECONDS)
    assert (entry.cause, entry.request) == (Cause.REQUEST, RequestRef("r1", "ana", "why"))


def test_a_request_is_the_cause_of_no_second_transition() -> None:
    reg = register(None, asked("network.connect", 4 * SECONDS))
    move(reg, CONNECTED, 5 * SECONDS)
    move(reg, ABSENT, 6 * SECONDS)
    [entry] = move(reg, CONNECTED, 7 * SECONDS)
    assert (entry.cause, entry.request) == (Cause.EXTERNAL, None)


def test_what_was_found_was_not_so_before_it_was_asked_for() -> None:
    """The bounds of a finding that a request explains begin with the request."""
    reg = register(None, asked("network.connect", 6 * SECONDS, 7 * SECONDS))
    between = (2 * SECONDS, 9 * SECONDS)
    [entry] = reg.move(PAIR, CONFIGURED, 9 * SECONDS, Source.RECONCILE, Cause.EXTERNAL, between=between)
    assert (entry.cause, entry.between) == (Cause.REQUEST, (6 * SECONDS, 9 * SECONDS))


def test_what_was_found_may_have_been_so_before_a_request() -> None:
    """A request that ended before the bounds begin explains nothing in them."""
    reg = register(None, asked("network.connect", 1 * SECONDS, 2 * SECONDS))
    between = (5 * SECONDS, 9 * SECONDS)
    [entry] = reg.move(PAIR, CONFIGURED, 9 * SECONDS, Source.RECONCILE, Cause.EXTERNAL, between=between)
    assert (entry.cause, entry.between) == (Cause.EXTERNAL, between)


def test_an_endpoint_is_learned_once() -> None:
    """Details that were unknown are taken; an endpoint that is known stays what it is."""
    reg = register(Known(CONNECTED, 1))
    reg.learn(PAIR, None)
    assert reg.changes.pairs == set()
    reg.learn(PAIR, Endpoint(ipv4="172.18.0.2"))
    reg.learn(PAIR, endpoint(1))
    assert reg.changes.pairs == {PAIR}
    reg.learn(PAIR, endpoint(2))
    assert reg.memberships[PAIR].endpoint == endpoint(1)


def test_what_is_owed_is_cleared_once() -> None:
    reg = register(Known(CONFIGURED, 1, owed=True))
    reg.clear_owed(PAIR)
    assert (reg.memberships[PAIR].owed, reg.changes.pairs) == (False, {PAIR})
    reg.changes.pairs = set()
    reg.clear_owed(PAIR)
    assert reg.changes.pairs == set()


def test_an_endpoint_is_another_where_both_are_known() -> None:
    unknown = Endpoint(ipv4="172.18.0.9")
    assert another(endpoint(1), endpoint(2)) is True
    assert another(endpoint(1), endpoint(1)) is False
    for held, shown in ((None, endpoint(1)), (endpoint(1), None), (unknown, endpoint(1)), (endpoint(1), unknown)):
        assert another(held, shown) is False


pairs = st.builds(Pair, st.sampled_from("ab"), st.sampled_from("xyz"))
steps = st.lists(st.tuples(pairs, st.sampled_from(MembershipState), st.integers(0, 50)), max_size=40)


@given(steps)
def test_the_indexes_tell_what_stands(moves: list[tuple[Pair, MembershipState, int]]) -> None:
    """By container and by network, in a fixed order, whatever came and went; and transitions chain."""
    reg = Register(Standing(), Names(), Ledger())
    entries = [it for pair, after, at in moves for it in reg.move(pair, after, at, Source.STREAM, Cause.UNKNOWN)]
    assert chains(entries, {}) == {pair: known.state for pair, known in reg.memberships.items()}
    for ctr in "xyz":
        assert reg.networks_of(ctr) == sorted(net for net, other in reg.memberships if other == ctr)
        assert reg.pairs_of(ctr) == [Pair(net, ctr) for net in reg.networks_of(ctr)]
    for net in "ab":
        assert reg.containers_on(net) == sorted(ctr for other, ctr in reg.memberships if other == net)


def test_what_stood_is_left_alone() -> None:
    """A register works on its own copy of who is a member of what."""
    standing = Standing(memberships={PAIR: Known(CONNECTED, 1)}, networks={NET.id: NET})
    reg = Register(standing, Names([NetworkRef(NET.id, "x")], [ContainerRef(CTR.id)]), Ledger())
    move(reg, ABSENT, 5)
    reg.networks.clear()
    assert standing == Standing(memberships={PAIR: Known(CONNECTED, 1)}, networks={NET.id: NET})


def test_what_is_being_written_does_not_change() -> None:
    """What is folded while a batch is written belongs to the next: after a crash in between, it was never there."""
    reg = Register(Standing(), Names([NET], [CTR]), Ledger())
    move(reg, CONNECTED, 1)
    reg.memberships[PAIR].owed = True
    reg.lives[CTR.id] = Life(alive=True)
    reg.changes.lives.add(CTR.id)
    taken = reg.take_changes()
    reg.clear_owed(PAIR)
    reg.learn(PAIR, endpoint(1))
    reg.lives[CTR.id].oom = True
    assert taken.pairs == {PAIR: (NET, CTR, Known(CONNECTED, 1, owed=True))}
    assert taken.lives == {CTR.id: (CTR, Life(alive=True))}
    assert reg.take_changes().pairs == {PAIR: (NET, CTR, Known(CONNECTED, 1, endpoint(1)))}
    assert reg.take_changes() == ({}, {}, {})
