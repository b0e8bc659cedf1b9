"""How much of the machine a container may use, and when the engine starts it again."""

from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from control.wanted.values import Wanted

LEAST_MEMORY: Final = 6_291_456
"""Bytes: what the engine asks for at least."""

Bytes = Annotated[int, Field(strict=True, ge=LEAST_MEMORY, le=2**62)]
Retries = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)]
RestartPolicy = Literal["no", "always", "unless-stopped", "on-failure"]
UlimitName = Literal[
    "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
    "rttime", "sigpending", "stack",
]  # fmt: skip


class WantedUlimit(Wanted):
    """A limit of the kernel's for each process; -1 is none."""

    soft: Annotated[int, Field(strict=True, ge=-1, le=2**62)]
    hard: Annotated[int, Field(strict=True, ge=-1, le=2**62)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.hard != -1 and (self.soft == -1 or self.soft > self.hard):
            raise ValueError("soft is more than hard")
        return self


class WantedLimits(Wanted):
    """What a container may use at most. Left out: no limit, or what it had.

    `memory` in bytes; `memory_swap` is memory and swap together, -1 for any; `memory_reservation` is what it is held to
    when the machine runs short. `cpus` is a number of processors, in fractions too; `cpu_shares` its weight against
    others (1024 where nothing is said); `cpuset` the processors that it may run on, as `0-2,4`. `pids` is a number of
    processes, -1 for any.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"memory": 268435456, "cpus": 0.5, "pids": 200}]})

    memory: Bytes | None = None
    memory_swap: Annotated[int, Field(strict=True, ge=-1, le=2**62)] | None = None
    memory_reservation: Bytes | None = None
    cpus: Annotated[float, Field(strict=True, ge=0.01, le=4096)] | None = None
    cpu_shares: Annotated[int, Field(strict=True, ge=2, le=262_144)] | None = None
    cpuset: (
        Annotated[str, StringConstraints(pattern=r"^[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*$")] | None
    ) = None
    pids: Annotated[int, Field(strict=True, ge=-1, le=2**31 - 1)] | None = None

    @model_validator(mode="after")
    def _swap_fits(self) -> Self:
        if self.memory_swap not in {None, -1} and (self.memory is None or (self.memory_swap or 0) < self.memory):
            raise ValueError("memory_swap is memory and swap together: give memory too, and at least as much")
        if self.memory is not None and (self.memory_reservation or 0) > self.memory:
            raise ValueError("memory_reservation is more than memory")
        if self.pids == 0:
            raise ValueError("pids is 1 or more, or -1 for any")
        return self


class WantedUpdate(Wanted):
    """What to change of a container without making it anew: its limits, and when the engine starts it again."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"limits": {"memory": 268435456}}, {"restart": "unless-stopped"}]}
    )

    limits: WantedLimits = WantedLimits()
    restart: RestartPolicy | None = None
    restart_retries: Retries | None = None

    @model_validator(mode="after")
    def _retries_fit(self) -> Self:
        check_retries(self.restart, self.restart_retries)
        if not self.model_fields_set:
            raise ValueError("give limits or restart: there is nothing to change")
        return self


def check_retries(restart: str | None, retries: int | None) -> None:
    """Raises ValueError for a number of retries that no policy counts."""
    if retries is not None and restart != "on-failure":
        raise ValueError("restart_retries goes with restart on-failure alone")
