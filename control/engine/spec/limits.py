"""How much of the machine a container may use, as the engine's JSON. Pure."""

from typing import Any

from control.engine.spec.base import present
from control.wanted import WantedLimits, WantedUpdate


def limits_config(wanted: WantedLimits) -> dict[str, Any]:
    """The members of a `HostConfig` that limit; what is not wanted is left as it is."""
    return present(
        Memory=wanted.memory,
        MemorySwap=wanted.memory_swap,
        MemoryReservation=wanted.memory_reservation,
        NanoCpus=None if wanted.cpus is None else round(wanted.cpus * 1e9),
        CpuShares=wanted.cpu_shares,
        CpusetCpus=wanted.cpuset,
        PidsLimit=wanted.pids,
    )


def restart_config(name: str, retries: int | None) -> dict[str, Any]:
    """A `RestartPolicy`."""
    return {"Name": name, "MaximumRetryCount": retries or 0}


def update_config(wanted: WantedUpdate) -> dict[str, Any]:
    """The body of `POST /containers/{id}/update`."""
    config = limits_config(wanted.limits)
    if wanted.restart is not None:
        config["RestartPolicy"] = restart_config(wanted.restart, wanted.restart_retries)
    return config
