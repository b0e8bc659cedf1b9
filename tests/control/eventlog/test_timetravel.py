"""Who was on what at any instant, held against a scan of the transitions by other means."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.eventlog import timetravel
from control.eventlog.entries import Entry, Known
from control.eventlog.reading import Filter, read
from control.eventlog.standing import ABSENT, CONFIGURED, CONNECTED, Pair
from control.eventlog.timetravel import ENDLESS, FOUND_MOST, Gap, Stay
from control.eventlog.writing import Batch, Writer
from control.records import Cause, Kind, Source
from tests.control.eventlog.values import (
    CONTAINERS,
    NETWORKS,
    Book,
    container,
    database,
    endpoint,
    filled,
    gap,
    histories,
    id_of,
    network,
)

Span = tuple[str, str, str, int, int | None, int, int | None]
History = tuple[tuple[Entry, ...], dict[Pair, Known]]

times = st.one_of(st.integers(-5, 40), st.integers(-(2**40), 2**40), st.sampled_from([0, 1, 2, 2**61, 2**61 - 1]))


@st.composite
def movements(draw: st.DrawFn, *, forward: bool = False) -> list[Entry]:
    """Transitions whose times go back and forth as an engine's may; or, those of each pair, forward."""
    book = Book()
    entries: list[Entry] = []
    for _ in range(draw(st.integers(0, 25))):
        net, ctr = network(draw(st.integers(1, 3))), container(draw(st.integers(1, 3)))
        held = book.standing.get(Pair(net.id, ctr.id))
        before = held.state if held else ABSENT
        after = draw(st.sampled_from([it for it in (ABSENT, CONFIGURED, CONNECTED) if it is not before]))
        told = [it.time for it in entries if it.network == net and it.container == ctr] if forward else []
        entries.append(book.move(max([draw(times), *told]), net, ctr, after))
    return entries


def written(entries: list[Entry], size: int) -> sqlite3.Connection:
    """Entries of a database, some a batch."""
    connection = database()
    writer = Writer(connection)
    standing: dict[Pair, Known] = {}
    for begin in range(0, len(entries), size):
        some = tuple(entries[begin : begin + size])
        pairs = {}
        for it in some:
            assert it.network is not None
            assert it.container is not None
            assert it.after is not None
            pair = Pair(it.network.id, it.container.id)
            standing[pair] = Known(it.after, it.time, it.endpoint)
            pairs[pair] = (it.network, it.container, None if it.after is ABSENT else standing[pair])
        writer.write(Batch(entries=some, pairs=pairs))
    return connection


def scanned(entries: list[Entry]) -> list[Span]:
    """Every membership, from the transitions alone."""
    spans: list[Span] = []
    begun: dict[Pair, tuple[Entry, int]] = {}
    for seq, entry in enumerate(entries, 1):
        assert entry.network is not None
        assert entry.container is not None
        pair = Pair(entry.network.id, entry.container.id)
        if pair in begun:
            first, number = begun.pop(pair)
            assert first.after is not None
            ended = max(first.time, entry.time)
            spans.append((*pair, first.after.value, first.time, ended, number, seq))
        if entry.after is not ABSENT:
            begun[pair] = entry, seq
    for pair, (first, number) in begun.items():
        assert first.after is not None
        spans.append((*pair, first.after.value, first.time, None, number, None))
    return spans


def touching(spans: list[Span], since: int, until: int) -> list[Span]:
    return sorted((it for it in spans if it[3] < until and (it[4] is None or it[4] > since)), key=repr)


def span(stay: Stay) -> Span:
    return (
        stay.network.id, stay.container.id, stay.state.value, stay.began, stay.ended, stay.began_seq, stay.ended_seq,
    )  # fmt: skip


def keys(connection: sqlite3.Connection, table: str) -> dict[str, int]:
    return {
        id_: key for number in range(1, 4) for key, id_ in timetravel.keys_of(connection, table, id_of(number)).items()
    }


@given(movements(), st.integers(1, 6), st.lists(st.tuples(times, times), min_size=1, max_size=8))
def test_who_was_there_is_what_the_transitions_tell(
    entries: list[Entry], size: int, stretches: list[tuple[int, int]]
) -> None:
    """At any instant and in any stretch, of a network and of a container, whatever the times of the transitions."""
    connection = written(entries, size)
    spans = scanned(entries)
    for since, length in stretches:
        until = since + 1 + abs(length)
        for column, place in (("network", 0), ("container", 1)):
            for id_, key in keys(connection, column).items():
                stays = timetravel.stays(connection, column, [key], since, until)
                assert sorted(map(span, stays), key=repr) == touching(
                    [it for it in spans if it[place] == id_], since, until
                )
                assert [(it.began, it.began_seq) for it in stays] == sorted((it.began, it.began_seq) for it in stays)
        everyone = list(keys(connection, "network").values())
        stays = timetravel.stays(connection, "network", everyone, since, until)
        assert sorted(map(span, stays), key=repr) == touching(spans, since, until)


@given(movements(forward=True), st.lists(times, min_size=1, max_size=6))
def test_at_one_instant_a_container_is_in_one_state(entries: list[Entry], instants: list[int]) -> None:
    """Where the engine's times of a pair go forward."""
    connection = written(entries, 4)
    everyone = list(keys(connection, "network").values())
    for instant in instants:
        stays = timetravel.stays(connection, "network", everyone, instant, instant + 1)
        there = [(it.network.id, it.container.id) for it in stays]
        assert len(there) == len(set(there))


@given(movements(), st.lists(times, min_size=1, max_size=6))
def test_places_and_the_rest_of_them_are_the_stays(entries: list[Entry], instants: list[int]) -> None:
    """Who was there is the same in two steps, with the names of the time, and the second step takes any of them."""
    connection = written(entries, 4)
    for instant in instants:
        for column, other in (("network", "container"), ("container", "network")):
            for key in keys(connection, column).values():
                stays = timetravel.stays(connection, column, [key], instant, instant + 1)
                places = timetravel.places(connection, column, [key], instant)
                refs = [getattr(stay, other) for stay in stays]
                assert sorted((it.id, it.name) for it in places) == sorted((it.id, it.name or "") for it in refs)
                assert timetravel.whole(connection, column, places) == stays
                some = places[::2]
                told = timetravel.whole(connection, column, some)
                assert sorted(getattr(stay, other).id for stay in told) == sorted(it.id for it in some)


@given(movements(), times, times)
def test_companions_are_who_else_was_connected_meanwhile(entries: list[Entry], since: int, length: int) -> None:
    """To the same network, for some of the time for which this one was, within the stretch."""
    connection = written(entries, 5)
    until = since + 1 + abs(length)
    spans = scanned(entries)
    for id_, key in keys(connection, "container").items():
        for stay in timetravel.stays(connection, "container", [key], since, until):
            begin, end = max(stay.began, since), min(until, ENDLESS if stay.ended is None else stay.ended)
            expected = [
                it
                for it in touching(spans, begin, end)
                if begin < end and it[0] == stay.network.id and it[1] != id_ and it[2] == "connected"
            ]
            found = timetravel.companions(connection, stay, since, until)
            assert sorted(map(span, found), key=repr) == expected


def test_an_instant_is_its_own_nanosecond() -> None:
    """Whoever ended at it was not there, whoever began at it was."""
    book = Book()
    net = network(1)
    connection = filled(
        book.batch(book.connect(10, net, container(1)), book.disconnect(20, net, container(1)),
                   book.connect(20, net, container(2)))
    )  # fmt: skip
    [key] = timetravel.keys_of(connection, "network", net.id)

    def there(instant: int) -> list[str | None]:
        return [it.container.name for it in timetravel.stays(connection, "network", [key], instant, instant + 1)]

    assert {instant: there(instant) for instant in (9, 10, 19, 20, 10**15)} == {
        9: [], 10: ["ctr1"], 19: ["ctr1"], 20: ["ctr2"], 10**15: ["ctr2"],
    }  # fmt: skip


def test_a_stay_tells_all_that_is_known_of_it() -> None:
    """Endpoint, names at the time, and what was only found by comparison."""
    book = Book()
    net, old, new = network(1), container(1, "old"), container(1, "new")
    came = book.move(10, net, old, CONNECTED, endpoint(1), source=Source.RECONCILE, between=(None, 10))
    went = book.move(20, net, new, CONFIGURED, source=Source.RECONCILE, between=(15, 20))
    connection = filled(book.batch(came, went))
    [key] = timetravel.keys_of(connection, "container", old.id)
    stays = timetravel.stays(connection, "container", [key], 0, 100)
    assert stays == [
        Stay(net, old, CONNECTED, endpoint(1), 10, 1, True, None, 20, 2, True, 15),
        Stay(net, new, CONFIGURED, None, 20, 2, True, 15, None, None, False, None),
    ]


@pytest.mark.parametrize(
    ("found", "after", "instant", "expected"),
    [(False, None, 5, True), (True, 5, 4, True), (True, 5, 5, False), (True, None, 0, False)],
)
def test_when_a_stay_is_certain(found: bool, after: int | None, instant: int, expected: bool) -> None:
    """Not in the stretch in which its end was only found later."""
    stay = Stay(network(1), container(1), CONNECTED, None, 1, 1, False, None, 9, 2, found, after)
    assert stay.certain_at(instant) is expected


# References


def referred(connection: sqlite3.Connection, table: str, reference: str) -> set[str]:
    return set(timetravel.keys_of(connection, table, reference).values())


def test_what_a_reference_may_mean() -> None:
    """A full id, a prefix of twelve digits or more, a name that it bears or once bore."""
    book = Book()
    net, old, new, other = network(1), container(1 << 240, "old"), container(1 << 240, "new"), container(7, "old")
    connection = filled(
        book.batch(book.connect(1, net, old), book.disconnect(2, net, new), book.connect(3, net, other))
    )
    assert referred(connection, "container", "old") == {old.id, other.id}
    assert referred(connection, "container", "new") == {old.id}
    assert referred(connection, "container", old.id) == {old.id}
    assert referred(connection, "container", old.id[:12]) == {old.id}
    assert referred(connection, "container", old.id[:11]) == set()
    assert referred(connection, "container", "net1") == set()
    assert referred(connection, "network", "net1") == {net.id}


@given(histories(), st.sampled_from(NETWORKS + CONTAINERS))
def test_references_are_those_of_a_filter(history: History, ref: object) -> None:
    """Whatever a filter finds by a reference, time travel knows by it."""
    entries, standing = history
    refs = {
        Pair(it.network.id, it.container.id): (it.network, it.container)
        for it in entries
        if it.before is not None and it.network is not None and it.container is not None
    }
    connection = filled(
        Batch(entries=entries, pairs={pair: (*both, standing.get(pair)) for pair, both in refs.items()})
    )
    assert isinstance(ref, type(NETWORKS[0]) | type(CONTAINERS[0]))
    for reference in {ref.id, ref.id[:12], ref.name or ""}:
        for table in ("network", "container"):
            wanted = Filter(network=reference) if table == "network" else Filter(container=reference)
            for record in read(connection, wanted, None, 1000):
                told = record.entry.network if table == "network" else record.entry.container
                assert told is not None
                assert told.id in referred(connection, table, reference)


# The horizon


def horizon(connection: sqlite3.Connection, since: int, until: int) -> timetravel.Horizon:
    return timetravel.horizon(connection, "network", timetravel.keys_of(connection, "network", id_of(1)), since, until)


def test_the_log_of_nothing_knows_nothing() -> None:
    assert horizon(database(), 0, 100) == timetravel.Horizon(None, (), ())


def test_the_gaps_that_touch_a_stretch() -> None:
    """One that ends in it, begins in it, holds it, or has no known beginning."""
    connection = filled(
        Batch(entries=(gap(None, 5, "control-away"), gap(10, 20, "stalled"), gap(30, 30, "overflow")), began=3)
    )
    first, second, third = Gap(1, None, 5, "control-away"), Gap(2, 10, 20, "stalled"), Gap(3, 30, 30, "overflow")

    def gaps(since: int, until: int) -> tuple[Gap, ...]:
        return horizon(connection, since, until).gaps

    assert horizon(connection, 0, 100).begins == 3
    assert gaps(0, 100) == (first, second, third)
    assert gaps(6, 10) == ()
    assert gaps(5, 6) == (first,)
    assert gaps(6, 11) == (second,)
    assert gaps(12, 13) == (second,)
    assert gaps(20, 21) == (second,)
    assert gaps(21, 30) == ()
    assert gaps(30, 31) == (third,)


def test_what_was_found_may_have_happened_in_its_bounds() -> None:
    """Records of these networks alone, by any name; a gap is none of them."""
    book = Book()
    net, renamed, ctr = network(1), network(1, "renamed"), container(1)
    entries = (
        book.move(10, net, ctr, CONNECTED, source=Source.RECONCILE, between=(None, 10)),
        book.move(20, renamed, ctr, CONFIGURED, source=Source.RECONCILE, between=(15, 20)),
        book.move(20, network(2), ctr, CONFIGURED, source=Source.RECONCILE, between=(15, 20)),
        book.move(30, net, ctr, ABSENT),
        gap(10, 20),
    )
    connection = filled(book.batch(*entries))

    def found(since: int, until: int) -> tuple[int, ...]:
        return horizon(connection, since, until).found

    assert found(0, 100) == (1, 2)
    assert found(10, 15) == ()
    assert found(9, 10) == (1,)
    assert found(19, 30) == (2,)
    assert found(20, 30) == ()
    assert found(10, 16) == (2,)


def test_no_more_are_named_than_say_something() -> None:
    entries = tuple(
        Entry(Kind.NETWORK_CREATE, 10, Source.RECONCILE, network(1), cause=Cause.UNKNOWN, between=(5, 10))
        for _ in range(FOUND_MOST + 20)
    )
    assert horizon(filled(Batch(entries=entries)), 0, 10).found == tuple(range(1, FOUND_MOST + 1))
