"""Ports for servers of tests."""

import socket


def free_port() -> int:
    """A port that was free a moment ago on 127.0.0.1 of the calling thread's network."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
