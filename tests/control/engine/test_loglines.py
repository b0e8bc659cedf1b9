"""A log taken apart into lines: no engine is needed."""

import pytest

from control import instants
from control.engine.loglines import WRITE, Line, Lines, Place

EARLY = "2026-11-24T23:53:20.000000001Z"
LATE = "2026-11-24T23:53:20.000000002Z"


def write(time: str, text: bytes) -> bytes:
    """A write as the engine sends it."""
    return time.encode() + b" " + text


def read(lines: Lines, *frames: tuple[int, bytes]) -> list[Line]:
    """All that these frames give."""
    return [line for stream, data in frames for line in lines.add(stream, data)] + list(lines.end())


def test_lines_of_one_nanosecond_are_counted() -> None:
    """Each has a place of its own, and a reader that goes on from one gets exactly the others."""
    frames = [(1, write(EARLY, b"a\n")), (2, write(EARLY, b"b\n")), (1, write(EARLY, b"c\n")), (1, write(LATE, b"d\n"))]
    whole = read(Lines(limit=100, tty=False), *frames)
    early, late = instants.parse(EARLY), instants.parse(LATE)
    assert [line.place for line in whole] == [Place(early, 1), Place(early, 2), Place(early, 3), Place(late, 1)]
    for at, line in enumerate(whole):
        sent = frames if line.place == Place(early, line.place.writes if line.place else 0) else frames[3:]
        assert read(Lines(limit=100, tty=False, after=line.place), *sent) == whole[at + 1 :]


def test_a_line_has_no_place_while_another_is_begun() -> None:
    """A reader that went on from it would miss the other's beginning."""
    begun, rest = write(EARLY, b"x" * WRITE), write(EARLY, b"y\n")
    one, two = read(Lines(limit=1 << 20, tty=False), (1, begun), (2, write(LATE, b"short\n")), (1, rest))
    assert (one.text, one.place) == (b"short", None)
    assert (two.text, two.place) == (b"x" * WRITE + b"y", Place(instants.parse(LATE), 1))


@pytest.mark.parametrize("size", [1, 7, 31, 1000, 100_000])
@pytest.mark.parametrize("length", [0, 1, WRITE - 1, WRITE, WRITE + 1, 3 * WRITE, 40_000])
def test_a_terminals_log_comes_in_any_pieces(size: int, length: int) -> None:
    """Lines that the engine keeps in several writes, sent without frames and cut anywhere, are whole again."""
    text = b"x" * length + b"\r\n"
    writes = [text[at : at + WRITE] for at in range(0, len(text), WRITE)]
    sent = b"".join(write(EARLY, it) for it in writes) + write(LATE, b"next\r\n") + write(LATE, b"half")
    lines = Lines(limit=1 << 20, tty=True)
    found = read(lines, *((1, sent[at : at + size]) for at in range(0, len(sent), size)))
    assert [line.text for line in found] == [b"x" * length, b"next", b"half"]
    assert lines.place == Place(instants.parse(LATE), 2)


def test_a_line_is_bounded() -> None:
    """What is past the limit is left out, over all its writes; the next line is whole."""
    writes = [write(EARLY, b"x" * WRITE)] * 3 + [write(EARLY, b"x\n"), write(LATE, b"ok\n")]
    long, short = read(Lines(limit=20_000, tty=False), *((1, it) for it in writes))
    assert (len(long.text), long.truncated) == (20_000, True)
    assert (short.text, short.truncated) == (b"ok", False)


def test_a_clock_that_is_set_back_does_not_move_the_place() -> None:
    """It never goes back, so that a reader gets nothing twice."""
    late, early = read(Lines(limit=9, tty=False), (1, write(LATE, b"a\n")), (1, write(EARLY, b"b\n")))
    assert late.place == early.place == Place(instants.parse(LATE), 1)


def test_what_is_sent_anew_is_told_once() -> None:
    """After `again`, writes up to the place are skipped, also the beginning of a line that was not through."""
    lines = Lines(limit=1 << 20, tty=False)
    first = [(1, write(EARLY, b"a\n")), (1, write(LATE, b"x" * WRITE))]
    assert [line.text for stream, data in first for line in lines.add(stream, data)] == [b"a"]
    lines.again()
    anew = [first[1], (1, write(LATE, b"y\n")), (1, write(LATE, b"z"))]
    assert [line.text for line in read(lines, *anew)] == [b"x" * WRITE + b"y", b"z"]
