"""A network that is wanted, as the engine's JSON. Pure."""

from typing import Any

from control.engine.spec.base import present
from control.wanted import WantedNetwork, WantedPool


def network_config(wanted: WantedNetwork) -> dict[str, Any]:
    """The body of `POST /networks/create`."""
    return {
        "Name": wanted.name,
        "CheckDuplicate": True,  # without it, engines before 25 make a second network of the same name
        "Driver": wanted.driver,
        "Internal": wanted.internal,
        "Attachable": wanted.attachable,
        "EnableIPv6": wanted.ipv6,
        "Labels": wanted.labels,
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
