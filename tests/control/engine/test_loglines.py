"""A log taken apart into lines: no engine is needed."""

from random import Random

import pytest

from control import instants
from control.engine.loglines import SLACK, WRITE, Line, Lines, Place

EARLY = "2026-11-24T23:53:20.000000001Z"
LATE = "2026-11-24T23:53:20.000000002Z"


def write(time: str, text: bytes) -> bytes:
    """A write as the engine sends it."""
    return time.encode() + b" " + text


def read(lines: Lines, *frames: tuple[int, bytes]) -> list[Line]:
    """All that these frames give."""
    return [line for stream, data in frames for line in lines.add(stream, data)] + list(lines.end())


def sent_since(frames: list[tuple[int, bytes]], place: Place) -> list[tuple[int, bytes]]:
    """What an engine sends that is asked from a place on."""
    return [(stream, data) for stream, data in frames if instants.parse(data[:30].decode()) >= place.since]


@pytest.mark.parametrize("seed", range(30))
def test_from_each_place_on_exactly_the_rest(seed: int) -> None:
    """Whatever the order of the times, within half a second: equal ones, and both streams with lines in pieces."""
    random = Random(seed)
    frames: list[tuple[int, bytes]] = []
    now = instants.parse(EARLY)
    for number in range(60):
        now += random.choice([0, 1, 1000, 10**8, 10**9])
        stream, time = random.choice([1, 2]), instants.render(now - random.choice([0, 0, 1, 10**6, SLACK]))
        pieces = [b"x" * WRITE] * random.choice([0, 0, 2]) + [b"%d\n" % number]
        frames += [(stream, write(time, piece)) for piece in pieces]
    whole = read(Lines(limit=1 << 20, tty=False), *frames)
    first = instants.parse(frames[0][1][:30].decode())
    for at, line in enumerate(whole):
        # A reader knows nothing of what was there before its first, so a write that was dated before that is no test.
        if line.place is not None and all(it.time >= first for it in whole):
            rest = read(Lines(limit=1 << 20, tty=False, after=line.place), *sent_since(frames, line.place))
            assert [it.text for it in rest] == [it.text for it in whole[at + 1 :]]
            assert [it.place for it in rest] == [it.place for it in whole[at + 1 :]]


def test_a_quiet_log_has_times_for_places() -> None:
    """A line with no other near it needs nothing but its time."""
    late = instants.render(instants.parse(EARLY) + 2 * SLACK)
    lines = read(Lines(limit=100, tty=False), (1, write(EARLY, b"a\n")), (1, write(late, b"b\n")))
    assert [line.place for line in lines] == [Place(instants.parse(EARLY), 1, 0), Place(instants.parse(late))]


def test_a_log_that_was_cut_meanwhile_loses_nothing_new() -> None:
    """No more is skipped than was read: what is later is new, however many writes of before are gone."""
    early, late = write(EARLY, b"a\n"), write(LATE, b"b\n")
    place = Place(instants.parse(EARLY), 5, 0)
    assert [line.text for line in read(Lines(limit=9, tty=False, after=place), (1, early), (1, late))] == [b"b"]


def test_a_line_has_no_place_while_another_is_begun() -> None:
    """A reader that went on from it would miss the other's beginning."""
    begun, rest = write(EARLY, b"x" * WRITE), write(EARLY, b"y\n")
    one, two = read(Lines(limit=1 << 20, tty=False), (1, begun), (2, write(LATE, b"short\n")), (1, rest))
    assert (one.text, one.place) == (b"short", None)
    assert (two.text, two.place) == (b"x" * WRITE + b"y", Place(instants.parse(LATE), 3, 1))


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
    assert lines.place == Place(instants.parse(LATE), len(writes) + 2, 1)


def test_a_line_is_bounded() -> None:
    """What is past the limit is left out, over all its writes; the next line is whole."""
    writes = [write(EARLY, b"x" * WRITE)] * 3 + [write(EARLY, b"x\n"), write(LATE, b"ok\n")]
    long, short = read(Lines(limit=20_000, tty=False), *((1, it) for it in writes))
    assert (len(long.text), long.truncated) == (20_000, True)
    assert (short.text, short.truncated) == (b"ok", False)


def test_a_clock_that_is_set_back_does_not_move_the_place() -> None:
    """It never goes back, so that a reader gets nothing twice."""
    before = instants.render(instants.parse(LATE) - 10**10)
    late, early = read(Lines(limit=9, tty=False), (1, write(LATE, b"a\n")), (1, write(before, b"b\n")))
    assert late.place == early.place == Place(instants.parse(LATE), 1, 0)


def test_what_is_sent_anew_is_told_once() -> None:
    """After `again`, writes up to the place are skipped, also the beginning of a line that was not through."""
    lines = Lines(limit=1 << 20, tty=False)
    first = [(1, write(EARLY, b"a\n")), (1, write(LATE, b"x" * WRITE))]
    assert [line.text for stream, data in first for line in lines.add(stream, data)] == [b"a"]
    lines.again()
    anew = [*first, (1, write(LATE, b"y\n")), (1, write(LATE, b"z"))]
    assert [line.text for line in read(lines, *anew)] == [b"x" * WRITE + b"y", b"z"]
