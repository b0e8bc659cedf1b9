"""`python -m counter`: serve. Configured by `COUNTER_*`; the options are for a developer at a terminal."""

import argparse
import os
import shutil
import signal
import socket
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import uvicorn

from counter import embedded, log, settings
from counter.metrics import MULTIPROCESS_ENV


def parser() -> argparse.ArgumentParser:
    """The options, and the table of settings below them."""
    rows = "\n".join(f"  {name}\n      {text} [{default}]" for name, default, text in settings.describe())
    options = argparse.ArgumentParser(
        prog="python -m counter",
        description="Counts: GET / adds one to a number kept in MongoDB and answers it.",
        epilog=f"settings, from the environment:\n{rows}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("--reload", action="store_true", help="start again whenever the source changes")
    options.add_argument("--embedded", action="store_true", help="start a mongod of its own and use that")
    options.add_argument(
        "--data", type=Path, metavar="DIR", help=f"the embedded mongod's data [{embedded.default_data()}]"
    )
    return options


def _see_that_it_can_listen(host: str, port: int) -> None:
    """End with one line for a person where the address can't be had; uvicorn would say it in the log, late."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        sys.exit(f"counter: can't listen on {host}:{port}: {error.strerror}. Set COUNTER_HOST or COUNTER_PORT.")


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    options = parser().parse_args()
    config = settings.load()
    _see_that_it_can_listen(config.host, config.port)
    log.configure(level=config.log_level, log_format=config.log_format)
    # glibc asks an unreachable name server for 10 s and more; the database's return must be seen within 2 s.
    os.environ.setdefault("RES_OPTIONS", "timeout:1 attempts:1")
    # uvicorn serves out a SIGTERM, then raises it again. By then there is nothing left but to clean up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with ExitStack() as cleanup:
        if options.embedded or options.data:
            try:
                mongod = cleanup.enter_context(embedded.Mongod(options.data or embedded.default_data()))
            except embedded.EmbeddedError as error:
                sys.exit(f"counter: {error}")
            os.environ[settings.env_name("mongodb_url")] = mongod.url
            log.get_logger().info("mongod", url=mongod.url, data=str(mongod.data))
        if config.workers > 1:
            folder = tempfile.mkdtemp(prefix="counter-metrics-")
            cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
            os.environ[MULTIPROCESS_ENV] = folder
        uvicorn.run(
            "counter.app:create",
            factory=True,
            host=config.host,
            port=config.port,
            workers=None if options.reload else config.workers,
            reload=options.reload,
            reload_dirs=[str(Path(__file__).parent)] if options.reload else None,
            loop="uvloop",
            http="counter.protocol:OneWriteProtocol",
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=config.shutdown_timeout,
        )


if __name__ == "__main__":
    main()
