"""What of the engine's host a request may touch: folders to mount, and folders to build from.

A bind mount of / is root on the host, so none is allowed but under folders that the operator names. A volume of
the local driver with a device is a bind mount by another name (CVE-2026-6406), and is held to the same list.
Paths are compared after `..` and, where this process can see them, symbolic links are resolved; where control runs
in a container it sees the host's folders only if they are mounted at the same path, as `make up` does.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from control.errors import Forbidden, Invalid
from control.wanted import WantedMount

_REMOTE: Final = frozenset({"nfs", "nfs4", "cifs", "smb3"})


def check_mounts(mounts: Iterable[WantedMount], roots: Sequence[Path]) -> tuple[WantedMount, ...]:
    """The mounts as the engine is to be asked for them: a bind mount of the folder that was checked, with what the path
    says resolved. Raises Forbidden for one outside `roots`, and for a volume that would be one."""
    checked = []
    for mount in mounts:
        if mount.type == "bind" and mount.source is not None:
            real = allowed_folder(mount.source, roots, "CONTROL_BIND_ROOTS")
            checked.append(mount.model_copy(update={"source": str(real)}))
        else:
            check_volume(mount.driver or "local", mount.options, roots)
            checked.append(mount)
    return tuple(checked)


def check_volume(driver: str, options: Mapping[str, str], roots: Iterable[Path]) -> None:
    """Raises Forbidden or Invalid for a local volume that would mount more of the host than `roots`."""
    if driver != "local" or not options:
        return
    unknown = sorted(set(options) - {"type", "device", "o", "size"})
    if unknown:
        raise Invalid(f"The local driver takes the options type, device, o and size, not {', '.join(unknown)}.")
    kind, device = options.get("type", ""), options.get("device", "")
    flags = {flag.partition("=")[0] for flag in options.get("o", "").split(",")}
    if kind == "tmpfs" or (kind in _REMOTE and not flags & {"bind", "rbind"}):
        return
    if kind in {"none", ""} and flags & {"bind", "rbind"} and device.startswith("/"):
        allowed_folder(device, roots, "CONTROL_BIND_ROOTS")
        return
    raise Forbidden(
        f"A local volume of type {kind!r} on device {device!r} could mount any part of the host. Use type tmpfs, nfs "
        "or cifs, or a bind of a folder under CONTROL_BIND_ROOTS."
    )


def allowed_folder(path: str, roots: Iterable[Path], setting: str) -> Path:
    """The path without `..` and symbolic links, if it lies in one of `roots`. Raises Forbidden."""
    real = Path(os.path.realpath(path))
    known = [Path(os.path.realpath(root)) for root in roots]
    if any(real.is_relative_to(root) for root in known):
        return real
    listed = ", ".join(str(root) for root in known) or "none"
    raise Forbidden(f"{path} is outside the allowed folders ({listed}). The operator allows more with {setting}.")
