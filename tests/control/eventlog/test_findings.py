"""What a comparison with the engine finds, and what it makes of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.eventlog.entries import Entry, Known
from control.eventlog.findings import Findings, differences
from control.eventlog.standing import ABSENT, CONFIGURED, CONNECTED, Life, Pair, Shown
from control.records import Cause, Container, Endpoint, MembershipState, NetworkRef, Source
from tests.control.eventlog.telling import Telling, at, brief, endpoint, id_of, inspected, network_ref

MYNET = Pair(id_of("mynet"), id_of("db"))
STATES = {"absent": ABSENT, "configured": CONFIGURED, "connected": CONNECTED}


def find(
    there: Telling, state: str, look: str = "running", *, ms: float = 9, boot: bool = False, first: bool = False,
    exists: bool = True, started: float | None = None, oom: bool = False,
) -> list[str | None]:  # fmt: skip
    """What is made of a pair that is found as `connected=2`, its container as in `look`, or `gone`."""
    called, _, number = state.partition("=")
    container: Container | None = None
    if look != "gone":
        container = inspected("db", look, None if started is None else at(started))
        container = container.model_copy(update={"oom_killed": oom})
    shown = Shown(MYNET, STATES[called], endpoint(number) if number else None, container, exists)
    return [brief(it) for it in Findings(there.register).pair(shown, at(ms), boot=boot, first=first)]


def test_what_agrees_is_nothing() -> None:
    assert find(Telling("db running mynet=1"), "connected=1") == []
    assert find(Telling("db exited mynet"), "configured", "exited") == []
    assert find(Telling("db running"), "absent") == []


def test_an_endpoint_that_was_unknown_is_learned() -> None:
    """A connect that nobody could look at, then a comparison that could: the disconnect knows the endpoint."""
    there = Telling("db running")
    there.tell("1 C mynet db")
    assert find(there, "connected=1") == []
    assert there.tell("20 D mynet db") == ["20 mynet db connected>absent external #1"]


def test_another_endpoint_tells_of_an_end_and_a_beginning() -> None:
    there = Telling("db running mynet=1", verified=4)
    assert find(there, "connected=2", started=1) == [
        "9 mynet db connected>absent unknown #1 [4..9]",
        "9 mynet db absent>connected external #2 [4..9]",
    ]


def test_the_end_and_the_beginning_lie_in_the_same_bounds() -> None:
    """Also where the membership began after all was last compared."""
    there = Telling("db running", verified=1)
    there.tell("5 C mynet db | running mynet=1")
    assert find(there, "connected=2") == [
        "9 mynet db connected>absent unknown #1 [5..9]",
        "9 mynet db absent>connected unknown #2 [5..9]",
    ]


def test_what_was_connected_at_the_bare_socket_while_stopped() -> None:
    """The engine tells nothing of it; nothing but a call of its API does it."""
    there = Telling("db exited", verified=4)
    assert find(there, "configured", "exited mynet") == ["9 mynet db absent>configured external [4..9]"]


def test_what_was_disconnected_while_stopped() -> None:
    """Docker 28 tells nothing of it."""
    there = Telling("db exited mynet", verified=4)
    assert find(there, "absent", "exited") == ["9 mynet db configured>absent external [4..9]"]


def test_a_container_that_is_gone() -> None:
    there = Telling("db running mynet=1", verified=4)
    assert find(there, "absent", "gone") == ["9 mynet db connected>absent remove #1 [4..9]"]


@pytest.mark.parametrize("look", ["exited", "gone"])
def test_a_network_that_is_gone(look: str) -> None:
    there = Telling("db exited mynet", verified=4)
    assert find(there, "absent", look, exists=False) == ["9 mynet db configured>absent network-removed [4..9]"]


@pytest.mark.parametrize(
    ("look", "started", "boot", "cause"),
    [
        ("running", 5, False, "start"),
        ("running*1", 5, False, "restart"),
        ("running", 5, True, "restart"),
        ("running", 3, False, "external"),
        ("running", 3, True, "unknown"),
        ("running", None, False, "unknown"),
    ],
)
def test_what_began_unseen(look: str, started: float | None, boot: bool, cause: str) -> None:
    """By a start, where the container shows one since; else by somebody, unless it may have been the engine's boot."""
    there = Telling("db exited mynet", verified=4)
    assert find(there, "connected=1", f"{look} mynet=1", started=started, boot=boot) == [
        f"9 mynet db configured>connected {cause} #1 [4..9]"
    ]


@pytest.mark.parametrize(
    ("boot", "oom", "cause"), [(True, False, "engine-stopped"), (False, True, "oom"), (False, False, "unknown")]
)
def test_what_ended_unseen(boot: bool, oom: bool, cause: str) -> None:
    there = Telling("db running mynet=1", verified=4)
    assert find(there, "configured", "exited mynet", boot=boot, oom=oom) == [
        f"9 mynet db connected>configured {cause} #1 [4..9]"
    ]


@pytest.mark.parametrize(("there", "state"), [("db exited", "configured"), ("db exited mynet", "absent")])
def test_after_an_engines_restart_it_may_be_the_engines_doing(there: str, state: str) -> None:
    before = "absent" if state == "configured" else "configured"
    assert find(Telling(there, verified=4), state, "exited", boot=True) == [
        f"9 mynet db {before}>{state} unknown [4..9]"
    ]


def test_with_nothing_known_before_there_is_no_lower_bound() -> None:
    """The log begins: what is there has been there for whatever time, for whatever reason."""
    assert find(Telling("db running"), "connected=1", "running mynet=1", first=True, started=8) == [
        "9 mynet db absent>connected unknown #1 [-..9]"
    ]


def test_what_a_request_did_is_its_doing() -> None:
    """As a connect of a stopped container, of which the engine tells nothing."""
    there = Telling("db exited", verified=1000)
    there.asked("network.connect", 2000, 2010, network="mynet", container="db")
    assert find(there, "configured", "exited mynet", ms=3000) == [
        "3000 mynet db absent>configured request:network.connect [2000..3000]"
    ]


def test_a_containers_life_is_taken_as_it_is_seen() -> None:
    there = Telling("db running mynet=1", "web exited mynet")
    findings = Findings(there.register)
    findings.container(inspected("db", "exited mynet"))
    findings.container(inspected("web", "paused mynet"))
    findings.container(inspected("new", "created mynet"))
    assert there.register.lives == {
        id_of("db"): Life(died=True),
        id_of("web"): Life(alive=True),
        id_of("new"): Life(),
    }
    assert there.register.changes.lives == {id_of("db"), id_of("web"), id_of("new")}


def test_a_life_that_is_as_it_was_is_left_alone() -> None:
    """What led to its end is still to be told."""
    there = Telling("db running mynet=1")
    there.tell("30 kill db 15")
    there.register.changes.lives = set()
    Findings(there.register).container(inspected("db", "running mynet=1"))
    assert there.register.lives[id_of("db")].signalled == at(30)
    assert there.register.changes.lives == set()


def test_what_an_end_owed_is_told_by_now() -> None:
    there = Telling("db running mynet=1")
    there.tell("30 die db 0")
    assert there.register.memberships[MYNET].owed is True
    Findings(there.register).container(inspected("db", "exited mynet"))
    assert there.register.memberships[MYNET].owed is False
    assert there.tell("40 D mynet db | exited") == ["40 mynet db configured>absent external"]


def test_a_container_that_is_gone_has_no_life() -> None:
    there = Telling("db running mynet=1")
    findings = Findings(there.register)
    findings.gone(id_of("db"))
    findings.gone(id_of("other"))
    assert (there.register.lives, there.register.changes.lives) == ({}, {id_of("db")})


# Networks


def found(there: Telling, *present: NetworkRef, first: bool = False) -> list[str]:
    entries = Findings(there.register).networks({it.id: it for it in present}, at(9), first=first)
    return sorted(str(brief(it)) for it in entries)


def test_networks_that_came_and_went_unseen() -> None:
    there = Telling(networks=[network_ref("mynet"), network_ref("other")], verified=4)
    assert found(there, network_ref("mynet"), network_ref("new")) == [
        "9 new created unknown [4..9]",
        "9 other destroyed unknown [4..9]",
    ]
    assert there.register.changes.networks == {id_of("new"), id_of("other")}
    assert found(there, network_ref("mynet"), network_ref("new")) == []


def test_networks_that_were_there_when_the_log_began() -> None:
    """They are known from then on, and came to be at nobody knows what time."""
    there = Telling(networks=[])
    assert found(there, network_ref("mynet"), first=True) == []
    assert there.register.networks == {id_of("mynet"): network_ref("mynet")}
    assert there.register.changes.networks == {id_of("mynet")}


def test_what_is_learned_of_a_network_is_no_record() -> None:
    there = Telling(networks=[NetworkRef(id_of("mynet"), "mynet")])
    assert found(there, network_ref("mynet")) == []
    assert there.register.networks == {id_of("mynet"): network_ref("mynet")}
    assert there.register.changes.networks == {id_of("mynet")}


def test_a_swarms_network_that_the_node_does_not_show_is_still_there() -> None:
    """A worker sees it while it has a container on it."""
    there = Telling(networks=[network_ref("mynet", "swarm")])
    assert found(there) == []
    assert there.register.networks == {id_of("mynet"): network_ref("mynet", "swarm")}


# Differences

pairs = st.builds(Pair, st.sampled_from("ab"), st.sampled_from("xyz"))
ends = st.sampled_from([None, endpoint("1"), endpoint("2"), Endpoint(ipv4="172.18.0.9")])
states = st.sampled_from([CONFIGURED, CONNECTED])


@given(
    st.dictionaries(pairs, st.builds(Known, states, st.integers(0, 20), ends, st.booleans())),
    st.dictionaries(pairs, st.tuples(states, ends)),
    st.none() | st.integers(0, 20),
    st.booleans(),
    st.booleans(),
)
def test_differences_once_written_are_gone(
    known: dict[Pair, Known],
    shown: dict[Pair, tuple[MembershipState, Endpoint | None]],
    verified: int | None,
    boot: bool,
    first: bool,
) -> None:
    """What a comparison finds, folded in, leaves nothing to find; each lies in bounds that end when it was found."""
    there = Telling()
    there.register.memberships.update(known)
    there.register.verified = verified
    for pair in known:
        there.register._index(pair)
    entries: list[Entry] = []
    for pair in differences(known, shown):
        state, end = shown.get(pair, (ABSENT, None))
        seen = Shown(pair, state, end, inspected("db", "running"), network_exists=True)
        entries += Findings(there.register).pair(seen, 15, boot=boot, first=first)
    assert differences(there.register.memberships, shown) == set()
    for entry in entries:
        assert entry.source is Source.RECONCILE
        assert entry.between is not None
        begin, end_ = entry.between
        assert end_ == entry.time == 15
        assert begin is None or begin <= end_
        if first and entry.after is not ABSENT:
            assert entry.cause is Cause.UNKNOWN


@given(st.dictionaries(pairs, st.tuples(states, ends)))
def test_what_is_as_it_was_does_not_differ(shown: dict[Pair, tuple[MembershipState, Endpoint | None]]) -> None:
    assert differences({pair: Known(state, 1, end) for pair, (state, end) in shown.items()}, shown) == set()


def test_what_differs() -> None:
    """Another state; another endpoint of what is connected. Not an endpoint that is not known."""
    a, b = Pair("a", "x"), Pair("b", "x")
    connected = Known(CONNECTED, 1, endpoint("1"))
    assert differences({a: connected}, {}) == {a}
    assert differences({}, {a: (CONFIGURED, None)}) == {a}
    assert differences({a: connected, b: connected}, {a: (CONFIGURED, None), b: (CONNECTED, endpoint("2"))}) == {a, b}
    assert (
        differences({a: connected, b: Known(CONNECTED, 1)}, {a: (CONNECTED, None), b: (CONNECTED, endpoint("2"))})
        == set()
    )
