"""Where control keeps its data, for the server and for the command line. Imports nothing that takes time."""

import os
from pathlib import Path


def default_data_dir() -> Path:
    """`/var/lib/pontlevis` for root, else the user's state folder."""
    if os.geteuid() == 0:
        return Path("/var/lib/pontlevis")
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "pontlevis"
