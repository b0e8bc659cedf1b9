"""A network that is wanted, as the engine's JSON. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from control.engine.spec.base import present
from control.wanted import WantedNetwork, WantedPool


def network_config(
    wanted: WantedNetwork, *, source: str | None = None, labels: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """The body of `POST /networks/create`. `source` is the name of the network whose configuration it takes; `labels`
    are further ones, which such a network can't have."""
    config: dict[str, Any] = {
        "Name": wanted.name,
        "CheckDuplicate": True,  # without it, engines before 25 make a second network of the same name
        "Internal": wanted.internal,
        "Attachable": wanted.attachable,
        "Ingress": wanted.ingress,
    }
    if wanted.scope is not None:
        config["Scope"] = wanted.scope
    if not wanted.config_only:
        config["Driver"] = wanted.driver
    if source is not None:
        # Beside a configuration the engine takes nothing that is in one, not even if it is empty.
        return {**config, "ConfigFrom": {"Network": source}}
    if not wanted.ipv4:
        config["EnableIPv4"] = False  # API 1.48
    return {
        **config,
        "ConfigOnly": wanted.config_only,
        "EnableIPv6": wanted.ipv6,
        "Labels": {**wanted.labels, **labels},
        "Options": wanted.options,
        "IPAM": {
            "Driver": wanted.ipam.driver,
            "Options": wanted.ipam.options,
            "Config": [_pool(pool) for pool in wanted.ipam.pools],
        },
    }


def _pool(pool: WantedPool) -> dict[str, Any]:
    return present(
        Subnet=pool.subnet,
        IPRange=pool.range,
        Gateway=pool.gateway,
        AuxiliaryAddresses=pool.auxiliary_addresses or None,
    )
