"""A command to run in a container, and a terminal to open in one."""

import base64
import binascii
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from control.wanted.values import Filled, Path, Text, Variable, Wanted


class WantedCommand(Wanted):
    """What runs, as whom, where, with what in its environment."""

    command: Annotated[tuple[Text, ...], Field(min_length=1, max_length=4096)]
    env: dict[Variable, Text] = {}
    user: Filled | None = None
    workdir: Path | None = None


class WantedExec(WantedCommand):
    """A command to run in a container. `stdin` is sent as it is (or what it stands for, in base64), then the input is
    closed. A command that is detached has no input, output, limit or time-out."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"command": ["ping", "-c1", "db"]},
                {"command": ["sh", "-c", "cat > /tmp/note"], "stdin": "hello\n", "timeout": 5},
            ]
        }
    )

    stdin: str | None = None
    stdin_encoding: Literal["text", "base64"] = "text"
    output_encoding: Literal["text", "base64"] = Field(
        "text", description="How stdout and stderr are told; in text, what is no UTF-8 is replaced."
    )
    output_limit: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Bytes kept of each stream; CONTROL_OUTPUT_LIMIT where left out, and at most."
    )
    timeout: Annotated[float, Field(gt=0, le=3600)] | None = Field(
        None, description="Seconds, after which it is ended; CONTROL_EXEC_TIMEOUT where left out."
    )
    detach: bool = Field(default=False, description="Answer as soon as it runs.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.detach and (self.stdin is not None or self.timeout is not None or self.output_limit is not None):
            raise ValueError("a detached command has no stdin, timeout or output_limit")
        if self.stdin is not None and self.stdin_encoding == "base64":
            try:
                base64.b64decode(self.stdin, validate=True)
            except (binascii.Error, ValueError) as error:
                raise ValueError("stdin is no base64") from error
        return self

    def stdin_bytes(self) -> bytes | None:
        """What is sent to it."""
        if self.stdin is None:
            return None
        return base64.b64decode(self.stdin) if self.stdin_encoding == "base64" else self.stdin.encode()


Size = Annotated[int, Field(ge=1, le=4096)]
Term = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._+-]{1,64}$")]


class WantedTerminal(WantedCommand):
    """A command to run on a terminal of this size."""

    command: Annotated[tuple[Text, ...], Field(min_length=1, max_length=4096)] = ("sh",)
    columns: Size = 80
    rows: Size = 24
    term: Term = "xterm"


class TerminalSize(Wanted):
    """A terminal's size, in characters."""

    columns: Size
    rows: Size


class TerminalMessage(Wanted):
    """What a client says beside what it types."""

    resize: TerminalSize
