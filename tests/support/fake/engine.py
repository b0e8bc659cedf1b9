"""A fake Docker Engine at the transport: a server on a unix socket, for a control in a process or in this one.

It has what `PrivateEngine` has (`url`, `call`, `start`, `terminate`, `kill`, `restart`, `pause`, `resume`, `clear`),
so the same hand can be laid on both, and beside it what can't be made to happen on a real one.

Concurrency: the engine has a thread and a loop of its own, so it answers whoever blocks in the test. Each method here
hands its work to that loop and waits for it. The state outlives `kill` and `terminate`, as the containers of a real
engine do; the ring of events does not.

    with fake_engine("26") as fake:
        fake.call("POST", "/networks/create", json={"Name": "mynet"})
        with fake.delay(r"GET /containers/", 0.5), fake.burst(seed=1):
            ...
"""

import asyncio
import json
import random
import re
import shutil
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx2
import orjson
import uvloop

from tests.support.engine import EngineRefused
from tests.support.fake.api import BYPASS, Api, Fault
from tests.support.fake.daemon import Daemon
from tests.support.fake.follow import follow
from tests.support.fake.model import Refusal
from tests.support.fake.serving import GRACE, Serving
from tests.support.fake.stream import BACKLOG, Stream, Told, recorded
from tests.support.fake.versions import VERSIONS
from tests.support.polling import eventually

T = TypeVar("T")

PREFIX: Final = "pontlevis-fake-"


class FakeEngine:
    """One fake engine. `start` it, and `stop` it for good."""

    def __init__(
        self,
        version: str = "20",
        *,
        clock_offset: float = 0.0,
        live_restore: bool = False,
        backlog: int = BACKLOG,
        seed: int | None = None,
    ) -> None:
        """`version`: 20, 26, 28 or 29. `clock_offset`: seconds that the engine's clock is ahead of this machine's.
        `backlog`: unread events after which a listener loses some. `seed` makes ids and random orders repeatable."""
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self.socket = self.folder / "docker.sock"
        self.url = f"unix://{self.socket}"
        self.version = VERSIONS[version]
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-engine", daemon=True)
        self._thread.start()
        self._serving: Serving | None = None
        self._crashed: bool | None = None
        self.daemon = self.do(lambda: self._make(clock_offset, backlog, seed, live_restore=live_restore))
        self.stream = self.daemon.stream
        self.api = Api(self.daemon)
        self._http = httpx2.Client(
            transport=httpx2.HTTPTransport(uds=str(self.socket)),
            base_url="http://engine",
            timeout=30,
            headers={BYPASS: "1"},
        )

    def _make(self, clock_offset: float, backlog: int, seed: int | None, *, live_restore: bool) -> Daemon:
        stream = Stream(offset=clock_offset, backlog=backlog)
        return Daemon(self.version, stream, random.Random(seed), live_restore=live_restore)

    def do(self, work: Callable[[], T]) -> T:
        """Do something on the engine's loop, and give what it gives. The model may be changed so, untold."""

        async def wrapped() -> T:
            return work()

        return self.wait_for(wrapped())

    def wait_for(self, work: Awaitable[T]) -> T:
        """Run this on the engine's loop, and wait for what it gives."""

        async def wrapped() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(wrapped(), self._loop).result()

    # Its life

    def start(self) -> None:
        """Start, or come back after `kill` or `terminate`."""
        self.wait_for(self._serve())

    def restart(self) -> None:
        """SIGTERM, and start again: the ring is forgotten, all connections are dropped."""
        self.terminate()
        self.start()

    def terminate(self) -> None:
        """SIGTERM: it stops its containers, and the streams end."""
        self.wait_for(self._end(crashed=False))

    def kill(self) -> None:
        """SIGKILL: all connections break off; its containers go on."""
        self.wait_for(self._end(crashed=True))

    def pause(self) -> None:
        """SIGSTOP: it accepts connections and answers nothing."""
        self.do(self.stream.thawed.clear)
        self.do(lambda: self.api.faults.append(Fault(_EVERYTHING, gate=self.stream.thawed)))

    def resume(self) -> None:
        """SIGCONT."""
        self.do(self.stream.thawed.set)
        self.do(lambda: self._remove_faults(_EVERYTHING))

    def _remove_faults(self, matching: re.Pattern[str]) -> None:
        self.api.faults[:] = [fault for fault in self.api.faults if fault.matching is not matching]

    async def _serve(self) -> None:
        if self._crashed is not None:
            await self.daemon.boot(crashed=self._crashed)
            self._crashed = None
        version = self.version.version
        headers = {"Api-Version": self.version.api, "Server": f"Docker/{version} (linux)", "Ostype": "linux"}
        self._serving = Serving(self.socket, self.api.handle, headers)
        await self._serving.begin()

    async def _end(self, *, crashed: bool) -> None:
        serving, self._serving = self._serving, None
        if serving is None:
            return
        self._crashed = crashed
        if crashed:
            self.daemon.crash()
        else:
            # It takes no more connections before it stops its containers (measured on 20.10).
            await serving.stop_listening()
            self.daemon.shut_down()
            self.stream.end()
            await asyncio.sleep(GRACE)
        self.stream.forget()
        await serving.end()

    def stop(self) -> None:
        """End it for good."""
        self._http.close()
        self.kill()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # What the tests' hand does

    def call(self, method: str, path: str, *, json: object = None, **query: str) -> Any:  # noqa: ANN401  (any JSON)
        """What the engine answers. No fault is this call's."""
        response = self._http.request(method, path, json=json, params=query)
        answer = response.json() if response.headers.get("Content-Type", "").startswith("application/json") else None
        if response.is_error:
            raise EngineRefused(response.status_code, str((answer or {}).get("message", response.text)))
        return answer

    def clear(self, label: str | None = None) -> None:
        """Remove every container and network (or those with this label)."""
        filters = {"filters": json.dumps({"label": [label]})} if label else {}
        for container in self.call("GET", "/containers/json", all="true", **filters):
            self.call("DELETE", f"/containers/{container['Id']}", force="true", v="true")
        for network in self.call("GET", "/networks", **filters):
            if network["Name"] not in {"bridge", "host", "none"}:
                self.call("DELETE", f"/networks/{network['Id']}")

    def exit(self, container: str, code: int = 0, *, out_of_memory: bool = False) -> None:
        """A container's process ends by itself. While the engine is down, nobody will ever tell of it."""
        if self._serving is None:
            found = self.do(lambda: self.daemon.world.container(container))
            found.ended_unseen = True
        else:
            self.wait_for(self.daemon.containers.exit(container, code, out_of_memory=out_of_memory))

    def health(self, container: str, status: str) -> None:
        """A container's health check finds it `healthy` or `unhealthy`."""
        self.do(lambda: self.daemon.containers.health(container, status))

    # What may go wrong with the stream

    @property
    def listeners(self) -> int:
        """How many read the stream now."""
        return len(self.stream.listeners)

    def followed(self) -> None:
        """Wait until someone reads the stream."""
        eventually(lambda: self.listeners > 0)

    def ring(self) -> list[dict[str, Any]]:
        """The events that the engine still holds."""
        return [orjson.loads(told.line) for told in self.do(lambda: list(self.stream.ring))]

    def drop(self, count: int = 1, matching: Callable[[Told], bool] = lambda _: True) -> None:
        """The next events that match are lost to those who listen, without a sign. The ring still has them."""
        self.do(lambda: self.stream.lose(count, matching))

    @contextmanager
    def burst(self, seed: int = 0) -> Iterator[None]:
        """Events told within come at its end, in another order; each (network, container)'s own is kept."""
        chance = random.Random(seed)
        burst = self.stream.burst(chance)
        self.do(burst.__enter__)
        try:
            yield
        finally:
            self.do(lambda: burst.__exit__(None, None, None))

    def inject(self, lines: Iterable[bytes | Mapping[str, Any]], *, follows: bool = False, pause: float = 0.0) -> None:
        """Send recorded lines as they are, one by one. `follows`: the model changes as they tell, so that inspects
        agree. A line that is no event goes out all the same, to all, and not into the ring."""
        self.wait_for(self._inject(list(lines), follows=follows, pause=pause))

    async def _inject(self, lines: list[bytes | Mapping[str, Any]], *, follows: bool, pause: float) -> None:
        for given in lines:
            line = given if isinstance(given, bytes) else orjson.dumps(given)
            try:
                told = recorded(line)
            except (ValueError, KeyError, TypeError):
                self.stream.raw(line.rstrip(b"\n") + b"\n")
            else:
                if follows:
                    follow(self.daemon.world, orjson.loads(line))
                self.stream.give(told)
            if pause:
                await asyncio.sleep(pause)

    def huge(self, size: int = 2**20) -> None:
        """Tell of a container that never was, with a label of this size."""
        label = {"huge": "x" * size, "name": "huge", "image": "huge"}
        self.do(lambda: self.stream.tell("container", "create", "f" * 64, label, status=True))

    def end_streams(self, *, abruptly: bool = False) -> None:
        """Everyone's stream ends; the engine goes on. `abruptly`: the connections break off."""
        self.do(self.stream.cut if abruptly else self.stream.end)

    def step_clock(self, seconds: float) -> None:
        """Set the engine's clock forward, or back."""
        self.do(lambda: self.stream.step(seconds))

    # What may go wrong with requests. `pattern` is searched for in `METHOD /path`, without the API version.

    @contextmanager
    def hang(self, pattern: str) -> Iterator[None]:
        """Requests that match are answered when this ends."""
        gate = asyncio.Event()
        with self._fault(Fault(re.compile(pattern), gate=gate)):
            try:
                yield
            finally:
                self.do(gate.set)

    @contextmanager
    def delay(self, pattern: str, seconds: float, *, stale: bool = False) -> Iterator[None]:
        """Requests that match take so long. `stale`: the answer is what was so when it was asked."""
        with self._fault(Fault(re.compile(pattern), seconds=seconds, stale=stale)):
            yield

    @contextmanager
    def fail(self, pattern: str, status: int = 500, message: str = "something went wrong") -> Iterator[None]:
        """Requests that match are refused."""
        with self._fault(Fault(re.compile(pattern), refusal=Refusal(status, message))):
            yield

    @contextmanager
    def _fault(self, fault: Fault) -> Iterator[None]:
        self.do(lambda: self.api.faults.append(fault))
        try:
            yield
        finally:
            self.do(lambda: self.api.faults.remove(fault))

    def slow_starts(self, seconds: float) -> None:
        """Every start takes so long from now on, between its connects and its `start`."""
        self.daemon.containers.start_takes = seconds

    def asked(self, pattern: str = "") -> list[str]:
        """The requests so far that match, but for the tests' own."""
        return [text for text in self.do(lambda: list(self.api.asked)) if re.search(pattern, text)]


_EVERYTHING: Final = re.compile("")


@contextmanager
def fake_engine(version: str = "20", **options: Any) -> Iterator[FakeEngine]:  # noqa: ANN401  (of FakeEngine)
    """A started fake engine, ended afterwards."""
    engine = FakeEngine(version, **options)
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()
