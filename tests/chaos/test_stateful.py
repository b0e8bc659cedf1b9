"""Hypothesis chooses what is done to a real engine and a real control, which it also kills; the same checker looks.

In CI a few short examples, the same each time. CHAOS_EXAMPLES and CHAOS_STEPS make it more and longer, and then new
ones each time, shrunk to the shortest that fails.
"""

import os
import shutil
import tempfile
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import ClassVar, Final

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.chaos.faults import Faults
from tests.chaos.hands import Engine, Hand, World
from tests.chaos.journal import Via
from tests.chaos.plan import Fault, Operation
from tests.chaos.rest import Books, final, rest
from tests.chaos.rig import PREFIX, Rig
from tests.support.engine import PrivateEngine

LONG: Final = "CHAOS_EXAMPLES" in os.environ
EXAMPLES: Final = int(os.environ.get("CHAOS_EXAMPLES", "5"))
STEPS: Final = int(os.environ.get("CHAOS_STEPS", "20"))
SETTLE: Final = 20.0

BOXES = st.sampled_from(["w0", "w1"])
NETS = st.sampled_from(["n0", "n3"])
VIAS: st.SearchStrategy[Via] = st.sampled_from(["api", "socket"])


class LogMachine(RuleBasedStateMachine):
    """One hand, two containers, two networks, and a control that dies."""

    private: ClassVar[PrivateEngine]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.private.clear()
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self.stack.callback(shutil.rmtree, folder, ignore_errors=True)
        self.rig = Rig(self.private, folder)
        self.stack.callback(self.rig.end)
        self.rig.control.start()
        self.engine = self.stack.enter_context(Engine(str(self.private.socket)))
        self.hand = Hand(self.rig.places, World(), "stateful")
        self.stack.callback(self.hand.close)
        self.books = Books()
        self.faults = Faults(self.rig)
        self.numbers = count(1)
        self.there: set[str] = set()

    def do(self, via: Via, verb: str, **what: str) -> None:
        """One operation."""
        number = next(self.numbers)
        self.books.note(self.hand.perform(Operation(number, 0, via, verb, **what)))  # type: ignore[arg-type]

    @initialize(via=VIAS)
    def networks(self, via: Via) -> None:
        for slot in ("n0", "n3"):
            self.do(via, "net_create", network=slot)

    @rule(via=VIAS, verb=st.sampled_from(["create", "run"]), box=BOXES, mode=st.sampled_from(["n0", "bridge", "none"]))
    def make(self, via: Via, verb: str, box: str, mode: str) -> None:
        self.there.add(box)
        self.do(via, verb, container=box, mode=mode)

    @precondition(lambda self: self.there)
    @rule(via=VIAS, box=BOXES, net=NETS)
    def connect(self, via: Via, box: str, net: str) -> None:
        self.do(via, "connect", container=box, network=net)

    @precondition(lambda self: self.there)
    @rule(via=VIAS, box=BOXES, net=NETS)
    def disconnect(self, via: Via, box: str, net: str) -> None:
        self.do(via, "disconnect", container=box, network=net)

    @precondition(lambda self: self.there)
    @rule(via=VIAS, box=BOXES, verb=st.sampled_from(["start", "stop", "restart"]))
    def start_or_stop(self, via: Via, box: str, verb: str) -> None:
        self.do(via, verb, container=box)

    @precondition(lambda self: self.there)
    @rule(via=VIAS, box=BOXES, verb=st.sampled_from(["rm", "rm_force"]))
    def remove(self, via: Via, box: str, verb: str) -> None:
        self.there.discard(box)
        self.do(via, verb, container=box)

    @rule(seconds=st.sampled_from([0.0, 0.3]))
    def kill_control(self, seconds: float) -> None:
        self.faults.strike(Fault("kill control", 0, seconds))

    @rule()
    def look(self) -> None:
        found = rest(self.rig, self.engine, self.books, self.faults.outages, settle=SETTLE)
        assert not found.problems, "\n".join(map(str, found.problems))

    def teardown(self) -> None:
        """The rest that ends each example, and the whole log once more."""
        with self.stack:
            self.look()
            _, _, problems = final(self.rig, self.books, self.faults.outages)
            assert not problems, "\n".join(map(str, problems))


def test_the_log_tells_the_truth_in_every_order(engine: PrivateEngine) -> None:
    class Machine(LogMachine):
        private = engine

    chosen = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        derandomize=not LONG,
        phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Machine, settings=chosen)
    engine.clear()
