"""The only module that speaks to MongoDB: one atomic increment, and the look that guards it.

Concurrency story. The coalescer calls `commit`, `/readyz` calls `check`; both may run at once, in many
processes. Nothing here is needed for correctness across processes: the increment is one `findAndModify`, whose
filter names the document *and* asks for an integer small enough, so whatever else the document may have become
(dropped, replaced, set to a string, a double, doubled by a second one seen by the look) the increment misses
rather than counts wrong, and the miss leads to a new look. What the filter can't see is a second document, so
the look is also repeated before a commit when the last one is older than LOOK_SECONDS: a request that starts
more than that after the second document was inserted is refused.

The increment is the bare command, below Beanie: through `Count.find_one(...).update(Inc(...))` one takes 0.2 ms
of CPU longer, which at 64 connections is paid per batch and at one connection per request, and through pymongo's
`find_one_and_update` a tenth longer.

Written with w=majority and j=true, and without retryable writes, which would repeat an increment whose answer was
lost once (https://www.mongodb.com/docs/manual/core/retryable-writes/), on a replica set alone, at a quarter of
every commit. A lost answer is an OutcomeUnknown, on any server.
"""

import asyncio
from contextlib import suppress
from time import monotonic
from typing import Any, Final

from beanie import init_beanie
from bson.int64 import Int64
from pydantic import ValidationError
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import (
    ConnectionFailure,
    DuplicateKeyError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from counter.errors import CounterError, CountInvalid, DatabaseAway, DatabaseRefused, OutcomeUnknown
from counter.models import MAX_COUNT, Count

DEFAULT_DATABASE: Final = "test"
LOOK_SECONDS: Final = 0.2
CLOSE_SECONDS: Final = 0.5
# How often one commit follows a document that is being replaced under it.
ATTEMPTS: Final = 5

# https://www.mongodb.com/docs/manual/reference/error-codes/: said before anything was written.
REFUSALS: Final = frozenset({2, 13, 14, 18, 20, 121, 166})
INTEGERS: Final = ["int", "long"]

CLIENT_OPTIONS: Final[dict[str, Any]] = {
    # Time for one look for a server, within the commit's own deadline.
    "serverSelectionTimeoutMS": 900,
    # How long a host may take to answer a connect or the monitor's question. A host whose packets vanish is
    # given up after this long and asked again after heartbeatFrequencyMS at most, so that its return is seen
    # in less than 2 s. 500 ms is the least that the SDAM specification allows.
    "connectTimeoutMS": 800,
    "heartbeatFrequencyMS": 500,
    # A retryable write has the server keep a record of it with each commit, which costs a quarter of the commit.
    "retryWrites": False,
    "appname": "pontlevis-counter",
}

_NOBODY: Final = object()


class CountStore:
    """The count in MongoDB. All methods raise CounterError subclasses and nothing else of MongoDB's."""

    def __init__(self, url: str, *, timeout: float) -> None:
        """`timeout` in seconds bounds each call. Opens no connection yet; needs a running event loop."""
        self._client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(url, **CLIENT_OPTIONS)
        self._database = self._client.get_default_database(
            DEFAULT_DATABASE,
            write_concern=WriteConcern(w="majority", j=True),
            read_preference=ReadPreference.PRIMARY,
        )
        self._timeout = timeout
        self._opening = asyncio.Lock()
        self._collection: AsyncCollection[dict[str, Any]] | None = None
        self._id: object = _NOBODY
        self._look_again_at = 0.0

    @property
    def name(self) -> str:
        """Database and collection, as mongosh would name them."""
        return f"{self._database.name}.count"

    async def commit(self, n: int) -> int:
        """Add n, journaled by a majority, and return the value after it. Creates the document if need be."""
        sent = False
        try:
            async with asyncio.timeout(self._timeout):
                for _ in range(ATTEMPTS):
                    collection = self._collection
                    if collection is None:
                        collection = await self._open()
                    if self._id is _NOBODY or monotonic() >= self._look_again_at:
                        await self._adopt(collection, n)
                    sent = True
                    reply = await self._database.command(self._increment(n))
                    if "writeConcernError" in reply:
                        break  # Done, but whether it lasts is not known.
                    if reply["value"] is not None:
                        return int(reply["value"]["count"])
                    # An answered miss: nothing was written.
                    sent = False
                    self._id = _NOBODY
        except TimeoutError:
            raise _silence(sent=sent) from None
        except PyMongoError as error:
            raise _translated(error, sent=sent) from error
        if sent:
            raise _silence(sent=True)
        raise CountInvalid(f"The document in {self.name} is being replaced too fast to follow. Try again.")

    def _increment(self, n: int) -> dict[str, Any]:
        """https://www.mongodb.com/docs/manual/reference/command/findAndModify/"""
        return {
            "findAndModify": Count.Settings.name,
            "query": {"_id": self._id, "count": {"$type": INTEGERS, "$lte": MAX_COUNT - n}},
            "update": {"$inc": {"count": n}},
            "new": True,
            "fields": {"count": 1},
            "writeConcern": {"w": "majority", "j": True},
        }

    async def check(self) -> None:
        """Raise unless MongoDB answers and holds at most one document, with a whole number."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._look(await self._open())
        except TimeoutError:
            raise _silence(sent=False) from None
        except PyMongoError as error:
            raise _translated(error, sent=False) from error

    async def close(self) -> None:
        """Close the connections; a database that does not answer is not waited for."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._client.close()
        except (TimeoutError, PyMongoError):
            return  # The process ends, and its sockets with it.

    async def _open(self) -> AsyncCollection[dict[str, Any]]:
        """Initialise Beanie: it asks the server for its version, so it has to wait until there is one."""
        async with self._opening:
            if self._collection is None:
                await init_beanie(self._database, document_models=[Count], skip_indexes=True)
                self._collection = Count.get_pymongo_collection()
            return self._collection

    async def _look(self, collection: AsyncCollection[dict[str, Any]]) -> tuple[Count, object] | None:
        """The one document and its count as stored; None where there is none. Raises CountInvalid."""
        documents = await collection.find({}, {"count": 1}).limit(2).to_list()
        if not documents:
            return None
        if len(documents) > 1:
            self._id = _NOBODY
            raise CountInvalid(
                f"{self.name} holds more than one document, so nobody can say which is the count. Keep one: "
                "db.count.find() shows them, db.count.deleteOne({_id: …}) removes one. "
                "Counting goes on by itself."
            )
        stored = documents[0].get("count")
        try:
            return Count.model_validate(documents[0]), stored
        except ValidationError:
            self._id = _NOBODY
            what = "has no count" if "count" not in documents[0] else f"holds {_described(stored)}"
            raise CountInvalid(
                f"The document in {self.name} {what}, not a whole number up to {MAX_COUNT}. Mend it: "
                "db.count.updateOne({}, {$set: {count: 0}}), with the number to go on from. "
                "Counting goes on by itself."
            ) from None

    async def _adopt(self, collection: AsyncCollection[dict[str, Any]], n: int) -> None:
        """Find the document to count in, or create it; make its count an integer; see that n fits."""
        looked = await self._look(collection)
        if looked is None:
            with suppress(DuplicateKeyError):  # Another process was quicker: the next look finds its document.
                await Count.model_validate({"count": 0}).insert()
            looked = await self._look(collection)
            if looked is None:
                return  # Dropped again already: the increment will miss, and look again.
        count, stored = looked
        if count.number + n > MAX_COUNT:
            raise CountInvalid(
                f"The count in {self.name} can't go beyond {MAX_COUNT}, the largest integer that every JSON "
                "reader keeps exact. Start again: db.count.updateOne({}, {$set: {count: 0}})."
            )
        if not isinstance(stored, int):
            # A whole double or decimal. Numbers compare by value, so this changes the type and nothing else.
            await collection.update_one({"_id": count.id, "count": stored}, {"$set": {"count": Int64(count.number)}})
        self._id = count.id
        self._look_again_at = monotonic() + LOOK_SECONDS


def _described(stored: object) -> str:
    """A stored value by its kind; its content is nobody's business over HTTP, unless it is a number."""
    if isinstance(stored, bool) or not isinstance(stored, int | float):
        return f"a value of type {type(stored).__name__}"
    return f"{stored:.17g}" if isinstance(stored, float) else str(stored)


def _silence(*, sent: bool) -> CounterError:
    """What no answer in time means."""
    if sent:
        return OutcomeUnknown(
            "The database did not answer in time. The count may or may not have moved; no number was given out "
            "for this request. Asking again counts again."
        )
    return DatabaseAway(
        "MongoDB does not answer. Nothing was counted: try again. Counting goes on by itself when the database is back."
    )


def _translated(error: PyMongoError, *, sent: bool) -> CounterError:
    """MongoDB's error as ours. Where an increment may have reached the server, it is an unknown outcome.

    pymongo raises a ServerSelectionTimeoutError only where no attempt was sent before it: after one, it raises
    that attempt's error (`_ClientConnectionRetryable.run`).
    """
    if isinstance(error, ServerSelectionTimeoutError | WaitQueueTimeoutError):
        return _silence(sent=False)
    if isinstance(error, OperationFailure) and (error.code in REFUSALS or not sent):
        name = (error.details or {}).get("codeName", "no name")
        return DatabaseRefused(
            f"MongoDB refused the operation ({name}, code {error.code}). Nothing was counted. See that "
            "COUNTER_MONGODB_URL names a user who may read and write the collection, and that it may change."
        )
    if isinstance(error, ConnectionFailure | OperationFailure):
        return _silence(sent=sent)
    return DatabaseAway(f"MongoDB can't be used: {type(error).__name__}. Nothing was counted.")
