"""What every record is."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A value that never changes once made, and refuses fields that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
