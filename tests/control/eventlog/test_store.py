"""The store on a real disk: numbers without holes, transactions whole, one writer, readers beside it."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from control.errors import LogUnavailable
from control.eventlog.entries import Entry, Known
from control.eventlog.reading import Filter
from control.eventlog.standing import ABSENT, CONNECTED, Pair
from control.eventlog.store import FILE, TAIL, Store, StoreUnusable
from control.eventlog.upgrade import STEPS
from control.eventlog.writing import HANDLED_KEPT, Batch
from control.records import Cause, ContainerRef, Endpoint, Event, Kind, NetworkRef, Source
from tests.control.eventlog.values import container, endpoint, network

EVERYTHING = Filter()


def connect(at: int, net: NetworkRef, ctr: ContainerRef, end: Endpoint | None = None) -> Entry:
    return Entry(Kind.CONNECT, at, Source.STREAM, net, ctr, end, ABSENT, CONNECTED, Cause.EXTERNAL)


def disconnect(at: int, net: NetworkRef, ctr: ContainerRef, end: Endpoint | None = None) -> Entry:
    held = Known(CONNECTED, at - 1, end)
    return Entry(Kind.DISCONNECT, at, Source.STREAM, net, ctr, end, CONNECTED, ABSENT, Cause.EXTERNAL, held=held)


def batch(*entries: Entry, cursor: int | None = None, digests: tuple[bytes, ...] = ()) -> Batch:
    """A batch that keeps the memberships as its transitions leave them."""
    pairs = {}
    for it in entries:
        assert it.network is not None
        assert it.container is not None
        known = Known(CONNECTED, it.time, it.endpoint) if it.after is CONNECTED else None
        pairs[Pair(it.network.id, it.container.id)] = (it.network, it.container, known)
    return Batch(entries=entries, pairs=pairs, handled=digests, cursor=cursor)


def mount(*options: str) -> None:
    subprocess.run(["mount", *options], check=True)


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "data")
    store.open()
    yield store
    store.close()


async def everything(store: Store, wanted: Filter = EVERYTHING) -> list[Event]:
    return [Event.model_validate_json(record.line) for record in await store.read(wanted, 0, 100_000)]


async def test_numbers_count_from_one_without_holes(store: Store) -> None:
    for number in range(5):
        await store.append(batch(*[connect(number, network(number), container(i)) for i in range(number)]))
    assert [event.seq for event in await everything(store)] == list(range(1, 11))
    assert store.last == 10


async def test_an_event_is_read_as_it_was_written(store: Store) -> None:
    [written] = await store.append(batch(connect(1, network(1), container(1), endpoint(1))))
    assert await store.read(EVERYTHING, 0, 10) == [written]
    (event,) = await everything(store)
    assert (event.endpoint, event.kind, event.hash) == (endpoint(1), "network.connect", written.hash.hex())


async def test_the_checkpoint_is_what_was_written_last(store: Store, tmp_path: Path) -> None:
    """After closing and opening again: cursor, digests, memberships with their endpoints, names."""
    net, ctr, end = network(1), container(1), endpoint(1)
    await store.append(batch(connect(5, net, ctr, end), connect(6, net, container(2)), cursor=6, digests=(b"a" * 16,)))
    await store.append(batch(disconnect(7, net, container(2)), cursor=7, digests=(b"b" * 16,)))
    await store.append(Batch(verified=8))
    store.close()
    again = Store(tmp_path / "data")
    again.open()
    checkpoint = await again.checkpoint()
    again.close()
    assert (checkpoint.last, checkpoint.cursor, checkpoint.verified) == (3, 7, 8)
    assert checkpoint.handled == (b"a" * 16, b"b" * 16)
    assert checkpoint.standing.memberships == {Pair(net.id, ctr.id): Known(CONNECTED, 5, end)}
    assert (checkpoint.networks, checkpoint.containers) == ((net,), (ctr,))


async def test_digests_are_kept_for_all_that_the_engine_holds(store: Store) -> None:
    digests = tuple(number.to_bytes(16) for number in range(HANDLED_KEPT + 300))
    await store.append(Batch(handled=digests[:1000]))
    await store.append(Batch(handled=digests[1000:]))
    assert (await store.checkpoint()).handled == digests[-HANDLED_KEPT:]


async def test_a_batch_that_fails_leaves_nothing(store: Store) -> None:
    """On a full disk: no event, no membership, no digest, no cursor, and no hole after it."""
    await store.append(batch(connect(1, network(1), container(1)), cursor=1))
    before = await store.checkpoint()
    assert store._connection is not None
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    many = batch(*[connect(2, network(2), container(i), endpoint(i)) for i in range(2000)], cursor=2, digests=(b"x",))
    with pytest.raises(LogUnavailable, match="full"):
        await store.append(many)
    assert await store.checkpoint() == before
    assert store.last == 1
    store._connection.execute("PRAGMA max_page_count = 1000000")
    await store.append(many)
    assert [event.seq for event in await everything(store)] == list(range(1, 2002))
    assert (await store.checkpoint()).cursor == 2


async def test_filters(store: Store) -> None:
    """By the name at the time, by id, by a part of the id, by time; each bound as documented."""
    a, b, old, new = network(0xA << 240), network(0xB << 240), container(1, "old"), container(1, "new")
    await store.append(
        batch(connect(10, a, old), connect(20, b, old), disconnect(30, a, new), connect(40, a, container(2)))
    )

    async def found(**wanted: object) -> list[int]:
        return [event.seq for event in await everything(store, Filter(**wanted))]  # type: ignore[arg-type]

    assert await found() == [1, 2, 3, 4]
    assert await found(network=a.name) == [1, 3, 4]
    assert await found(network=a.id) == [1, 3, 4]
    assert await found(network=b.id[:12]) == [2]
    assert await found(network=b.id[:11]) == []
    assert await found(container="old") == [1, 2]
    assert await found(container="new") == [3]
    assert await found(container=old.id) == [1, 2, 3]
    assert await found(network=a.name, container=old.id) == [1, 3]
    assert await found(since=20, until=40) == [2, 3]
    assert await found(network="*") == []
    assert await found(network=f"{'?' * 12}") == []
    assert [record.seq for record in await store.read(Filter(network=a.id), 1, 1)] == [3]


async def test_a_follower_is_woken_when_the_batch_is_durable(store: Store) -> None:
    waiting = [asyncio.create_task(store.past(0)) for _ in range(200)]
    await asyncio.sleep(0)
    await store.append(Batch(cursor=1))
    assert not any(task.done() for task in waiting)
    await store.append(batch(connect(1, network(1), container(1))))
    await asyncio.wait_for(asyncio.gather(*waiting), 10)
    assert len(await everything(store)) == 1


async def test_readers_beside_the_writer_see_whole_batches(store: Store) -> None:
    seen: list[list[int]] = []

    async def reading() -> None:
        while store.last < 400:
            seen.append([event.seq for event in await everything(store)])

    readers = [asyncio.create_task(reading()) for _ in range(4)]
    for number in range(100):
        await store.append(batch(*[connect(number, network(i), container(number)) for i in range(4)]))
    await asyncio.gather(*readers)
    assert seen
    for numbers in seen:
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) % 4 == 0


async def test_a_caller_that_goes_away_leaves_the_batch_whole(store: Store) -> None:
    task = asyncio.create_task(store.append(batch(connect(1, network(1), container(1)))))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # The writer is one thread, so what is asked of it next comes after.
    assert (await store.checkpoint()).last in {0, 1}
    await store.append(batch(connect(2, network(1), container(2))))
    assert [event.seq for event in await everything(store)] == list(range(1, store.last + 1))


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
        assert len(events) >= told
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert checkpoint.cursor == int.from_bytes(checkpoint.handled[-1]) == events[-1].time
        last = {(event.network.id, event.container.id): event for event in events if event.network and event.container}
        there = {pair for pair, event in last.items() if event.after is CONNECTED}
        assert {tuple(pair) for pair in checkpoint.standing.memberships} == there


def test_a_second_process_is_told_so(store: Store) -> None:
    other = subprocess.run(
        [sys.executable, "-m", "tests.control.eventlog.writer", str(store.path.parent)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert other.returncode == 1
    assert other.stderr == (
        f"Another control uses the data folder {store.path.parent}: stop it, or set CONTROL_DATA_DIR.\n"
    )


async def test_nobody_else_may_read_it(store: Store) -> None:
    await store.append(batch(connect(1, network(1), container(1))))
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


async def unavailable(folder: Path, mend: Callable[[], object]) -> str:
    """What is said of a log that can't be opened; mended, it is used by the same store."""
    store = Store(folder)
    with pytest.raises(LogUnavailable) as raised:
        store.open()
    for use in (store.checkpoint(), store.append(Batch(cursor=1)), everything(store)):
        with pytest.raises(LogUnavailable):
            await use
    mend()
    assert [record.seq for record in await store.append(batch(connect(1, network(1), container(1))))] == [1]
    store.close()
    assert "\n" not in raised.value.detail
    return raised.value.detail


async def test_what_is_no_log_is_told_and_can_be_mended(tmp_path: Path) -> None:
    """Moved away, a new log begins, without a restart."""
    (tmp_path / FILE).write_bytes(b"no database at all" * 1000)
    told = await unavailable(tmp_path, lambda: (tmp_path / FILE).rename(tmp_path / "away"))
    assert told == (
        f"The event log {tmp_path / FILE} is damaged (file is not a database): restore it, or move it away to begin a "
        "new log."
    )


async def test_a_damaged_log_is_told_and_can_be_mended(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.open()
    await store.append(batch(*[connect(1, network(1), container(i)) for i in range(2000)]))
    store.close()
    content = bytearray((tmp_path / FILE).read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    (tmp_path / FILE).write_bytes(content)
    assert "malformed" in await unavailable(tmp_path, (tmp_path / FILE).unlink)


async def test_a_full_disk_at_the_start_is_told_and_can_be_mended(tmp_path: Path) -> None:
    """A tmpfs without a page left; then with room."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount("-t", "tmpfs", "-o", "size=64k", "none", str(folder))
    try:
        ballast = folder / "ballast"
        with pytest.raises(OSError, match="No space"):
            ballast.write_bytes(bytes(70_000))
        told = await unavailable(folder, lambda: mount("-o", "remount,size=10m", str(folder)))
        assert "check the disk" in told
    finally:
        unmount(folder)


async def test_a_log_that_became_read_only_is_read_on(store: Store) -> None:
    """What is written is refused and nothing of it is there; and it goes on when it may be written again."""
    await store.append(batch(connect(1, network(1), container(1))))
    assert store._connection is not None
    store._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(LogUnavailable, match="make the folder and the file writable"):
        await store.append(batch(connect(2, network(1), container(2))))
    assert [event.seq for event in await everything(store)] == [1]
    assert store._connection is not None
    store._connection.execute("PRAGMA query_only = OFF")
    assert [record.seq for record in await store.append(batch(connect(2, network(1), container(2))))] == [2]


async def test_batches_that_wait_go_into_one_transaction(store: Store) -> None:
    """Each caller gets its own records; the numbers have no hole."""
    batches = [batch(*[connect(1, network(n), container(i)) for i in range(n % 4)]) for n in range(40)]
    written = await asyncio.gather(*(store.append(it) for it in batches))
    assert [len(records) for records in written] == [n % 4 for n in range(40)]
    assert [record.seq for records in written for record in records] == list(range(1, store.last + 1))
    assert store._writer is not None
    assert store._writer.last == store.last


async def test_the_newest_are_in_memory(store: Store) -> None:
    """What is past a number, where memory reaches so far back; and as the disk has it."""
    assert store.tail(0) == []
    for begin in range(0, TAIL + 200, 100):
        await store.append(batch(*[connect(1, network(begin), container(i)) for i in range(100)]))
    assert store.tail(0) is None
    assert store.tail(store.last) == []
    tail = store.tail(store.last - 30)
    assert tail == await store.read(EVERYTHING, store.last - 30, 100)


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("CREATE TABLE theirs (x)")
    connection.commit()
    connection.close()
    assert "is a SQLite database of some other program" in refused(tmp_path)


def test_a_log_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.open()
    assert store._connection is not None
    store._connection.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    store.close()
    assert "was written by a later version" in refused(tmp_path)


def test_a_folder_that_can_not_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "can't be used (Not a directory)" in refused(tmp_path / "file" / "data")


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.open()
    store.close()
    store.close()
    with pytest.raises(LogUnavailable):
        await everything(store)
    with pytest.raises(LogUnavailable):
        await store.append(Batch(cursor=1))
