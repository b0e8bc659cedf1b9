"""The fold, as values: whatever the engine shows, the transitions of a pair chain."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from control.eventlog.fold import Known, Pair, Seen, Transition, differences, step
from control.records import ContainerRef, Endpoint, MembershipState, NetworkRef, Source

NETWORK = NetworkRef(id="n" * 64, name="mynet", driver="bridge", scope="local")
CONTAINER = ContainerRef(id="c" * 64, name="db", image="mongo")
PAIR = Pair(NETWORK.id, CONTAINER.id)
FIRST, SECOND = Endpoint(id="1" * 64, ipv4="172.18.0.2"), Endpoint(id="2" * 64, ipv4="172.18.0.2")
ABSENT, CONFIGURED, CONNECTED = MembershipState.ABSENT, MembershipState.CONFIGURED, MembershipState.CONNECTED


def connect(at: int, endpoint: Endpoint | None = FIRST) -> Seen:
    return Seen(NETWORK, CONTAINER, CONNECTED, at, Source.STREAM, endpoint)


def disconnect(at: int) -> Seen:
    return Seen(NETWORK, CONTAINER, ABSENT, at, Source.STREAM)


def fold(inputs: Sequence[Seen], known: Known | None = None) -> tuple[Known | None, list[Transition]]:
    transitions: list[Transition] = []
    for seen in inputs:
        known, made = step(known, seen)
        transitions += made
    return known, transitions


def told(inputs: Sequence[Seen]) -> list[tuple[str, int, str]]:
    return [(transition.kind, transition.at, transition.source.value) for transition in fold(inputs)[1]]


def test_a_disconnect_told_twice_is_one() -> None:
    """Docker 20.10 tells each disconnect of a running container twice, some milliseconds apart."""
    assert told([connect(1), disconnect(2), disconnect(3)]) == [
        ("network.connect", 1, "stream"),
        ("network.disconnect", 2, "stream"),
    ]


def test_a_disconnect_without_a_connect_is_none() -> None:
    """A start that fails because its address is taken tells a disconnect of a network that was never connected."""
    assert told([disconnect(1)]) == []


def test_a_connect_told_twice_is_one() -> None:
    """Of the same endpoint, or of one that nobody could look at."""
    assert told([connect(1), connect(2), connect(3, None)]) == [("network.connect", 1, "stream")]


def test_a_connect_with_another_endpoint_tells_of_a_missed_disconnect() -> None:
    """As when a container that restarts by itself was connected meanwhile: a second connect and no disconnect."""
    seen = Seen(NETWORK, CONTAINER, CONNECTED, 9, Source.STREAM, SECOND, verified=4)
    _, (first, missed, second) = fold([connect(1), seen])
    assert (first.kind, first.endpoint) == ("network.connect", FIRST)
    assert (missed.kind, missed.endpoint, missed.source) == ("network.disconnect", FIRST, Source.RECONCILE)
    assert missed.between == (4, 9)
    assert (second.kind, second.endpoint, second.source) == ("network.connect", SECOND, Source.STREAM)
    assert second.between is None


def test_what_leaves_takes_its_endpoint_along() -> None:
    """A disconnect's event tells no endpoint; it is the one that the connect had."""
    _, (_, gone) = fold([connect(1), disconnect(2)])
    assert gone.endpoint == FIRST


def test_an_endpoint_is_learned_late_without_a_transition() -> None:
    """A connect that nobody could look at, then a comparison that could: the disconnect knows the endpoint."""
    compared = Seen(NETWORK, CONTAINER, CONNECTED, 2, Source.RECONCILE, FIRST)
    _, (came, left) = fold([connect(1, None), compared, disconnect(3)])
    assert (came.endpoint, left.endpoint) == (None, FIRST)


def test_what_a_comparison_finds_lies_between_two_instants() -> None:
    """The start is the last instant at which the state was known, null where nothing was known before."""
    found = Seen(NETWORK, CONTAINER, CONNECTED, 9, Source.RECONCILE, FIRST)
    assert fold([found])[1][0].between == (None, 9)
    gone = Seen(NETWORK, CONTAINER, ABSENT, 20, Source.RECONCILE, verified=12)
    assert fold([connect(5), gone])[1][1].between == (12, 20)
    gone = Seen(NETWORK, CONTAINER, ABSENT, 20, Source.RECONCILE, verified=3)
    assert fold([connect(5), gone])[1][1].between == (5, 20)


def test_configured_stands_between() -> None:
    """The states that the fold knows are three, though nothing tells of the middle one yet."""
    configured = Seen(NETWORK, CONTAINER, CONFIGURED, 2, Source.STREAM)
    assert told([connect(1), configured, connect(3), configured, disconnect(5)]) == [
        ("network.connect", 1, "stream"),
        ("network.disconnect", 2, "stream"),
        ("network.connect", 3, "stream"),
        ("network.disconnect", 2, "stream"),
        ("network.disconnect", 5, "stream"),
    ]


seens = st.builds(
    Seen,
    network=st.just(NETWORK),
    container=st.just(CONTAINER),
    state=st.sampled_from(MembershipState),
    at=st.integers(0, 100),
    source=st.sampled_from(Source),
    endpoint=st.sampled_from([None, FIRST, SECOND, Endpoint(id=None, ipv4="172.18.0.3")]),
    verified=st.none() | st.integers(0, 100),
)


@given(st.lists(seens, max_size=40))
def test_transitions_chain(inputs: list[Seen]) -> None:
    """Each begins where the one before ended, none changes nothing, and the last ends in what was seen last."""
    state = ABSENT
    known, transitions = fold(inputs)
    for transition in transitions:
        assert transition.before is state
        assert transition.after is not state
        state = transition.after
    assert state is (known.state if known else ABSENT)
    if inputs:
        assert state is inputs[-1].state


@given(st.lists(seens, max_size=40))
def test_seen_twice_is_seen_once(inputs: list[Seen]) -> None:
    """Every input twice in a row makes the same transitions: an event is a state, never a toggle."""
    once = fold(inputs)
    twice = fold([seen for seen in inputs for _ in range(2)])
    assert twice == once


@given(st.lists(seens, max_size=40))
def test_an_interval_lies_within_its_bounds(inputs: list[Seen]) -> None:
    """Whoever was found by comparison has an interval that ends when it was found."""
    for transition in fold(inputs)[1]:
        assert (transition.between is not None) == (transition.source is Source.RECONCILE)
        if transition.between is not None:
            begin, end = transition.between
            assert end == transition.at
            assert begin is None or begin <= end


pairs = st.builds(Pair, st.sampled_from("ab"), st.sampled_from("xyz"))
endpoints = st.sampled_from([FIRST, SECOND])


@given(
    st.dictionaries(pairs, st.builds(Known, st.sampled_from([CONFIGURED, CONNECTED]), st.just(1), endpoints)),
    st.dictionaries(pairs, endpoints),
)
def test_differences_once_written_are_gone(known: dict[Pair, Known], shown: dict[Pair, Endpoint]) -> None:
    """What a comparison finds, folded in, leaves nothing to find."""
    for pair in differences(known, shown):
        found = Seen(
            NetworkRef(id=pair.network, name=""),
            ContainerRef(id=pair.container),
            CONNECTED if pair in shown else ABSENT,
            9,
            Source.RECONCILE,
            shown.get(pair),
        )
        after, _ = step(known.get(pair), found)
        if after is None:
            known.pop(pair, None)
        else:
            known[pair] = after
    assert differences(known, shown) == set()
