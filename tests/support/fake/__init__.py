"""A fake Docker Engine, served over a unix socket: its events in the orders measured, and faults at will.

`versions` values · `model` state · `networking`, `running`, `daemon` what is done to it · `telling`, `stream` events
· `shapes`, `api` HTTP · `follow` a recorded stream · `engine` the thread that serves, and the tests' hand on it
"""

from tests.support.fake.engine import FakeEngine, fake_engine

__all__ = ["FakeEngine", "fake_engine"]
