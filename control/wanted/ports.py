"""Ports of a container, to expose and to publish."""

from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from control.wanted.values import Ip, PortNumber, Wanted

MOST_AT_ONCE: Final = 1024


class WantedExposed(Wanted):
    """A port that a container serves, not published: `publish_all` publishes it, and links tell of it."""

    container_port: PortNumber
    protocol: Literal["tcp", "udp", "sctp"] = "tcp"


class WantedPort(WantedExposed):
    """A port to publish. `host_port` null takes any free one; `host_address` is loopback unless said.

    With `count`, so many ports from `container_port` on are published, from `host_port` on. With `host_port_end`, the
    first that is free from `host_port` to it.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"container_port": 80, "host_port": 8000},
                {"container_port": 53, "host_port": 5353, "protocol": "udp", "host_address": "127.0.0.2"},
                {"container_port": 9000, "host_port": 9000, "count": 10},
                {"container_port": 80, "host_port": 8000, "host_port_end": 8099},
            ]
        }
    )

    host_port: PortNumber | None = None
    host_port_end: PortNumber | None = None
    host_address: Ip = "127.0.0.1"
    count: Annotated[int, Field(strict=True, ge=1, le=MOST_AT_ONCE)] = 1

    @model_validator(mode="after")
    def _range_fits(self) -> Self:
        if self.host_port_end is not None:
            if self.host_port is None or self.host_port_end <= self.host_port:
                raise ValueError("host_port_end needs a host_port that is smaller")
            if self.count != 1:
                raise ValueError("give count or host_port_end, not both")
        if max(self.container_port, self.host_port or 0) + self.count - 1 > 65_535:  # noqa: PLR2004  (the last port)
            raise ValueError("this many ports go past 65535")
        return self

    def each(self) -> tuple["WantedPort", ...]:
        """One for each port."""
        return tuple(
            self.model_copy(
                update={
                    "container_port": self.container_port + number,
                    "host_port": None if self.host_port is None else self.host_port + number,
                    "count": 1,
                }
            )
            for number in range(self.count)
        )
