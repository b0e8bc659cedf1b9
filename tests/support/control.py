"""A control of a test's own: the real `python -m control` in a process, to ask, stop and kill."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx2

from counter.embedded import free_port

READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 15.0


class Control:
    """One control process on a data folder. What it logs is in `log_path`, a JSON object a line."""

    def __init__(self, engine_url: str, data_dir: Path, **settings: str) -> None:
        """`settings` are further environment variables, such as `CONTROL_HEARTBEAT="1"`."""
        self.data_dir = data_dir
        self.log_path = data_dir.parent / f"{data_dir.name}.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("CONTROL_", "DOCKER_"))},
            "CONTROL_PORT": str(self.port),
            "CONTROL_DATA_DIR": str(data_dir),
            "CONTROL_DOCKER_HOST": engine_url,
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def token(self) -> str:
        """The admin token."""
        return (self.data_dir / "token").read_text().strip()

    def spawn(self) -> None:
        """Start the process, and do not wait."""
        with self.log_path.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "control"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._environment,
                start_new_session=True,
            )

    def start(self, *, ready: bool = True) -> None:
        """Start it and wait until it serves (`ready`: until it follows the engine)."""
        self.spawn()
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            assert self.process is not None
            assert self.process.poll() is None, self.log_path.read_text()[-2000:]
            with contextlib.suppress(httpx2.HTTPError, OSError):
                path = "/readyz" if ready else "/healthz"
                if httpx2.get(f"{self.url}{path}", headers=self._headers(), timeout=5).status_code == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(f"control is not ready after {READY_SECONDS} s:\n{self.log_path.read_text()[-2000:]}")

    def _headers(self) -> dict[str, str]:
        try:
            return {"Authorization": f"Bearer {self.token}"}
        except OSError:  # not made yet
            return {}

    def client(self, *, timeout: float = 60) -> httpx2.Client:
        """A client that bears the token."""
        return httpx2.Client(base_url=self.url, headers=self._headers(), timeout=timeout)

    def stop(self) -> int | None:
        """SIGTERM, and the exit code; None where it was not running."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int | None:
        process, self.process = self.process, None
        if process is None:
            return None
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        try:
            return process.wait(STOP_SECONDS)
        finally:
            process.kill()
            process.wait()


@contextmanager
def running_control(engine_url: str, data_dir: Path, **settings: str) -> Iterator[Control]:
    """A started control, stopped afterwards."""
    control = Control(engine_url, data_dir, **settings)
    try:
        control.start()
        yield control
    finally:
        control.stop()
