"""The written form of a record, and the chain that records make: both to be checked by others, with other means."""

import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from control import instants
from control.eventlog.entries import GENESIS, Entry, Known, canonical, chain, rendered, write
from control.eventlog.standing import ABSENT, CONFIGURED
from control.records import Cause, Endpoint, Event, Kind, RequestRef, Source
from tests.control.eventlog.values import container, endpoint, histories, network


@given(histories())
def test_the_written_form_is_the_apis(history: tuple[tuple[Entry, ...], object]) -> None:
    """What is served is what was hashed: the model reads each line, and would write the same bytes."""
    digest = GENESIS
    for seq, entry in enumerate(history[0], 1):
        record = write(seq, entry, digest)
        digest = record.hash
        line = record.line.decode()
        assert Event.model_validate_json(line).model_dump_json() == line


@given(histories())
def test_the_chain_can_be_checked_by_hand(history: tuple[tuple[Entry, ...], object]) -> None:
    """From the lines alone: each hash is of the hash before it and of the line without its last member."""
    digest, served = GENESIS, []
    for seq, entry in enumerate(history[0], 1):
        record = write(seq, entry, digest)
        digest = record.hash
        served.append(record.line)
    previous = bytes(32)
    for line in served:
        told = json.loads(line)["hash"]
        form = line.replace(f',"hash":"{told}"'.encode(), b"")
        previous = hashlib.sha256(previous + form).digest()
        assert told == previous.hex()
        assert form.endswith(b"}")


def test_a_record_in_full() -> None:
    """The members in their order, as the contract has them."""
    entry = Entry(
        Kind.CONNECT,
        instants.parse("2026-11-24T20:00:00.000000001Z"),
        Source.RECONCILE,
        network(1, "mynet"),
        container(2, "db"),
        endpoint(3),
        ABSENT,
        CONFIGURED,
        Cause.REQUEST,
        RequestRef("r1", "ana"),
        (None, instants.parse("2026-11-24T20:00:01Z")),
        {"why": "ä"},
        held=Known(CONFIGURED, 1),
    )
    form = (
        '{"seq":7,"kind":"network.connect","time":"2026-11-24T20:00:00.000000001Z",'
        f'"network":{{"id":"{1:064x}","name":"mynet","driver":"bridge","scope":"local"}},'
        f'"container":{{"id":"{2:064x}","name":"db","image":"alpine"}},'
        f'"endpoint":{{"id":"{3:064x}","ipv4":"172.18.0.2","ipv6":null,"mac":"02:42:ac:12:00:02","gateway":null,'
        '"aliases":["web","db"]},"before":"absent","after":"configured","cause":"request",'
        '"request":{"id":"r1","principal":"ana","reason":null},"source":"reconcile",'
        '"observed_between":[null,"2026-11-24T20:00:01.000000000Z"],"detail":{"why":"ä"}}'
    ).encode()
    assert canonical(7, entry) == form
    previous = b"p" * 32
    record = write(7, entry, previous)
    digest = hashlib.sha256(previous + form).hexdigest()
    assert record.line == form[:-1] + f',"hash":"{digest}"}}'.encode()
    assert (record.seq, record.entry, record.hash.hex()) == (7, entry, digest)


def test_what_is_not_there_is_null() -> None:
    form = json.loads(canonical(1, Entry(Kind.GAP, 0, Source.CONTROL)))
    assert {key for key, value in form.items() if value is None} == form.keys() - {"seq", "kind", "time", "source"}


def test_the_chain_begins_with_zeros() -> None:
    assert GENESIS == b"\0" * 32
    assert chain(GENESIS, b"{}") == hashlib.sha256(b"\0" * 32 + b"{}").digest()


@given(histories(), st.integers(0, 255), st.data())
def test_each_hash_depends_on_all_before(
    history: tuple[tuple[Entry, ...], object], byte: int, data: st.DataObject
) -> None:
    """Another hash before the first makes every one after it another."""
    one, other = GENESIS, bytes([byte]) + data.draw(st.binary(min_size=31, max_size=31))
    for seq, entry in enumerate(history[0], 1):
        same = one == other
        one, other = write(seq, entry, one).hash, write(seq, entry, other).hash
        assert (one == other) is same


@given(st.integers(0, 250_000_000_000 * 10**9))
def test_times_are_rendered_as_everywhere(instant: int) -> None:
    assert rendered(instant) == instants.render(instant)


@given(st.integers(0, 2**62))
def test_a_rendered_time_is_the_same_time(instant: int) -> None:
    assert instants.parse(rendered(instant)) == instant


def test_an_endpoint_that_is_unknown_is_told_as_such() -> None:
    entry = Entry(Kind.CONNECT, 0, Source.STREAM, endpoint=Endpoint())
    assert json.loads(canonical(1, entry))["endpoint"] == dict.fromkeys(
        ("id", "ipv4", "ipv6", "mac", "gateway", "aliases")
    )
