"""`python -m control`: the control API under uvicorn."""

import argparse
import contextlib
import gc
import signal
import sys
from collections.abc import Iterator
from importlib.metadata import version
from types import FrameType

import anyio
import uvicorn
from pydantic import ValidationError

from control import log
from control.app import create_app
from control.auth import first_token
from control.errors import LogUnavailable
from control.eventlog.store import Store, StoreUnusable
from control.protocol import Protocol, SocketProtocol
from control.settings import Settings, table


class Server(uvicorn.Server):
    """uvicorn, but a signal to stop ends the streams at once, and the exit code is 0 and not the signal's."""

    def __init__(self, config: uvicorn.Config, streams: list[anyio.Event]) -> None:
        super().__init__(config)
        self._streams = streams

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The signal's handler."""
        for stream in self._streams:
            stream.set()
        super().handle_exit(sig, frame)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn raises a captured signal again once it has stopped, which makes a clean stop look like a death."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def main() -> int:
    """Serve until told to stop. Returns the exit code: 0, or 1 with one line that says why not."""
    try:
        settings = Settings()
    except ValidationError as error:
        return fail("; ".join(f"{_variable(item['loc'])}: {item['msg']}" for item in error.errors()))
    log.configure(form=settings.log_format, level=settings.log_level)
    store = Store(settings.data_dir)
    try:
        # First, because it keeps others out of the folder.
        store.open()
    except StoreUnusable as error:
        return fail(str(error))
    except LogUnavailable as problem:
        # It may pass or be mended: what needs no log is served meanwhile.
        log.logger().error(log.LOG_FAILED, **{log.DETAIL: problem.detail})
    with contextlib.closing(store):
        try:
            token, made = first_token(settings.data_dir)
        except OSError as error:
            return fail(f"The token can't be kept in {settings.data_dir}: {error}.")
        if made:
            log.logger().info(log.TOKEN_MADE, **{log.DATA_DIR: str(settings.data_dir)})
        return serve(settings, store, token)


def serve(settings: Settings, store: Store, token: str) -> int:
    """Run the server to its end. Returns the exit code."""
    streams: list[anyio.Event] = []
    config = uvicorn.Config(
        create_app(settings, store, token, on_start=streams.append),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=Protocol,
        ws=SocketProtocol,
        ws_max_size=settings.body_limit,
        ws_ping_interval=settings.heartbeat,
        ws_ping_timeout=settings.send_timeout,
        ws_per_message_deflate=False,
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_timeout,
    )
    server = Server(config, streams)
    told = {
        log.VERSION: version("pontlevis"),
        log.URL: f"http://{settings.host}:{settings.port}",
        log.DATA_DIR: str(settings.data_dir),
        log.ENGINE: settings.docker_host,
    }
    log.logger().info(log.STARTED, **told)
    # What is there at the start stays, and a burst of events makes much that does not: looking through it all, again
    # and again, took a tenth of the time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    # A thread that reads the log holds up all else for no more than this (5 ms is Python's own).
    sys.setswitchinterval(0.001)
    try:
        server.run()
    except SystemExit:  # uvicorn's way to say that it could not bind; the reason is in the log
        return 1
    log.logger().info(log.STOPPED)
    return 0 if server.started else 1


def fail(reason: str) -> int:
    """Say why there is no start, in one line."""
    sys.stderr.write(f"control: {reason}\n")
    return 1


def _variable(place: tuple[int | str, ...]) -> str:
    name = str(place[0]).upper() if place else ""
    return name if name.startswith(("CONTROL_", "DOCKER_")) else f"CONTROL_{name}"


def parser() -> argparse.ArgumentParser:
    """The command line: there are no options, the settings are environment variables."""
    lines = [
        f"  {row.variable}\n      {row.description} [{row.default}{f'; {row.bounds}' if row.bounds else ''}]"
        for row in table()
    ]
    return argparse.ArgumentParser(
        prog="python -m control",
        description="The control API of Pontlevis. It is set up by environment variables:",
        epilog="\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


if __name__ == "__main__":
    parser().parse_args()
    sys.exit(main())
