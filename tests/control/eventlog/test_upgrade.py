"""A log of the first version becomes one of this: the same records, with a chain, intervals and unknown causes."""

import asyncio
import sqlite3
from pathlib import Path

from control.eventlog import proof, timetravel
from control.eventlog.entries import Known
from control.eventlog.reading import Filter
from control.eventlog.schema import APPLICATION_ID, FIRST
from control.eventlog.standing import CONNECTED, Pair
from control.eventlog.store import FILE, Store
from control.records import Cause, Endpoint, Event, Source

NET, OTHER, BOX, BOB = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)
END = Endpoint("e" * 64, "172.18.0.2", None, "02:42:ac:12:00:02", "172.18.0.1", ("web",))


def first_version(path: Path) -> None:
    """A file as the first version wrote it: one who came, left and came again, and one who was found."""
    connection = sqlite3.connect(path)
    connection.executescript(FIRST)
    connection.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1;")
    many = connection.executemany
    many("INSERT INTO network VALUES (?, ?, ?, 'bridge', 'local')", [(1, NET, "mynet"), (2, OTHER, "other")])
    many("INSERT INTO container VALUES (?, ?, ?, 'alpine')", [(1, BOX, "box"), (2, BOX, "renamed"), (3, BOB, "bob")])
    many(
        "INSERT INTO endpoint VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(1, END.id, END.ipv4, None, END.mac, END.gateway, '["web"]'), (2, "f" * 64, None, None, None, None, None)],
    )
    up, down = ("network.connect", "absent", "connected"), ("network.disconnect", "connected", "absent")
    many(
        "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (1, up[0], 100, 1, 1, 1, *up[1:], "stream", None, None),
            (2, down[0], 200, 1, 2, 1, *down[1:], "replay", None, None),
            (3, up[0], 300, 1, 2, 2, *up[1:], "stream", None, None),
            (4, up[0], 400, 2, 3, None, *up[1:], "reconcile", 350, 400),
        ],
    )
    many(
        "INSERT INTO membership VALUES (?, ?, ?, ?, 'connected', ?, ?)",
        [(NET, BOX, 1, 2, 300, 2), (OTHER, BOB, 2, 3, 400, None)],
    )
    connection.execute("UPDATE checkpoint SET cursor = 390, verified = 400")
    connection.execute("INSERT INTO handled (digest) VALUES (?)", (b"x" * 16,))
    connection.commit()
    connection.close()


def test_all_of_it_is_there(tmp_path: Path) -> None:
    """Records, memberships, intervals, and a chain that holds; and what comes goes on from there."""
    first_version(tmp_path / FILE)
    store = Store(tmp_path)
    store.open()
    asyncio.run(looked_at(store))
    store.close()
    assert proof.check_database(tmp_path / FILE).count == 4
    again = Store(tmp_path)
    again.open()
    again.close()


async def looked_at(store: Store) -> None:
    """What the store says of it."""
    events = [Event.model_validate_json(record.line) for record in await store.read(Filter(), None, 100)]
    assert [(event.seq, event.kind.value, event.time, event.source.value) for event in events] == [
        (1, "network.connect", 100, "stream"),
        (2, "network.disconnect", 200, "replay"),
        (3, "network.connect", 300, "stream"),
        (4, "network.connect", 400, "reconcile"),
    ]
    assert {event.cause for event in events} == {Cause.UNKNOWN}
    assert [event.container.name for event in events if event.container] == ["box", "renamed", "renamed", "bob"]
    assert events[0].endpoint == events[1].endpoint == END
    assert (events[3].source, events[3].observed_between) == (Source.RECONCILE, (350, 400))
    checkpoint = await store.checkpoint()
    assert checkpoint.standing.memberships == {
        Pair(NET, BOX): Known(CONNECTED, 300, Endpoint("f" * 64)),
        Pair(OTHER, BOB): Known(CONNECTED, 400),
    }
    # What was handled is told by its time: the digests of the first version are made otherwise.
    assert (checkpoint.cursor, checkpoint.verified, checkpoint.handled) == (390, 400, ())

    def stays(connection: sqlite3.Connection) -> list[tuple[int, int | None]]:
        keys = timetravel.keys_of(connection, "network", "mynet")
        return [(stay.began, stay.ended) for stay in timetravel.stays(connection, "network", keys, 0, 1000)]

    assert await store.ask(stays) == [(100, 200), (300, None)]
