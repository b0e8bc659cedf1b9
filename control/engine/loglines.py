"""A container's log, taken apart into its lines. Pure.

The engine was asked for times. Measured on Docker 20.10: each write to the log is one frame, begun with its time in 30
characters and a space; a line of more than 16 KiB is several writes, each with the time of the first in front, and
no newline between them. A container with a terminal has no frames, so there the writes are found by their length.
"""

import heapq
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from control import instants

WRITE: Final = 16_384
"""Bytes of a line in one write."""

_STAMP: Final = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) ")
_STAMP_LENGTH: Final = 31


SLACK: Final = 500_000_000
"""Nanoseconds by which writes may stand in another order than their times: the engine takes a write's time before it
waits for its turn to write, and each stream does so for itself."""


class Place(NamedTuple):
    """How far a log was read: the latest time, and how many writes of that time and the `back` nanoseconds before."""

    time: int = 0
    writes: int = 1
    back: int = SLACK

    @property
    def since(self) -> int:
        """From when on to ask, to skip so many writes and go on."""
        return self.time - self.back


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
        self._after = after or Place(writes=0)
        self._skip = self._after.writes
        self._latest = self._after.time
        self._first = None if after is None else after.since
        self._recent: list[int] = []  # a heap: the times of the writes that are near the latest
        self._begun = {1: _Begun(), 2: _Begun()}
        self._rest = b""

    @property
    def place(self) -> Place:
        """How far all of it was read, lines that are begun included."""
        if self._first is None:
            return self._after
        return Place(self._latest, len(self._recent), self._latest - self._begin())

    def again(self) -> None:
        """From here on it is sent anew, from `place.since` on."""
        self._after = self.place
        self._skip, self._rest = self._after.writes, b""
        self._recent.clear()

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
            skip = self._skip > 0 and time <= self._after.time  # a log that was cut meanwhile has fewer of them
            self._skip = self._skip - 1 if skip else 0
            self._read(time)
            if skip:
                return
            if not begun.open:
                begun.open, begun.time = True, time
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

    def _begin(self) -> int:
        # What was before the first that was read is not known.
        return self._latest - SLACK if self._first is None else max(self._latest - SLACK, self._first)

    def _read(self, time: int) -> None:
        self._latest = max(self._latest, time)
        if self._first is None:
            self._first = time
        heapq.heappush(self._recent, time)
        begin = self._begin()
        while self._recent and self._recent[0] < begin:
            heapq.heappop(self._recent)

    def _line(self, stream: int, begun: _Begun) -> Line:
        self._begun[stream] = _Begun()
        whole = not any(other.open for other in self._begun.values())
        text = begun.text.removesuffix(b"\r") if self._tty else begun.text
        return Line(stream, begun.time, bytes(text), begun.truncated, self.place if whole else None)


def _first_write(data: bytes) -> bytes | None:
    """The first write of an unframed log, None while more must come to know where it ends."""
    longest = _STAMP_LENGTH + WRITE
    end = data.find(b"\n", _STAMP_LENGTH, longest + 1)
    if end >= 0:
        return data[: end + 1]
    return data[:longest] if len(data) > longest else None
