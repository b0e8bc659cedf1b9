"""How long an event waits for what follows it: no longer than something may change its meaning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.eventlog.standing import Pair
from control.eventlog.waiting import AFTER_START, HOLD, START_HOLD
from tests.control.eventlog.telling import Telling, at, id_of, parse

PAIR = Pair(id_of("mynet"), id_of("db"))


def wait(told: Telling, line: str, *later: str, after: float = 0.0) -> float:
    """Seconds that an event has yet to wait, `after` seconds after it came."""
    heard = parse(line)
    return told.waiting.until(heard, [parse(it) for it in later], heard.received + after)


def killed(*there: str, death_first: bool = True) -> Telling:
    """With a `kill` heard at 30 ms."""
    told = Telling(*there or ("db running mynet=1",), death_first=death_first)
    told.tell("30 kill db 15")
    return told


def stopped() -> Telling:
    """With a stop heard at 33 ms."""
    told = killed()
    told.tell("31 die db 0\n32 D mynet db\n33 stop db")
    return told


def test_a_death_by_a_signal_waits_for_its_reason() -> None:
    """`stop` or `destroy` follow, or a new beginning shows that neither does."""
    assert wait(killed(), "31 die db 0") == HOLD
    assert wait(killed(), "31 die db 0", after=0.1) == pytest.approx(HOLD - 0.1)
    assert wait(killed(), "31 die db 0", after=HOLD + 1) == 0
    assert wait(killed(), "31 die db 0", "32 D mynet db") == HOLD
    for line in ("stop db", "destroy db", "start db", "C mynet db"):
        assert wait(killed(), "31 die db 0", "32 D mynet db", f"33 {line}") == 0


def test_a_death_whose_reason_is_known_waits_for_nothing() -> None:
    """Its own, an oom, an engine that came up, a container on no network, one that was asked for here."""
    assert wait(Telling("db running mynet=1"), "31 die db 0") == 0
    assert wait(killed(), "31 boot die db 0") == 0
    assert wait(killed("db running mynet"), "31 die db 0") == 0
    assert wait(killed("db running"), "31 die db 0") == 0
    out_of_memory = killed()
    out_of_memory.tell("30.5 oom db")
    assert wait(out_of_memory, "31 die db 0") == 0
    asked = killed()
    asked.asked("container.stop", 29, container="db")
    assert wait(asked, "31 die db 0") == 0


def test_a_death_long_after_a_signal_waits_for_nothing() -> None:
    assert wait(killed(), "29000 die db 0") == HOLD
    assert wait(killed(), "30030 die db 0") == 0


def test_a_start_soon_after_a_stop_waits_for_its_restart() -> None:
    """A start can take long, so it is waited for first, and then, briefly, for what follows it."""
    assert wait(stopped(), "40 C mynet db") == START_HOLD
    assert wait(stopped(), "40 C mynet db", after=START_HOLD + 0.01) == 0
    assert wait(stopped(), "40 C mynet db", "41 C other db") == START_HOLD
    assert wait(stopped(), "40 C mynet db", "140 start db", after=0.1) == pytest.approx(AFTER_START)
    assert wait(stopped(), "40 C mynet db", "140 start db", after=0.2) == 0
    for line in ("restart db", "die db 1", "D mynet db", "destroy db"):
        assert wait(stopped(), "40 C mynet db", f"41 {line}") == 0


def test_any_other_connect_waits_for_nothing() -> None:
    """Of a container that runs, that was not stopped or long ago, at boot, and one that was asked for here."""
    assert wait(Telling("db running"), "40 C mynet db") == 0
    assert wait(Telling("db exited mynet"), "40 C mynet db") == 0
    assert wait(Telling(), "40 C mynet db") == 0
    assert wait(stopped(), "2033 C mynet db") == START_HOLD
    assert wait(stopped(), "2034 C mynet db") == 0
    assert wait(stopped(), "40 boot C mynet db") == 0
    asked = stopped()
    asked.asked("container.start", 39, container="db")
    assert wait(asked, "40 C mynet db") == 0


def test_a_disconnect_waits_where_the_death_comes_after() -> None:
    """Unless a look shows that the container left, or ended with no signal."""
    assert wait(Telling("db running mynet=1"), "31 D mynet db") == 0
    running = Telling("db running mynet=1", death_first=False)
    for look in ("", " | gone", " | running mynet", " | running mynet=1"):
        assert wait(running, f"31 D mynet db{look}") == HOLD
    assert wait(running, "31 D mynet db", after=HOLD + 0.01) == 0
    assert wait(running, "31 D mynet db | running") == 0
    assert wait(running, "31 D mynet db | exited") == HOLD  # it may have ended, and then have been taken off
    assert wait(running, "31 D mynet db | exited mynet") == 0
    assert wait(killed(death_first=False), "31 D mynet db | exited mynet") == HOLD
    assert wait(killed(death_first=False), "31 D mynet db | running") == 0


def test_a_disconnect_of_what_is_not_connected_waits_for_nothing() -> None:
    for there in ("db running", "db running mynet", "db exited mynet"):
        assert wait(Telling(there, death_first=False), "31 D mynet db | gone") == 0


def test_an_end_that_was_asked_for_waits_for_no_reason() -> None:
    """Once it is clear that it was one: whether a container left or ended, no request tells."""
    told = killed(death_first=False)
    told.asked("container.stop", 30, container="db")
    assert wait(told, "31 D mynet db | exited mynet") == 0
    assert wait(told, "31 D mynet db | gone", "32 die db 0") == 0
    assert wait(told, "31 D mynet db | gone") == HOLD


def test_a_disconnect_waits_no_longer_once_it_is_clear() -> None:
    """An end close by was its reason; a new start or connect shows that none was."""
    told = Telling("db running mynet=1", death_first=False)
    for line in ("die db 0", "stop db", "destroy db", "start db", "C mynet db"):
        assert wait(told, "31 D mynet db | gone", f"32 {line}") == 0


def test_an_end_by_a_signal_waits_on_for_its_reason() -> None:
    """`die` tells that it ended; whether it was stopped, removed or only killed comes after."""
    told = killed(death_first=False)
    for look in ("gone", "exited mynet"):
        assert wait(told, f"31 D mynet db | {look}", "32 die db 0") == HOLD
        for line in ("stop db", "destroy db", "start db", "C mynet db"):
            assert wait(told, f"31 D mynet db | {look}", "32 die db 0", f"33 {line}") == 0


def test_all_else_waits_for_nothing() -> None:
    told = killed()
    for line in (
        "create db",
        "start db",
        "stop db",
        "destroy db",
        "kill db 9",
        "network-create mynet",
        "network-prune",
    ):
        assert wait(told, f"31 {line}") == 0


def wants(told: Telling, line: str) -> bool:
    return told.waiting.wants_look(parse(line))


def test_a_look_is_wanted_where_only_a_look_can_tell() -> None:
    """Of a disconnect: whether a stopped container was taken off, and, where deaths come after, whether one ended."""
    assert wants(Telling("db exited mynet"), "31 D mynet db") is True
    assert wants(Telling("db running mynet=1", death_first=False), "31 D mynet db") is True
    assert wants(Telling("db running mynet=1"), "31 D mynet db") is False
    owed = Telling("db running mynet=1")
    owed.tell("30 die db 0")
    assert wants(owed, "31 D mynet db") is False
    stopped_ = Telling("db exited mynet")
    for line in ("D other db", "C mynet db", "die db 0", "network-destroy mynet"):
        assert wants(stopped_, f"31 {line}") is False


def test_no_look_is_wanted_twice_or_at_the_past() -> None:
    told = Telling("db exited mynet")
    assert wants(told, "31 D mynet db | gone") is False
    assert wants(told, "31 replay D mynet db") is False


ACTIONS = ("C mynet db", "D mynet db", "D mynet db | exited mynet", "die db 0", "stop db", "start db", "restart db")


@given(
    st.lists(st.sampled_from(ACTIONS), max_size=5),
    st.sampled_from(ACTIONS),
    st.lists(st.sampled_from(ACTIONS), max_size=3),
    st.booleans(),
)
def test_every_wait_ends(before: list[str], line: str, later: list[str], death_first: bool) -> None:
    """None is longer than a start may take, each shortens as time passes, and waiting alone ends it."""
    told = Telling("db running mynet=1", death_first=death_first)
    told.tell("30 kill db 15")
    for number, it in enumerate(before):
        told.fold.hear(parse(f"{31 + number} {it}"))
    follow = [f"{51 + number} {it}" for number, it in enumerate(later)]
    first = wait(told, f"50 {line}", *follow)
    assert 0 <= first <= START_HOLD + 0.01
    assert wait(told, f"50 {line}", *follow, after=0.02) <= first
    assert wait(told, f"50 {line}", *follow, after=START_HOLD + 1) == 0


def test_the_times_of_a_line_are_the_engines() -> None:
    """A signal's reach is counted by the engine's clock, and a wait by this machine's."""
    told = killed()
    assert told.register.lives[PAIR.container].signalled == at(30)
