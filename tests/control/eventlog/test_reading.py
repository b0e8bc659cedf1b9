"""Records as they are found again: what was written, by number, in both directions, and what a filter admits."""

import sqlite3
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.eventlog import reading
from control.eventlog.entries import Entry, Known
from control.eventlog.ledger import Asked
from control.eventlog.reading import Checkpoint, Filter, read_checkpoint
from control.eventlog.standing import CONFIGURED, CONNECTED, Life, Pair, Standing
from control.eventlog.writing import HANDLED_KEPT, Batch, Writer
from control.records import Cause, ContainerRef, Endpoint, Kind, NetworkRef, RequestRef, Source
from tests.control.eventlog.values import (
    CONTAINERS,
    NETWORKS,
    REQUESTS,
    SWARM_ID,
    Book,
    container,
    database,
    endpoint,
    filled,
    histories,
    id_of,
    intent,
    network,
    outcome,
)

History = tuple[tuple[Entry, ...], dict[Pair, Known]]
few = st.integers(0, 20)


def batch_of(history: History) -> Batch:
    entries, standing = history
    refs = {
        Pair(it.network.id, it.container.id): (it.network, it.container)
        for it in entries
        if it.network is not None and it.container is not None and it.before is not None
    }
    return Batch(entries=entries, pairs={pair: (*both, standing.get(pair)) for pair, both in refs.items()})


def numbers(connection: sqlite3.Connection, wanted: Filter, after: int | None = None, limit: int = 1000) -> list[int]:
    return [record.seq for record in reading.read(connection, wanted, after, limit)]


@given(histories())
def test_a_record_is_read_as_it_was_written(history: History) -> None:
    """Every member of it, its bytes included; only what the pair was before is not part of it."""
    connection = database()
    written = Writer(connection).write(batch_of(history))
    read = reading.read(connection, Filter(), None, 1000)
    assert [it.line for it in read] == [it.line for it in written]
    assert [it.hash for it in read] == [it.hash for it in written]
    assert [it.entry for it in read] == [replace(it.entry, held=None) for it in written]
    assert [it.seq for it in read] == list(range(1, len(written) + 1))


@given(histories())
def test_who_is_a_member_is_read_as_it_was_written(history: History) -> None:
    connection = filled(batch_of(history))
    checkpoint = read_checkpoint(connection)
    assert checkpoint.standing.memberships == history[1]
    assert checkpoint.last == len(history[0])


references = (
    *(ref.id for ref in NETWORKS + CONTAINERS),
    *(ref.id[:length] for ref in NETWORKS + CONTAINERS for length in (11, 12, 13, 63)),
    *(ref.name for ref in NETWORKS + CONTAINERS if ref.name is not None),
    *(ref.id.upper() for ref in NETWORKS + CONTAINERS),
    "nothing",
    "*",
    "?" * 12,
    "0" * 64,
    "f" * 12,
)
filters = st.builds(
    Filter,
    network=st.none() | st.sampled_from(references),
    container=st.none() | st.sampled_from(references),
    kinds=st.lists(st.sampled_from(Kind), max_size=3).map(tuple),
    causes=st.lists(st.sampled_from(Cause), max_size=3).map(tuple),
    principal=st.none() | st.sampled_from(["ana", "ben", "eve"]),
    request=st.none() | st.sampled_from(["r1", "r2", "r9"]),
    source=st.none() | st.sampled_from(Source),
    since=st.none() | few,
    until=st.none() | few,
)
single = st.one_of(
    st.builds(Filter, network=st.sampled_from(references)),
    st.builds(Filter, container=st.sampled_from(references)),
    st.builds(Filter, kinds=st.lists(st.sampled_from(Kind), max_size=3).map(tuple)),
    st.builds(Filter, causes=st.lists(st.sampled_from(Cause), max_size=3).map(tuple)),
    st.builds(Filter, since=few, until=few),
    filters,
)


@given(histories(few), st.lists(single, min_size=1, max_size=12))
def test_a_filter_admits_what_the_database_finds(history: History, wanted: list[Filter]) -> None:
    """Those who follow are told the same as those who ask."""
    connection = database()
    written = Writer(connection).write(batch_of(history))
    for each in wanted:
        assert numbers(connection, each) == [it.seq for it in written if each.admits(it.entry)]


@given(histories(few, most=20), single, st.integers(1, 5))
def test_paging_in_both_directions_tells_all_once(history: History, wanted: Filter, limit: int) -> None:
    """The pages of one direction are those of the other, the other way round."""
    connection = filled(batch_of(history))
    everything = numbers(connection, wanted)
    for newest_first in (False, True):
        paged: list[int] = []
        after: int | None = None
        while page := reading.read(connection, wanted, after, limit, newest_first=newest_first):
            assert len(page) <= limit
            paged += [it.seq for it in page]
            assert len(paged) <= len(everything)
            after = page[-1].seq
        assert paged == (everything[::-1] if newest_first else everything)


@given(histories(few), st.integers(0, 25), st.integers(1, 5))
def test_walking_is_reading_from_a_number(history: History, after: int, limit: int) -> None:
    connection = filled(batch_of(history))
    walked = list(reading.walk(connection, after, limit))
    assert walked == reading.read(connection, Filter(), after, limit)


def found(connection: sqlite3.Connection, **wanted: Any) -> list[int]:  # noqa: ANN401  (a Filter's)
    return numbers(connection, Filter(**wanted))


def test_filters() -> None:
    """By the name at the time, by id, by a part of the id, by time; each bound as documented."""
    a, b, old, new = network(0xA << 240), network(0xB << 240), container(1, "old"), container(1, "new")
    book = Book()
    connection = filled(
        book.batch(
            book.connect(10, a, old),
            book.connect(20, b, old),
            book.disconnect(30, a, new),
            book.connect(40, a, container(2)),
        )
    )
    assert found(connection) == [1, 2, 3, 4]
    assert found(connection, network=a.name) == [1, 3, 4]
    assert found(connection, network=a.id) == [1, 3, 4]
    assert found(connection, network=b.id[:12]) == [2]
    assert found(connection, network=b.id[:11]) == []
    assert found(connection, container="old") == [1, 2]
    assert found(connection, container="new") == [3]
    assert found(connection, container=old.id) == [1, 2, 3]
    assert found(connection, network=a.name, container=old.id) == [1, 3]
    assert found(connection, since=20, until=40) == [2, 3]
    assert found(connection, kinds=(Kind.DISCONNECT,)) == [3]
    assert found(connection, network="*") == []
    assert found(connection, network="?" * 12) == []
    assert [it.seq for it in reading.read(connection, Filter(network=a.id), 1, 1)] == [3]


def test_a_swarms_network_is_found_by_its_id() -> None:
    """Twenty-five letters and digits, not the 64 digits of a node's."""
    book = Book()
    swarmed = NetworkRef(SWARM_ID, "overlay", "overlay", "swarm")
    connection = filled(book.batch(book.connect(1, swarmed, container(1)), book.connect(2, network(1), container(1))))
    assert found(connection, network=SWARM_ID) == [1]
    assert found(connection, network=SWARM_ID[:12]) == [1]
    assert found(connection, network="overlay") == [1]
    assert reading.read(connection, Filter(), None, 1)[0].entry.network == swarmed
    assert read_checkpoint(connection).networks == (swarmed, network(1))


@pytest.mark.parametrize("id_", ["abcdef0123456789abcdef012", "abcdef012345zzzzzzzzzzzzz"])
def test_a_swarms_network_whose_id_looks_like_digits_is_found_by_it(id_: str) -> None:
    """Letters up to `f` alone, all of them or the first twelve."""
    book = Book()
    connection = filled(book.batch(entry := book.connect(1, NetworkRef(id_, "overlay"), container(1))))
    for reference in (id_, id_[:12]):
        assert (found(connection, network=reference) == [1]) is Filter(network=reference).admits(entry)
    assert found(connection, network=id_) == [1]


@pytest.mark.parametrize("id_", ["AB" * 32, "é" * 32, " " * 64, "\t" * 2 + "ab" * 31, "", "x" * 64, "\uff10" * 64])
def test_whatever_an_id_is_it_comes_back(id_: str) -> None:
    """Only 64 lower digits are packed; what else an engine may send stays what it is."""
    book = Book()
    ref = ContainerRef(id_, "db")
    connection = filled(book.batch(book.connect(1, network(1), ref)))
    assert reading.read(connection, Filter(), None, 1)[0].entry.container == ref
    assert found(connection, container=id_) == [1]


def test_the_families_of_kinds_are_whole() -> None:
    """A filter of no kinds is one of all."""
    book = Book()
    request = RequestRef("r1", "ana")
    entries = (book.connect(1, network(1), container(1)), intent(2, request, "container.stop"))
    connection = filled(book.batch(*entries))
    assert found(connection, kinds=()) == found(connection, kinds=tuple(Kind)) == [1, 2]


# The checkpoint


def test_the_checkpoint_of_an_empty_log() -> None:
    assert read_checkpoint(database()) == Checkpoint()


def test_the_checkpoint_is_what_was_written_last() -> None:
    """Cursor, engine, digests, memberships with their endpoints, lives, networks, names: each where it changed."""
    book = Book()
    net, ctr, end = network(1), container(1), endpoint(1)
    life = Life(alive=True, starting=True, signalled=5, oom=True, stopped=6, died=True)
    first = book.batch(
        book.connect(5, net, ctr, end), book.connect(6, net, container(2)), cursor=6, digests=(b"a" * 16,)
    )
    second = book.batch(book.disconnect(7, net, container(2)), cursor=7, digests=(b"b" * 16,))
    connection = filled(
        replace(first, lives={ctr.id: (ctr, Life()), id_of(2): (container(2), Life(alive=True))}, engine="one",
                networks={net.id: (net, True), id_of(9): (network(9), True)}),
        replace(second, lives={ctr.id: (ctr, life), id_of(2): (container(2), None)}, verified=8,
                networks={id_of(9): (network(9), False)}),
    )  # fmt: skip
    assert read_checkpoint(connection) == Checkpoint(
        last=3,
        cursor=7,
        verified=8,
        engine="one",
        handled=(b"a" * 16, b"b" * 16),
        standing=Standing(
            memberships={Pair(net.id, ctr.id): Known(CONNECTED, 5, end)},
            lives={ctr.id: life},
            networks={net.id: net},
        ),
        networks=(net,),
        containers=(ctr,),
    )


FLAGS = {"alive", "starting", "oom", "died"}


@given(st.fixed_dictionaries({
    it.name: st.booleans() if it.name in FLAGS else st.none() | st.integers(1, 2**62) for it in fields(Life)
}))  # fmt: skip
def test_a_life_is_read_as_it_was_written(told: dict[str, Any]) -> None:
    """All that is known of it, whatever comes to be known of lives."""
    life = Life(**told)
    connection = filled(Batch(lives={id_of(1): (container(1), life)}))
    assert read_checkpoint(connection).standing.lives == {id_of(1): life}


def test_what_a_death_owes_is_kept() -> None:
    pair, known = Pair(id_of(1), id_of(2)), Known(CONFIGURED, 5, Endpoint(aliases=()), owed=True)
    connection = filled(Batch(pairs={pair: (network(1), container(2), known)}))
    assert read_checkpoint(connection).standing.memberships == {pair: known}


def test_digests_are_kept_for_all_that_the_engine_holds() -> None:
    digests = tuple(number.to_bytes(16) for number in range(HANDLED_KEPT + 300))
    connection = filled(Batch(handled=digests[:1000]), Batch(handled=digests[1000:]))
    assert read_checkpoint(connection).handled == digests[-HANDLED_KEPT:]
    writer = Writer(connection)
    writer.write(Batch(handled=tuple(number.to_bytes(16) for number in range(5000, 5000 + HANDLED_KEPT + 7))))
    assert read_checkpoint(connection).handled == tuple(
        number.to_bytes(16) for number in range(5007, 5007 + HANDLED_KEPT)
    )


def test_intents_are_open_until_their_outcome() -> None:
    """With what the ledger needs of them."""
    one, two, three = REQUESTS
    entry = intent(10, two, "network.connect", network=network(1), container=container(2))
    named = intent(11, three, "container.run")
    assert named.detail is not None
    named.detail["name"] = "db"
    connection = filled(
        Batch(entries=(intent(9, one, "container.stop"), entry, named)), Batch(entries=(outcome(12, one, 1),))
    )
    assert read_checkpoint(connection).intents == (
        Asked(two, "network.connect", 10, network=id_of(1), container=id_of(2), seq=2),
        Asked(three, "container.run", 11, name="db", seq=3),
    )


def test_the_end_and_the_beginning() -> None:
    connection = database()
    assert (reading.read_last(connection), reading.read_anchor(connection)) == (0, (0, bytes(32)))
    book = Book()
    Writer(connection).write(book.batch(book.connect(1, network(1), container(1))))
    assert (reading.read_last(connection), reading.read_anchor(connection)) == (1, (0, bytes(32)))
