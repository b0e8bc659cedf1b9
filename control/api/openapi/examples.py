"""Examples: those of bodies stand with the models that validate them, those of answers are put together here from what
the members usually hold, so that an answer's example has every member that its schema has. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

Schema = Mapping[str, Any]

_NETWORK: Final = "4de98e60b1f5c7d2a39e08f46b5c1d7e92a0f3b8c6d4e1957a2b0c8f3d6e4a1b"
_CONTAINER: Final = "062bce69d1a7f4083c5e9b2f76a1d0c8e4b3957f2a6d8c1e0f9b4a7d3c5e8f21"
_ENDPOINT: Final = "6a1eaaa6c3d2f7b8091e4a5c6d7f8b90a1c2e3d4f5b6a7980c1d2e3f4a5b6c7d"
_IMAGE: Final = "sha256:9b2f76a1d0c8e4b3957f2a6d8c1e0f9b4a7d3c5e8f21062bce69d1a7f4083c5e"
_INSTANT: Final = "2026-11-24T21:32:50.302761385Z"

USUAL: Final[Mapping[str, Any]] = {
    "Network.id": _NETWORK,
    "NetworkDetail.id": _NETWORK,
    "NetworkName.id": _NETWORK,
    "NetworkRef.id": _NETWORK,
    "Endpoint.id": _ENDPOINT,
    "Image.id": _IMAGE,
    "RequestRef.id": "76560f47524fdafc",
    "CloudEvent.id": "10",
    "id": _CONTAINER,
    "Network.name": "mynet",
    "NetworkDetail.name": "mynet",
    "NetworkName.name": "mynet",
    "NetworkRef.name": "mynet",
    "Volume.name": "mydb",
    "Image.tags": ["mongo:7"],
    "name": "db",
    "image": "mongo:7",
    "image_id": _IMAGE,
    "Volume.driver": "local",
    "Ipam.driver": "default",
    "driver": "bridge",
    "scope": "local",
    "Container.state": "running",
    "ContainerRun.state": "running",
    "Membership.state": "connected",
    "MembershipThen.state": "connected",
    "state": "active",
    "created": _INSTANT,
    "started": _INSTANT,
    "finished": None,
    "exit_code": 0,
    "Container.exit_code": None,
    "ContainerRun.exit_code": None,
    "error": None,
    "health": None,
    "command": ["docker-entrypoint.sh", "mongod"],
    "network_mode": "mynet",
    "restart": "unless-stopped",
    "labels": {"tier": "data"},
    "options": {},
    "subnet": "172.23.0.0/16",
    "range": None,
    "gateway": "172.23.0.1",
    "auxiliary_addresses": {},
    "ipv4": "172.23.0.2",
    "EndpointOptions.ipv4": None,
    "ipv6": None,
    "mac": "02:42:ac:17:00:02",
    "EndpointOptions.mac": None,
    "gateway_priority": None,
    "link_local": [],
    "links": [],
    "aliases": ["database"],
    "dns_names": ["database", "db"],
    "warnings": [],
    "Mount.type": "volume",
    "CloudEvent.type": "pontlevis.network.connect",
    "Mount.source": "mydb",
    "source": "stream",
    "CloudEvent.source": "urn:pontlevis:events",
    "subject": f"networks/{_NETWORK}/containers/{_CONTAINER}",
    "target": "/data/db",
    "container_port": 27017,
    "protocol": "tcp",
    "host_address": "127.0.0.1",
    "host_port": 27017,
    "mountpoint": "/var/lib/docker/volumes/mydb/_data",
    "size": 402653184,
    "next": None,
    "stdout": "listening on port 27017\n",
    "stderr": "",
    "seq": 10,
    "kind": "network.connect",
    "before": "configured",
    "after": "connected",
    "cause": "request",
    "principal": "admin",
    "reason": "maintenance",
    "observed_between": None,
    "detail": None,
    "hash": "093daf1a7c2e5b8d4f60a1937e8c2d5b6f4a0e1d9c3b7a58e2f6d1c0b4a93857",
    "head": "093daf1a7c2e5b8d4f60a1937e8c2d5b6f4a0e1d9c3b7a58e2f6d1c0b4a93857",
    "anchor": 0,
    "last": 10,
    "count": 10,
    "whole": True,
    "broken": None,
    "Checked.reason": None,
    "GapSeen.reason": "engine-restarted",
    "begin": _INSTANT,
    "end": _INSTANT,
    "at": _INSTANT,
    "began": _INSTANT,
    "ended": None,
    "began_seq": 10,
    "ended_seq": None,
    "certain": True,
    "complete": True,
    "begins": _INSTANT,
    "ends": _INSTANT,
    "gaps": [],
    "found": [],
    "checks": {"engine": "answers, version 20.10.24", "log": "follows the engine"},
}
"""What members hold, by `Model.member` or by `member` for all models."""


def given_examples(model: type[BaseModel]) -> dict[str, Any]:
    """The examples that stand with a model, as `examples` of a media type."""
    extra = model.model_config.get("json_schema_extra")
    given = extra.get("examples", []) if isinstance(extra, dict) else []
    assert isinstance(given, list)  # noqa: S101  (JSON Schema's)
    return {f"example-{number}": {"value": value} for number, value in enumerate(given, 1)}


def answer_example(schema: Schema, named: Mapping[str, Schema]) -> Any:  # noqa: ANN401  (any JSON)
    """An answer of this schema as it may look."""
    return _value(schema, "", "", named)


def _value(schema: Schema, owner: str, member: str, named: Mapping[str, Schema]) -> Any:  # noqa: ANN401  (any JSON)
    for key in (f"{owner}.{member}", member):
        if key in USUAL and _fits(USUAL[key], schema, named):
            return USUAL[key]
    if "$ref" in schema:
        owner = schema["$ref"].rpartition("/")[2]
        return _value(named[owner], owner, "", named)
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return _value(options[0], owner, "", named)
    return _made(schema, owner, named)


def _made(schema: Schema, owner: str, named: Mapping[str, Schema]) -> Any:  # noqa: ANN401  (any JSON)
    if "properties" in schema:
        return {name: _value(it, owner, name, named) for name, it in schema["properties"].items()}
    if schema.get("type") == "array":
        return [_value(it, owner, "", named) for it in schema.get("prefixItems") or [schema["items"]]]
    told = [schema[key] for key in ("const", "default") if key in schema]
    told += [it for key in ("enum", "examples") for it in schema.get(key, ())]
    return (told or [_PLAIN.get(schema.get("type", "string"), "text")])[0]


_PLAIN: Final[Mapping[str, Any]] = {"object": {}, "integer": 1, "number": 1.0, "boolean": False, "null": None}
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}


def _fits(value: object, schema: Schema, named: Mapping[str, Schema]) -> bool:
    if "$ref" in schema:
        return _fits(value, named[schema["$ref"].rpartition("/")[2]], named)
    if "anyOf" in schema:
        return any(_fits(value, it, named) for it in schema["anyOf"])
    typed = "type" not in schema or type(value) in _TYPES[schema["type"]]
    return typed and ("enum" not in schema or value in schema["enum"])
