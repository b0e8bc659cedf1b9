"""An operation as the call that asks for it: of control's API, or of the engine's bare socket. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.chaos.plan import SUBNETS, Operation
from tests.chaos.shown import BUILT_IN
from tests.support.api import ALPINE, SLEEP

EXITS: Final = ["sh", "-c", "sleep 0.4; exit 3"]
BAD: Final = ["/no/such/program"]
GRACE: Final = "1"


@dataclass(frozen=True)
class Call:
    """An HTTP request."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict)


def ends_by_itself(inspect: Mapping[str, Any]) -> bool:
    """Whether a container's program is one that ends or never runs."""
    return (inspect["Config"].get("Cmd") or []) in (EXITS, BAD)


def address(operation: Operation) -> str | None:
    """The address that is asked for, in the subnet of the network's slot."""
    slot = operation.network or operation.mode or ""
    return None if operation.address is None else f"10.88.{slot[1:]}.{operation.address}"


def api_call(operation: Operation, container: str, network: str) -> Call:
    """To control. References are names or ids; `network` is also that of a new container."""
    box, net, verb = f"/containers/{container}", f"/networks/{network}", operation.verb
    match verb:
        case "net_create":
            pools = [{"subnet": subnet}] if (subnet := _subnet(network)) else []
            call = Call("POST", "/networks", {"name": network, "ipam": {"pools": pools}})
        case "net_remove" | "net_remove_force":
            call = Call("DELETE", net, query=_force(verb))
        case "create" | "run":
            call = Call("POST", "/containers", _wanted(operation, container, network))
        case "rm" | "rm_force":
            call = Call("DELETE", box, query=_force(verb))
        case "stop" | "restart":
            call = Call("POST", f"{box}/{verb}", query={"timeout": GRACE})
        case "connect":
            aliases = None if network in BUILT_IN else ["chaos"]
            call = Call("PUT", f"{net}{box}", {"ipv4": address(operation), "aliases": aliases})
        case "disconnect":
            call = Call("DELETE", f"{net}{box}")
        case _:
            call = Call("POST", f"{box}/{verb}")
    return call


def socket_call(operation: Operation, container: str, network: str, name: str = "") -> Call:
    """To the engine. `network` is also that of a new container; `name` is the new one, of a rename."""
    box, net, verb = f"/containers/{container}", f"/networks/{network}", operation.verb
    match verb:
        case "net_create":
            config = [{"Subnet": subnet}] if (subnet := _subnet(network)) else []
            body = {"Name": network, "CheckDuplicate": True, "IPAM": {"Config": config}}
            call = Call("POST", "/networks/create", body)
        case "net_remove":
            call = Call("DELETE", net)
        case "create":
            call = Call("POST", "/containers/create", _config(operation, network), {"name": container})
        case "rm" | "rm_force":
            call = Call("DELETE", box, query=_force(verb))
        case "stop" | "restart":
            call = Call("POST", f"{box}/{verb}", query={"t": GRACE})
        case "rename":
            call = Call("POST", f"{box}/rename", query={"name": name})
        case "connect":
            call = Call("POST", f"{net}/connect", {"Container": container, "EndpointConfig": _endpoint(operation)})
        case "disconnect":
            call = Call("POST", f"{net}/disconnect", {"Container": container, "Force": operation.force})
        case _:
            call = Call("POST", f"{box}/{verb}")
    return call


def _force(verb: str) -> dict[str, str]:
    return {"force": "true"} if verb.endswith("_force") else {}


def _subnet(slot: str) -> str | None:
    number = int(slot[1:])
    return f"10.88.{number}.0/24" if number < SUBNETS else None


def _program(operation: Operation) -> list[str]:
    return {"sleep": SLEEP, "exits": EXITS, "bad": BAD}[operation.program]


def _wanted(operation: Operation, name: str, network: str) -> dict[str, Any]:
    wanted: dict[str, Any] = {
        "name": name,
        "image": ALPINE,
        "command": _program(operation),
        "init": operation.program != "bad",
        "restart": operation.restart,
        "start": operation.verb == "run",
    }
    if network in BUILT_IN:
        wanted["network_mode"] = network
    else:
        wanted["networks"] = [{"network": network, "ipv4": address(operation)}]
    return wanted


def _config(operation: Operation, network: str) -> dict[str, Any]:
    host = {
        "NetworkMode": network,
        "Init": operation.program != "bad",
        "RestartPolicy": {"Name": operation.restart},
    }
    config: dict[str, Any] = {"Image": ALPINE, "Cmd": _program(operation), "HostConfig": host}
    if operation.address is not None:
        config["NetworkingConfig"] = {"EndpointsConfig": {network: _endpoint(operation)}}
    return config


def _endpoint(operation: Operation) -> dict[str, Any]:
    wanted = address(operation)
    return {} if wanted is None else {"IPAMConfig": {"IPv4Address": wanted}}
