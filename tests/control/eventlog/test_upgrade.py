"""A log of the first version comes out as one of this: the same records and members, with intervals and a chain."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from control.eventlog import proof, reading, schema, timetravel, upgrade, writing
from control.eventlog.entries import Known
from control.eventlog.reading import Filter
from control.eventlog.schema import APPLICATION_ID, FIRST
from control.eventlog.standing import CONNECTED, Pair, Standing
from control.eventlog.store import FILE, Store
from control.eventlog.timetravel import Stay
from control.eventlog.upgrade import STEPS
from control.eventlog.writing import Batch, Writer
from control.records import Cause, ContainerRef, Endpoint, Event, Kind, NetworkRef, Source
from tests.control.eventlog.values import Book, container, endpoint, event_of, id_of, network


class First:
    """A database as the first version wrote it."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        schema.run_script(self.connection, FIRST)
        self.connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self.connection.execute("PRAGMA user_version = 1")
        self._began: dict[tuple[str, str], int] = {}

    def row(self, table: str, *values: object) -> int:
        marks = ", ".join(["NULL", *"?" * len(values)])
        found = self.connection.execute(f"INSERT INTO {table} VALUES ({marks})", values)
        assert found.lastrowid is not None
        return found.lastrowid

    def network(self, ref: NetworkRef) -> int:
        return self.row("network", ref.id, ref.name, ref.driver, ref.scope)

    def container(self, ref: ContainerRef) -> int:
        return self.row("container", ref.id, ref.name, ref.image)

    def endpoint(self, it: Endpoint) -> int:
        aliases = None if it.aliases is None else json.dumps(it.aliases)
        return self.row("endpoint", it.id, it.ipv4, it.ipv6, it.mac, it.gateway, aliases)

    def event(
        self, up: bool, time: int, network: int, container: int, *, endpoint: int | None = None,
        source: str = "stream", between: tuple[int | None, int] | tuple[None, None] = (None, None),
    ) -> None:  # fmt: skip
        kind = "network.connect" if up else "network.disconnect"
        states = ("absent", "connected") if up else ("connected", "absent")
        self.row("event", kind, time, network, container, endpoint, *states, source, *between)

    def member(self, net: NetworkRef, ctr: ContainerRef, keys: tuple[int, int], since: int, end: int | None) -> None:
        self.connection.execute(
            "INSERT INTO membership VALUES (?, ?, ?, ?, 'connected', ?, ?)",
            (net.id, ctr.id, *keys, since, end),
        )


NET, OLD, NEW, WEB = network(1, "mynet"), container(1, "old"), container(1, "new"), container(2, "web")
SWARMED = NetworkRef("x" * 25, "overlay", "overlay", "swarm")
BARE = Endpoint(id=id_of(3), ipv6="fd00::2", gateway="172.18.0.1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two containers that came and went, one of them renamed and back, the other there for good."""
    first = First(tmp_path / FILE)
    net, swarmed = first.network(NET), first.network(SWARMED)
    old, new, web = first.container(OLD), first.container(NEW), first.container(WEB)
    one, two, bare = first.endpoint(endpoint(1)), first.endpoint(endpoint(2)), first.endpoint(BARE)
    first.event(True, 10, net, old, endpoint=one)
    first.event(True, 20, net, web, endpoint=two, source="reconcile", between=(None, 20))
    first.event(False, 30, net, old, endpoint=one)
    first.event(True, 40, swarmed, web, source="replay")
    first.event(True, 50, net, new, endpoint=bare)
    first.event(False, 60, swarmed, web, source="reconcile", between=(55, 60))
    first.member(NET, WEB, (net, web), 20, two)
    first.member(NET, NEW, (net, new), 50, bare)
    first.connection.execute("UPDATE checkpoint SET cursor = 61, verified = 59")
    first.connection.executemany("INSERT INTO handled VALUES (?, ?)", [(n, n.to_bytes(16)) for n in range(5)])
    first.connection.close()
    return tmp_path / FILE


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = Store(path.parent)
    store.open()
    yield store
    store.close()


async def everything(store: Store) -> list[Event]:
    return [event_of(it) for it in await store.read(Filter(), None, 1000)]


async def test_records_are_what_they_were(store: Store) -> None:
    """Why they came to be was not recorded."""
    events = await everything(store)
    assert [
        (it.seq, it.kind, it.time, it.network, it.container, it.endpoint, it.source, it.observed_between)
        for it in events
    ] == [
        (1, Kind.CONNECT, 10, NET, OLD, endpoint(1), Source.STREAM, None),
        (2, Kind.CONNECT, 20, NET, WEB, endpoint(2), Source.RECONCILE, (None, 20)),
        (3, Kind.DISCONNECT, 30, NET, OLD, endpoint(1), Source.STREAM, None),
        (4, Kind.CONNECT, 40, SWARMED, WEB, None, Source.REPLAY, None),
        (5, Kind.CONNECT, 50, NET, NEW, BARE, Source.STREAM, None),
        (6, Kind.DISCONNECT, 60, SWARMED, WEB, None, Source.RECONCILE, (55, 60)),
    ]
    assert {(it.cause, it.request, it.detail) for it in events} == {(Cause.UNKNOWN, None, None)}
    assert [(str(it.before), str(it.after)) for it in events if it.kind is Kind.CONNECT] == [
        ("absent", "connected")
    ] * 4
    assert [(str(it.before), str(it.after)) for it in events if it.kind is Kind.DISCONNECT] == [
        ("connected", "absent")
    ] * 2


async def test_who_is_a_member_still_is(store: Store) -> None:
    """And what was read is known by its time: digests are made otherwise now."""
    checkpoint = await store.checkpoint()
    assert checkpoint.standing == Standing(
        memberships={
            Pair(NET.id, WEB.id): Known(CONNECTED, 20, endpoint(2)),
            Pair(NET.id, NEW.id): Known(CONNECTED, 50, BARE),
        }
    )
    assert (checkpoint.last, checkpoint.cursor, checkpoint.verified, checkpoint.engine) == (6, 61, 59, None)
    assert (checkpoint.handled, checkpoint.intents) == ((), ())
    assert (set(checkpoint.networks), set(checkpoint.containers)) == ({NET}, {WEB, NEW})


async def test_the_chain_is_whole(store: Store) -> None:
    verdict = proof.check_database(store.path)
    assert (verdict.anchor, verdict.last, verdict.broken) == (0, 6, None)
    assert verdict.head == (await everything(store))[-1].hash


async def test_who_was_there_is_known_from_the_beginning(store: Store) -> None:
    def asked(connection: sqlite3.Connection) -> list[Stay]:
        keys = timetravel.keys_of(connection, "container", OLD.id) | timetravel.keys_of(connection, "container", WEB.id)
        return timetravel.stays(connection, "container", keys, 0, 100)

    assert await store.ask(asked) == [
        Stay(NET, OLD, CONNECTED, endpoint(1), 10, 1, False, None, 30, 3, False, None),
        Stay(NET, WEB, CONNECTED, endpoint(2), 20, 2, True, None, None, None, False, None),
        Stay(SWARMED, WEB, CONNECTED, None, 40, 4, False, None, 60, 6, True, 55),
        Stay(NET, NEW, CONNECTED, BARE, 50, 5, False, None, None, None, False, None),
    ]
    horizon = await store.ask(lambda connection: timetravel.horizon(connection, "network", (), 0, 100))
    assert horizon.begins == 10


async def test_the_log_goes_on(store: Store) -> None:
    book = Book(dict((await store.checkpoint()).standing.memberships))
    [written] = await store.append(book.batch(book.disconnect(70, NET, WEB)))
    assert (written.seq, written.entry.endpoint) == (7, endpoint(2))
    assert proof.check_database(store.path).broken is None

    def asked(connection: sqlite3.Connection) -> list[tuple[int, int | None]]:
        keys = timetravel.keys_of(connection, "network", NET.id)
        stays = timetravel.stays(connection, "network", keys, 69, 70)
        return [(it.began_seq, it.ended_seq) for it in stays]

    assert await store.ask(asked) == [(2, 7), (5, None)]


async def test_nothing_of_the_first_version_is_left(store: Store) -> None:
    """Its tables are those of a log that is made anew."""
    fresh = sqlite3.connect(":memory:", isolation_level=None)
    schema.migrate(fresh, STEPS)
    query = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
    expected = fresh.execute(query).fetchall()
    fresh.close()
    assert await store.ask(lambda connection: connection.execute(query).fetchall()) == expected
    assert await store.ask(lambda connection: connection.execute("PRAGMA integrity_check").fetchone()) == ("ok",)


def test_an_empty_log(tmp_path: Path) -> None:
    First(tmp_path / FILE).connection.close()
    store = Store(tmp_path)
    store.open()
    connection = sqlite3.connect(store.path)
    checkpoint = reading.read_checkpoint(connection)
    connection.close()
    store.close()
    assert checkpoint == reading.Checkpoint()


def test_an_upgrade_that_fails_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again by the next start."""
    connection = sqlite3.connect(path, isolation_level=None)
    before = list(connection.iterdump())

    def breaks(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr(Writer, "write", breaks)
        with pytest.raises(sqlite3.OperationalError, match="disk I/O error"):
            schema.migrate(connection, STEPS)
    assert list(connection.iterdump()) == before
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    schema.migrate(connection, STEPS)
    assert reading.read_last(connection) == 6
    connection.close()


def test_a_long_log_of_many_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than are read or remembered at once: each stay still knows the records that began and ended it."""
    monkeypatch.setattr(upgrade, "CHUNK", 7)
    monkeypatch.setattr(writing, "CACHED", 5)
    first = First(tmp_path / FILE)
    net = first.network(NET)
    keys = [first.container(container(number)) for number in range(40)]
    for number, key in enumerate(keys):
        first.event(True, number, net, key, endpoint=first.endpoint(endpoint(number)))
    for number, key in enumerate(keys[:20]):
        first.event(False, 100 + number, net, key)
    for number in range(20, 40):
        first.member(NET, container(number), (net, keys[number]), number, None)
    first.connection.close()
    connection = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    schema.migrate(connection, STEPS)
    networks = timetravel.keys_of(connection, "network", NET.id)
    stays = timetravel.stays(connection, "network", networks, -1, 1000)
    assert [(it.container.name, it.began_seq, it.ended_seq) for it in stays] == [
        (f"ctr{number}", number + 1, number + 41 if number < 20 else None) for number in range(40)
    ]
    connection.close()


def test_a_file_that_is_up_to_date_is_left_alone(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    schema.migrate(connection, STEPS)
    Writer(connection).write(Batch(cursor=99))
    before = list(connection.iterdump())
    schema.migrate(connection, STEPS)
    assert list(connection.iterdump()) == before
    connection.close()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (f"PRAGMA user_version = {len(STEPS) + 1}", "was written by a later version"),
        ("PRAGMA application_id = 5", "is a SQLite database of some other program"),
        ("PRAGMA application_id = 0", "is a SQLite database of some other program"),
    ],
)
def test_what_is_unknown_is_left_alone(path: Path, statement: str, told: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    before = list(connection.iterdump())
    with pytest.raises(schema.UnknownVersion, match=told):
        schema.migrate(connection, STEPS)
    assert list(connection.iterdump()) == before
    connection.close()
