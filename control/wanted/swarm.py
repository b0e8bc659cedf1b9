"""A swarm to begin or to join."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from control.wanted.values import Subnet, Wanted

_INTERFACE = r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}"
_IPV6 = r"\[[0-9a-fA-F:.]{2,45}\]"
_PORT = r":[0-9]{1,5}"

Place = Annotated[
    str,
    StringConstraints(pattern=rf"^({_INTERFACE}|{_IPV6})({_PORT})?$", max_length=128),
    Field(examples=["10.0.0.5", "eth0", "10.0.0.5:2377"]),
]
"""An address or an interface of the engine's host, with a port or without."""

Bare = Annotated[str, StringConstraints(pattern=rf"^({_INTERFACE}|[0-9a-fA-F:.]{{2,45}})$", max_length=64)]
"""An address or an interface, without a port."""

Remote = Annotated[str, StringConstraints(pattern=rf"^({_INTERFACE}|{_IPV6})({_PORT})?$", max_length=300)]
"""Where a manager is reached."""

LOOPBACK = "127.0.0.1"
USUAL_SIZE = 24


class _Places(Wanted):
    """Where this engine is reached by others of the swarm."""

    advertise_address: Place = Field(
        LOOPBACK,
        description="Address or interface by which the others of the swarm reach this engine.",
    )
    listen_address: Place | None = Field(
        None, description="Where the engine listens for the others; null for the advertised address."
    )
    data_path_address: Bare | None = Field(
        None, description="Address or interface for the traffic of overlays; null for the advertised one."
    )


class WantedSwarm(_Places):
    """A swarm to begin on this engine, which becomes its first manager. On loopback unless `advertise_address` says
    otherwise, so that no other engine can join it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {},
                {"advertise_address": "10.0.0.5", "default_pools": ["10.64.0.0/16"], "subnet_size": 26},
            ]
        }
    )

    data_path_port: Annotated[int, Field(ge=1024, le=49_151)] | None = Field(
        None, description="UDP port for the traffic of overlays; null for 4789."
    )
    default_pools: Annotated[tuple[Subnet, ...], Field(max_length=64)] = Field(
        (), description="Where overlays get their subnets from; empty for the engine's 10.0.0.0/8."
    )
    subnet_size: Annotated[int, Field(ge=1, le=29)] | None = Field(
        None, description="Prefix length of an overlay's subnet; null for 24."
    )
    force_new_cluster: bool = Field(
        default=False, description="Begin anew from what this manager knows, where the others are lost."
    )

    @model_validator(mode="after")
    def _pools_fit(self) -> Self:
        size = self.subnet_size or USUAL_SIZE
        for pool in self.default_pools:
            if ":" in pool:
                raise ValueError(f"default_pools are of IPv4, and {pool} is not")
            if int(pool.partition("/")[2] or 32) > size:
                raise ValueError(f"{pool} is too small for a subnet of /{size}: give a larger pool or subnet_size")
        return self


class WantedJoin(_Places):
    """A swarm to join."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "remote_addresses": ["10.0.0.5:2377"],
                    "token": "SWMTKN-1-49nj1cmql0jkz5s954yi3oex3nedyz0fb0xx14ie39trti4wxv-8vxv8rssmk743ojnwacrr2e7c",
                    "advertise_address": "10.0.0.6",
                }
            ]
        }
    )

    remote_addresses: Annotated[tuple[Remote, ...], Field(min_length=1, max_length=64)] = Field(
        description="Managers of the swarm; the port is 2377 unless said."
    )
    token: Annotated[str, StringConstraints(pattern=r"^SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}$")] = Field(
        description="`GET /swarm/tokens` of a manager tells it; it decides whether this engine becomes a worker."
    )
