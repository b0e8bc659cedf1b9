"""A container's log, taken apart into its lines. Pure.

The engine was asked for times. Measured on Docker 20.10: each write to the log is one frame, begun with its time in 30
characters and a space; a line of more than 16 KiB is several writes, each with the time of the first in front, and
no newline between them. A container with a terminal has no frames, so there the writes are found by their length.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from control import instants

WRITE: Final = 16_384
"""Bytes of a line in one write."""

_STAMP: Final = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) ")
_STAMP_LENGTH: Final = 31


class Place(NamedTuple):
    """How far a log was read: the latest time, and how many writes of just that time."""

    time: int = 0
    writes: int = 0

    def past(self, time: int) -> "Place":
        """The place past a further write of this time. One of an earlier time (the clock was set back) changes
        nothing."""
        if time == self.time:
            return Place(time, self.writes + 1)
        return Place(time, 1) if time > self.time else self


class Line(NamedTuple):
    """One line, without its end. `place` is where a reader is that has read it, None while a line of the other stream
    is begun, because a reader that went on from there would miss its beginning."""

    stream: int
    time: int
    text: bytes
    truncated: bool
    place: Place | None


@dataclass
class _Begun:
    time: int = 0
    text: bytearray = field(default_factory=bytearray)
    truncated: bool = False
    open: bool = False


class Lines:
    """Makes lines of frames. `limit`: bytes kept of a line. `after`: what the reader has read already."""

    def __init__(self, *, limit: int, tty: bool, after: Place | None = None) -> None:
        self._limit = limit
        self._tty = tty
        self._skip = after or Place()
        self._place = after or Place()
        self._begun = {1: _Begun(), 2: _Begun()}
        self._rest = b""

    @property
    def place(self) -> Place:
        """How far all of it was read, lines that are begun included."""
        return self._place

    def again(self) -> None:
        """From here on it is sent anew, from the time of `place` on."""
        self._skip, self._rest = self._place, b""

    def add(self, stream: int, data: bytes) -> Iterator[Line]:
        """The lines that a frame completes."""
        if not self._tty:
            yield from self._write(stream, data)
            return
        data = self._rest + data
        while (write := _first_write(data)) is not None:
            data = data[len(write) :]
            yield from self._write(1, write)
        self._rest = data

    def end(self) -> Iterator[Line]:
        """What was written last and has no newline."""
        if self._rest:
            rest, self._rest = self._rest, b""
            yield from self._write(1, rest)
        for stream, begun in self._begun.items():
            if begun.open:
                yield self._line(stream, begun)

    def _write(self, stream: int, data: bytes) -> Iterator[Line]:
        stamp, begun = _STAMP.match(data), self._begun[stream]
        if stamp is not None:
            time = instants.parse(stamp[1].decode())
            if time == self._skip.time and self._skip.writes:
                self._skip = Place(time, self._skip.writes - 1)
                return
            if not begun.open:
                begun.open, begun.time = True, time
            self._place = self._place.past(time)
        elif not begun.open:  # no write of a log
            return
        text = data if stamp is None else data[_STAMP_LENGTH:]
        ends = text.endswith(b"\n")
        text = text.removesuffix(b"\n")
        room = self._limit - len(begun.text)
        begun.text += text[:room]
        begun.truncated |= len(text) > room
        if ends:
            yield self._line(stream, begun)

    def _line(self, stream: int, begun: _Begun) -> Line:
        self._begun[stream] = _Begun()
        whole = not any(other.open for other in self._begun.values())
        text = begun.text.removesuffix(b"\r") if self._tty else begun.text
        return Line(stream, begun.time, bytes(text), begun.truncated, self._place if whole else None)


def _first_write(data: bytes) -> bytes | None:
    """The first write of an unframed log, None while more must come to know where it ends."""
    longest = _STAMP_LENGTH + WRITE
    end = data.find(b"\n", _STAMP_LENGTH, longest + 1)
    if end >= 0:
        return data[: end + 1]
    return data[:longest] if len(data) > longest else None
