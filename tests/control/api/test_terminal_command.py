"""`pontlevis terminal`, on a real terminal of its own."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import httpx2

from tests.support.api import run
from tests.support.control import Control

COMMAND = [sys.executable, "-c", "import sys; from control.cli import main; sys.exit(main())", "terminal"]


def environment(control: Control) -> dict[str, str]:
    """Where control is."""
    return {**os.environ, "PONTLEVIS_URL": control.url, "PONTLEVIS_TOKEN": control.token, "TERM": "xterm"}


def resize(terminal: int, rows: int, columns: int) -> None:
    """Give a terminal a size."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def test_a_shell_at_a_terminal(api: httpx2.Client, control: Control) -> None:
    """Keys and what they show, the window's size at first and as it changes, Ctrl-C for the container, the exit code;
    the terminal is afterwards as it was."""
    run(api, "at-hand")
    ours, theirs = pty.openpty()
    resize(theirs, 31, 99)
    before = termios.tcgetattr(theirs)
    process = subprocess.Popen(
        [*COMMAND, "at-hand"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(control),
        start_new_session=True,
    )
    shown = b""

    def wait_for(text: bytes) -> None:
        nonlocal shown
        deadline = time.monotonic() + 30
        while text not in shown:
            ready, _, _ = select.select([ours], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, shown
            shown += os.read(ours, 65_536)
        shown = shown.partition(text)[2]

    try:
        wait_for(b"# ")
        os.write(ours, b"stty size\n")
        wait_for(b"31 99\r\n")
        resize(theirs, 20, 70)
        process.send_signal(signal.SIGWINCH)
        os.write(ours, b"while [ \"$(stty size)\" != '20 70' ]; do sleep 0.05; done; echo resi''zed\n")
        wait_for(b"resized\r\n")
        os.write(ours, b"echo as''leep; sleep 1000\n")
        wait_for(b"asleep\r\n")
        os.write(ours, b"\x03")
        wait_for(b"# ")
        os.write(ours, b"exit 42\n")
        assert process.wait(30) == 42
        assert termios.tcgetattr(theirs) == before
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)


def test_without_a_terminal(api: httpx2.Client, control: Control) -> None:
    """What is piped in is typed, its end is Ctrl-D; a command with options of its own; failures are one line."""
    run(api, "piped")

    def said(*words: str, typed: bytes = b"") -> tuple[int, bytes, bytes]:
        done = subprocess.run(
            [*COMMAND, *words], input=typed, capture_output=True, env=environment(control), timeout=60, check=False
        )
        return done.returncode, done.stdout, done.stderr

    code, out, _ = said("piped", typed=b"echo $((40 + 2))\nexit 5\n")
    assert (code, b"42\r\n" in out) == (5, True)
    assert said("piped", "cat", typed=b"a\n")[0] == 0
    code, out, _ = said("--user", "7", "--workdir", "/etc", "piped", "sh", "-c", "id -u; pwd")
    assert (code, out) == (0, b"7\r\n/etc\r\n")
    for words, told in ((("nobody",), b"nobody"), (("piped", "/no/such"), b"/no/such")):
        code, _, err = said(*words)
        assert (code, err.count(b"\n"), told in err) == (1, 1, True)
