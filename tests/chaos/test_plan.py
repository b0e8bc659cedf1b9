"""The plan is the same for the same seed, and has what was asked for."""

from collections import Counter

from tests.chaos.calls import api_call, socket_call
from tests.chaos.plan import API_VERBS, SEGMENT, Amounts, plan

MUCH = Amounts(
    operations=2000, control_kills=12, engine_kills=6, engine_restarts=3, stops=4, disk_fulls=2, clock_steps=3
)


def test_the_same_seed_gives_the_same_plan() -> None:
    assert plan(7, MUCH) == plan(7, MUCH)
    assert plan(7, MUCH) != plan(8, MUCH)


def test_everything_that_was_asked_for_is_in_it() -> None:
    segments = plan(3, MUCH)
    faults = Counter(segment.fault.kind for segment in segments if segment.fault is not None)
    assert sum(len(segment.operations) for segment in segments) == 2000
    assert max(len(segment.operations) for segment in segments) <= SEGMENT
    assert faults == {
        "kill control": 11,
        "kill engine": 5,
        "kill control and engine": 1,
        "restart engine": 3,
        "stop control": 4,
        "fill disk": 2,
        "step clock": 3,
        "live restore": 1,
    }
    offsets = [segment.fault.offset for segment in segments if segment.fault and segment.fault.kind == "step clock"]
    assert [abs(offset) for offset in offsets] == [3600, 0, 3600]


def test_a_fault_strikes_among_the_operations_of_its_segment() -> None:
    for segment in plan(3, MUCH):
        if segment.fault is not None and segment.operations:
            assert 0 <= segment.fault.after < len(segment.operations)


def test_every_verb_comes_by_every_way_that_it_has() -> None:
    ways = {(operation.verb, operation.via) for segment in plan(3, MUCH) for operation in segment.operations}
    alone = {(verb, "socket") for verb in ("rename", "restart", "kill", "pause", "unpause")}
    alone.add(("net_remove_force", "api"))
    both = (API_VERBS | {"flap"}) - {"net_remove_force"}
    assert ways == alone | {(verb, via) for verb in both for via in ("api", "socket")}


def test_every_operation_but_a_flap_is_one_call() -> None:
    for segment in plan(3, MUCH):
        for operation in segment.operations:
            container, network = operation.container or "", operation.network or ""
            if operation.via == "api" and operation.verb != "flap":
                assert api_call(operation, container, network).path.startswith(("/containers", "/networks"))
            elif operation.verb not in {"flap", "run"}:
                assert socket_call(operation, container, network, "name").path.startswith(("/containers", "/networks"))


def test_other_hands_reach_into_a_slot_now_and_then() -> None:
    reaches = Counter(
        int(operation.container[1:]) % MUCH.hands == operation.hand
        for segment in plan(3, MUCH)
        for operation in segment.operations
        if operation.container is not None
    )
    assert reaches[True] > reaches[False] > 100
