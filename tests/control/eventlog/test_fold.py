"""What each engine tells (engine-facts, section 1), and what the log makes of it: every row, in both orders.

`death_first` engines (up to Docker 20.10) tell a container's death before its disconnects, later ones after.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.eventlog.standing import ABSENT, CONFIGURED, CONNECTED, Glimpse, Heard, Pair
from control.records import Kind, MembershipState, Source
from tests.control.eventlog.telling import (
    Telling,
    at,
    brief,
    chains,
    endpoint,
    id_of,
    inspected,
    network_ref,
    parse,
)

RUNNING = "db running mynet=1"


def twenty(*there: str, verified: float | None = None) -> Telling:
    """Docker 20.10."""
    return Telling(*there, death_first=True, verified=verified)


def twenty_six(*there: str, verified: float | None = None) -> Telling:
    """Docker 26 and 28."""
    return Telling(*there, death_first=False, verified=verified)


# Creation and start


def test_a_created_container_is_configured_for_what_it_names() -> None:
    """The engine tells `create` alone; a look tells of what."""
    assert twenty().tell("10 create db | created mynet") == ["10 mynet db absent>configured external"]


def test_a_created_container_that_runs_by_now_was_configured_for_its_network_mode() -> None:
    """What it was connected to after its creation has events of its own."""
    assert twenty().tell(
        """
        10 create db | running mynet=1 other=2
        11 C mynet db | running mynet=1 other=2
        12 start db
        15 C other db | running mynet=1 other=2
        """
    ) == [
        "10 mynet db absent>configured external",
        "11 mynet db configured>connected start #1",
        "15 other db absent>connected external #2",
    ]


def test_a_created_container_that_is_gone_by_now_was_on_nothing_that_is_known() -> None:
    told = twenty()
    assert told.tell("10 create db | gone\n11 destroy db") == []
    assert told.register.lives == {}


def test_a_network_that_is_not_there_is_joined_by_no_one() -> None:
    """A container may name one that was removed; it is absent from it."""
    assert twenty().tell("10 create db | created removed mynet") == ["10 mynet db absent>configured external"]


def test_a_container_that_shares_anothers_network_is_on_none() -> None:
    """Mode `container:<id>`: no network events, and Networks is empty."""
    assert twenty().tell("10 create db | created\n11 start db\n20 kill db 9\n21 die db 137") == []


@pytest.mark.parametrize("death_first", [True, False])
def test_a_start_connects_what_was_configured(death_first: bool) -> None:
    """A connect for each network, their order by chance, then `start`."""
    told = Telling("db created mynet other", death_first=death_first)
    assert told.tell(
        """
        20 C other db | running mynet=1 other=2
        21 C mynet db | running mynet=1 other=2
        22 start db
        """
    ) == ["20 other db configured>connected start #2", "21 mynet db configured>connected start #1"]


@pytest.mark.parametrize("builtin", ["bridge", "host", "none"])
def test_the_built_in_networks_are_like_any(builtin: str) -> None:
    told = Telling(networks=[network_ref(builtin)])
    assert told.tell(
        f"""
        10 create db | created {builtin}
        20 C {builtin} db | running {builtin}=1
        21 start db
        30 die db 0
        31 D {builtin} db
        40 destroy db
        """
    ) == [
        f"10 {builtin} db absent>configured external",
        f"20 {builtin} db configured>connected start #1",
        f"30 {builtin} db connected>configured exit #1",
        f"40 {builtin} db configured>absent remove",
    ]


# Ends


def test_stop_on_20() -> None:
    """kill, kill, die, D for each network, stop: the reason is told last, so the death waits for it."""
    assert twenty("db running mynet=1 other=2").tell(
        """
        30 kill db 15
        31 kill db 9
        32 die db 137
        33 D other db
        34 D mynet db
        35 stop db
        """
    ) == ["32 mynet db connected>configured stop #1", "32 other db connected>configured stop #2"]


@pytest.mark.parametrize("look", ["exited mynet other", "running mynet other", "gone"])
def test_stop_on_26(look: str) -> None:
    """kill, kill, D for each network, stop, die, whatever a look shows in the middle of it."""
    assert twenty_six("db running mynet=1 other=2").tell(
        f"""
        30 kill db 15
        31 kill db 9
        33 D other db | {look}
        34 D mynet db | {look}
        35 stop db
        36 die db 137
        """
    ) == ["33 other db connected>configured stop #2", "34 mynet db connected>configured stop #1"]


@pytest.mark.parametrize(
    ("events", "cause"),
    [
        ("kill D stop die", "stop"),
        ("kill D die stop", "stop"),
        ("kill D die", "kill"),
        ("D die", "exit"),
        ("oom D die", "oom"),
        ("kill D die destroy", "remove"),
    ],
)
def test_an_end_on_26_while_control_was_away(events: str, cause: str) -> None:
    """Told from the engine's memory, where no look can help: what follows within a second tells."""
    network = {"D": "mynet db"}
    text = "\n".join(f"{ms} replay {it} {network.get(it, 'db')}" for ms, it in enumerate(events.split(), 30))
    told = twenty_six(RUNNING)
    at_ = 30 + events.split().index("D")
    assert told.tell(text)[0] == f"{at_} mynet db connected>configured {cause} #1"


def test_a_death_told_long_after_the_stop_adds_nothing() -> None:
    """On 26 `die` can arrive after the stop call has returned."""
    told = twenty_six(RUNNING)
    text = "30 kill db 15\n31 D mynet db | exited mynet\n32 stop db\n900 die db 0"
    assert told.tell(text) == ["31 mynet db connected>configured stop #1"]
    assert told.states() == {"mynet db": "configured"}


def test_restart_on_20() -> None:
    """kill, kill, die, D, stop, C, start, restart: that it was one is told last, so the connect waits for it."""
    assert twenty(RUNNING).tell(
        """
        30 kill db 15
        31 die db 0
        32 D mynet db
        33 stop db
        40 C mynet db | running mynet=2
        41 start db
        42 restart db
        """
    ) == ["31 mynet db connected>configured stop #1", "40 mynet db configured>connected restart #2"]


def test_restart_on_26() -> None:
    assert twenty_six(RUNNING).tell(
        """
        30 kill db 15
        31 D mynet db | exited mynet
        32 stop db
        33 die db 0
        40 C mynet db | running mynet=2
        41 start db
        42 restart db
        """
    ) == ["31 mynet db connected>configured stop #1", "40 mynet db configured>connected restart #2"]


def test_restart_on_26_whose_death_is_told_before_its_stop() -> None:
    """The two come in either order."""
    assert twenty_six(RUNNING).tell(
        """
        30 kill db 15
        31 D mynet db | exited mynet
        32 die db 0
        33 stop db
        40 C mynet db | running mynet=2
        41 start db
        42 restart db
        """
    ) == ["31 mynet db connected>configured stop #1", "40 mynet db configured>connected restart #2"]


def test_a_stop_and_a_start_are_no_restart() -> None:
    """Even close together: no `restart` follows."""
    assert twenty(RUNNING).tell(
        """
        30 kill db 15
        31 die db 0
        32 D mynet db
        33 stop db
        40 C mynet db | running mynet=2
        41 start db
        """
    ) == ["31 mynet db connected>configured stop #1", "40 mynet db configured>connected start #2"]


def test_kill_on_20() -> None:
    """kill, die, D, and no stop."""
    told = twenty(RUNNING)
    assert told.tell("30 kill db 9\n31 die db 137\n32 D mynet db") == ["31 mynet db connected>configured kill #1"]


@pytest.mark.parametrize("look", ["exited mynet", "running mynet"])
def test_kill_on_26(look: str) -> None:
    """kill, D, die."""
    text = f"30 kill db 9\n31 D mynet db | {look}\n32 die db 137"
    assert twenty_six(RUNNING).tell(text) == ["31 mynet db connected>configured kill #1"]


def test_a_signal_that_does_not_end_it_is_no_kill() -> None:
    """SIGHUP may end a container and SIGUSR1 does not; long after a signal, an end is its own."""
    told = twenty(RUNNING)
    assert told.tell("30 kill db 10") == []
    assert told.tell("90 die db 0\n91 D mynet db") == ["90 mynet db connected>configured exit #1"]
    late = twenty(RUNNING)
    assert late.tell("30 kill db 15\n40000 die db 0") == ["40000 mynet db connected>configured exit #1"]


def test_remove_by_force_on_20() -> None:
    """kill, die, D, destroy: an end, and then nothing is left."""
    assert twenty(RUNNING).tell("30 kill db 9\n31 die db 137\n32 D mynet db\n33 destroy db") == [
        "31 mynet db connected>configured remove #1",
        "33 mynet db configured>absent remove",
    ]


@pytest.mark.parametrize("look", ["gone", "exited mynet", "dead mynet", "running mynet"])
def test_remove_by_force_on_26(look: str) -> None:
    """D before die."""
    assert twenty_six(RUNNING).tell(f"30 kill db 9\n31 D mynet db | {look}\n32 die db 137\n33 destroy db") == [
        "31 mynet db connected>configured remove #1",
        "33 mynet db configured>absent remove",
    ]


def test_exit_on_20() -> None:
    told = twenty(RUNNING)
    assert told.tell("30 die db 0\n31 D mynet db") == ["30 mynet db connected>configured exit #1"]
    assert told.tell("40 destroy db") == ["40 mynet db configured>absent remove"]


@pytest.mark.parametrize("look", ["exited mynet", "running mynet", "gone"])
def test_exit_on_26(look: str) -> None:
    """And with `--rm`, after which it is gone at once."""
    told = twenty_six(RUNNING)
    assert told.tell(f"30 D mynet db | {look}\n31 die db 0") == ["30 mynet db connected>configured exit #1"]
    assert told.tell("32 destroy db") == ["32 mynet db configured>absent remove"]


def test_oom_on_20() -> None:
    told = twenty(RUNNING)
    assert told.tell("30 oom db\n31 die db 137\n32 D mynet db") == ["31 mynet db connected>configured oom #1"]


def test_oom_on_26() -> None:
    told = twenty_six(RUNNING)
    text = "30 oom db\n31 D mynet db | exited mynet\n32 die db 137"
    assert told.tell(text) == ["31 mynet db connected>configured oom #1"]


def test_oom_told_after_the_disconnect() -> None:
    """What leads to an end may come between its events."""
    told = twenty_six(RUNNING)
    text = "30 D mynet db | running mynet\n31 oom db\n32 die db 137"
    assert told.tell(text) == ["30 mynet db connected>configured oom #1"]


def test_an_oom_of_an_earlier_life_is_over() -> None:
    told = twenty(RUNNING)
    told.tell("30 oom db\n31 die db 137\n32 D mynet db\n40 C mynet db | running mynet=2\n41 start db")
    assert told.tell("50 die db 0") == ["50 mynet db connected>configured exit #2"]


def test_a_restart_policy_on_20() -> None:
    """die, D, C, start, with no stop or restart event: the look shows that it was restarted."""
    assert twenty(RUNNING).tell(
        """
        30 die db 1
        31 D mynet db
        40 C mynet db | running*1 mynet=2
        41 start db
        50 die db 1
        51 D mynet db
        60 C mynet db | running*2 mynet=3
        61 start db
        """
    ) == [
        "30 mynet db connected>configured exit #1",
        "40 mynet db configured>connected restart #2",
        "50 mynet db connected>configured exit #2",
        "60 mynet db configured>connected restart #3",
    ]


def test_a_restart_policy_on_26() -> None:
    assert twenty_six(RUNNING).tell(
        """
        30 D mynet db | restarting*1 mynet
        31 die db 1
        40 C mynet db | running*1 mynet=2
        41 start db
        """
    ) == ["30 mynet db connected>configured exit #1", "40 mynet db configured>connected restart #2"]


def test_why_it_began_again_is_unknown_where_nothing_could_be_looked_at() -> None:
    """Told from the engine's memory, a policy's restart and a person's start look the same."""
    told = twenty(RUNNING)
    text = "30 replay die db 1\n31 replay D mynet db\n40 replay C mynet db\n41 replay start db"
    assert told.tell(text) == [
        "30 mynet db connected>configured exit #1",
        "40 mynet db configured>connected unknown",
    ]


def test_what_changes_no_membership_makes_no_transition() -> None:
    """Pause, unpause, a rename, a health status, an exec and a network's prune."""
    told = twenty(RUNNING)
    assert (
        told.tell(
            """
            30 pause db
            31 unpause db
            32 rename db /old
            33 health_status db healthy
            34 exec_die db
            35 network-prune
            """
        )
        == []
    )
    assert [(it.kind, it.detail) for it in told.entries] == [
        (Kind.CONTAINER_PAUSE, None),
        (Kind.CONTAINER_UNPAUSE, None),
        (Kind.CONTAINER_RENAME, {"old_name": "old"}),
        (Kind.CONTAINER_HEALTH, {"health": "healthy"}),
    ]
    assert told.states() == {"mynet db": "connected"}


def test_what_is_told_of_a_container() -> None:
    """Each event that counts, with what it alone carries."""
    told = twenty()
    told.tell("1 create db | created\n2 start db\n3 kill db 15\n4 oom db\n5 die db 143\n6 stop db\n7 restart db")
    told.tell("8 destroy db\n9 die db")
    assert [(it.kind, it.detail) for it in told.entries] == [
        (Kind.CONTAINER_CREATE, None),
        (Kind.CONTAINER_START, None),
        (Kind.CONTAINER_KILL, {"signal": 15}),
        (Kind.CONTAINER_OOM, None),
        (Kind.CONTAINER_DIE, {"exit_code": 143}),
        (Kind.CONTAINER_STOP, None),
        (Kind.CONTAINER_RESTART, None),
        (Kind.CONTAINER_DESTROY, None),
        (Kind.CONTAINER_DIE, {"exit_code": None}),
    ]
    assert {(it.container.name, it.container.image) for it in told.entries if it.container} == {("db", "alpine")}


# Connects and disconnects


@pytest.mark.parametrize("state", ["running", "paused"])
def test_a_connect_of_a_running_container(state: str) -> None:
    told = twenty(f"db {state} mynet=1")
    assert told.tell(f"30 C other db | {state} mynet=1 other=2") == ["30 other db absent>connected external #2"]


def test_a_connect_told_twice_is_one() -> None:
    """Of the same endpoint, or of one that nobody could look at."""
    told = twenty("db running")
    text = "1 C mynet db | running mynet=1\n2 C mynet db | running mynet=1\n3 C mynet db"
    assert told.tell(text) == ["1 mynet db absent>connected external #1"]


def test_a_disconnect_told_twice_is_one_on_20() -> None:
    """Docker 20.10 and 26 tell each disconnect of a running container twice, some milliseconds apart."""
    told = twenty(RUNNING)
    assert told.tell("30 D mynet db\n34 D mynet db") == ["30 mynet db connected>absent external #1"]


def test_a_disconnect_told_twice_is_one_on_26() -> None:
    told = twenty_six(RUNNING)
    assert told.tell("30 D mynet db | running\n34 D mynet db | running") == ["30 mynet db connected>absent external #1"]


def test_a_disconnect_of_a_paused_container_is_no_end() -> None:
    told = twenty_six("db paused mynet=1")
    assert told.tell("30 D mynet db | paused") == ["30 mynet db connected>absent external #1"]


def test_a_disconnect_that_nobody_could_look_at_waits_for_what_follows() -> None:
    """Without a death within its time it is one; with a death close by it is that death's."""
    left = twenty_six(RUNNING)
    assert left.tell("30 D mynet db | gone") == ["30 mynet db connected>absent external #1"]
    died = twenty_six(RUNNING)
    assert died.tell("30 replay D mynet db\n31 replay die db 0") == ["30 mynet db connected>configured exit #1"]


def test_a_disconnect_and_a_connect_at_once_on_26() -> None:
    """As who gives a container another address does; the look shows what came after."""
    told = twenty_six(RUNNING)
    text = "30 D mynet db | running mynet=2\n31 D mynet db | running mynet=2\n32 C mynet db | running mynet=2"
    assert told.tell(text) == [
        "30 mynet db connected>absent external #1",
        "32 mynet db absent>connected external #2",
    ]


def test_a_connect_with_another_endpoint_tells_of_a_missed_disconnect() -> None:
    """A second connect with no disconnect between: the end of the first lies between the last agreement and now."""
    told = twenty(RUNNING, verified=4)
    assert told.tell("9 C mynet db | running mynet=2") == [
        "9 mynet db connected>absent unknown #1 [4..9]",
        "9 mynet db absent>connected external #2",
    ]


def test_an_endpoint_is_learned_late_without_a_transition() -> None:
    """A connect that nobody could look at, and one told again: the disconnect knows the endpoint."""
    told = twenty("db running")
    assert told.tell("1 C mynet db\n2 C mynet db | running mynet=1\n3 D mynet db") == [
        "1 mynet db absent>connected external",
        "3 mynet db connected>absent external #1",
    ]


def test_a_disconnect_without_a_connect_is_none() -> None:
    """A start that fails because its address is taken tells a disconnect of a network that was never connected."""
    assert twenty("db running").tell("1 D mynet db") == []


@pytest.mark.parametrize("death_first", [True, False])
@pytest.mark.parametrize("state", ["created", "exited"])
def test_a_disconnect_of_a_stopped_container(state: str, death_first: bool) -> None:
    """One D (none on 28, where a comparison finds it): a look shows that it is configured no more."""
    told = Telling(f"db {state} mynet other", death_first=death_first)
    assert told.tell(f"30 D mynet db | {state} other") == ["30 mynet db configured>absent external"]


def test_a_disconnect_of_a_stopped_container_that_was_connected_again_since() -> None:
    """Nothing is told of the connect; a comparison finds it. Later engines may tell of an end so, and any engine of
    what it has just told."""
    text = "3000 D mynet db | exited mynet other"
    assert twenty("db exited mynet other").tell(text) == ["3000 mynet db configured>absent external"]
    assert twenty("db exited mynet other").tell("30 D mynet db | exited mynet other") == []
    assert twenty_six("db exited mynet other").tell(text) == []


@pytest.mark.parametrize("death_first", [True, False])
def test_a_start_that_took_back_what_it_had_not_told(death_first: bool) -> None:
    """A disconnect alone, and a look that shows the start's error: nothing has changed."""
    told = Telling("db exited mynet other", death_first=death_first)
    assert told.tell("30 D mynet db | exited! mynet other") == []


def test_a_disconnect_from_none_and_a_connect_to_a_bridge() -> None:
    told = Telling("db running none=1", networks=[network_ref("none"), network_ref("mynet")])
    assert told.tell("30 D none db\n31 D none db\n40 C mynet db | running mynet=2") == [
        "30 none db connected>absent external #1",
        "40 mynet db absent>connected external #2",
    ]


def test_a_connect_while_restarting() -> None:
    """It gets an address; the next start by its policy tells C again with no D between."""
    told = twenty("db running bridge=1", verified=0)
    assert told.tell(
        """
        30 die db 1
        31 D bridge db
        40 C mynet db | restarting*1 bridge mynet=2
        50 C bridge db | running*2 bridge=3 mynet=4
        51 C mynet db | running*2 bridge=3 mynet=4
        52 start db
        """
    ) == [
        "30 bridge db connected>configured exit #1",
        "40 mynet db absent>connected external #2",
        "50 bridge db configured>connected restart #3",
        "51 mynet db connected>absent unknown #2 [40..51]",
        "51 mynet db absent>connected restart #4",
    ]


@pytest.mark.parametrize("state", ["created", "exited"])
@pytest.mark.parametrize("death_first", [True, False])
def test_a_disconnect_while_down_of_what_was_connected_while_down(state: str, death_first: bool) -> None:
    """Connected between two runs, and disconnected again before the next: the look tells that no entry is left."""
    told = Telling(f"db {state} bridge", death_first=death_first)
    assert told.tell(
        f"30 C mynet db | restarting*1 bridge mynet=2\n40 D mynet db | {state} bridge\n41 D mynet db | {state} bridge"
    ) == ["30 mynet db absent>connected external #2", "40 mynet db connected>absent external #2"]


@pytest.mark.parametrize(("state", "look"), [("created", "gone"), ("exited", "gone"), ("exited", "exited mynet")])
def test_a_disconnect_while_down_that_was_asked_for(state: str, look: str) -> None:
    """What was asked for here and told within its time happened, whatever a late look shows: the container removed or
    connected again since."""
    told = Telling(f"db {state} mynet")
    told.asked("network.disconnect", 29, 36, network="mynet", container="db")
    assert told.tell(f"30 D mynet db | {look}\n40 destroy db") == [
        "30 mynet db configured>absent request:network.disconnect"
    ]


@pytest.mark.parametrize("state", ["created", "exited"])
def test_a_disconnect_while_down_of_what_was_removed_since(state: str) -> None:
    """Soon after its end and just before its removal: it left the network by a step of its own."""
    told = twenty(f"db {state} mynet") if state == "created" else twenty(RUNNING)
    end = "" if state == "created" else "30 kill db 15\n31 die db 0\n32 D mynet db\n33 stop db\n"
    steps = told.tell(f"{end}40 D mynet db | gone\n50 destroy db")
    assert steps[-1] == "40 mynet db configured>absent external"
    assert len(steps) == (1 if state == "created" else 2)


# Starts that fail


@pytest.mark.parametrize("death_first", [True, False])
def test_a_disconnect_long_after_a_start_that_failed(death_first: bool) -> None:
    """What a failed start took back it took back at once; later, somebody took the container off."""
    told = Telling("db created mynet other", death_first=death_first)
    failed = "| created! mynet other"
    assert told.tell(f"30 C mynet db | created mynet=1 other\n40 D other db {failed}\n41 D mynet db {failed}") == [
        "30 mynet db configured>connected start #1",
        "41 mynet db connected>configured start #1",
    ]
    gone = "gone" if death_first else "created! mynet"
    assert told.tell(f"2500 D other db | {gone}") == ["2500 other db configured>absent external"]


@pytest.mark.parametrize("death_first", [True, False])
@pytest.mark.parametrize("look", [" | created! mynet", " | exited! mynet", " | created mynet", ""])
def test_a_start_with_a_bad_command(look: str, death_first: bool) -> None:
    """C, D, and no start or die: what the start did, it took back."""
    told = Telling("db created mynet", death_first=death_first)
    replay = "" if look else "replay "
    assert told.tell(f"30 {replay}C mynet db{look}\n31 {replay}D mynet db{look}") == [
        "30 mynet db configured>connected start",
        "31 mynet db connected>configured start",
    ]
    assert told.states() == {"mynet db": "configured"}


def test_a_start_whose_second_network_is_gone() -> None:
    """C(n1), D(n1), and 404 for the caller."""
    told = twenty("db exited mynet")
    assert told.tell("30 C mynet db | exited mynet\n31 D mynet db | exited mynet") == [
        "30 mynet db configured>connected start",
        "31 mynet db connected>configured start",
    ]


@pytest.mark.parametrize("look", [" | created! mynet other", " | created mynet other", ""])
@pytest.mark.parametrize("death_first", [True, False])
def test_a_start_whose_address_is_taken(look: str, death_first: bool) -> None:
    """C(x), D(x), D(y) without any C(y): y stays configured."""
    told = Telling("db created mynet other", death_first=death_first)
    replay = "" if look else "replay "
    assert told.tell(f"30 {replay}C mynet db{look}\n31 {replay}D mynet db{look}\n32 {replay}D other db{look}") == [
        "30 mynet db configured>connected start",
        "31 mynet db connected>configured start",
    ]
    assert told.states() == {"mynet db": "configured", "other db": "configured"}


def test_a_start_that_works_after_one_that_failed() -> None:
    told = twenty("db created mynet")
    told.tell("30 C mynet db | created mynet\n31 D mynet db | created mynet")
    assert told.tell("40 C mynet db | running mynet=1\n41 start db\n50 D mynet db") == [
        "40 mynet db configured>connected start #1",
        "50 mynet db connected>absent external #1",
    ]


# The disconnects that a death still owes


def test_the_disconnect_that_a_death_owes_is_taken_once() -> None:
    """The first is the death's; a second is somebody's, of a container that is down."""
    told = twenty(RUNNING)
    assert told.tell("30 die db 0\n31 D mynet db\n40 D mynet db | exited") == [
        "30 mynet db connected>configured exit #1",
        "40 mynet db configured>absent external",
    ]


def test_what_a_death_owes_is_forgotten_at_the_next_start() -> None:
    """After a start that nobody saw connect, the disconnect is one of the new life."""
    told = twenty(RUNNING)
    told.tell("30 die db 0")
    assert told.register.memberships[Pair(id_of("mynet"), id_of("db"))].owed is True
    told.tell("40 start db")
    assert told.register.memberships[Pair(id_of("mynet"), id_of("db"))].owed is False


@pytest.mark.parametrize("death_first", [True, False])
def test_a_death_owes_nothing_where_its_disconnect_came_first(death_first: bool) -> None:
    told = Telling(RUNNING, death_first=death_first)
    told.tell("30 D mynet db | exited mynet\n31 die db 0")
    assert [known.owed for known in told.register.memberships.values()] == ([] if death_first else [False])


# The engine's own end and beginning


def test_an_engine_that_is_stopped() -> None:
    """SIGTERM: kill, die, D, stop for all; by the time of `stop` the engine listens no more."""
    text = "30 kill db 15\n31 die db 0\n32 D mynet db\n33 stopping stop db"
    assert twenty(RUNNING).tell(text) == ["31 mynet db connected>configured engine-stopped #1"]
    text = "30 kill db 15\n31 D mynet db | gone\n32 stopping stop db\n33 die db 0"
    assert twenty_six(RUNNING).tell(text) == ["31 mynet db connected>configured engine-stopped #1"]


@pytest.mark.parametrize("death_first", [True, False])
def test_an_engine_that_was_killed(death_first: bool) -> None:
    """At boot: kill, kill, die, stop for each survivor, with no D; then C and start for `always`."""
    told = Telling(RUNNING, "web running other=2", death_first=death_first)
    assert told.tell(
        """
        900 boot kill db 15
        901 boot kill db 9
        902 boot die db 137
        903 boot stop db
        904 boot kill web 15
        905 boot die web 0
        906 boot stop web
        910 boot C mynet db | running mynet=3
        911 boot start db
        """
    ) == [
        "902 mynet db connected>configured engine-stopped #1",
        "905 other web connected>configured engine-stopped #2",
        "910 mynet db configured>connected restart #3",
    ]
    assert not any(known.owed for known in told.register.memberships.values())


# Networks


def test_networks_come_and_go() -> None:
    told = twenty()
    assert told.tell("1 network-create new\n2 network-create new\n3 network-destroy new\n4 network-destroy new") == [
        "1 new created external",
        "3 new destroyed external",
    ]


def test_a_network_that_goes_takes_memberships_along() -> None:
    """A network can be removed under containers that are stopped."""
    told = twenty("db exited mynet other", "web created mynet")
    assert told.tell("5 network-destroy mynet") == [
        "5 mynet db configured>absent network-removed",
        "5 mynet web configured>absent network-removed",
        "5 mynet destroyed external",
    ]
    assert told.states() == {"other db": "configured"}


def test_what_a_network_takes_along_ends_after_what_its_containers_were_in_the_middle_of() -> None:
    """The disconnect that waits for a death is told before the network goes."""
    told = twenty_six(RUNNING)
    assert told.tell("30 kill db 9\n31 D mynet db | exited mynet\n32 network-destroy mynet\n33 die db 137") == [
        "31 mynet db connected>configured kill #1",
        "32 mynet db configured>absent network-removed",
        "32 mynet destroyed external",
    ]


def test_a_swarms_network_leaves_the_node_and_lives_on() -> None:
    """It goes from the node with its last container there (`destroy`, local); its end is the swarm's `remove`."""
    told = Telling("db exited mynet", networks=[network_ref("mynet", "swarm")])
    assert told.tell("5 network-destroy mynet") == []
    assert told.tell("6 swarm-remove mynet") == [
        "6 mynet db configured>absent network-removed",
        "6 mynet destroyed external",
    ]


# What was asked for here


def test_a_request_is_the_cause_of_what_it_asked_for() -> None:
    told = twenty(RUNNING)
    told.asked("container.stop", 29, 36, container="db")
    assert told.tell("30 kill db 15\n31 die db 0\n32 D mynet db\n33 stop db") == [
        "31 mynet db connected>configured request:container.stop #1"
    ]
    assert [(it.kind, it.request.id if it.request else None) for it in told.entries] == [
        (Kind.CONTAINER_KILL, "container.stop"),
        (Kind.CONTAINER_DIE, "container.stop"),
        (Kind.DISCONNECT, "container.stop"),
        (Kind.CONTAINER_STOP, "container.stop"),
    ]


def test_a_request_is_not_the_cause_of_what_others_do_meanwhile() -> None:
    """A connect was asked for; the disconnect before it and the end after it were not."""
    told = twenty(RUNNING)
    told.asked("network.connect", 29, 45, network="other", container="db")
    assert told.tell("30 D mynet db\n40 C other db | running other=2\n41 D other db") == [
        "30 mynet db connected>absent external #1",
        "40 other db absent>connected request:network.connect #2",
        "41 other db connected>absent external #2",
    ]


def test_networks_that_were_asked_for() -> None:
    told = twenty("db created mynet")
    told.asked("network.create", 1, 3, name="new")
    told.asked("network.remove", 4, 9, network="mynet")
    assert told.tell("2 network-create new\n5 network-destroy mynet") == [
        "2 new created request:network.create",
        "5 mynet db configured>absent request:network.remove",
        "5 mynet destroyed request:network.remove",
    ]


# What holds of whatever is told

NAMES = ("db", "web")
NETS = ("mynet", "other")
LOOKS = (
    "gone",
    *(f"{state}{' ' + on if on else ''}" for state in ("created", "running*1", "restarting*1", "exited", "exited!")
      for on in ("", "mynet", "mynet=1", "mynet=2 other", "mynet other=3")),
)  # fmt: skip
ACTIONS = ("create", "start", "kill", "oom", "stop", "die", "restart", "destroy", "pause", "rename")


@st.composite
def lines(draw: st.DrawFn) -> str:
    action = draw(st.sampled_from(("C", "D") * 4 + ACTIONS + ("network-create", "network-destroy", "swarm-remove")))
    flag = draw(st.sampled_from(["", "", "", "replay ", "boot ", "stopping "]))
    ctr, net = draw(st.sampled_from(NAMES)), draw(st.sampled_from(NETS))
    if action in {"C", "D"}:
        about, look = f"{net} {ctr}", f" | {draw(st.sampled_from(LOOKS))}"
        if flag in {"replay ", "boot "} and draw(st.booleans()):
            look = ""
    elif action in ACTIONS:
        about, look = ctr, f" | {draw(st.sampled_from(LOOKS))}" if action == "create" else ""
    else:
        about, look = net, ""
    return f"{draw(st.integers(0, 3000))} {flag}{action} {about}{look}"


sequences = st.lists(lines(), max_size=30)
beginnings = st.sampled_from([(), (RUNNING,), ("db created mynet other", "web running mynet=5"), ("db exited other",)])


def standing(told: Telling) -> dict[Pair, MembershipState]:
    return {pair: known.state for pair, known in told.register.memberships.items()}


@given(beginnings, sequences, st.booleans())
def test_transitions_chain(there: tuple[str, ...], sequence: list[str], death_first: bool) -> None:
    """Whatever is told, each begins where the one before ended, none changes nothing, and the last ends in what
    stands; upward ones are connects, downward ones disconnects."""
    told = Telling(*there, death_first=death_first)
    before = standing(told)
    told.tell("\n".join(sequence))
    assert chains(told.entries, before) == standing(told)
    order = [ABSENT, CONFIGURED, CONNECTED]
    for entry in told.entries:
        if entry.before is not None and entry.after is not None:
            upward = order.index(entry.after) > order.index(entry.before)
            assert entry.kind is (Kind.CONNECT if upward else Kind.DISCONNECT)


@given(beginnings, sequences, st.booleans())
def test_what_waits_is_folded_in_the_order_in_which_it_came(
    there: tuple[str, ...], sequence: list[str], death_first: bool
) -> None:
    """Nothing waits for ever, nothing is lost or folded twice, and a container's events keep their order."""
    told = Telling(*there, death_first=death_first)
    told.tell("\n".join(sequence))
    given_ = [parse(line) for line in sequence]
    for name in (*NAMES, None):
        own = None if name is None else id_of(name)
        assert [heard.event.digest for _, heard in told.folded if heard.container == own] == [
            heard.event.digest for heard in given_ if heard.container == own
        ]


@given(beginnings, sequences, st.booleans())
def test_what_is_told_twice_in_a_row_is_told_once(
    there: tuple[str, ...], sequence: list[str], death_first: bool
) -> None:
    """An event is a state, never a toggle: where it made a transition to it, the same again makes none."""
    told = Telling(*there, death_first=death_first)
    for line in sequence:
        heard = parse(line)
        if heard.glimpse is None and heard.event.action == "disconnect" and not death_first:
            continue  # what nobody looked at and nothing follows may be the first of two steps
        entries = told.fold.hear(heard)
        if any(entry.before is not None for entry in entries):
            again = [entry for entry in told.fold.hear(heard) if entry.before is not None]
            assert again == []


@given(beginnings, sequences, st.booleans())
def test_a_record_tells_its_source(there: tuple[str, ...], sequence: list[str], death_first: bool) -> None:
    """What was told has no bounds, and what was missed has some; an interval ends when it was found."""
    told = Telling(*there, death_first=death_first)
    told.tell("\n".join(sequence))
    for entry in told.entries:
        assert (entry.between is not None) is (entry.source is Source.RECONCILE)
        if entry.between is not None:
            begin, end = entry.between
            assert end == entry.time
            assert begin is None or begin <= end


@given(beginnings, sequences, st.booleans())
def test_what_changed_is_marked_for_the_store(there: tuple[str, ...], sequence: list[str], death_first: bool) -> None:
    """Whatever differs from what stood before is among the changes; else it would be lost at the next start."""
    told = Telling(*there, death_first=death_first)
    register = told.register
    stood = {
        pair: (known.state, known.since, known.endpoint, known.owed) for pair, known in register.memberships.items()
    }
    lived, networks = {id_: repr(life) for id_, life in register.lives.items()}, dict(register.networks)
    told.tell("\n".join(sequence))
    stands = {
        pair: (known.state, known.since, known.endpoint, known.owed) for pair, known in register.memberships.items()
    }
    lives = {id_: repr(life) for id_, life in register.lives.items()}
    assert {it for it in stood.keys() | stands.keys() if stood.get(it) != stands.get(it)} <= register.changes.pairs
    assert {it for it in lived.keys() | lives.keys() if lived.get(it) != lives.get(it)} <= register.changes.lives
    assert {
        it for it in networks.keys() | register.networks.keys() if networks.get(it) != register.networks.get(it)
    } <= register.changes.networks


def test_a_line_says_what_it_means() -> None:
    """The notation of these tests, held against the values."""
    heard = parse("12.5 boot C mynet db | running*2 mynet=1 other")
    assert (heard.event.time, heard.source, heard.received, heard.boot) == (at(12.5), Source.REPLAY, 0.0125, True)
    assert heard.event.attributes["container"] == heard.container == id_of("db")
    assert heard.glimpse == Glimpse(inspected("db", "running*2 mynet=1 other"), endpoint("1"))
    told = twenty("db running")
    told.receive(Heard(heard.event, Source.STREAM, 0.0, heard.glimpse))
    assert [brief(it) for it in told.entries] == ["12.5 mynet db absent>connected external #1"]
    assert told.entries[0].endpoint == endpoint("1")
    assert told.states() == {"mynet db": "connected"}
