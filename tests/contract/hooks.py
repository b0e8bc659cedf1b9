"""What is sent by chance would seldom be a network or a container that can be: here some of it is, so that links are
followed from it; and what the rig has made stays, so that there is something to ask for. What is changed, and how, the
data itself decides, so that the cases are always the same."""

import itertools
import json
import zlib
from typing import Any, Final

import schemathesis

from control.wanted import Wanted, WantedContainer, WantedMembership, WantedNetwork
from tests.contract.rig import CONTAINERS, IMAGE, NETWORKS, VOLUME

_REMOVING: Final = {"remove_network", "remove_container", "remove_volume", "remove_image", "rename_container"}
_KEPT: Final = {*NETWORKS, *CONTAINERS, VOLUME, IMAGE}
_KEY: Final = "Idempotency-Key"
_ASKED: Final[dict[str | None, type[Wanted]]] = {
    "create_network": WantedNetwork,
    "connect": WantedMembership,
    "run_container": WantedContainer,
}
_numbers: Final = itertools.count()


def _id(context: schemathesis.HookContext) -> str | None:
    return context.operation.definition.raw.get("operationId") if context.operation else None


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:  # noqa: ANN401  (any JSON)
    """Two bodies of three as they are; the third, if it is one that may be sent, becomes one that succeeds."""
    name = _id(context)
    chance = zlib.crc32(repr(body).encode(errors="replace"))
    if name not in _ASKED or chance % 3 or not _allowed(_ASKED[name], body):
        return body
    if name == "create_network":
        return {"name": f"n{chance:08x}"}
    if name == "connect":
        return {}
    return {"image": IMAGE, "command": ["sleep", "1000"], "init": True, "networks": [{"network": NETWORKS[0]}]}


def _allowed(model: type[Wanted], body: object) -> bool:
    """Whether this is not one that must be refused."""
    try:
        model.model_validate_json(json.dumps(body), strict=True)
    except ValueError:
        return False
    return True


@schemathesis.hook
def map_headers(context: schemathesis.HookContext, headers: Any) -> Any:  # noqa: ANN401, ARG001  (schemathesis')
    """Nine keys of ten are new: else most requests would be told that theirs was used before."""
    key = headers.get(_KEY) if headers else None
    if isinstance(key, str) and 0 < len(key) <= 200 and key.isascii() and key.isprintable() and key == key.strip():
        number = next(_numbers)
        if number % 10:
            headers[_KEY] = f"{key}-{number}"
    return headers


@schemathesis.hook
def map_path_parameters(context: schemathesis.HookContext, path_parameters: Any) -> Any:  # noqa: ANN401  (schemathesis')
    """What the rig has made is neither removed nor renamed."""
    if path_parameters and _id(context) in _REMOVING:
        return {name: "none-such" if value in _KEPT else value for name, value in path_parameters.items()}
    return path_parameters
