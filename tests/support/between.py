"""What stands between a control and its engine, and keeps the engine's answers back when told to: so a request is done,
and nobody learns of it."""

import contextlib
import re
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_CHUNK: Final = 65_536


class Between:
    """A unix socket in the place of the engine's. `url` is for control."""

    def __init__(self, engine: Path) -> None:
        self._engine = engine
        self.folder = Path(tempfile.mkdtemp(prefix="pontlevis-between-"))
        self.url = f"unix://{self.folder / 'docker.sock'}"
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.folder / "docker.sock"))
        self._listening.listen(64)
        self._pattern: re.Pattern[bytes] | None = None
        self.kept = threading.Event()
        """Set when an answer was kept back."""
        threading.Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def keeping(self, request: str) -> Iterator[None]:
        """Answers to requests of this line (a regular expression, `POST /networks/create`) do not arrive."""
        method, _, path = request.partition(" ")
        self.kept.clear()
        self._pattern = re.compile(rf"{method} (/v[0-9.]+)?{path}".encode())
        try:
            yield
        finally:
            self._pattern = None

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as engine, contextlib.suppress(OSError):
            engine.connect(str(self._engine))
            deaf = threading.Event()
            back = threading.Thread(target=self._pump, args=(engine, client, deaf), daemon=True)
            back.start()
            self._pump(client, engine, None, deaf)
            back.join()

    def _pump(
        self,
        from_: socket.socket,
        to: socket.socket,
        deaf: threading.Event | None,
        deafens: threading.Event | None = None,
    ) -> None:
        """What comes from one goes to the other: not while `deaf`; a request that is looked for `deafens`."""
        with contextlib.suppress(OSError):
            while chunk := from_.recv(_CHUNK):
                if deafens is not None and self._pattern is not None and self._pattern.match(chunk):
                    deafens.set()
                if deaf is None or not deaf.is_set():
                    to.sendall(chunk)
                else:
                    self.kept.set()
        for end in (from_, to):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """No more."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        shutil.rmtree(self.folder)


@contextmanager
def between(engine: Path) -> Iterator[Between]:
    """One, closed afterwards."""
    stands = Between(engine)
    try:
        yield stands
    finally:
        stands.close()
