"""Who asked for what: what fits a request, in its time and until it is spent, is laid at its door."""

from dataclasses import replace

import pytest

from control.eventlog.ledger import KEPT, RULES, SLACK, Asked, Ledger
from control.records import RequestRef

MS = 10**6
BEGAN, ENDED = 1_000 * MS, 2_000 * MS


def ledger(*asked: Asked) -> Ledger:
    made = Ledger()
    for it in asked:
        made.open(it)
    return made


def asked(
    action: str, *, network: str | None = None, container: str | None = None, name: str | None = None,
    began: int = BEGAN, ended: int | None = ENDED, id_: str = "r1",
) -> Asked:  # fmt: skip
    return Asked(RequestRef(id_, "ana"), action, began, network, container, name, ended)


def claimed(made: Ledger, network: str, container: str, time: int, *, up: bool, name: str | None = None) -> str | None:
    found = made.claim(network, container, time, up=up, name=name)
    return found.request.id if found else None


def connect(**more: object) -> Asked:
    return asked("network.connect", network="n", container="c", **more)  # type: ignore[arg-type]


# What it may cause


def test_a_connect_causes_what_goes_up_and_a_disconnect_what_goes_down() -> None:
    down = asked("network.disconnect", network="n", container="c")
    assert claimed(ledger(connect()), "n", "c", BEGAN, up=True) == "r1"
    assert claimed(ledger(connect()), "n", "c", BEGAN, up=False) is None
    assert claimed(ledger(down), "n", "c", BEGAN, up=False) == "r1"
    assert claimed(ledger(down), "n", "c", BEGAN, up=True) is None


def test_a_reconnect_causes_both_ways_as_often_as_it_needs() -> None:
    """Down and up, and where that fails up again as it was: none of it spends the request."""
    made = ledger(asked("network.reconnect", network="n", container="c"))
    assert [claimed(made, "n", "c", BEGAN, up=up) for up in (False, True, False, True)] == ["r1"] * 4
    assert claimed(made, "n", "other", BEGAN, up=True) is None


def test_a_connect_that_turns_out_to_be_a_reconnect() -> None:
    """What it does is known only later: from then on it causes both."""
    one = connect()
    made = ledger(one)
    assert claimed(made, "n", "c", BEGAN, up=False) is None
    one.widened = "network.reconnect"
    assert [claimed(made, "n", "c", BEGAN, up=up) for up in (False, True)] == ["r1", "r1"]
    assert one.action == "network.connect"


def test_only_what_was_asked_of_the_pair_fits_it() -> None:
    assert claimed(ledger(connect()), "other", "c", BEGAN, up=True) is None
    assert claimed(ledger(connect()), "n", "other", BEGAN, up=True) is None


def test_what_is_asked_of_a_container_is_asked_of_all_its_networks() -> None:
    stop = asked("container.stop", container="c")
    made = ledger(stop)
    assert [claimed(made, network, "c", BEGAN, up=False) for network in ("n", "m", "n")] == ["r1"] * 3
    assert claimed(made, "n", "other", BEGAN, up=False) is None


def test_what_is_asked_of_a_network_is_asked_of_all_its_containers() -> None:
    made = ledger(asked("network.remove", network="n"))
    assert [claimed(made, "n", container, BEGAN, up=False) for container in ("c", "d")] == ["r1", "r1"]
    assert claimed(made, "m", "c", BEGAN, up=False) is None


def test_what_was_refused_before_it_was_known_what_it_was_about_causes_nothing() -> None:
    for action in RULES:
        made = ledger(asked(action))
        assert claimed(made, "n", "c", BEGAN, up=True) is None
        assert claimed(made, "n", "c", BEGAN, up=False) is None


def test_what_changes_no_membership_causes_nothing() -> None:
    made = ledger(asked("image.build", container="c"))
    assert claimed(made, "n", "c", BEGAN, up=True) is None
    assert made.of_container("c", None, "start", BEGAN) is None


# When


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (BEGAN - SLACK - 1, None),
        (BEGAN - SLACK, "r1"),
        (BEGAN, "r1"),
        (ENDED, "r1"),
        (ENDED + SLACK, "r1"),
        (ENDED + SLACK + 1, None),
    ],
)
def test_the_window_of_a_request(time: int, expected: str | None) -> None:
    """From its begin to its end, with what the clock may be wrong by on both sides."""
    assert claimed(ledger(connect()), "n", "c", time, up=True) == expected
    assert claimed(ledger(asked("container.start", container="c")), "n", "c", time, up=True) == expected
    request = ledger(asked("container.start", container="c")).of_container("c", None, "start", time)
    assert (request.id if request else None) == expected


def test_a_request_that_has_not_ended_has_no_end() -> None:
    assert claimed(ledger(connect(ended=None)), "n", "c", BEGAN + 10**15, up=True) == "r1"
    made = ledger(open_ := connect(ended=None))
    made.close(open_, ENDED)
    assert claimed(made, "n", "c", ENDED + SLACK + 1, up=True) is None


@pytest.mark.parametrize(
    ("since", "time", "expected"),
    [
        (ENDED + SLACK, ENDED + 10**12, True),
        (ENDED + SLACK + 1, ENDED + 10**12, False),
        (0, BEGAN - SLACK - 1, False),
        (0, BEGAN - SLACK, True),
        (BEGAN, BEGAN, True),
    ],
)
def test_what_was_found_may_have_happened_in_all_its_bounds(since: int, time: int, expected: bool) -> None:
    found = ledger(connect()).claim("n", "c", time, up=True, since=since)
    assert (found is not None) is expected


def test_a_request_is_forgotten_long_after_it_ended() -> None:
    """When another comes. One that has not ended is not."""
    old, running = connect(), connect(ended=None, id_="r2")
    made = ledger(old, running, connect(id_="r3", began=ENDED + KEPT, ended=None))
    assert made._asked[0].request.id == "r2"
    kept = ledger(connect(), connect(id_="r3", began=ENDED + KEPT - 1, ended=None))
    assert kept._asked[0].request.id == "r1"


# Spending


def test_a_pair_is_spent_with_the_first_transition() -> None:
    made = ledger(connect())
    assert claimed(made, "n", "c", BEGAN, up=True) == "r1"
    assert claimed(made, "n", "c", BEGAN + 1, up=True) is None


def test_peeking_spends_nothing() -> None:
    made = ledger(connect())
    for _ in range(2):
        seen = made.peek("n", "c", BEGAN, up=True)
        assert seen is not None
        assert (seen.request, seen.spent) == (RequestRef("r1", "ana"), False)
    assert claimed(made, "n", "c", BEGAN, up=True) == "r1"


def test_peeking_at_any_network_sees_what_is_asked_of_the_container() -> None:
    assert ledger(connect()).peek(None, "c", BEGAN, up=True) is None
    stop = asked("container.stop", container="c")
    assert ledger(stop).peek(None, "c", BEGAN, up=False) is stop


def test_two_requests_of_one_pair_have_a_transition_each() -> None:
    """Connect, disconnect and connect again, all at once."""
    made = ledger(
        connect(id_="r1"),
        asked("network.disconnect", network="n", container="c", id_="r2", began=BEGAN + 1),
        connect(id_="r3", began=BEGAN + 2),
    )
    told = [claimed(made, "n", "c", BEGAN + 3, up=True), claimed(made, "n", "c", BEGAN + 4, up=False)]
    told.append(claimed(made, "n", "c", BEGAN + 5, up=True))
    assert sorted(filter(None, told)) == ["r1", "r2", "r3"]
    assert told[1] == "r2"
    assert claimed(made, "n", "c", BEGAN + 6, up=True) is None


def test_what_was_asked_of_just_this_pair_comes_first() -> None:
    """A container is started while it is being connected."""
    made = ledger(asked("container.start", container="c", id_="start"), connect(id_="connect"))
    assert claimed(made, "n", "c", BEGAN, up=True) == "connect"
    assert claimed(made, "m", "c", BEGAN, up=True) == "start"


def test_what_was_under_way_comes_before_what_only_may_have_been() -> None:
    """Two in a row, within what the clock may be wrong by: the one whose own time it was."""
    first = asked("container.stop", container="c", id_="first", began=BEGAN, ended=BEGAN + 50 * MS)
    second = asked("container.remove", container="c", id_="second", began=BEGAN + 60 * MS, ended=BEGAN + 90 * MS)
    assert claimed(ledger(first, second), "n", "c", BEGAN + 40 * MS, up=False) == "first"
    assert claimed(ledger(first, second), "n", "c", BEGAN + 70 * MS, up=False) == "second"


@pytest.mark.parametrize(
    ("action", "last"),
    [
        ("container.run", "start"),
        ("container.start", "start"),
        ("container.stop", "stop"),
        ("container.kill", "die"),
        ("container.restart", "restart"),
        ("container.remove", "destroy"),
        ("container.pause", "pause"),
    ],
)
def test_what_was_asked_of_a_container_is_over_with_the_event_that_ends_it(action: str, last: str) -> None:
    """What follows within the slack is somebody else's."""
    made = ledger(asked(action, container="c"))
    assert made.of_container("c", None, last, BEGAN) == RequestRef("r1", "ana")
    made.passed("other", last)
    made.passed("c", "health")
    assert made.of_container("c", None, last, BEGAN) == RequestRef("r1", "ana")
    made.passed("c", last)
    assert made.of_container("c", None, last, BEGAN) is None
    assert claimed(made, "n", "c", BEGAN, up=False) is None
    assert claimed(made, "n", "c", BEGAN, up=True) is None


def test_the_connects_of_a_start_are_the_starts_until_it_has_started() -> None:
    made = ledger(asked("container.start", container="c"))
    assert [claimed(made, network, "c", BEGAN, up=True) for network in ("n", "m")] == ["r1", "r1"]
    made.passed("c", "start")
    assert claimed(made, "o", "c", BEGAN + 1, up=True) is None


def test_a_start_within_a_restart_does_not_end_it() -> None:
    """stop and start pass, and it is over with `restart`."""
    made = ledger(asked("container.restart", container="c"))
    for action in ("kill", "die", "stop", "start"):
        assert made.of_container("c", None, action, BEGAN) == RequestRef("r1", "ana")
        made.passed("c", action)
    assert claimed(made, "n", "c", BEGAN, up=True) == "r1"
    assert made.of_container("c", None, "restart", BEGAN) == RequestRef("r1", "ana")


# Names


def test_what_a_run_makes_is_known_by_name_until_it_is_there_and_then_by_id() -> None:
    """Before, its container has no id; after, its name may be another's."""
    request = RequestRef("r1", "ana")
    made = ledger(asked("container.run", name="db"))
    assert made.of_container("other", "web", "create", BEGAN) is None
    assert made.of_container("old", "db", "die", BEGAN) is None
    assert claimed(made, "n", "old", BEGAN, up=False, name="db") is None
    assert made.of_container("c", "db", "create", BEGAN) == request
    assert claimed(made, "n", "c", BEGAN, up=True, name="renamed") == "r1"
    assert made.of_container("c", "renamed", "start", BEGAN) == request
    assert made.of_container("other", "db", "start", BEGAN) is None
    assert made.of_container("c", "db", "restart", BEGAN) is None


def test_what_a_run_made_is_known_by_name_to_a_comparison() -> None:
    """Where no event told of its creation."""
    made = ledger(asked("container.run", name="db"))
    assert made.claim("n", "c", ENDED, up=True, since=BEGAN, name="web") is None
    found = made.claim("n", "c", ENDED, up=True, since=BEGAN, name="db")
    assert found is not None
    assert found.request == RequestRef("r1", "ana")


def test_networks_that_are_made_are_known_by_name_and_removed_by_id() -> None:
    create, remove = asked("network.create", name="mynet"), asked("network.remove", network="n")
    request = RequestRef("r1", "ana")
    assert ledger(create).of_network("n", "mynet", "create", BEGAN) == request
    assert ledger(create).of_network("n", "mynet", "destroy", BEGAN) is None
    assert ledger(create).of_network("n", "other", "create", BEGAN) is None
    assert ledger(remove).of_network("n", "mynet", "destroy", BEGAN) == request
    assert ledger(remove).of_network("m", "mynet", "destroy", BEGAN) is None
    assert ledger(create).of_network("n", "mynet", "create", ENDED + SLACK + 1) is None


def test_a_containers_creation_is_not_that_of_a_network_of_the_same_name() -> None:
    assert ledger(asked("network.create", name="db")).of_network("n", "db", "create", BEGAN) is not None
    assert ledger(asked("network.create", name="db")).of_container("c", "db", "create", BEGAN) is None
    assert ledger(asked("container.run", name="db")).of_network("n", "db", "create", BEGAN) is None


def test_a_network_and_a_container_of_one_name_are_made_by_a_request_each() -> None:
    """One right after the other, within what the clock may be wrong by."""
    made = ledger(asked("network.create", name="db", id_="net"), asked("container.run", name="db", id_="run"))
    assert made.of_network("n", "db", "create", BEGAN) == RequestRef("net", "ana")
    assert made.of_container("c", "db", "create", BEGAN) == RequestRef("run", "ana")
    assert claimed(made, "n", "c", BEGAN, up=True, name="db") == "run"


def test_what_is_asked_of_a_pair_is_asked_for_no_event_of_the_container() -> None:
    assert ledger(connect()).of_container("c", None, "start", BEGAN) is None


def test_what_replaces_a_network_is_known_by_its_name() -> None:
    """What leaves the old one and joins the new, back and forth, with their end and their beginning; not what happens
    on others."""
    made = ledger(asked("network.replace", network="old", name="mynet"))
    made.network_name = {"old": "mynet", "new": "mynet", "other": "other"}.get  # type: ignore[assignment]
    ways = [("old", False), ("new", True), ("new", False), ("again", True), ("other", True), ("other", False)]
    told = [claimed(made, network, "c", BEGAN, up=up) for network, up in ways]
    assert told == ["r1", "r1", "r1", None, None, None]
    for network, action in (("old", "destroy"), ("new", "create"), ("new", "destroy"), ("old", "create")):
        assert made.of_network(network, "mynet", action, BEGAN) == RequestRef("r1", "ana")
    assert made.of_network("other", "other", "create", BEGAN) is None
    assert made.of_container("c", "db", "destroy", BEGAN) is None


def test_only_a_replacement_is_about_another_network_of_the_name() -> None:
    made = ledger(asked("network.reconnect", network="old", container="c", name="mynet"))
    made.network_name = lambda _: "mynet"
    assert claimed(made, "new", "c", BEGAN, up=True) is None


def test_what_is_asked_of_many_networks_is_asked_of_each() -> None:
    made = ledger(replace(asked("network.prune"), targets=frozenset({"n", "m"})))
    assert [claimed(made, network, "c", BEGAN, up=False) for network in ("n", "m", "o")] == ["r1", "r1", None]
    assert claimed(made, "n", "c", BEGAN, up=True) is None
    told = [made.of_network(network, "name", "destroy", BEGAN) for network in ("n", "m", "o")]
    assert told == [RequestRef("r1", "ana"), RequestRef("r1", "ana"), None]


def test_what_is_asked_of_many_containers_is_asked_of_each() -> None:
    """What one of them did does not make the request its own."""
    made = ledger(replace(asked("container.prune"), targets=frozenset({"c", "d"})))
    for container, expected in (("c", "r1"), ("d", "r1"), ("e", None), ("c", "r1")):
        request = made.of_container(container, None, "destroy", BEGAN)
        made.passed(container, "destroy")
        assert (request.id if request else None) == expected
        assert claimed(made, "n", container, BEGAN, up=False) == expected
        assert claimed(made, "n", container, BEGAN, up=True) is None
    assert made.of_container("c", None, "start", BEGAN) is None


# After a crash


def test_an_intent_that_a_crash_left_open_explains_what_the_engine_still_holds() -> None:
    """It is taken to have ended `KEPT` after it began: the engine was asked by then, or never."""
    made = ledger(connect(ended=BEGAN + KEPT))
    assert claimed(made, "n", "c", BEGAN + KEPT, up=True) == "r1"
    assert claimed(ledger(connect(ended=BEGAN + KEPT)), "n", "c", BEGAN + KEPT + SLACK + 1, up=True) is None
