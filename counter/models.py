"""The one document: what a count may be, and which document is created where there is none.

Two processes that both find an empty collection both insert a document of the same fixed `_id`; the unique
index that MongoDB keeps on `_id` lets one of them through. (An upsert on `{}` has no such guard: two at the
same instant make two documents, https://www.mongodb.com/docs/manual/reference/method/db.collection.update/,
"Upsert with Unique Index".) A document inserted by hand may have any `_id`.
"""

from typing import Annotated, Final

from beanie import Document, PydanticObjectId
from bson.decimal128 import Decimal128
from pydantic import BeforeValidator, Field

# The largest integer that every JSON reader keeps exact (RFC 8259, section 6).
MAX_COUNT: Final = 2**53 - 1
FIRST_ID: Final = PydanticObjectId("0" * 24)


def whole(value: object) -> object:
    """A double or decimal that is a whole number, as an int; anything else as it came.

    mongosh stores `41` as an int32, but other tools (and `NumberDecimal`, and JavaScript beyond 2^31) do not.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Decimal128):
        decimal = value.to_decimal()
        if decimal.is_finite() and abs(decimal) <= MAX_COUNT and decimal == decimal.to_integral_value():
            return int(decimal)
    return value


class Count(Document):
    """`{_id: anything, count: N}` in collection `count`. Validation refuses all that is no whole number."""

    # Anything may be an `_id`; Beanie's own type would refuse `insertOne({_id: "mine", count: 41})`.
    id: object = FIRST_ID  # type: ignore[assignment]
    # Stored as `count`, which in Beanie is the name of a method.
    number: Annotated[int, BeforeValidator(whole), Field(alias="count", strict=True, ge=-MAX_COUNT, le=MAX_COUNT)]

    class Settings:
        """Beanie's."""

        name = "count"
