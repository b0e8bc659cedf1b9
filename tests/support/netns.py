"""Network namespaces without names: a file descriptor holds one, so it goes with the process that made it.

`setns` and `unshare` act on the calling thread alone. What this thread opens or starts while it is inside stays
inside: sockets, child processes, and threads that it makes.
"""

import ctypes
import fcntl
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

CLONE_NEWNET: Final = 0x40000000
SIOCGIFFLAGS: Final = 0x8913
SIOCSIFFLAGS: Final = 0x8914
IFF_UP: Final = 0x1
_HERE: Final = "/proc/thread-self/ns/net"
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, doing: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{doing}: {os.strerror(number)} (the tests on an engine need root)")


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        (flags,) = struct.unpack_from("h", fcntl.ioctl(any_socket, SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0)), 16)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def new_namespace() -> int:
    """A descriptor of a new network namespace that has a loopback of its own and nothing else."""
    made: list[int | BaseException] = []

    def make() -> None:
        try:
            _check(_libc.unshare(CLONE_NEWNET), "making a network namespace")
            _raise_loopback()
            made.append(os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            made.append(error)

    # In a thread of its own, so that the caller's stays where it is.
    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if isinstance(made[0], BaseException):
        raise made[0]
    return made[0]


@contextmanager
def inside(namespace: int) -> Iterator[None]:
    """The calling thread is in this namespace for the time being."""
    outside = os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_libc.setns(namespace, CLONE_NEWNET), "entering a network namespace")
        try:
            yield
        finally:
            _check(_libc.setns(outside, CLONE_NEWNET), "leaving a network namespace")
    finally:
        os.close(outside)
