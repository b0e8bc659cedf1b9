"""The engine's errors as ours. Pure.

The statuses and wordings are those measured on Docker 20.10 and 26.1 (an engine's status alone says little:
the same fault is 400, 403, 404 or 500 from one case and version to another), so the words decide first.
"""

import re
from typing import Final

from control.errors import (
    AddressConflict,
    Ambiguous,
    BadRequest,
    Conflict,
    EngineAway,
    EngineFailed,
    Forbidden,
    InUse,
    Invalid,
    NameTaken,
    NetworkModeConflict,
    NoSwarm,
    NotFound,
    NotRunning,
    PortTaken,
    Problem,
    StartFailed,
)

UNREACHABLE: Final = 900  # aiodocker's own status for a connection that failed


class AlreadyConnected(Conflict):
    """The container has an endpoint on this network already."""

    slug, title = "already-connected", "It is connected already"


class NotConnected(Conflict):
    """The container has no endpoint on this network."""

    slug, title = "not-connected", "It is not connected"


_BY_WORDS: Final[tuple[tuple[str, type[Problem], str], ...]] = (
    # Networks
    (r"endpoint with name .* already exists in network", AlreadyConnected, "Disconnect it first."),
    (r"is already attached to network", AlreadyConnected, "Disconnect it first."),
    (r"is not connected to (the )?network", NotConnected, "There is nothing to disconnect."),
    (r"has active endpoints", InUse, "Disconnect its containers first."),
    (r"could not find an available, non-overlapping|all predefined address pools", AddressConflict,
     "The engine's address pools are used up: remove unused networks, or give a subnet of your own."),
    (r"pool overlaps with other one", AddressConflict, "Choose a subnet that no other network has."),
    (r"network with name .* already exists", NameTaken, "Choose another name, or use the network there is."),
    (r"is ambiguous|multiple IDs found|ambiguous network", Ambiguous, "Use the full id."),
    (r"conflicts with (existing )?network|cannot create network .*networks have (overlapping|same)", AddressConflict,
     "Choose another subnet or bridge name."),
    (r"address already in use.*(ip|address)|requested address is already|address already in use$", AddressConflict,
     "Choose another address."),
    (r"invalid address .*does not belong to any|no configured subnet or ip-range contain the ip address|"
     r"no available IPv4 addresses|invalid (IPv4|IPv6) address", Invalid, "Choose an address inside the subnet."),
    (r"supported (only )?when connecting to networks with user configured subnets|"
     r"user.specified IP address is supported (on|only)", Invalid,
     "Give the network a subnet of your own to use fixed addresses."),
    (r"network-scoped alias(es)? .*only .*user.defined|network-scoped alias is supported only", Invalid,
     "Aliases work on networks that you create, not on the default bridge."),
    (r"(connected|disconnected|attached) (to|from) (host|multiple)|"
     r"cannot be (dis)?connected (to|from) host|host network|multiple networks with one of the networks in private|"
     r"sharing network namespace|container .* using the .* network mode", NetworkModeConflict,
     "Run the container anew with another network mode."),
    (r"pre-defined network|operation is not permitted on predefined", Forbidden,
     "The networks bridge, host and none are the engine's own."),
    (r"not a swarm manager|node is not part of a swarm|swarm (is )?not (active|initialized)", NoSwarm,
     "Initialise a swarm on this engine first, or choose another driver."),
    (r"cannot create .*overlay.*|datastore for scope \"global\" is not initialized", NoSwarm,
     "Initialise a swarm on this engine first, or choose another driver."),
    (r"plugin .* not found|could not find plugin|error looking up (network|volume) plugin", Invalid,
     "Choose a driver that this engine has."),
    (r"invalid (subnet|pool|cidr|network config)|invalid CIDR|no matching subnet for|"
     r"failed to parse pool request|bad format", Invalid, "Correct the address configuration."),
    # Containers
    (r"container name .* is already in use", NameTaken, "Choose another name, or remove that container."),
    (r"port is already allocated|bind for .* failed|failed to bind port|cannot assign requested address|"
     r"listen tcp.*address already in use", PortTaken, "Choose another host port or address."),
    (r"executable file not found|no such file or directory: unknown|permission denied: unknown|"
     r"oci runtime|failed to create shim|exec format error", StartFailed,
     "Correct the command, the mounts or the options."),
    (r"invalid mount config|bind source path does not exist|invalid volume specification", Invalid,
     "Correct the mount."),
    (r"is not running|is not paused|container .* is paused|is already paused", NotRunning, "Change its state first."),
    (r"you cannot remove a (running|paused|restarting)", InUse, "Stop it first, or use force=true."),
    (r"volume is in use", InUse, "Remove the containers that use it first."),
    (r"image is (being )?used|image has dependent child|is using its referenced image", InUse,
     "Remove what uses it first."),
    (r"a volume named .* already exists|volume name .* (is )?in use", NameTaken, "Choose another name."),
)  # fmt: skip
_COMPILED: Final = tuple((re.compile(words, re.IGNORECASE), kind, hint) for words, kind, hint in _BY_WORDS)

_BY_STATUS: Final[dict[int, tuple[type[Problem], str]]] = {
    400: (Invalid, "Correct the request."),
    403: (Forbidden, "The engine refuses it."),
    404: (NotFound, "List what there is, and use a name or full id from it."),
    409: (Conflict, "Look at the present state, then ask again."),
}


def translate(status: int, message: str) -> Problem:
    """The problem that stands for an engine's answer of this status and wording."""
    message = message.strip().removeprefix("Error response from daemon: ")[:2000]
    if status == UNREACHABLE:
        return EngineAway(
            f"The Docker Engine can't be reached. Is it running, and is its address right? ({message})",
            headers={"Retry-After": "1"},
        )
    if "client version" in message and ("too new" in message or "too old" in message):
        return EngineAway("The engine changed its API version: try again.", headers={"Retry-After": "1"})
    for words, kind, hint in _COMPILED:
        if words.search(message):
            return kind(_sentence(message, hint))
    if status in _BY_STATUS:
        kind, hint = _BY_STATUS[status]
        return kind(_sentence(message, hint))
    if 400 <= status < 500:  # noqa: PLR2004  (a client error by definition)
        return BadRequest(_sentence(message, "Correct the request."))
    return EngineFailed(_sentence(message, "The engine's own log may say more."))


def _sentence(message: str, hint: str) -> str:
    return f"The engine says: {message.rstrip('.')}. {hint}"
