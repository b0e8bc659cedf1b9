"""In what the engines differ, as measured on 20.10.24, 26.1.5 and 28.5.2 (engine-facts). Values, no behaviour."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Version:
    """One engine version."""

    version: str
    api: str
    oldest_api: str
    disconnects_told: int
    """Disconnect events of one disconnect of a running container."""
    tells_of_stopped: bool
    """Whether the disconnect of one that is configured and does not run is told."""
    leaves_before_dying: bool
    """Whether a container's disconnects come before its `die`, and its `stop` too (else `die` comes first).

    So says moby's source for every exit since 25: it cleans up, then tells of the death.
    """
    dns_names: bool
    """Whether the short id is in DNSNames; else it is among the Aliases."""
    names_are_unique: bool
    """Whether a network's name that is taken is refused without CheckDuplicate as well."""
    takes_many_endpoints: bool
    """Whether a container may be created on several networks."""
    outside_subnet: int
    """The status of a fixed address outside the subnet."""
    empty_name: int
    """The status of a network without a name."""
    ambiguous_container: int
    """The status of a container's id prefix that several have."""
    tells_duration: bool
    """Whether `die` carries execDuration."""


TWENTY: Final = Version(
    version="20.10.24",
    api="1.41",
    oldest_api="1.12",
    disconnects_told=2,
    tells_of_stopped=True,
    leaves_before_dying=False,
    dns_names=False,
    names_are_unique=False,
    takes_many_endpoints=False,
    outside_subnet=500,
    empty_name=409,
    ambiguous_container=500,
    tells_duration=False,
)


def _modern(version: str, api: str, oldest_api: str, *, disconnects_told: int, tells_of_stopped: bool) -> Version:
    return Version(
        version=version,
        api=api,
        oldest_api=oldest_api,
        disconnects_told=disconnects_told,
        tells_of_stopped=tells_of_stopped,
        leaves_before_dying=True,
        dns_names=True,
        names_are_unique=True,
        takes_many_endpoints=True,
        outside_subnet=400,
        empty_name=400,
        ambiguous_container=400,
        tells_duration=True,
    )


VERSIONS: Final = {
    "20": TWENTY,
    "26": _modern("26.1.5", "1.45", "1.24", disconnects_told=2, tells_of_stopped=True),
    "28": _modern("28.5.2", "1.51", "1.24", disconnects_told=1, tells_of_stopped=False),
    # Not measured: taken to behave as 28, behind a higher lowest API version.
    "29": _modern("29.0.0", "1.52", "1.44", disconnects_told=1, tells_of_stopped=False),
}
