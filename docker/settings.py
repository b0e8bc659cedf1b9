"""What `make up` and `make down` can be told, as make variables or in the environment."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from control.datafolder import default_data_dir
from docker.say import Trouble

UP: Final = "pontlevis.up"
"""The label on all that `make up` makes. Its value is the name of control's container, so that two may stand side
by side on one engine."""
CONFIG: Final = "pontlevis.config"
"""The label with the hash of what a container was asked to be."""
INSIDE: Final = 7070
"""Control's port in its container."""


@dataclass(frozen=True)
class Settings:
    """Names and ports. The defaults are the seed's names."""

    control: str
    control_port: int
    server: str
    server_port: int
    db: str
    network: str
    volume: str
    data: Path
    docker_host: str | None
    keep: bool

    @property
    def labels(self) -> dict[str, str]:
        """What everything made here carries."""
        return {UP: self.control}

    @property
    def ours(self) -> dict[str, list[str]]:
        """The engine's filter for what was made here."""
        return {"label": [f"{UP}={self.control}"]}

    @property
    def url(self) -> str:
        """Control's."""
        return f"http://127.0.0.1:{self.control_port}"

    @property
    def server_url(self) -> str:
        """The counter's."""
        return f"http://127.0.0.1:{self.server_port}"


def load() -> Settings:
    """From the environment; raises Trouble for a value that can't be used."""

    def text(name: str, default: str) -> str:
        return os.environ.get(name) or default

    def port(name: str, default: int) -> int:
        given = text(name, str(default))
        if not given.isdecimal() or not 0 < int(given) < 1 << 16:
            raise Trouble(f"{name}={given} is no port: give a number from 1 to 65535")
        return int(given)

    return Settings(
        control=text("UP_CONTROL", "pontlevis"),
        control_port=port("CONTROL_PORT", INSIDE),
        server=text("UP_SERVER", "server"),
        server_port=port("SERVER_PORT", 8000),
        db=text("UP_DB", "db"),
        network=text("UP_NETWORK", "mynet"),
        volume=text("UP_VOLUME", "mydb"),
        data=Path(text("CONTROL_DATA_DIR", str(default_data_dir()))).resolve(),
        docker_host=os.environ.get("CONTROL_DOCKER_HOST") or os.environ.get("DOCKER_HOST") or None,
        keep=text("KEEP", "0") not in {"0", "no", "false"},
    )
