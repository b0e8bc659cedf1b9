"""How the engine is to find out whether a container is well."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from control.wanted.values import Command, Text, Wanted

Seconds = Annotated[float, Field(strict=True, ge=0.001, le=86_400)]


class WantedHealthcheck(Wanted):
    """A command that the engine runs in the container: well is what ends with 0.

    `test` is a list that is run as it is, or a text for the container's shell; left out, it is the image's. Every
    `interval` seconds it is given `timeout` seconds, and after `retries` failures in a row the container is
    `unhealthy`; failures within the first `start_period` seconds do not count. `disable` leaves the image's out.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"test": ["mongosh", "--eval", "db.hello()"], "interval": 5, "retries": 3}]}
    )

    test: Annotated[Command, Field(min_length=1)] | Text | None = None
    interval: Seconds | None = None
    timeout: Seconds | None = None
    start_period: Seconds | None = None
    retries: Annotated[int, Field(strict=True, ge=1, le=10_000)] | None = None
    disable: bool = False

    @model_validator(mode="after")
    def _disables_alone(self) -> Self:
        if self.disable and self.model_fields_set != {"disable"}:
            raise ValueError("disable stands alone: without a check there is nothing to set")
        return self
