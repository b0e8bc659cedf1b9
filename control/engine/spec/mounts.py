"""What is to be mounted in a container, as the engine's JSON. Pure."""

from collections.abc import Mapping
from typing import Any

from control.engine.spec.base import present
from control.wanted import WantedMount


def mount_config(mount: WantedMount, labels: Mapping[str, str]) -> dict[str, Any]:
    """A `Mount`; `labels` for a volume that is made for it."""
    config = {"Type": mount.type, "Source": mount.source or "", "Target": mount.target, "ReadOnly": mount.read_only}
    if mount.type == "volume":
        driver = present(Name=mount.driver, Options=dict(mount.options) or None)
        config["VolumeOptions"] = {
            "NoCopy": mount.no_copy,
            # The engine looks at these only where it makes the volume.
            "Labels": {**mount.labels, **labels},
            **({"DriverConfig": driver} if driver else {}),
        }
    elif mount.type == "bind":
        config["BindOptions"] = {"Propagation": "rprivate"}
    else:
        mode = None if mount.mode is None else int(mount.mode, 8)
        config["TmpfsOptions"] = present(SizeBytes=mount.size, Mode=mode)
    return config
