"""The values of which requests are made: names, addresses, paths, each with what it may be."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

MAX_NAME = 128

Name = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$", max_length=MAX_NAME)]
"""A name to give."""

LongName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]+$", max_length=MAX_NAME)]
"""What Docker allows for containers and volumes: two characters at least."""

Alias = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9]([a-zA-Z0-9_.-]*[a-zA-Z0-9])?$", max_length=253)]
"""A name that other containers of the network resolve by DNS."""

Reference = Annotated[str, StringConstraints(min_length=1, max_length=256)]
"""A name, a full id, or an id prefix of twelve digits or more."""

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=32_768)]
"""Any text without NUL, which no system call takes."""

Filled = Annotated[str, StringConstraints(pattern=r"^[^\x00]+$", max_length=4096)]
Variable = Annotated[str, StringConstraints(pattern=r"^[^=\x00]+$", max_length=4096)]
Path = Annotated[str, StringConstraints(pattern=r"^/[^\x00]*$", max_length=4096)]
ImageName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9A-Z][a-zA-Z0-9_./:@-]*$", max_length=512)]
Labels = dict[Filled, Text]
Options = dict[Filled, Text]
Command = Annotated[tuple[Text, ...], Field(max_length=4096)]


def _address(value: object) -> object:
    return str(IPv4Address(value)) if isinstance(value, str) else value


def _address6(value: object) -> object:
    if isinstance(value, str) and "%" in value:
        raise ValueError("an address without a zone is needed: leave out the % and what follows it")
    return str(IPv6Address(value)) if isinstance(value, str) else value


def _subnet(value: object) -> object:
    if not isinstance(value, str):
        return value
    network = IPv6Network if ":" in value else IPv4Network
    return str(network(value))


def _any_address(value: object) -> object:
    if not isinstance(value, str):
        return value
    return _address6(value) if ":" in value else _address(value)


Ipv4 = Annotated[str, BeforeValidator(_address), Field(json_schema_extra={"format": "ipv4"})]
Ipv6 = Annotated[str, BeforeValidator(_address6), Field(json_schema_extra={"format": "ipv6"})]
Ip = Annotated[
    str,
    BeforeValidator(_any_address),
    Field(json_schema_extra={"anyOf": [{"format": "ipv4"}, {"format": "ipv6", "pattern": "^[^%]*$"}]}),
]
Subnet = Annotated[str, BeforeValidator(_subnet)]
LinkLocal = Annotated[
    str,
    StringConstraints(
        pattern=r"^(169\.254(\.(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){2}"
        r"|[fF][eE]80::[0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4}){0,3})$"
    ),
    AfterValidator(_any_address),
]
"""An address of 169.254.0.0/16 or fe80::/64."""

Mac = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}$"),
    AfterValidator(str.lower),
]
"""The hardware address of one interface: no multicast address."""

LinkTo = Annotated[
    str,
    StringConstraints(
        pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*(:[a-zA-Z0-9]([a-zA-Z0-9_.-]*[a-zA-Z0-9])?)?$", max_length=512
    ),
]
"""`CONTAINER` or `CONTAINER:ALIAS`."""

PortNumber = Annotated[int, Field(strict=True, ge=1, le=65_535)]


class Wanted(BaseModel):
    """The body of a request. Unknown fields are refused, and text is not taken for a number."""

    model_config = ConfigDict(frozen=True, extra="forbid")
