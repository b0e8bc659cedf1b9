"""Which documents are counted in, and what is said about the others."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId
from pymongo import MongoClient

from counter.embedded import Mongod
from counter.errors import CountInvalid
from counter.models import FIRST_ID, MAX_COUNT
from counter.store import LOOK_SECONDS, CountStore
from tests.counter.conftest import Serve, Target
from tests.support.counting import eventually


@pytest.fixture
async def store(target: Target) -> AsyncIterator[CountStore]:
    """A store on the test's database."""
    opened = CountStore(target.url, timeout=1.5)
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    "stored",
    [41, Int64(41), 41.0, Decimal128("41"), Decimal128("4.1E+1")],
    ids=["int32", "int64", "double", "decimal", "decimal with exponent"],
)
async def test_a_count_inserted_by_hand_is_taken_over(store: CountStore, target: Target, stored: object) -> None:
    """`insertOne({count: 41})`, however the shell stores 41, makes the next number 42, an integer."""
    target.collection.insert_one({"count": stored, "note": "kept"})

    await store.check()
    assert await store.commit(1) == 42
    assert await store.commit(3) == 45

    [document] = target.collection.find()
    assert (document["count"], type(document["count"]).__name__ in {"int", "Int64"}) == (45, True)
    assert document["note"] == "kept"


@pytest.mark.parametrize("identity", ["mine", 7, {"a": 1}, ObjectId()], ids=lambda one: type(one).__name__)
async def test_any_identity_will_do(store: CountStore, target: Target, identity: object) -> None:
    """A document by hand may have any `_id`."""
    target.collection.insert_one({"_id": identity, "count": -1})
    assert await store.commit(1) == 0


async def test_where_there_is_none_one_is_created(store: CountStore, target: Target) -> None:
    """An empty collection gets one document, with nothing in it but the count."""
    assert await store.commit(5) == 5
    assert list(target.collection.find()) == [{"_id": FIRST_ID, "count": 5}]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        pytest.param({"count": "41"}, "type str", id="string"),
        pytest.param({"count": 41.5}, "41.5", id="fraction"),
        pytest.param({"count": float("nan")}, "nan", id="nan"),
        pytest.param({"count": float("inf")}, "inf", id="infinity"),
        pytest.param({"count": True}, "type bool", id="boolean"),
        pytest.param({"count": None}, "type NoneType", id="null"),
        pytest.param({"count": [1]}, "type list", id="list"),
        pytest.param({"count": {"$a": 1}}, "type dict", id="object"),
        pytest.param({"count": Decimal128("0.5")}, "type Decimal128", id="decimal fraction"),
        pytest.param({"count": Decimal128("NaN")}, "type Decimal128", id="decimal nan"),
        pytest.param({"count": Int64(2**53)}, str(2**53), id="beyond what JSON keeps exact"),
        pytest.param({"count": 1e300}, "1.0", id="huge"),
        pytest.param({"counter": 1}, "has no count", id="missing"),
    ],
)
async def test_a_count_that_is_no_whole_number_is_refused(
    store: CountStore, target: Target, document: dict[str, Any], said: str
) -> None:
    """It is an error that says how to mend it, nothing is changed, and mended it counts on."""
    target.collection.insert_one(dict(document))

    for attempt in (store.check(), store.commit(1), store.commit(1)):
        with pytest.raises(CountInvalid, match="updateOne") as refused:
            await attempt
        assert said in str(refused.value)
    stored = target.collection.find_one({}, {"_id": 0})
    assert repr(stored) == repr(document)

    target.collection.update_one({}, {"$set": {"count": 6}})
    assert await store.commit(1) == 7


@pytest.mark.parametrize("spoilt", ["many", 1.5, None, True])
async def test_a_count_spoilt_while_running_is_never_changed(store: CountStore, target: Target, spoilt: object) -> None:
    """However soon after a commit the value becomes unusable, the next does not touch it."""
    assert await store.commit(1) == 1
    target.collection.update_one({}, {"$set": {"count": spoilt}})

    with pytest.raises(CountInvalid):
        await store.commit(1)

    assert target.collection.find_one({}, {"_id": 0}) == {"count": spoilt}


async def test_the_largest_count_is_the_last(store: CountStore, target: Target) -> None:
    """The count ends at 2^53 - 1: a batch that would pass it is refused whole, one that fits is not."""
    target.collection.insert_one({"count": Int64(MAX_COUNT - 2)})

    with pytest.raises(CountInvalid, match="can't go beyond"):
        await store.commit(3)
    assert await store.commit(2) == MAX_COUNT
    with pytest.raises(CountInvalid, match="Start again"):
        await store.commit(1)
    await store.check()
    assert target.value() == MAX_COUNT


async def test_dropped_while_running_it_starts_again_at_one(store: CountStore, target: Target) -> None:
    """The next number after a drop is 1; after a document by hand in its stead, that goes on."""
    assert await store.commit(7) == 7
    target.collection.drop()
    assert await store.commit(1) == 1

    target.collection.drop()
    target.collection.insert_one({"count": 41})
    assert await store.commit(1) == 42


def test_two_documents_are_an_error_until_one_is_left(serve: Serve, target: Target) -> None:
    """A second document makes `/` and `/readyz` 503 problems that say how to mend it; mended, it counts on."""
    counter = serve(target.url)
    assert counter.count() == 1
    second = target.collection.insert_one({"count": 5}).inserted_id

    for path in ("/readyz", "/"):
        eventually("noticed", lambda path=path: counter.http.get(path).status_code == 503, within=LOOK_SECONDS + 2)  # type: ignore[misc]
        problem = counter.problem(path)
        assert problem["type"] == "urn:pontlevis:problem:count-invalid"
        assert "more than one document" in problem["detail"]
        assert "deleteOne" in problem["detail"]
        assert "retry-after" in counter.http.get(path).headers
    before = target.collection.find_one({"_id": FIRST_ID})
    counter.problem()
    assert target.collection.find_one({"_id": FIRST_ID}) == before, "nothing is counted meanwhile"

    target.collection.delete_one({"_id": FIRST_ID})
    assert counter.count() == 6
    assert counter.ready()
    assert target.collection.find_one() == {"_id": second, "count": 6}


async def test_a_second_document_is_noticed_in_time(store: CountStore, target: Target) -> None:
    """A commit later than LOOK_SECONDS after the second document came is refused, without any look before."""
    assert await store.commit(1) == 1
    target.collection.insert_one({"count": 5})

    await asyncio.sleep(LOOK_SECONDS)  # not to wait for anything: the time itself is what is promised
    with pytest.raises(CountInvalid, match="more than one"):
        await store.commit(1)


def test_the_database_is_test_unless_the_url_names_one(
    serve: Serve, mongod: Mongod, mongo: MongoClient[dict[str, Any]], target: Target
) -> None:
    """Without a database in the URL the count is in `test.count`, as the seed's."""
    mongo.drop_database("test")
    assert serve(mongod.url).count() == 1
    assert mongo["test"]["count"].find_one({}, {"_id": 0}) == {"count": 1}
    assert target.collection.find_one() is None
    mongo.drop_database("test")
