"""What is kept of the log: by age and by size, whole, with all that it still speaks of and nothing else."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.eventlog import proof, reading, retention, timetravel
from control.eventlog.entries import Known, Written
from control.eventlog.reading import Filter, read_checkpoint
from control.eventlog.retention import CHUNK, Limits, last_to_go, remove, size, sweep
from control.eventlog.standing import CONFIGURED, CONNECTED, Life, Pair
from control.eventlog.store import Store
from control.eventlog.writing import Batch, Writer
from control.records import Endpoint, Event, NetworkRef, RequestRef
from tests.control.eventlog.values import (
    Book,
    container,
    database,
    endpoint,
    event_of,
    filled,
    gap,
    id_of,
    intent,
    network,
    outcome,
)

DAY = 86_400 * 10**9
NOW = 1_000 * DAY


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(tmp_path / "data")
    store.open()
    yield store
    store.close()


async def everything(store: Store) -> list[Event]:
    return [event_of(it) for it in await store.read(Filter(), None, 100_000)]


async def trimmed(store: Store, limits: Limits, now: int = NOW) -> int:
    """All that is beyond the limits, as one keeps at it."""
    removed = 0
    while count := await store.trim(limits, now):
        removed += count
    return removed


def cut(connection: sqlite3.Connection, upto: int) -> None:
    remove(connection, upto)
    sweep(connection)


def chain_holds(connection: sqlite3.Connection) -> bool:
    checked = proof.Chain(*reading.read_anchor(connection))
    proof.check_rows(connection, checked, 1_000_000)
    return checked.broken is None and checked.last == reading.read_last(connection)


# Which go


def test_without_limits_all_is_kept() -> None:
    assert last_to_go(filled(Batch(entries=(gap(0, 1), gap(0, 2)))), Limits(), NOW) == 0


def test_of_an_empty_log_nothing_goes() -> None:
    assert last_to_go(database(), Limits(age=0, size=0), NOW) == 0


@pytest.mark.parametrize(("age", "upto"), [(100, 0), (90, 0), (89, 1), (70, 2), (69, 3), (60, 3), (0, 3)])
def test_those_go_that_are_older_than_the_age(age: int, upto: int) -> None:
    """By the time of each; one of just that age is kept, and so is the newest."""
    connection = filled(Batch(entries=tuple(gap(None, time) for time in (10, 20, 30, 40))))
    assert last_to_go(connection, Limits(age=age), 100) == upto


def test_what_is_kept_is_whole() -> None:
    """Times may go back: an old record after one that is kept stays."""
    connection = filled(Batch(entries=tuple(gap(None, time) for time in (10, 50, 20, 60))))
    assert last_to_go(connection, Limits(age=60), 100) == 1


def test_more_than_its_size_goes_a_chunk_at_a_time() -> None:
    connection = filled(Batch(entries=tuple(gap(None, time) for time in range(CHUNK + 10))))
    assert last_to_go(connection, Limits(size=size(connection)), NOW) == 0
    assert last_to_go(connection, Limits(size=size(connection) - 1), NOW) == CHUNK
    assert last_to_go(connection, Limits(age=1), NOW) == CHUNK
    cut(connection, CHUNK)
    assert last_to_go(connection, Limits(size=0), NOW) == CHUNK + 9
    cut(connection, CHUNK + 9)
    assert last_to_go(connection, Limits(size=0, age=0), NOW) == 0


# What goes and what stays


async def test_by_age(store: Store) -> None:
    """The rest is what it was: numbers, bytes, chain; what comes goes on from there."""
    book = Book()
    net, ctr = network(1), container(1)
    for day in range(10):
        await store.append(
            book.batch(book.connect(day * DAY, net, ctr, endpoint(day)), book.disconnect(day * DAY + 1, net, ctr))
        )
    before = await store.read(Filter(), None, 100)
    assert await trimmed(store, Limits(age=3 * DAY), 9 * DAY + 2) == 14
    assert await store.read(Filter(), None, 100) == before[14:]
    [written] = await store.append(book.batch(book.connect(10 * DAY, net, ctr)))
    assert (written.seq, store.last) == (21, 21)
    assert proof.check_database(store.path).count == 7
    assert proof.check_database(store.path).broken is None
    assert (await everything(store))[-1] == event_of(written)
    assert await store.ask(reading.read_anchor) == (14, before[13].hash)


async def test_by_size(store: Store) -> None:
    """The file shrinks: pages are given back to the disk."""
    book = Book()
    for begin in range(0, 12_000, 1_000):
        await store.append(
            book.batch(*[book.connect(number, network(number), container(number), endpoint(number))
                         for number in range(begin, begin + 500)])
        )  # fmt: skip
        await store.append(
            book.batch(*[book.disconnect(number, network(number), container(number))
                         for number in range(begin, begin + 500)])
        )  # fmt: skip
    full = await store.ask(size)
    pages = await store.ask(lambda connection: connection.execute("PRAGMA page_count").fetchone()[0])
    limit = full // 2
    removed = await trimmed(store, Limits(size=limit))
    assert removed == 10_000
    assert await store.ask(size) <= limit
    assert [event.seq for event in await everything(store)] == list(range(10_001, 12_001))
    # A chunk gives back so many pages at once, and the rest is used by what comes.
    left = await store.ask(lambda connection: connection.execute("PRAGMA page_count").fetchone()[0])
    assert left < pages * 0.6
    assert proof.check_database(store.path).broken is None


async def test_after_a_restart_it_goes_on(tmp_path: Path) -> None:
    """Also where all but the newest was removed."""
    book = Book()
    net, ctr = network(1), container(1)
    first = Store(tmp_path)
    first.open()
    await first.append(book.batch(book.connect(1, net, ctr), book.disconnect(2, net, ctr)))
    assert await first.trim(Limits(age=0), NOW) == 1
    assert first.last == 2
    first.close()
    second = Store(tmp_path)
    second.open()
    assert (second.last, (await second.checkpoint()).last) == (2, 2)
    [written] = await second.append(book.batch(book.connect(3, net, ctr)))
    second.close()
    assert written.seq == 3
    assert proof.check_database(tmp_path / "events.sqlite3").broken is None


def test_who_is_a_member_is_kept_whatever_its_age() -> None:
    """With endpoint, names and beginning; when it ends, its interval is right."""
    book = Book()
    net, ctr, end = network(1), container(1, "db"), endpoint(1)
    connection = filled(
        Batch(networks={net.id: (net, True)}, lives={ctr.id: (ctr, Life(alive=True))}),
        book.batch(book.connect(5, net, ctr, end)),
        Batch(entries=(gap(None, 6), gap(None, 7)), cursor=7, verified=6, engine="one"),
    )
    before = read_checkpoint(connection)
    cut(connection, 2)
    assert read_checkpoint(connection) == before
    [key] = timetravel.keys_of(connection, "container", "db")
    [stay] = timetravel.stays(connection, "container", [key], 0, 100)
    assert (stay.network, stay.container, stay.endpoint, stay.began, stay.began_seq) == (net, ctr, end, 5, 1)
    writer = Writer(connection)
    [written] = writer.write(book.batch(book.disconnect(9, net, ctr)))
    assert (written.entry.endpoint, written.seq) == (end, 4)
    [stay] = timetravel.stays(connection, "container", [key], 0, 100)
    assert (stay.network, stay.container, stay.endpoint) == (net, ctr, end)
    assert (stay.began, stay.began_seq, stay.ended, stay.ended_seq) == (5, 1, 9, 4)
    assert chain_holds(connection)


def test_open_intents_are_kept_whatever_their_age() -> None:
    """So that the next start can close them; and the request goes once its outcome has gone."""
    request = RequestRef("r1", "ana")
    connection = filled(Batch(entries=(intent(1, request, "network.connect"), gap(None, 2), gap(None, 3))))
    before = read_checkpoint(connection).intents
    assert len(before) == 1
    cut(connection, 2)
    assert read_checkpoint(connection).intents == before
    writer = Writer(connection)
    writer.write(Batch(entries=(outcome(4, request, 1), gap(None, 5))))
    assert read_checkpoint(connection).intents == ()
    cut(connection, 4)
    assert connection.execute("SELECT count(*) FROM request").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM intent").fetchone() == (0,)


def test_the_beginning_of_what_is_complete_moves_along() -> None:
    """It is not before any record that was removed, whatever the order of their times."""
    connection = filled(Batch(entries=tuple(gap(None, time) for time in (10, 50, 20, 60)), began=5))

    def began() -> int:
        return int(connection.execute("SELECT began FROM checkpoint").fetchone()[0])

    assert began() == 5
    cut(connection, 1)
    assert began() >= 10
    cut(connection, 3)
    assert began() >= 50


def test_what_ended_before_is_no_longer_known() -> None:
    """Intervals go with the record that ended them; one that reaches over stays."""
    book = Book()
    net = network(1)
    entries = (
        book.connect(1, net, container(1), endpoint(1)),
        book.connect(2, net, container(2), endpoint(2)),
        book.disconnect(3, net, container(1)),
        gap(None, 4),
        book.disconnect(5, net, container(2)),
    )
    connection = filled(book.batch(*entries))
    [key] = timetravel.keys_of(connection, "network", net.id)
    cut(connection, 3)
    [stay] = timetravel.stays(connection, "network", [key], 0, 100)
    assert (stay.container, stay.endpoint) == (container(2), endpoint(2))
    assert (stay.began, stay.began_seq, stay.ended, stay.ended_seq) == (2, 2, 5, 5)
    assert timetravel.keys_of(connection, "container", "ctr1") == {}
    assert chain_holds(connection)
    cut(connection, 5)
    assert timetravel.stays(connection, "network", [key], 0, 100) == []
    assert timetravel.keys_of(connection, "network", net.id) == {}


def test_names_are_kept_while_anything_speaks_of_them() -> None:
    """What is there, what lives, what is a member; else they go with the last record."""
    book = Book()
    there, gone = network(1), network(2)
    lives, dead = container(1), container(2)
    connection = filled(
        book.batch(
            book.connect(1, there, lives), book.disconnect(2, there, lives),
            book.connect(3, gone, dead), book.disconnect(4, gone, dead), gap(None, 5),
        ),
        Batch(networks={there.id: (there, True)}, lives={lives.id: (lives, Life())}),
    )  # fmt: skip
    cut(connection, 4)
    checkpoint = read_checkpoint(connection)
    assert (checkpoint.networks, checkpoint.containers) == ((there,), (lives,))
    names = {
        table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("network", "network_name", "container", "container_name")
    }
    assert names == {"network": 1, "network_name": 1, "container": 1, "container_name": 1}


def unspoken(connection: sqlite3.Connection) -> dict[str, int]:
    """Rows that nothing speaks of, by table."""
    counts = {
        "endpoint": """SELECT count(*) FROM endpoint WHERE key NOT IN (
            SELECT endpoint FROM event WHERE endpoint IS NOT NULL UNION
            SELECT endpoint FROM membership WHERE endpoint IS NOT NULL UNION
            SELECT endpoint FROM interval WHERE endpoint IS NOT NULL)""",
        "network": """SELECT count(*) FROM network WHERE key NOT IN (
            SELECT x.network FROM network_name x JOIN event e ON e.network = x.key UNION
            SELECT network FROM membership UNION SELECT network FROM interval UNION SELECT network FROM present)""",
        "container": """SELECT count(*) FROM container WHERE key NOT IN (
            SELECT x.container FROM container_name x JOIN event e ON e.container = x.key UNION
            SELECT container FROM membership UNION SELECT container FROM interval UNION
            SELECT container FROM life)""",
    }
    return {table: int(connection.execute(query).fetchone()[0]) for table, query in counts.items()}


def missing(connection: sqlite3.Connection) -> dict[str, int]:
    """Rows that are spoken of and are not there."""
    counts = {}
    for table, column, others in (
        ("endpoint", "endpoint", ("event", "membership", "interval")),
        ("network_name", "network", ("event",)),
        ("container_name", "container", ("event",)),
        ("network", "network", ("membership", "interval", "present")),
        ("container", "container", ("membership", "interval", "life")),
        ("request", "request", ("event", "intent")),
    ):
        for other in others:
            query = (
                f"SELECT count(*) FROM {other} WHERE {column} IS NOT NULL AND {column} NOT IN (SELECT key FROM {table})"
            )
            counts[f"{other}.{column}"] = int(connection.execute(query).fetchone()[0])
    return {key: value for key, value in counts.items() if value}


WANTED = Endpoint(ipv4="172.18.0.9", aliases=("db",))
"""As a container that was created is configured: without an id."""


@pytest.mark.parametrize("again", [False, True], ids=["one writer", "a new writer each time"])
def test_nothing_is_left_of_lives_that_are_over(again: bool) -> None:
    """Created, started, stopped, removed, and their records removed: a log that is kept short stays small."""
    book = Book()
    connection = database()
    writer = Writer(connection)
    for number in range(5):
        net, ctr = network(1), container(number)
        for after, end in ((CONFIGURED, WANTED), (CONNECTED, endpoint(number)), (CONFIGURED, None)):
            writer.write(book.batch(book.move(number, net, ctr, after, end)))
            if again:
                writer = Writer(connection)
        writer.write(book.batch(book.disconnect(number, net, ctr)))
    writer.write(Batch(entries=(gap(None, 6),)))
    cut(connection, 20)
    assert connection.execute("SELECT count(*) FROM event").fetchone() == (1,)
    assert unspoken(connection) == {"endpoint": 0, "network": 0, "container": 0}
    assert missing(connection) == {}


def test_an_endpoint_that_came_twice_is_kept_for_the_second() -> None:
    """As one that was taken for gone and was found again: the records that are kept are what they were."""
    book = Book()
    net, ctr, end = network(1), container(1), endpoint(1)
    connection = filled(
        book.batch(
            book.connect(1, net, ctr, end), book.disconnect(2, net, ctr),
            book.connect(3, net, ctr, end), book.disconnect(4, net, ctr),
        )
    )  # fmt: skip
    cut(connection, 2)
    assert missing(connection) == {}
    assert chain_holds(connection)


@st.composite
def lives(draw: st.DrawFn) -> list[tuple[Batch, ...]]:
    """What a log grows by, between one trimming and the next."""
    book = Book()
    rounds = []
    time = 0
    for _ in range(draw(st.integers(1, 4))):
        batches = []
        for _ in range(draw(st.integers(0, 5))):
            entries = []
            for _ in range(draw(st.integers(1, 3))):
                time += draw(st.integers(-1, 3))
                net, ctr = network(draw(st.integers(1, 2))), container(draw(st.integers(1, 2)))
                held = book.standing.get(Pair(net.id, ctr.id))
                after = draw(st.sampled_from([CONFIGURED, CONNECTED]))
                if held is None:
                    end = (
                        draw(st.sampled_from([None, WANTED]))
                        if after is CONFIGURED
                        else endpoint(len(book.refs) + time)
                    )
                    entries.append(book.move(time, net, ctr, after, end))
                elif held.state is CONFIGURED and after is CONNECTED:
                    entries.append(book.move(time, net, ctr, CONNECTED, endpoint(1000 + time)))
                else:
                    entries.append(book.disconnect(time, net, ctr))
            batches.append(book.batch(*entries))
        rounds.append(tuple(batches))
    return rounds


@given(lives(), st.data())
def test_whatever_is_removed_the_rest_is_what_it_was(rounds: list[tuple[Batch, ...]], data: st.DataObject) -> None:
    """Records, chain, members, and who was there since; and the log grows on as if nothing had been removed."""
    trimmed_, whole = database(), database()
    writer, other = Writer(trimmed_), Writer(whole)
    for batches in rounds:
        for batch in batches:
            assert writer.write(batch) == other.write(batch)
        (anchor, _), last = reading.read_anchor(trimmed_), reading.read_last(trimmed_)
        if last > anchor + 1:
            cut(trimmed_, data.draw(st.integers(anchor + 1, last - 1)))
            writer.forget()
        anchor, _ = reading.read_anchor(trimmed_)
        assert reading.read(trimmed_, Filter(), None, 1000) == reading.read(whole, Filter(), anchor, 1000)
        assert chain_holds(trimmed_)
        assert missing(trimmed_) == {}
        assert members(trimmed_) == members(whole)
        assert spans(trimmed_, anchor) == spans(whole, anchor)


def members(connection: sqlite3.Connection) -> dict[Pair, Known]:
    return read_checkpoint(connection).standing.memberships


def spans(connection: sqlite3.Connection, anchor: int) -> list[tuple[object, ...]]:
    """The stays that go on, or that a record past the anchor ended."""
    keys = [key for number in (1, 2) for key in timetravel.keys_of(connection, "network", id_of(number))]
    return sorted(
        (it.network.id, it.container.id, it.state.value, repr(it.endpoint), it.began, it.began_seq, it.ended or 0)
        for it in timetravel.stays(connection, "network", keys, -100, 10_000)
        if it.ended_seq is None or it.ended_seq > anchor
    )


async def test_a_trimming_that_fails_removes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash or a full disk in the middle of it leaves whole chunks; what comes is written."""
    book = Book()
    for number in range(5):
        await store.append(book.batch(book.connect(number, network(1), container(number))))
    before = await store.read(Filter(), None, 100)

    def fails(_: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr(retention, "sweep", fails)
        with pytest.raises(Exception, match="disk I/O error"):
            await store.trim(Limits(age=1), NOW)
    assert await store.read(Filter(), None, 100) == before
    written: list[Written] = await store.append(book.batch(book.connect(9, network(2), container(9))))
    assert written[0].seq == 6
    assert await store.trim(Limits(age=1), NOW) == 5
    assert proof.check_database(store.path).broken is None


async def test_a_swarms_name_is_kept_as_it_is(store: Store) -> None:
    net = NetworkRef("x" * 25, "overlay", "overlay", "swarm")
    book = Book()
    await store.append(book.batch(book.connect(1, net, container(1)), gap(None, 2), gap(None, 3)))
    assert await store.trim(Limits(age=1), NOW) == 2
    assert (await store.checkpoint()).networks == (net,)
