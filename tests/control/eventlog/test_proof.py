"""Whether a log is whole: whatever is changed in it, or taken out of it, shows."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.eventlog import proof, reading, retention
from control.eventlog.entries import GENESIS, Entry, Written, canonical, write
from control.eventlog.proof import Chain, Unreadable, Verdict, check_database, check_lines
from control.eventlog.writing import Batch, Writer
from control.records import RequestRef
from tests.control.eventlog.values import (
    Book,
    container,
    database,
    endpoint,
    gap,
    histories,
    intent,
    network,
    outcome,
)

COUNT = 8


def batch() -> Batch:
    """Eight records, of every shape."""
    book, request = Book(), RequestRef("r1", "ana", "because")
    net, ctr, other = network(1), container(1), container(2)
    entries = (
        intent(1, request, "network.connect", network=net, container=ctr),
        book.connect(2, net, ctr, endpoint(1)),
        outcome(3, request, 1),
        book.connect(4, net, other, endpoint(2)),
        gap(4, 5),
        book.disconnect(6, net, ctr),
        book.connect(7, net, ctr, endpoint(3)),
        book.disconnect(8, net, other),
    )
    return book.batch(*entries)


@pytest.fixture
def log(tmp_path: Path) -> tuple[Path, list[Written]]:
    path = tmp_path / "events.sqlite3"
    connection = database(str(path))
    written = Writer(connection).write(batch())
    connection.close()
    return path, written


def changed(path: Path, statement: str) -> Verdict:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()
    return check_database(path)


def test_a_log_that_is_whole(log: tuple[Path, list[Written]]) -> None:
    path, written = log
    verdict = check_database(path)
    assert verdict == Verdict(anchor=0, last=COUNT, head=written[-1].hash.hex())
    assert (verdict.count, verdict.broken, verdict.reason) == (COUNT, None, None)


def test_an_empty_log_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite3"
    database(str(path)).close()
    assert check_database(path) == Verdict(0, 0, "0" * 64)


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE event SET time = time + 1 WHERE seq = 4", 4),
        ("UPDATE event SET kind = 1 WHERE seq = 2", 2),
        ("UPDATE event SET network = NULL WHERE seq = 1", 1),
        ("UPDATE event SET container = NULL WHERE seq = 7", 7),
        ("UPDATE event SET endpoint = NULL WHERE seq = 2", 2),
        ("UPDATE event SET endpoint = (SELECT endpoint FROM event WHERE seq = 4) WHERE seq = 6", 6),
        ("UPDATE event SET before = 1 WHERE seq = 4", 4),
        ("UPDATE event SET after = 1 WHERE seq = 4", 4),
        ("UPDATE event SET cause = 0 WHERE seq = 4", 4),
        ("UPDATE event SET request = NULL WHERE seq = 3", 3),
        ("UPDATE event SET source = 1 WHERE seq = 6", 6),
        ("UPDATE event SET observed_from = 3 WHERE seq = 5", 5),
        ("UPDATE event SET observed_to = 6 WHERE seq = 5", 5),
        ("UPDATE event SET detail = '{}' WHERE seq = 3", 3),
        ("UPDATE event SET hash = zeroblob(32) WHERE seq = 3", 3),
        ("UPDATE network_name SET name = 'other'", 1),
        ("UPDATE network_name SET driver = NULL", 1),
        ("UPDATE container_name SET image = 'other' WHERE name = 'ctr2'", 4),
        ("UPDATE container SET id = zeroblob(32) WHERE key = (SELECT max(key) FROM container)", 4),
        ("UPDATE endpoint SET ipv4 = '172.18.0.3' WHERE key = (SELECT endpoint FROM event WHERE seq = 7)", 7),
        ("UPDATE request SET principal = 'ben'", 1),
        ("UPDATE request SET reason = NULL", 1),
        ("UPDATE anchor SET hash = randomblob(32)", 1),
    ],
)
def test_what_is_changed_shows(log: tuple[Path, list[Written]], statement: str, broken: int) -> None:
    """At the first record that is not what was written."""
    path, written = log
    before = written[broken - 2].hash.hex() if broken > 1 else GENESIS.hex()
    verdict = changed(path, statement)
    assert (verdict.broken, verdict.last) == (broken, broken - 1)
    assert verdict.reason == f"record {broken} is not what was written, or what precedes it is not"
    if "anchor" not in statement:
        assert verdict.head == before


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("DELETE FROM event WHERE seq = 1", "record 1 is missing: 2 follows 0"),
        ("DELETE FROM event WHERE seq = 4", "record 4 is missing: 5 follows 3"),
        ("DELETE FROM event WHERE seq IN (4, 5)", "record 4 is missing: 6 follows 3"),
        ("UPDATE event SET seq = 20 WHERE seq = 8", "record 8 is missing: 20 follows 7"),
        ("UPDATE anchor SET seq = 2", "record 3 is not what was written, or what precedes it is not"),
    ],
)
def test_what_is_removed_shows(log: tuple[Path, list[Written]], statement: str, reason: str) -> None:
    verdict = changed(log[0], statement)
    assert verdict.reason == reason
    assert verdict.broken == int(reason.split()[1])


def test_the_newest_removed_shows_by_the_head_alone(log: tuple[Path, list[Written]]) -> None:
    """The rest is whole; that it does not end as it did takes a hash that was written down elsewhere."""
    path, written = log
    verdict = changed(path, f"DELETE FROM event WHERE seq = {COUNT}")
    assert verdict == Verdict(0, COUNT - 1, written[-2].hash.hex())


def test_what_is_kept_is_checked_from_the_anchor(log: tuple[Path, list[Written]]) -> None:
    path, written = log
    connection = sqlite3.connect(path, isolation_level=None)
    retention.remove(connection, 3)
    retention.sweep(connection)
    connection.close()
    verdict = check_database(path)
    assert verdict == Verdict(anchor=3, last=COUNT, head=written[-1].hash.hex())
    assert verdict.count == COUNT - 3


def test_a_log_of_which_nothing_is_kept(log: tuple[Path, list[Written]]) -> None:
    path, written = log
    connection = sqlite3.connect(path, isolation_level=None)
    retention.remove(connection, COUNT)
    connection.close()
    assert check_database(path) == Verdict(COUNT, COUNT, written[-1].hash.hex())


def test_what_is_no_log_is_told_in_one_line(tmp_path: Path) -> None:
    """A file that is none, a database of another program, one with tables missing, one that is damaged."""
    absent, text, theirs, bare = (tmp_path / name for name in ("absent", "text", "theirs", "bare"))
    text.write_bytes(b"no database at all" * 1000)
    with sqlite3.connect(theirs) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    database(str(bare)).execute("DROP TABLE anchor").connection.close()
    for path in (absent, text, theirs, bare):
        with pytest.raises(Unreadable) as raised:
            check_database(path)
        assert str(raised.value).startswith(f"{path} ")
        assert "\n" not in str(raised.value)
    assert not absent.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET kind = 99 WHERE seq = 3",
        "UPDATE event SET detail = '{' WHERE seq = 3",
        "UPDATE event SET cause = 99 WHERE seq = 4",
    ],
)
def test_what_can_not_be_a_record_is_told(log: tuple[Path, list[Written]], statement: str) -> None:
    """Values that nothing here could have written."""
    with pytest.raises(Unreadable):
        changed(log[0], statement)


def test_rows_are_checked_some_at_a_time(log: tuple[Path, list[Written]]) -> None:
    """As a server does, between what else it does."""
    connection = sqlite3.connect(log[0])
    checked = Chain(*reading.read_anchor(connection))
    more = [proof.check_rows(connection, checked, 3) for _ in range(3)]
    connection.close()
    assert more == [True, True, False]
    assert checked.verdict() == Verdict(0, COUNT, log[1][-1].hash.hex())


# Exports


def export(written: list[Written], anchor: int = 0) -> list[bytes]:
    """As `GET /events/verify` has it: the anchor, a record a line, the end."""
    kept = written[anchor:]
    head = written[anchor - 1].hash.hex() if anchor else GENESIS.hex()
    last = written[-1].hash.hex()
    return [
        json.dumps({"anchor": {"seq": anchor, "hash": head}}).encode() + b"\n",
        *(record.line + b"\n" for record in kept),
        json.dumps({"end": {"seq": len(written), "hash": last}}).encode() + b"\n",
    ]


@pytest.fixture
def written() -> list[Written]:
    return Writer(database()).write(batch())


@pytest.mark.parametrize("anchor", [0, 3, COUNT])
def test_an_export_that_is_whole(written: list[Written], anchor: int) -> None:
    assert check_lines(export(written, anchor)) == Verdict(anchor, COUNT, written[-1].hash.hex())


def test_the_ends_of_lines_do_not_matter(written: list[Written]) -> None:
    """As an editor or a mail makes them."""
    lines = [line.rstrip(b"\n") + b"\r\n" for line in export(written)]
    assert check_lines([*lines, b"\n", b"\r\n"]) == Verdict(0, COUNT, written[-1].hash.hex())


Change = Callable[[list[bytes]], list[bytes]]


@pytest.mark.parametrize(
    ("change", "broken", "reason"),
    [
        (lambda it: it[:-1], 9, "the end is cut off"),
        (lambda it: it[:5], 5, "the end is cut off"),
        (lambda it: it[:1], 1, "the end is cut off"),
        (lambda it: [*it[:-2], it[-1]], 8, "it does not end as it says"),
        (lambda it: [*it[:4], *it[5:]], 4, "record 4 is missing: 5 follows 3"),
        (lambda it: [*it[:3], it[4], it[3], *it[5:]], 3, "record 3 is missing: 4 follows 2"),
        (lambda it: [*it[:3], it[2], *it[3:]], 3, "record 3 is missing: 2 follows 2"),
        (lambda it: [*it[:4], it[4].replace(b"external", b"unknown"), *it[5:]], 4, "record 4 is not what was"),
        (lambda it: [*it[:4], it[4].replace(b'"seq":4,', b'"seq": 4,'), *it[5:]], 4, "record 4 is not what was"),
        (lambda it: [*it[:4], it[4][:-66] + b"0" * 63 + b'"}\n', *it[5:]], 4, "record 4 is not what was"),
        (lambda it: [it[0].replace(b"0" * 64, b"1" * 64), *it[1:]], 1, "record 1 is not what was"),
        (lambda it: [it[0].replace(b'"seq": 0', b'"seq": 1'), *it[1:]], 2, "record 2 is missing: 1 follows 1"),
    ],
    ids=[
        "cut before the end", "cut in the middle", "cut after the anchor", "the newest removed", "one removed",
        "two swapped", "one twice", "a word changed", "a space more", "a hash changed", "the anchor's hash changed",
        "the anchor's number changed",
    ],
)  # fmt: skip
def test_what_is_changed_in_an_export_shows(written: list[Written], change: Change, broken: int, reason: str) -> None:
    verdict = check_lines(change(export(written)))
    assert verdict.broken == broken
    assert verdict.reason is not None
    assert verdict.reason.startswith(reason)


@pytest.mark.parametrize(
    "text",
    [
        "", "\n\n", "no JSON", "[]", "1", "null", '"anchor"', "{}", '{"anchor": 5}', '{"anchor": {}}',
        '{"anchor": {"seq": 0}}', '{"anchor": {"seq": 0, "hash": 5}}', '{"anchor": {"seq": 0, "hash": "xy"}}',
        '{"anchor": {"seq": "a", "hash": ""}}', '{"anchor": {"seq": null, "hash": ""}}', "\xff",
    ],
)  # fmt: skip
def test_what_is_no_export_is_told_in_one_line(text: str) -> None:
    with pytest.raises(Unreadable) as raised:
        check_lines(text.encode("latin-1").splitlines(keepends=True))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "line",
    [
        "no JSON",
        "[]",
        "1",
        "null",
        '"end"',
        "{}",
        '{"seq": 1}',
        '{"seq": 1, "hash": 5}',
        "\xff",
        '{"seq":1,"hash":"zz"}',
    ],
)
def test_a_line_that_is_no_record_is_told(written: list[Written], line: str) -> None:
    lines = export(written)
    with pytest.raises(Unreadable, match="line 2"):
        check_lines([lines[0], line.encode("latin-1"), *lines[1:]])


@pytest.mark.parametrize("end", ["5", "[]", '"x"', "true", "null", "{}", f'{{"seq": {COUNT}}}'])
def test_an_end_that_is_no_end_is_told(written: list[Written], end: str) -> None:
    lines = export(written)
    with pytest.raises(Unreadable, match=f"line {len(lines)}"):
        check_lines([*lines[:-1], f'{{"end": {end}}}'.encode()])


@pytest.mark.parametrize("change", [{"seq": COUNT - 1}, {"seq": COUNT + 1}, {"hash": "0" * 64}, {"hash": ""}])
def test_an_end_that_does_not_fit_shows(written: list[Written], change: dict[str, Any]) -> None:
    end = {"seq": COUNT, "hash": written[-1].hash.hex(), **change}
    verdict = check_lines([*export(written)[:-1], json.dumps({"end": end}).encode()])
    assert (verdict.broken, verdict.reason) == (COUNT + 1, "it does not end as it says")


def test_what_follows_the_end_is_none_of_it(written: list[Written]) -> None:
    """Not even the next record."""
    whole = Writer(database())
    whole.write(batch())
    [more] = whole.write(Batch(entries=(gap(8, 9),)))
    with pytest.raises(Unreadable, match=f"line {COUNT + 3} follows the end"):
        check_lines([*export(written), more.line])


@given(histories(), st.data())
def test_any_byte_changed_in_an_export_shows(history: tuple[tuple[Entry, ...], object], data: st.DataObject) -> None:
    """No other text has the same proof: it is none, or it is found wrong."""
    written, digest = [], GENESIS
    for seq, entry in enumerate(history[0], 1):
        written.append(write(seq, entry, digest))
        digest = written[-1].hash
    if not written:
        return
    lines = export(written)
    place = data.draw(st.integers(1, len(written)))
    line = bytearray(lines[place].rstrip(b"\n"))
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] = data.draw(st.integers(32, 126).filter(lambda it: it != line[at]))
    lines[place] = bytes(line) + b"\n"
    upper = bytes(line).lower() == written[place - 1].line.lower()
    try:
        verdict = check_lines(lines)
    except Unreadable:
        return
    told = json.loads(lines[place])["hash"]
    if upper and told.lower() == written[place - 1].hash.hex():
        return  # a digit of the hash in capitals is the same hash
    assert verdict.broken is not None


def test_a_chain_says_where_it_stands() -> None:
    chain = Chain(0, GENESIS)
    record = write(1, gap(1, 2), GENESIS)
    assert chain.take(1, canonical(1, record.entry), record.hash) is True
    assert chain.verdict() == Verdict(0, 1, record.hash.hex())
    assert chain.take(3, b"{}", record.hash) is False
    assert chain.verdict() == Verdict(0, 1, record.hash.hex(), 2, "record 2 is missing: 3 follows 1")
