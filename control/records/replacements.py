"""Replacements of networks: what is done for one, and what came of it."""

from typing import Literal

from control.records.base import Record
from control.records.events import ContainerRef
from control.records.networks import EndpointOptions, Ipam, Network, NetworkDetail


class NetworkSettings(Record):
    """A network as it is to be."""

    name: str
    driver: str
    internal: bool
    attachable: bool
    config_only: bool
    ipv4: bool
    ipv6: bool
    labels: dict[str, str]
    options: dict[str, str]
    ipam: Ipam
    config_from: str | None


class ReplacementStep(Record):
    """One step: `text` for a person, the rest for a program. `endpoint` is how the container is to be connected,
    `network` what is to be created."""

    action: Literal["disconnect", "remove-network", "create-network", "connect"]
    text: str
    container: ContainerRef | None = None
    endpoint: EndpointOptions | None = None
    network: NetworkSettings | None = None


class Replacement(Record):
    """A network replaced, or (`dry_run`) what would be done for it. `before` is the network as it was, `network` as it
    is now, null in a dry run. No steps: it was so already. `warnings` are what does not stay exactly as it was."""

    dry_run: bool
    before: Network
    steps: tuple[ReplacementStep, ...]
    warnings: tuple[str, ...]
    network: NetworkDetail | None
