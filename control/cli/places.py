"""Where control is, and the token for it: from the environment, else from the data folder."""

import os
from pathlib import Path

from control.cli.errors import Failed
from control.datafolder import default_data_dir


def url() -> str:
    """PONTLEVIS_URL, else this machine's control."""
    given = os.environ.get("PONTLEVIS_URL")
    if not given:
        return f"http://127.0.0.1:{os.environ.get('CONTROL_PORT') or 7070}"
    if not given.startswith(("http://", "https://")):
        raise Failed(f"PONTLEVIS_URL is {given!r}: it begins with http:// or https://.")
    return given.rstrip("/")


def token() -> str:
    """PONTLEVIS_TOKEN, else the token in the data folder of a control on this machine."""
    if given := os.environ.get("PONTLEVIS_TOKEN"):
        return given.strip()
    folder = os.environ.get("CONTROL_DATA_DIR")
    path = (Path(folder) if folder else default_data_dir()) / "token"
    try:
        found = path.read_text().strip()
    except OSError as error:
        raise Failed(
            f"No token: {path} can't be read ({error.strerror}). Set PONTLEVIS_TOKEN, or CONTROL_DATA_DIR to the "
            "data folder of control."
        ) from error
    if not found:
        raise Failed(f"No token: {path} is empty. Start control once, or set PONTLEVIS_TOKEN.")
    return found
