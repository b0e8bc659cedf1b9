"""The store on a real disk: numbers without holes, transactions whole, one writer, readers beside it."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from control.errors import LogUnavailable
from control.eventlog import proof
from control.eventlog.entries import Entry, Known, Written
from control.eventlog.reading import Filter
from control.eventlog.schema import APPLICATION_ID
from control.eventlog.standing import CONNECTED, Pair
from control.eventlog.store import FILE, TAIL, TAIL_BYTES, Store, StoreUnusable
from control.eventlog.upgrade import STEPS
from control.eventlog.writing import Batch
from control.records import Event, Kind, Source
from tests.control.eventlog.values import Book, container, endpoint, event_of, gap, network

EVERYTHING = Filter()
NOBODY = 65534


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(tmp_path / "data")
    store.open()
    yield store
    store.close()


async def everything(store: Store, wanted: Filter = EVERYTHING) -> list[Event]:
    return [event_of(it) for it in await store.read(wanted, None, 100_000)]


def connects(book: Book, *numbers: int, at: int = 1) -> Batch:
    return book.batch(*[book.connect(at, network(number), container(number), endpoint(number)) for number in numbers])


# Writing and reading


async def test_numbers_count_from_one_without_holes(store: Store) -> None:
    book = Book()
    for number in range(5):
        await store.append(connects(book, *range(number * 10, number * 11)))
    assert [event.seq for event in await everything(store)] == list(range(1, 11))
    assert store.last == 10


async def test_an_event_is_read_as_it_was_written(store: Store) -> None:
    [written] = await store.append(connects(Book(), 1))
    assert await everything(store) == [event_of(written)]
    assert written.entry.endpoint == endpoint(1)
    assert written.entry.kind is Kind.CONNECT


async def test_nothing_is_nothing(store: Store) -> None:
    assert await store.append(Batch()) == []
    assert store.last == 0


async def test_the_checkpoint_is_that_of_the_next_process(store: Store, tmp_path: Path) -> None:
    """After closing and opening again: cursor, digests, memberships, and the chain goes on."""
    book = Book()
    net, ctr, end = network(1), container(1), endpoint(1)
    await store.append(book.batch(book.connect(5, net, ctr, end), cursor=6, digests=(b"a" * 16,)))
    await store.append(Batch(verified=8, engine="one"))
    before = await store.checkpoint()
    assert before.standing.memberships == {Pair(net.id, ctr.id): Known(CONNECTED, 5, end)}
    assert (before.last, before.cursor, before.verified, before.engine) == (1, 6, 8, "one")
    store.close()
    again = Store(tmp_path / "data")
    again.open()
    assert await again.checkpoint() == before
    [written] = await again.append(book.batch(book.disconnect(9, net, ctr)))
    again.close()
    assert (written.seq, written.entry.endpoint) == (2, end)
    assert proof.check_database(again.path).count == 2
    assert proof.check_database(again.path).broken is None


async def test_readers_beside_the_writer_see_whole_batches(store: Store) -> None:
    seen: list[list[int]] = []

    async def reading_() -> None:
        while store.last < 400:
            seen.append([event.seq for event in await everything(store)])

    readers = [asyncio.create_task(reading_()) for _ in range(4)]
    book = Book()
    for number in range(100):
        await store.append(connects(book, *range(number * 4, number * 4 + 4)))
    await asyncio.gather(*readers)
    assert seen
    for numbers in seen:
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) % 4 == 0


async def test_a_reader_can_not_write(store: Store) -> None:
    with pytest.raises(LogUnavailable):
        await store.ask(lambda connection: connection.execute("DELETE FROM event"))


# Many at once


async def test_each_caller_gets_its_own(store: Store) -> None:
    """Batches that wait go into one transaction, each with its own records, their numbers in the order of asking."""
    book = Book()
    batches = [connects(book, *range(number * 10, number * 10 + number % 4)) for number in range(200)]
    told = await asyncio.gather(*(store.append(it) for it in batches))
    assert [[record.entry for record in records] for records in told] == [list(it.entries) for it in batches]
    assert [record.seq for records in told for record in records] == list(range(1, store.last + 1))
    assert store.last == sum(len(it.entries) for it in batches)
    assert [event_of(record) for records in told for record in records] == await everything(store)
    assert proof.check_database(store.path).broken is None


async def test_what_waits_is_counted(store: Store) -> None:
    tasks = [asyncio.create_task(store.append(connects(Book(), number))) for number in range(5)]
    await asyncio.sleep(0)
    assert store.waiting <= 5
    await asyncio.gather(*tasks)
    await store.checkpoint()
    assert store.waiting == 0


async def test_a_caller_that_goes_away_leaves_the_batch_whole(store: Store) -> None:
    book = Book()
    task = asyncio.create_task(store.append(connects(book, 1)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # The writer is one thread, so what is asked of it next comes after.
    assert (await store.checkpoint()).last == 1
    await store.append(connects(book, 2))
    assert [event.seq for event in await everything(store)] == [1, 2]


# Failures


@contextmanager
def full_disk(store: Store) -> Iterator[None]:
    """The database may take no further page."""
    assert store._connection is not None
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    try:
        yield
    finally:
        store._connection.execute("PRAGMA max_page_count = 1000000")


async def test_a_batch_that_fails_leaves_nothing(store: Store) -> None:
    """On a full disk: no event, no membership, no digest, no cursor, and no hole after it."""
    book = Book()
    await store.append(book.batch(book.connect(1, network(1), container(1)), cursor=1))
    before = await store.checkpoint()
    many = book.batch(
        *[book.connect(2, network(2), container(number), endpoint(number)) for number in range(2000)],
        cursor=2,
        digests=(b"x",),
    )
    with full_disk(store):
        with pytest.raises(LogUnavailable, match="full") as raised:
            await store.append(many)
        assert raised.value.headers == {"Retry-After": "5"}
        assert await store.checkpoint() == before
        assert store.last == 1
    await store.append(many)
    assert [event.seq for event in await everything(store)] == list(range(1, 2002))
    assert (await store.checkpoint()).cursor == 2
    assert proof.check_database(store.path).broken is None


async def test_a_batch_that_fails_fails_those_that_it_went_with_and_no_other(store: Store) -> None:
    """Whoever is told of a failure has nothing written; whoever comes after is written, with no hole."""
    book = Book()
    small = [connects(Book(), number) for number in (9001, 9002)]
    big = connects(book, *range(2000))
    with full_disk(store):
        told = await asyncio.gather(*(store.append(it) for it in (small[0], big, small[1])), return_exceptions=True)
    failed = [it for it in told if isinstance(it, BaseException)]
    written = [record for it in told if not isinstance(it, BaseException) for record in it]
    assert isinstance(told[1], LogUnavailable)
    assert all(isinstance(it, LogUnavailable) for it in failed)
    assert [event_of(it) for it in written] == await everything(store)
    after = await asyncio.gather(*(store.append(it) for it in (big, connects(Book(), 9003))))
    assert [record.seq for records in after for record in records] == list(range(len(written) + 1, store.last + 1))
    assert len(await everything(store)) == store.last


async def test_what_can_not_be_written_is_told_as_what_it_is(store: Store) -> None:
    """A defect here is no trouble of the disk; it leaves nothing behind."""
    bad = Entry(Kind.GAP, 1, Source.CONTROL, detail={"reason": object()})
    with pytest.raises(TypeError):
        await store.append(Batch(entries=(gap(0, 1), bad)))
    assert await everything(store) == []
    [written] = await store.append(Batch(entries=(gap(0, 2),)))
    assert written.seq == 1


async def test_a_failure_does_not_live_on_in_what_the_writer_knows(store: Store) -> None:
    """Names and endpoints that were undone with a transaction are written again with the next."""
    book = Book()
    entry = book.connect(1, network(1), container(1), endpoint(1))
    bad = Entry(Kind.GAP, 1, Source.CONTROL, detail={"reason": object()})
    batch = book.batch(entry)
    with pytest.raises(TypeError):
        await store.append(Batch(entries=(entry, bad), pairs=batch.pairs))
    await store.append(batch)
    [event] = await everything(store)
    assert (event.network, event.container, event.endpoint) == (network(1), container(1), endpoint(1))
    assert proof.check_database(store.path).broken is None


def test_kill_9_leaves_whole_transactions(tmp_path: Path) -> None:
    """What was told durable is there, and events, memberships, digests and cursor are those of one batch."""
    folder = tmp_path / "data"
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-m", "tests.control.eventlog.writer", str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        told = 0
        for line in writer.stdout:
            told = int(line)
            if told % 150 == 0:
                break
        writer.kill()
        told = max([told, *(int(line) for line in writer.stdout.read().split("\n")[:-1])])
        writer.stdout.close()
        writer.wait()
        store = Store(folder)
        store.open()
        events = asyncio.run(everything(store))
        checkpoint = asyncio.run(store.checkpoint())
        store.close()
        assert told > 0
        assert len(events) >= told
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert len(events) % 3 == 0
        assert checkpoint.cursor == int.from_bytes(checkpoint.handled[-1]) == events[-1].time
        last = {
            Pair(event.network.id, event.container.id): event
            for event in events
            if event.network is not None and event.container is not None
        }
        assert checkpoint.standing.memberships == {
            pair: Known(CONNECTED, event.time, event.endpoint)
            for pair, event in last.items()
            if event.kind is Kind.CONNECT
        }
        assert proof.check_database(store.path).count == len(events)


# Whose file it is


def test_a_second_process_is_told_so(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    store.open()
    other = subprocess.run(
        [sys.executable, "-m", "tests.control.eventlog.writer", str(store.path.parent)],
        capture_output=True,
        text=True,
        check=False,
    )
    store.close()
    assert other.returncode == 1
    assert other.stderr == (
        f"Another control uses the data folder {store.path.parent}: stop it, or set CONTROL_DATA_DIR.\n"
    )


async def test_nobody_else_may_read_it(store: Store) -> None:
    await store.append(connects(Book(), 1))
    await everything(store)
    assert store.path.parent.stat().st_mode & 0o777 == 0o700
    files = list(store.path.parent.iterdir())
    assert len(files) == 4  # the database, its WAL and shared memory, the lock
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def refused(folder: Path) -> str:
    store = Store(folder)
    with pytest.raises(StoreUnusable) as raised:
        store.open()
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("CREATE TABLE theirs (x)")
    connection.commit()
    connection.close()
    before = (tmp_path / FILE).read_bytes()
    assert "is a SQLite database of some other program" in refused(tmp_path)
    tables = sqlite3.connect(tmp_path / FILE)
    assert tables.execute("SELECT name FROM sqlite_schema").fetchall() == [("theirs",)]
    tables.close()
    assert len((tmp_path / FILE).read_bytes()) == len(before)


def test_a_log_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    """And the folder is free again: an earlier file can be put in its place."""
    store = Store(tmp_path)
    store.open()
    assert store._connection is not None
    store._connection.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    store.close()
    assert "was written by a later version" in refused(tmp_path)
    (tmp_path / FILE).unlink()
    again = Store(tmp_path)
    again.open()
    again.close()


def test_a_folder_that_can_not_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "can't be used (Not a directory)" in refused(tmp_path / "file" / "data")


def test_the_file_says_whose_it_is(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.open()
    store.close()
    connection = sqlite3.connect(tmp_path / FILE)
    pragmas = [
        connection.execute(f"PRAGMA {it}").fetchone()[0] for it in ("application_id", "user_version", "journal_mode")
    ]
    connection.close()
    assert pragmas == [APPLICATION_ID, len(STEPS), "wal"]


# What may pass, or be mended


async def works(store: Store, seq: int) -> bool:
    """Whether all of it is usable again."""
    [written] = await store.append(connects(Book(), 7_000 + seq))
    checkpoint = await store.checkpoint()
    return (written.seq, checkpoint.last, [event.seq for event in await everything(store)][-1]) == (seq, seq, seq)


async def fails(store: Store, text: str) -> None:
    """Each use tries again, and says the same."""
    for _ in range(2):
        with pytest.raises(LogUnavailable, match=text) as raised:
            await store.append(connects(Book(), 1))
        assert raised.value.headers == {"Retry-After": "5"}
        with pytest.raises(LogUnavailable, match=text):
            await store.checkpoint()


@pytest.mark.parametrize("damage", ["head", "body"])
async def test_a_damaged_log_is_told_and_can_be_mended(tmp_path: Path, damage: str) -> None:
    """Restored or moved away under a control that runs, it is used again."""
    path = tmp_path / FILE
    store = Store(tmp_path)
    store.open()
    await store.append(connects(Book(), *range(2000)))
    store.close()
    good = tmp_path / "good"
    shutil.copy(path, good)
    content = bytearray(path.read_bytes())
    begin = 0 if damage == "head" else 4096
    content[begin:] = b"\xff" * (len(content) - begin)
    path.write_bytes(content)
    again = Store(tmp_path)
    with pytest.raises(LogUnavailable, match=r"is damaged \(.*\): restore it, or move it away"):
        again.open()
    await fails(again, "is damaged")
    with pytest.raises(LogUnavailable, match="is damaged"):
        await everything(again)
    shutil.move(good, path)
    assert await works(again, 2001)
    again.close()


async def test_all_readers_see_a_log_that_was_mended(tmp_path: Path) -> None:
    """Also those that met it damaged."""
    path = tmp_path / FILE
    path.write_bytes(b"no database at all" * 1000)
    store = Store(tmp_path)
    with pytest.raises(LogUnavailable, match="is damaged"):
        store.open()
    met = await asyncio.gather(*(everything(store) for _ in range(8)), return_exceptions=True)
    assert all(isinstance(it, LogUnavailable) for it in met)
    path.unlink()
    assert await works(store, 1)
    seen = await asyncio.gather(*(everything(store) for _ in range(8)), return_exceptions=True)
    assert [it if isinstance(it, BaseException) else [event.seq for event in it] for it in seen] == [[1]] * 8
    store.close()


async def test_a_connection_that_breaks_is_made_anew(store: Store) -> None:
    """Not even what was begun can be undone on it; the next use opens the file again."""
    await store.append(connects(Book(), 1))
    assert store._connection is not None
    store._connection.close()
    with pytest.raises(LogUnavailable):
        await store.append(connects(Book(), 2))
    assert await works(store, 2)


async def moved_away(store: Store) -> None:
    """The log's files are gone under a control that runs, which notices by its next write."""
    assert store._connection is not None
    store._connection.close()
    for name in (FILE, f"{FILE}-wal", f"{FILE}-shm"):
        (store.path.parent / name).unlink(missing_ok=True)
    with pytest.raises(LogUnavailable):
        await store.append(Batch(cursor=1))


async def test_a_new_log_is_not_mixed_with_the_one_that_is_in_memory(store: Store) -> None:
    """It begins at 1."""
    await store.append(connects(Book(), 1, 2, 3))
    await moved_away(store)
    assert await store.append(connects(Book(), 4)) == store.tail(0)
    assert await store.append(connects(Book(), 5)) == store.tail(1)
    assert store.last == 2


async def test_readers_see_a_new_log(store: Store) -> None:
    """Also those that met no error in the one that was moved away."""
    await store.append(connects(Book(), 1, 2, 3))
    assert len(await everything(store)) == 3
    await moved_away(store)
    [written] = await store.append(connects(Book(), 4))
    assert await everything(store) == [event_of(written)]


@contextmanager
def as_nobody(folder: Path) -> Iterator[None]:
    """Without the rights of root, to whom nothing is read-only."""
    root = os.geteuid() == 0
    if root:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


async def test_a_log_that_is_read_only_is_told_and_can_be_mended() -> None:
    folder = Path(tempfile.mkdtemp(prefix="pontlevis-store-"))
    try:
        with as_nobody(folder):
            first = Store(folder)
            first.open()
            await first.append(connects(Book(), 1))
            first.close()
            (folder / FILE).chmod(0o400)
            store = Store(folder)
            with pytest.raises(LogUnavailable, match=r"can't be written .*: make the folder and the file writable"):
                store.open()
            await fails(store, "can't be written")
            (folder / FILE).chmod(0o600)
            assert await works(store, 2)
            store.close()
    finally:
        shutil.rmtree(folder)


async def test_a_log_that_became_read_only_is_read_on(store: Store) -> None:
    """What is written is refused and nothing of it is there; and it goes on when it may be written again."""
    await store.append(connects(Book(), 1))
    assert store._connection is not None
    store._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(LogUnavailable, match="make the folder and the file writable"):
        await store.append(connects(Book(), 2))
    assert [event.seq for event in await everything(store)] == [1]
    assert store._connection is not None
    store._connection.execute("PRAGMA query_only = OFF")
    assert await works(store, 2)


def mount(*options: str) -> None:
    subprocess.run(["mount", *options], check=True)


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_a_full_disk_at_the_start_is_told_and_can_be_mended(tmp_path: Path) -> None:
    """A tmpfs without a page left; then with room."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount("-t", "tmpfs", "-o", "size=64k", "none", str(folder))
    try:
        with pytest.raises(OSError, match="No space"):
            (folder / "ballast").write_bytes(bytes(70_000))
        store = Store(folder)
        with pytest.raises(LogUnavailable, match="check the disk"):
            store.open()
        await fails(store, "check the disk")
        mount("-o", "remount,size=10m", str(folder))
        assert await works(store, 1)
        store.close()
    finally:
        unmount(folder)


async def test_what_is_no_log_is_told_and_can_be_moved_away(tmp_path: Path) -> None:
    """Then a new one begins, without a restart."""
    (tmp_path / FILE).write_bytes(b"no database at all" * 1000)
    store = Store(tmp_path)
    with pytest.raises(LogUnavailable) as raised:
        store.open()
    assert raised.value.detail == (
        f"The event log {tmp_path / FILE} is damaged (file is not a database): restore it, or move it away to begin a "
        "new log."
    )
    await fails(store, "is damaged")
    (tmp_path / FILE).rename(tmp_path / "away")
    assert await works(store, 1)
    store.close()


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.open()
    store.close()
    store.close()
    with pytest.raises(LogUnavailable, match="is closed"):
        await everything(store)
    with pytest.raises(LogUnavailable, match="is closed"):
        await store.append(Batch(cursor=1))
    with pytest.raises(LogUnavailable, match="is closed"):
        await store.checkpoint()


async def test_closing_waits_for_what_is_being_written(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.open()
    task = asyncio.create_task(store.append(connects(Book(), *range(500))))
    await asyncio.sleep(0)
    store.close()
    assert len(await task) == 500
    again = Store(tmp_path)
    again.open()
    assert again.last == 500
    again.close()


# Following


async def test_a_follower_is_woken_when_the_batch_is_durable(store: Store) -> None:
    waiting = [asyncio.create_task(store.past(0)) for _ in range(200)]
    await asyncio.sleep(0)
    await store.append(Batch(cursor=1))
    assert not any(task.done() for task in waiting)
    await store.append(connects(Book(), 1))
    await asyncio.wait_for(asyncio.gather(*waiting), 10)
    assert len(await everything(store)) == 1


async def test_who_waits_for_what_is_there_does_not_wait(store: Store) -> None:
    await store.append(connects(Book(), 1, 2))
    await asyncio.wait_for(store.past(1), 1)
    later = asyncio.create_task(store.past(2))
    await asyncio.sleep(0)
    assert not later.done()
    await store.append(connects(Book(), 3))
    await asyncio.wait_for(later, 1)


async def test_what_is_in_memory_is_what_is_on_disk(store: Store) -> None:
    """From any number on, or nothing where memory does not reach."""
    for number in range(TAIL // 100 + 3):
        await store.append(connects(Book(), *range(number * 100, number * 100 + 100)))
    assert store.last == TAIL + 300
    for after in (store.last + 5, store.last, store.last - 1, store.last - 7, 300):
        assert store.tail(after) == await store.read(EVERYTHING, after, 10_000)
    for after in (299, 1, 0):
        assert store.tail(after) is None


async def test_memory_is_bounded(store: Store) -> None:
    """By bytes too; the newest record is always there."""
    book = Book()

    def big(number: int) -> Entry:
        return Entry(Kind.GAP, number, Source.CONTROL, detail={"reason": "x" * (TAIL_BYTES // 4)})

    await store.append(book.batch(*[big(number) for number in range(10)]))
    tail = store.tail(store.last - 1)
    assert tail is not None
    assert [it.seq for it in tail] == [10]
    assert store.tail(0) is None
    await store.append(Batch(entries=(Entry(Kind.GAP, 1, Source.CONTROL, detail={"reason": "x" * TAIL_BYTES * 2}),)))
    tail = store.tail(10)
    assert tail is not None
    assert [it.seq for it in tail] == [11]


async def test_after_a_restart_memory_is_empty(store: Store, tmp_path: Path) -> None:
    await store.append(connects(Book(), 1, 2))
    store.close()
    again = Store(tmp_path / "data")
    again.open()
    assert (again.tail(0), again.tail(1), again.tail(2)) == (None, None, [])
    written: list[Written] = await again.append(connects(Book(), 3))
    assert again.tail(2) == written
    assert again.tail(1) is None
    again.close()
