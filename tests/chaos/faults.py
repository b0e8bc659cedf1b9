"""What dies, and comes back: each fault of the plan carried out, and its interval written down."""

import time
from collections.abc import Callable
from typing import Final

from tests.chaos.journal import Outage
from tests.chaos.plan import Fault, FaultKind
from tests.chaos.rig import Rig

LIVE_RESTORE: Final = "--live-restore"

Way = Callable[[Fault], None]


class Faults:
    """The faults on one rig. `outages` are those there were."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.outages: list[Outage] = []
        self._ways: dict[FaultKind, Way] = {
            "kill control": self._kill_control,
            "kill engine": self._kill_engine,
            "restart engine": self._restart_engine,
            "kill control and engine": self._kill_both,
            "stop control": self._stop_control,
            "fill disk": self._fill_disk,
            "step clock": self._step_clock,
            "live restore": self._live_restore,
        }

    def strike(self, fault: Fault) -> None:
        """Carry it out, and undo it; ends when all is up again."""
        began = time.time_ns()
        try:
            self._ways[fault.kind](fault)
        finally:
            self.outages.append(Outage(fault.kind, began, time.time_ns()))

    def _kill_control(self, fault: Fault) -> None:
        self._rig.kill_control()
        time.sleep(fault.seconds)
        self._rig.control.start()

    def _kill_engine(self, fault: Fault) -> None:
        self._rig.engine.kill()
        time.sleep(fault.seconds)
        self._rig.engine.start()

    def _restart_engine(self, fault: Fault) -> None:
        self._rig.engine.terminate()
        time.sleep(fault.seconds / 4)
        self._rig.engine.start()

    def _kill_both(self, fault: Fault) -> None:
        self._rig.kill_control()
        self._rig.engine.kill()
        time.sleep(fault.seconds)
        if fault.after % 2:
            self._rig.control.start(ready=False)
            time.sleep(fault.seconds / 4)
            self._rig.engine.start()
        else:
            self._rig.engine.start()
            time.sleep(fault.seconds / 4)
            self._rig.control.start(ready=False)

    def _stop_control(self, fault: Fault) -> None:
        self._rig.freeze_control()
        try:
            time.sleep(fault.seconds)
        finally:
            self._rig.thaw_control()

    def _fill_disk(self, fault: Fault) -> None:
        deadline = time.monotonic() + 1 + fault.seconds
        try:
            while time.monotonic() < deadline:
                self._rig.disk.fill()
                time.sleep(0.05)
        finally:
            self._rig.disk.free()

    def _step_clock(self, fault: Fault) -> None:
        self._rig.clock.step(fault.offset)

    def _live_restore(self, fault: Fault) -> None:
        self._rig.engine.options = (*self._rig.engine.options, LIVE_RESTORE)
        self._restart_engine(fault)
