"""How a container is to be on a network."""

from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, model_validator

from control.wanted.values import Alias, Ipv4, Ipv6, LinkLocal, LinkTo, Mac, Options, Reference, Wanted

MOST: Final = 256
"""Aliases, links and link-local addresses that an endpoint may have: more is a mistake."""


class WantedEndpoint(Wanted):
    """How a container is to be on a network. What is left out or null, the engine chooses.

    `aliases` are further names for it in the network's DNS; `link_local` further addresses; `links` are
    `CONTAINER:ALIAS`, names that it alone can use. The endpoint with the highest `gateway_priority` gives the default
    route. `options` are the network driver's.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"aliases": ["database"], "ipv4": "10.120.0.77"},
                {"mac": "02:42:0a:78:00:4d", "links": ["db:database"], "gateway_priority": 10},
            ]
        }
    )

    aliases: Annotated[tuple[Alias, ...], Field(max_length=MOST)] | None = None
    ipv4: Ipv4 | None = None
    ipv6: Ipv6 | None = None
    link_local: Annotated[tuple[LinkLocal, ...], Field(max_length=MOST)] | None = None
    mac: Mac | None = None
    links: Annotated[tuple[LinkTo, ...], Field(max_length=MOST)] | None = None
    gateway_priority: Annotated[int, Field(strict=True, ge=-(2**31), le=2**31 - 1)] | None = None
    options: Options | None = None


class WantedMembership(WantedEndpoint):
    """How a container is to be on a network; or `restore`, alone: as it was when it was last disconnected here."""

    restore: bool = False

    @model_validator(mode="after")
    def _restores_alone(self) -> Self:
        if self.restore and self.model_fields_set != {"restore"}:
            raise ValueError("restore brings everything back as it was: send it without other options")
        return self


class WantedAttachment(WantedEndpoint):
    """A network for a new container, and how it is to be on it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"network": "mynet", "aliases": ["database"]}]})

    network: Reference
