"""What was run in a container, and what it wrote."""

from control.instants import Instant
from control.records.base import Record


class ContainerLogs(Record):
    """What a container wrote, each stream up to a limit, past which its beginning was left out: `truncated`."""

    stdout: str
    stderr: str
    truncated: bool


class LogLine(Record):
    """A line that a container wrote, without its end. Past the limit (CONTROL_OUTPUT_LIMIT) the rest of it was left
    out where `truncated` says so; what is no UTF-8 was replaced."""

    time: Instant
    text: str
    truncated: bool = False


class LogEnd(Record):
    """Why a log ends: the container's state, and its exit code where it has one."""

    state: str
    exit_code: int | None


class ExecResult(Record):
    """What a command in a container gave. Output past the limit was cut where `truncated` says so."""

    exit_code: int
    stdout: str
    stderr: str
    truncated: bool = False


class ExecState(Record):
    """A command in a container: whether it runs, and its exit code when it has ended."""

    id: str
    running: bool
    exit_code: int | None
