"""The engine's errors as ours. Pure.

The statuses and wordings are those measured on Docker 20.10 and 26.1 (an engine's status alone says little:
the same fault is 400, 403, 404 or 500 from one case and version to another), so the words decide first.
"""

import re
from typing import Final, NamedTuple

from control.errors import (
    AddressConflict,
    AlreadyConnected,
    Ambiguous,
    BadRequest,
    Conflict,
    EngineAway,
    EngineFailed,
    Forbidden,
    InSwarm,
    InUse,
    Invalid,
    NameTaken,
    NetworkModeConflict,
    NoSwarm,
    NotConnected,
    NotFound,
    NotRunning,
    PortTaken,
    Problem,
    RegistryAway,
    StartFailed,
    SwarmAway,
    Unsupported,
)

UNREACHABLE: Final = 900  # aiodocker's own status for a connection that failed


class Fault(NamedTuple):
    """What an engine's wording means: any of `words` (regular expressions), in any case."""

    kind: type[Problem]
    hint: str
    words: tuple[str, ...]


_FAULTS: Final = (
    Fault(NotFound, "Look at the name and the tag; a repository that is not open to all needs `credentials`.", (
        "pull access denied", "manifest for .* not found", "manifest unknown", "name unknown",
        "repository .* not found", "invalid reference format.*repository",
    )),
    Fault(NotFound, "Ask for a platform that there is an image for.", (
        "no matching manifest for", "no match for platform in manifest", "does not provide the specified platform",
        "was found but does not match the specified platform",
    )),
    Fault(Forbidden, "Send the `credentials` of somebody who may pull it.", (
        r"\bunauthorized\b", "incorrect username or password", "no basic auth credentials",
        "requested access to the resource is denied",
    )),
    Fault(RegistryAway, "Wait, or send `credentials`.", ("toomanyrequests",)),
    Fault(RegistryAway, "Look at the image's name and at the engine's network, or load or build the image.", (
        r'(get|head|post) \\?"?https?://.*(dial tcp|lookup |eof|timeout|deadline exceeded|canceled|refused|reset|'
        r"server gave http response|x509|tls|50\d |unreachable)",
        "failed to resolve reference .*(dial tcp|lookup |timeout|refused|eof)",
        r"unexpected status code 50\d", "received unexpected http status: 5",
    )),
    Fault(AlreadyConnected, "Disconnect it first.", (
        "endpoint with name .* already exists in network", "is already attached to network",
    )),
    Fault(NotConnected, "There is nothing to disconnect.", ("is not connected to (the )?network",)),
    Fault(InUse, "Disconnect its containers first.", ("has active endpoints", "is in use by (task|service)")),
    Fault(AddressConflict, "The engine's address pools are used up: remove unused networks, or give a subnet.", (
        "could not find an available, non-overlapping", "all predefined address pools",
    )),
    Fault(AddressConflict, "Choose a subnet that no other network has.", ("pool overlaps with other one",)),
    Fault(NameTaken, "Choose another name, or use the network there is.", ("network with name .* already exists",)),
    Fault(Ambiguous, "Use the full id.", ("is ambiguous", "multiple ids found", "ambiguous network")),
    Fault(Conflict, "Choose another name for the bridge (com.docker.network.bridge.name).", (
        "networks have same bridge name",
    )),
    Fault(Conflict, "A parent has one such network: choose another interface, or a VLAN of it, such as eth0.10.", (
        "already using parent interface",
    )),
    Fault(Invalid, "Name an interface of the engine's host as `parent`, or a VLAN of one, such as eth0.10.", (
        "invalid subinterface vlan name",
    )),
    Fault(Unsupported, "It needs an interface of the engine's host as `parent`, and a kernel there that can do it.", (
        "(vlan port|vlan link).*operation not supported", "^operation not supported$",
    )),
    Fault(AddressConflict, "Choose another subnet or bridge name.", (
        "conflicts with (existing )?network", "cannot create network .*networks have (overlapping|same)",
    )),
    Fault(Invalid, "Listen on an address of the engine's host.", ("failed to listen on remote api .*cannot assign",)),
    Fault(PortTaken, "Choose another host port or address.", (
        "port is already allocated", "bind for .* failed", "failed to bind port", "cannot assign requested address",
        "(listen|bind).*address already in use",
    )),
    Fault(AddressConflict, "Disconnect others from the network, or use a larger one.", (
        "no available ipv4 addresses", "no available addresses",
    )),
    Fault(Conflict, "A Linux bridge has 1,023 ports: use another network.", ("exchange full",)),
    Fault(Invalid, "Correct the driver options.", ("invalid endpoint configuration",)),
    Fault(Invalid, "Leave out the link-local addresses, or use a network with IPv6.", ("link local ips to",)),
    Fault(AddressConflict, "Choose another address.", ("address already in use", "requested address is already")),
    Fault(Invalid, "Choose an address inside the subnet.", (
        "invalid address .*does not belong to any", "no configured subnet or ip-range contain the ip address",
        "invalid (ipv4|ipv6) address",
    )),
    Fault(Invalid, "Give the network a subnet of your own to use fixed addresses.", (
        "supported (only )?when connecting to networks with user configured subnets",
        "user.specified ip address is supported (on|only)",
    )),
    Fault(Invalid, "Aliases work on networks that you create, not on the default bridge.", (
        "network-scoped alias(es)? (is|are) (only )?supported",
    )),
    Fault(NetworkModeConflict, "Create the overlay with attachable: true.", ("not manually attachable",)),
    Fault(NotFound, "Name an attachable overlay of the swarm.", ("could not attach to network .*not found",)),
    Fault(NoSwarm, "Ask a manager of the swarm.", ("multi-host network from a worker",)),
    Fault(NetworkModeConflict, "Run the container anew with another network mode.", (
        "(connected|disconnected|attached) (to|from) (host|multiple)", "host network",
        "multiple networks with one of the networks in private", "sharing network namespace",
        "container .* using the .* network mode",
    )),
    Fault(Forbidden, "The networks bridge, host and none are the engine's own.", (
        "pre-defined network", "operation is not permitted on predefined", "only one instance of",
    )),
    Fault(InUse, "Remove the networks that take it first.", ("configuration network .* is in use",)),
    Fault(Conflict, "It only holds a configuration: use a network that takes it.", ("configuration-only network",)),
    Fault(Invalid, "Correct the options, or leave them to the configuration.", (
        "requested (mac|ip)vlan mode", r"failed to parse com\.docker", "failed to check bridge interface existence",
        "not supported if the network depends on a configuration", "configuration network can only contain",
        "cannot downgrade network scope", "ingress network can only be", "support multiple subnets", "invalid filter",
    )),
    Fault(InSwarm, "Ask with force=true.", ("leave the swarm on a node that is participating as a manager",)),
    Fault(InSwarm, "Leave it first: DELETE /swarm.", ("already part of a swarm",)),
    Fault(Unsupported, "Start the engine without live-restore.", ("live-restore .*incompatible with swarm",)),
    Fault(SwarmAway, "Name a manager that this engine can reach, and its port.", (
        "rpc error: code = unavailable", "before node (was |is )?joined", "error while dialing",
    )),
    Fault(Invalid, "Take a token from GET /swarm/tokens of a manager.", ("invalid join token", "valid join token")),
    Fault(Invalid, "Choose an address or an interface of the engine's host, or another value.", (
        "(advertise|listen|data path|local|default) address( pool)? ", "invalid (listen|advertise|datapath|remote)addr",
        "data path port", "subnet size", "could not (choose|find) .*address",
    )),
    Fault(NoSwarm, "Begin a swarm on this engine (POST /swarm), or ask a manager.", (
        "not a swarm manager", "node is not part of a swarm", "swarm (is )?not (active|initialized)",
        'datastore for scope "global" is not initialized',
    )),
    Fault(Invalid, "Choose a driver that this engine has.", (
        "plugin .* not found", "could not find plugin", "error looking up (network|volume) plugin",
    )),
    Fault(Invalid, "Correct the address configuration.", (
        "invalid (subnet|pool|cidr|network config)", "no matching subnet for", "failed to parse pool request",
        "bad format", "must belong to the master pool", "requested address is out of range", "ipv[46] pool is empty",
    )),
    Fault(NameTaken, "Choose another name, or remove that container.", ("container name .* is already in use",)),
    Fault(Invalid, "Send a tar, plain or gzip'd, with a Dockerfile at its root or where `dockerfile` says.", (
        "cannot locate specified dockerfile", "dockerfile parse error", "the dockerfile .* cannot be empty",
        "error processing tar", "unexpected eof", "invalid tar header", "dockerfile.*no such file",
    )),
    Fault(StartFailed, "Correct the command, the mounts or the options.", (
        "executable file not found", "no such file or directory: unknown", "permission denied: unknown",
        "oci runtime", "failed to create shim", "exec format error",
        "unable to find (user|group)", "no matching entries in (passwd|group)", "lstat .* not a directory",
    )),
    Fault(Invalid, "Correct the mount.", (
        "invalid mount config", "bind source path does not exist", "invalid volume specification",
    )),
    Fault(NotRunning, "Change its state first.", (
        "is not running", "is not paused", "container .* is paused", "is already paused", "start a paused container",
    )),
    Fault(InUse, "Stop it first, or use force=true.", ("you cannot remove a (running|paused|restarting)",)),
    Fault(InUse, "Remove it by each of its names, or use force=true.", ("is referenced in multiple repositories",)),
    Fault(InUse, "Remove what uses it first.", (
        "volume is in use", "image is (being )?used", "has dependent child", "is using its referenced image",
    )),
    Fault(Unsupported, "Run the container anew with a log driver that can be read, such as json-file or local.", (
        "configured logging driver does not support reading",
    )),
    Fault(Invalid, "Give a port, or a range from the lower to the higher.", ("looking up for (publish|expose)",)),
    Fault(Invalid, "Correct the image's name.", ("repository name must", "invalid repository name")),
    Fault(NotFound, "List the containers, and use a name or full id from there.", ("no such container",)),
    Fault(NotFound, "Pull it with POST /images/pull, or build it with POST /images/build.", (
        "no such image", "was found but does not match the specified platform",
    )),
)  # fmt: skip
_COMPILED: Final = tuple((re.compile("|".join(fault.words), re.IGNORECASE), fault) for fault in _FAULTS)

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
    for words, fault in _COMPILED:
        if words.search(message):
            return fault.kind(_sentence(message, fault.hint))
    if status in _BY_STATUS:
        kind, hint = _BY_STATUS[status]
        return kind(_sentence(message, hint))
    if 400 <= status < 500:  # noqa: PLR2004  (a client error by definition)
        return BadRequest(_sentence(message, "Correct the request."))
    return EngineFailed(_sentence(message, "The engine's own log may say more."))


def _sentence(message: str, hint: str) -> str:
    return f"The engine says: {message.rstrip('.')}. {hint}"
