"""The checker finds each kind of wrong log, and passes a right one."""

from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.accounts import Account, account, attributions, clocks
from tests.chaos.checker import Log, touches
from tests.chaos.journal import NOTHING, Done, Outage, Via
from tests.chaos.lines import Malformed, instant, interval, split_page
from tests.chaos.shown import Shown, may_be_connected, view_of
from tests.chaos.written import BOX, NET, SECOND, Written, asker, at, between, done, inspected, rfc, seen


def sorts(log: Log) -> list[str]:
    return [problem.sort for problem in log.problems]


def wrong(result: Account) -> list[str]:
    return [problem.sort for problem in result.problems]


def story() -> Written:
    """Created, started, stopped and removed, at the socket."""
    return (
        Written()
        .add("network.create", 1)
        .add("container.create", 2)
        .change(2, "absent", "configured")
        .change(3, "configured", "connected", cause="start")
        .add("container.start", 3.1)
        .change(4, "connected", "configured", cause="stop")
        .add("container.stop", 4.1)
        .change(5, "configured", "absent", cause="remove")
        .add("container.destroy", 5.1)
    )


def deeds() -> list[Done]:
    """What the hands did in it."""
    return [
        done("net_create", 0.9, 1.1, None, None, container=None),
        done("create", 1.9, 2.1, NOTHING, seen("configured", status="created")),
        done("start", 2.9, 3.2, seen("configured", status="created"), seen("connected")),
        done("stop", 3.9, 4.2, seen("connected"), seen("configured", status="exited")),
        done("rm", 4.9, 5.2, seen("configured", status="exited"), NOTHING),
    ]


class TestARightLog:
    def test_has_no_problem(self) -> None:
        log = Log(story().lines)
        result = account(log, deeds())
        assert [*log.problems, *log.open_intents(), *log.divergences(inspected().pairs()), *result.problems] == []
        assert (result.told, result.clear, result.unclear, result.marked) == (4, 4, 0, 0)

    def test_of_a_request_has_no_problem(self) -> None:
        told = (
            Written().asked(1, "r1", "intent").change(1.1, "absent", "connected", cause="request", request=asker("r1"))
        )
        log = Log(told.asked(1.2, "r1", "outcome").lines)
        deed = done("connect", 0.9, 1.3, seen(), seen("connected"), via="api", request="r1", status=201)
        assert [*log.problems, *log.open_intents(), *account(log, [deed]).problems] == []
        assert [*attributions(log, {"r1": deed}), *clocks(log, {"r1": deed})] == []
        assert log.divergences(inspected("connected").pairs()) == []

    def test_of_a_restart_has_two_transitions(self) -> None:
        told = Written().change(1, "absent", "connected").change(2, "connected", "configured")
        log = Log(told.change(2.1, "configured", "connected", by="e2").add("container.restart", 2.2).lines)
        deed = done("restart", 1.9, 2.3, seen("connected"), seen("connected", "e2"))
        assert account(log, [deed]).problems == []


class TestTheLines:
    def test_a_hole(self) -> None:
        assert sorts(Log(Written().add("network.create", 1).add("network.destroy", 2, seq=3).lines)) == ["hole"]

    def test_the_first_is_missing(self) -> None:
        assert "hole" in sorts(Log(story().lines[1:]))

    def test_a_repeat(self) -> None:
        assert sorts(Log(Written().add("network.create", 1).add("network.destroy", 2, seq=1).lines)) == ["repeat"]

    def test_a_line_was_changed(self) -> None:
        lines = story().lines
        lines[2] = lines[2].replace('"name":"c0"', '"name":"c1"')
        assert sorts(Log(lines)) == ["hash"]

    def test_a_line_was_taken_out(self) -> None:
        lines = story().lines
        assert sorts(Log([*lines[:4], *lines[5:]])) == ["hash", "hole"]

    def test_two_were_exchanged(self) -> None:
        lines = story().lines
        lines[0], lines[1] = lines[1], lines[0]
        assert "hash" in sorts(Log(lines))

    @pytest.mark.parametrize(
        "wrong_line",
        [
            "",
            "{}",
            '{"seq":1}',
            Written().add("network.create", 1, further=1).lines[0],
            Written().add("network.create", 1, kind="network.made").lines[0],
            Written().add("network.create", 1, source="hearsay").lines[0],
            Written().add("network.create", 1, cause="weather").lines[0],
            Written().add("network.create", 1, time="2026-11-24 20:00:00").lines[0],
            Written().add("gap", 1, source="stream").lines[0],
            Written().add("gap", 1).lines[0],
            Written().change(1, "absent", "connected", source="reconcile").lines[0],
            Written().change(1, "absent", "connected", container=None).lines[0],
            Written().add("request", 1, request=asker("r"), detail={"phase": "wish"}).lines[0],
            Written().asked(1, "r", "outcome", outcome="perhaps").lines[0],
            Written().add("network.connect", 1, after="connected").lines[0],
        ],
    )
    def test_is_not_of_the_format(self, wrong_line: str) -> None:
        assert sorts(Log([wrong_line])) == ["malformed"]


class TestThePairs:
    def test_connected_twice(self) -> None:
        assert sorts(Log(Written().change(1, "absent", "connected").change(2, "absent", "connected").lines)) == ["pair"]

    def test_disconnected_without_having_been_connected(self) -> None:
        assert sorts(Log(Written().change(1, "connected", "absent").lines)) == ["pair"]

    def test_nothing_changes(self) -> None:
        told = Written().change(1, "absent", "connected").change(2, "connected", "connected", kind="network.connect")
        assert sorts(Log(told.lines)) == ["pair"]

    def test_the_kind_goes_the_other_way(self) -> None:
        assert sorts(Log(Written().change(1, "absent", "connected", kind="network.disconnect").lines)) == ["pair"]


class TestWhatTheEngineShows:
    def test_a_phantom(self) -> None:
        log = Log(Written().change(1, "absent", "connected").lines)
        assert [problem.sort for problem in log.divergences(inspected().pairs())] == ["divergence"]

    @pytest.mark.parametrize("state", ["configured", "connected"])
    def test_a_member_that_the_log_lacks(self, state: str) -> None:
        assert [problem.sort for problem in Log().divergences(inspected(state).pairs())] == ["divergence"]

    def test_configured_is_not_connected(self) -> None:
        log = Log(Written().change(1, "absent", "connected").lines)
        assert [problem.sort for problem in log.divergences(inspected("configured").pairs())] == ["divergence"]

    def test_another_endpoint(self) -> None:
        log = Log(Written().change(1, "absent", "connected", by="e1").lines)
        assert [problem.sort for problem in log.divergences(inspected("connected", "e2").pairs())] == ["divergence"]

    def test_an_endpoint_that_the_log_does_not_know(self) -> None:
        log = Log(Written().change(1, "absent", "connected", by=None).lines)
        assert log.divergences(inspected("connected", "e2").pairs()) == []

    def test_a_created_container_names_its_network(self) -> None:
        assert inspected("configured", named=True).pairs().keys() == {(NET, BOX)}

    def test_a_network_that_is_gone_is_absent(self) -> None:
        assert Shown([], inspected("configured").containers).pairs() == {}

    def test_the_bridge_of_before_is_the_bridge_of_now(self) -> None:
        container = {"Id": BOX, "NetworkSettings": {"Networks": {"bridge": {"NetworkID": "old", "EndpointID": ""}}}}
        shown = Shown([{"Id": "new", "Name": "bridge", "Containers": {}}], [container])
        assert shown.pairs().keys() == {("new", BOX)}

    @pytest.mark.parametrize(
        ("status", "live", "state"),
        [
            ("running", True, "connected"),
            ("paused", True, "connected"),
            ("running", False, "configured"),
            ("exited", False, "configured"),
        ],
    )
    def test_a_stale_endpoint_is_none(self, status: str, live: bool, state: str) -> None:
        entries = {"n0": {"NetworkID": NET, "EndpointID": "e1"}}
        container = {"Id": BOX, "Name": "/c0", "State": {"Status": status}, "NetworkSettings": {"Networks": entries}}
        network = {"Id": NET, "Name": "n0", "Containers": {BOX: {"EndpointID": "e1"}} if live else {}}
        assert may_be_connected(container, [network]) == ([] if status == "exited" else [NET])
        assert view_of(container, [network]).members[NET].state == state


class TestTheOperations:
    def test_a_transition_is_missing(self) -> None:
        log = Log(Written().add("network.create", 1).lines)
        assert wrong(account(log, [done("connect", 1.9, 2.1, seen(), seen("connected"))])) == ["unmarked gap"]

    def test_a_transition_is_of_another_time(self) -> None:
        log = Log(Written().change(3, "absent", "connected").lines)
        assert wrong(account(log, [done("connect", 1.9, 2.1, seen(), seen("connected"))])) == ["unmarked gap"]

    def test_one_of_two_is_missing(self) -> None:
        log = Log(Written().change(1, "absent", "connected").lines)
        deeds = [
            done("connect", 0.9, 1.1, seen(), seen("connected")),
            done("disconnect", 1.9, 2.1, seen("connected"), seen()),
        ]
        assert wrong(account(log, deeds)) == ["unmarked gap"]

    def test_a_restart_that_left_no_trace(self) -> None:
        log = Log(Written().change(1, "absent", "connected").add("container.restart", 2).lines)
        deed = done("restart", 1.9, 2.3, seen("connected"), seen("connected", "e2"))
        assert wrong(account(log, [deed])) == ["unmarked gap"]

    def test_a_duplicate(self) -> None:
        told = Written().change(2, "absent", "connected").change(2.01, "connected", "absent")
        log = Log(told.change(2.02, "absent", "connected").lines)
        assert wrong(account(log, [done("connect", 1.9, 2.1, seen(), seen("connected"))])) == ["duplicate"]

    def test_a_phantom_in_the_time_of_what_changes_nothing(self) -> None:
        told = Written().change(1, "absent", "connected").change(2, "connected", "absent")
        log = Log(told.change(2.01, "absent", "connected").add("container.pause", 2).lines)
        assert wrong(account(log, [done("pause", 1.9, 2.1, seen("connected"), seen("connected"))])) == ["duplicate"]

    def test_another_endpoint(self) -> None:
        log = Log(Written().change(2, "absent", "connected", by="e9").lines)
        assert wrong(account(log, [done("connect", 1.9, 2.1, seen(), seen("connected"))])) == ["endpoint"]

    @pytest.mark.parametrize(
        ("verb", "kind"),
        [("net_create", "network.create"), ("net_remove", "network.destroy"), ("rm", "container.destroy")],
    )
    def test_a_life_that_is_not_told(self, verb: str, kind: str) -> None:
        deed = done(verb, 1.9, 2.1, None, None)
        assert wrong(account(Log(), [deed])) == ["unmarked gap"]
        assert wrong(account(Log(Written().add(kind, 3).lines), [deed])) == ["unmarked gap"]
        assert wrong(account(Log(Written().add(kind, 2).lines), [deed])) == []
        assert wrong(account(Log(Written().gap(1, 2).lines), [deed])) == []
        assert wrong(account(Log(Written().add(kind, 3, **between(1, 3)).lines), [deed])) == []


class TestMarks:
    @pytest.mark.parametrize(("first", "last"), [(1, 2), (None, 2), (2, 9), (2, None), (0, 9), (None, None)])
    def test_a_gap_that_meets_the_operation_covers_it(self, first: float | None, last: float | None) -> None:
        log = Log(Written().gap(first, last).lines)
        result = account(log, [done("connect", 1.9, 2.1, seen(), seen("connected"))])
        assert (wrong(result), result.marked) == ([], 1)

    @pytest.mark.parametrize(("first", "last"), [(0, 1), (None, 1), (3, 9), (3, None)])
    def test_a_gap_elsewhere_does_not(self, first: float | None, last: float | None) -> None:
        log = Log(Written().gap(first, last).lines)
        result = account(log, [done("connect", 1.9, 2.1, seen(), seen("connected"))])
        assert wrong(result) == ["unmarked gap"]

    def test_a_comparison_that_found_it_covers_it(self) -> None:
        log = Log(Written().change(3, "absent", "connected", **between(1, 3)).lines)
        result = account(log, [done("connect", 1.9, 2.1, seen(), seen("connected"))])
        assert (wrong(result), result.marked) == ([], 1)

    def test_a_comparison_of_another_time_does_not(self) -> None:
        log = Log(Written().change(4, "absent", "connected", **between(3, 4)).lines)
        result = account(log, [done("connect", 1.9, 2.1, seen(), seen("connected"))])
        assert wrong(result) == ["unmarked gap"]

    def test_a_comparison_of_another_pair_does_not(self) -> None:
        other = {"network": {"id": "cc" * 32, "name": "n1"}}
        log = Log(Written().change(3, "absent", "connected", **between(1, 3), **other).lines)
        result = account(log, [done("connect", 1.9, 2.1, seen(), seen("connected"))])
        assert wrong(result) == ["unmarked gap"]

    def test_touching(self) -> None:
        assert not touches(None, 1, 2)
        assert touches((2, 3), 1, 2)
        assert not touches((3, 4), 1, 2)


class TestWhatNobodyTells:
    def test_connected_and_disconnected_while_it_did_not_run(self) -> None:
        stopped, there = seen(status="exited"), seen("configured", status="exited")
        result = account(Log(), [done("connect", 1, 2, stopped, there), done("disconnect", 3, 4, there, stopped)])
        assert (wrong(result), len(result.unobservable)) == ([], 2)

    def test_a_connect_of_one_that_runs_is_no_such_thing(self) -> None:
        running, there = seen(), seen("configured")
        assert wrong(account(Log(), [done("connect", 1, 2, running, there)])) == ["unmarked gap"]

    def test_a_disconnect_of_what_the_log_knew_is_none(self) -> None:
        log = Log(Written().change(0.5, "absent", "configured").lines)
        deed = done("disconnect", 1, 2, seen("configured", status="exited"), seen(status="exited"))
        assert wrong(account(log, [deed])) == ["unmarked gap"]

    def test_a_start_of_what_was_never_seen_to_be_configured(self) -> None:
        there = seen("configured", status="exited")
        log = Log(Written().change(2, "absent", "connected").add("container.start", 2).lines)
        assert wrong(account(log, [done("start", 1.9, 2.1, there, seen("connected"))])) == []
        deed = done("restart", 1.9, 2.1, seen("connected", "e0"), seen("connected"))
        assert "unmarked gap" in wrong(account(log, [deed]))

    def test_a_disconnect_that_is_undone_while_it_does_not_run(self) -> None:
        there, gone = seen("configured", status="exited"), seen(status="exited")
        first, second = done("disconnect", 1, 2, there, gone), done("connect", 3, 4, gone, there, number=2)
        known = Written().change(0.5, "absent", "configured")
        result = account(Log(known.lines), [first, second])
        assert (wrong(result), len(result.unobservable)) == ([], 2)
        assert wrong(account(Log(known.lines), [first])) == ["unmarked gap"]
        asked = replace(second, via="api")
        assert wrong(account(Log(known.lines), [first, asked])) == ["unmarked gap"]
        log = Log(known.change(2.5, "configured", "absent").lines)
        assert wrong(account(log, [first, second])) == ["unmarked gap"]

    def test_a_creation_is_overtaken_by_the_next_operation(self) -> None:
        created = seen("configured", status="created")
        log = Log(Written().add("container.create", 1.5).lines)
        first = done("create", 1, 2, NOTHING, created)
        assert wrong(account(log, [first])) == ["unmarked gap"]
        result = account(log, [first, done("rm", 2.1, 2.2, created, NOTHING, status=404)])
        assert (wrong(result), len(result.unobservable)) == ([], 1)

    @pytest.mark.parametrize(("source", "sorts_"), [("stream", ["unmarked gap"]), ("replay", [])])
    def test_a_creation_that_was_learned_of_later_is_overtaken_by_any(self, source: str, sorts_: list[str]) -> None:
        created = seen("configured", status="created")
        log = Log(Written().add("container.create", 1.5, source=source).lines)
        deeds = [done("create", 1, 2, NOTHING, created), done("rm", 30, 31, created, NOTHING, status=404)]
        assert wrong(account(log, deeds)) == sorts_


class TestWhoItWas:
    def deed(self, via: Via = "socket") -> list[Done]:
        request = "r1" if via == "api" else None
        return [done("connect", 0.9, 1.3, seen(), seen("connected"), via=via, request=request, status=201)]

    def log(self, cause: str, request: str | None, **members: Any) -> Log:  # noqa: ANN401  (any JSON)
        told = Written().asked(0.95, "r1", "intent")
        told.change(1, "absent", "connected", cause=cause, request=request and asker(request), **members)
        return Log(told.asked(1.1, "r1", "outcome").lines)

    def test_nobody_asked_control(self) -> None:
        assert wrong(account(self.log("request", "r1"), self.deed())) == ["attribution"]
        assert wrong(account(self.log("external", None), self.deed())) == []

    def test_nobody_asked_control_and_the_cause_alone_says_otherwise(self) -> None:
        assert wrong(account(self.log("request", None), self.deed())) == ["attribution"]
        assert wrong(account(self.log("external", "r1"), self.deed())) == ["attribution"]

    @pytest.mark.parametrize(("cause", "named"), [("external", None), ("request", "r2"), ("unknown", None)])
    def test_control_was_asked(self, cause: str, named: str | None) -> None:
        assert wrong(account(self.log(cause, named), self.deed("api"))) == ["attribution"]

    def test_what_is_learned_later_may_lack_who_it_was_and_not_name_another(self) -> None:
        assert wrong(account(self.log("external", None, source="replay"), self.deed("api"))) == []
        assert wrong(account(self.log("request", "r2", source="replay"), self.deed("api"))) == ["attribution"]

    def test_a_request_that_nobody_sent(self) -> None:
        assert [problem.sort for problem in attributions(self.log("request", "r2"), {})] == ["attribution"]

    def test_a_request_for_another_container(self) -> None:
        other = done("connect", 0.9, 1.3, via="api", request="r1", container="dd" * 32)
        assert [problem.sort for problem in attributions(self.log("request", "r1"), {"r1": other})] == ["attribution"]

    def test_a_request_for_a_container_that_never_came_to_be_is_known_by_its_name(self) -> None:
        same = done("run", 0.9, 1.3, via="api", request="r1", container=None)
        other = done("run", 0.9, 1.3, via="api", request="r1", container=None, container_name="c1")
        renamed = done("disconnect", 0.9, 1.3, via="api", request="r1", container=None, container_name="c0x")
        assert attributions(self.log("request", "r1"), {"r1": same}) == []
        assert attributions(self.log("request", "r1"), {"r1": renamed}) == []
        assert [problem.sort for problem in attributions(self.log("request", "r1"), {"r1": other})] == ["attribution"]

    def test_a_request_for_a_network(self) -> None:
        same = done("net_remove_force", 0.9, 1.3, via="api", request="r1", container=None)
        other = done("net_remove_force", 0.9, 1.3, via="api", request="r1", container=None, network="cc" * 32)
        assert attributions(self.log("request", "r1"), {"r1": same}) == []
        assert [problem.sort for problem in attributions(self.log("request", "r1"), {"r1": other})] == ["attribution"]

    @pytest.mark.parametrize(("first", "last"), [(2, 3), (0.1, 0.2)])
    def test_a_request_of_another_time(self, first: float, last: float) -> None:
        other = done("connect", first, last, via="api", request="r1")
        assert [problem.sort for problem in attributions(self.log("request", "r1"), {"r1": other})] == ["attribution"]

    def test_cause_request_without_a_request(self) -> None:
        assert [problem.sort for problem in attributions(self.log("request", None), {})] == ["attribution"]


class TestRequests:
    def test_an_intent_without_an_outcome(self) -> None:
        log = Log(Written().asked(1, "r1", "intent").lines)
        assert [problem.sort for problem in log.open_intents()] == ["intent"]

    def test_two_outcomes(self) -> None:
        told = Written().asked(1, "r1", "intent").asked(2, "r1", "outcome").asked(3, "r1", "outcome")
        assert sorts(Log(told.lines)) == ["intent"]

    def test_an_outcome_without_an_intent(self) -> None:
        assert sorts(Log(Written().asked(2, "r1", "outcome").lines)) == ["intent"]

    def test_a_success_that_has_none(self) -> None:
        deed = done("connect", 0.9, 1.3, None, None, via="api", request="r1", status=201)
        assert wrong(account(Log(), [deed])) == ["intent"]

    @pytest.mark.parametrize(("verb", "status"), [("connect", 200), ("disconnect", 204), ("stop", 200)])
    def test_what_was_so_already_needs_none(self, verb: str, status: int) -> None:
        stopped = seen(status="exited")
        deed = done(verb, 0.9, 1.3, stopped, stopped, via="api", request="r1", status=status)
        assert wrong(account(Log(), [deed])) == []

    def test_a_stop_that_stopped_needs_one(self) -> None:
        deed = done("stop", 0.9, 1.3, seen(), seen(status="exited"), via="api", request="r1")
        assert wrong(account(Log(), [deed])) == ["intent", "unmarked gap"]

    def test_a_success_that_is_told_as_a_failure(self) -> None:
        told = Written().asked(1, "r1", "intent").asked(1.2, "r1", "outcome", outcome="failed", status=500)
        deed = done("connect", 0.9, 1.3, None, None, via="api", request="r1", status=201)
        assert wrong(account(Log(told.lines), [deed])) == ["intent"]

    def test_an_outcome_is_unknown_only_where_control_ended(self) -> None:
        log = Log(Written().asked(1, "r1", "intent").asked(9, "r1", "outcome", outcome="unknown", status=None).lines)
        deed = done("connect", 0.9, 1.3, None, None, via="api", request="r1", status=201)
        assert wrong(account(log, [deed])) == ["intent"]
        assert wrong(account(log, [deed], [Outage("control killed", at(1.2), at(3))])) == []

    def test_controls_own_clock(self) -> None:
        deed = done("connect", 0.9, 1.3, None, None, via="api", request="r1", status=201)
        log = Log(Written().asked(1, "r1", "intent").lines)
        assert clocks(log, {"r1": deed}) == []
        log = Log(Written().asked(3600, "r1", "intent").lines)
        assert [problem.sort for problem in clocks(log, {"r1": deed})] == ["time"]


class TestWhatIsNotClear:
    """What these did can't be known, so nothing is asked of the log but what holds of every log."""

    def check(self, *others: Done, **further: Any) -> Account:  # noqa: ANN401  (of Done)
        first = done("connect", 1, 2, seen(), seen("connected"), **further)
        return account(Log(), [first, *others])

    def test_alone_it_is_clear(self) -> None:
        assert wrong(self.check()) == ["unmarked gap"]

    def test_another_hand_on_the_container(self) -> None:
        assert wrong(self.check(done("stop", 1.5, 3, None, None, status=500, number=2))) == []

    def test_another_hand_on_another_container(self) -> None:
        assert wrong(self.check(done("stop", 1.5, 3, None, None, status=500, container="dd" * 32, number=2))) == [
            "unmarked gap"
        ]

    @pytest.mark.parametrize(("name", "sorts_"), [("c0", []), ("c1", ["unmarked gap"])])
    def test_another_hand_by_its_name(self, name: str, sorts_: list[str]) -> None:
        rival = done("disconnect", 1.5, 1.6, None, None, container=None, container_name=name, status=404, number=2)
        assert wrong(self.check(rival)) == sorts_

    def test_one_before_that_was_not_answered(self) -> None:
        assert wrong(self.check(done("stop", 0.1, 0.2, None, None, status=None, number=2))) == []

    def test_the_calls_of_one_flap_are_not_rivals_and_one_of_another_hand_within_it_is(self) -> None:
        flap = {"since": at(0), "through": at(9)}
        rival = done("stop", 5, 6, None, None, status=500, number=2)
        assert wrong(self.check(done("disconnect", 2, 3, None, None), **flap)) == ["unmarked gap"]
        assert wrong(self.check(rival, **flap)) == []
        assert wrong(self.check(rival)) == ["unmarked gap"]

    def test_its_network_is_removed(self) -> None:
        rival = done("net_remove", 1.5, 1.6, None, None, status=403, container=None)
        assert wrong(self.check(rival)) == []

    def test_a_network_of_its_past_is_removed(self) -> None:
        """Already gone from the list of networks, and not yet told to be: the view has it no more, the log still."""
        log = Log(Written().change(1.5, "absent", "configured").lines)
        rival = done("net_remove", 1.4, 1.6, None, None, container=None, status=204, number=2)
        deed = done("pause", 1, 2, seen(), seen())
        told = account(log, [deed])
        assert wrong(told) == ["unmarked gap"]
        assert "duplicate" not in wrong(account(log, [deed, rival]))

    def test_the_network_of_its_entry_comes_to_be(self) -> None:
        rival = done("net_create", 1.5, 1.6, None, None, container=None, status=201, number=2)
        deed = done("stop", 1, 2, seen(status="created"), seen("configured", status="created"))
        assert wrong(account(Log(), [deed])) == ["unmarked gap"]
        assert "#1 " not in " ".join(map(str, account(Log(), [deed, rival]).problems))

    def test_it_ends_by_itself(self) -> None:
        assert wrong(self.check(spontaneous=True)) == []

    def test_it_failed(self) -> None:
        assert wrong(self.check(status=500)) == []
        assert wrong(self.check(status=None)) == []

    def test_the_engine_was_away(self) -> None:
        deed = done("connect", 1, 2, seen(), seen("connected"))
        assert wrong(account(Log(), [deed], [Outage("engine killed", at(1.5), at(3))])) == []
        assert wrong(account(Log(), [deed], [Outage("control killed", at(1.5), at(3))])) == ["unmarked gap"]

    @pytest.mark.parametrize(("policy", "sorts_"), [("no", ["unmarked gap"]), ("always", [])])
    def test_the_engine_was_away_and_may_still_be_starting_what_it_restarts(
        self, policy: str, sorts_: list[str]
    ) -> None:
        before = replace(seen(), restart=policy)
        deed = done("connect", 3, 4, before, seen("connected"))
        assert wrong(account(Log(), [deed], [Outage("engine killed", at(1), at(2))])) == sorts_


class TestReading:
    def test_times(self) -> None:
        assert instant("1970-01-01T00:00:01.000000001Z") == SECOND + 1
        assert instant("1970-01-01T00:00:01.5Z") == SECOND + SECOND // 2
        assert instant(rfc(at(61))) == at(61)
        assert interval([None, "1970-01-01T00:00:01Z"]) == (None, SECOND)
        with pytest.raises(Malformed):
            interval(["1970-01-01T00:00:01Z", "1970-01-01T00:00:00Z"])

    def test_a_page_is_split_as_it_was_served(self) -> None:
        lines = story().lines
        assert split_page(f'{{"items":[{",".join(lines)}],"next":null}}') == lines
        assert split_page('{"items":[],"next":null}') == []
