"""A control on a private engine with something in it, and Schemathesis let loose on both."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.api import run
from tests.support.control import Control, running_control
from tests.support.engine import private_engine
from tests.support.fixtures import load_images

HERE: Final = Path(__file__).parent
CONFIG: Final = HERE / "schemathesis.toml"
IMAGE: Final = "alpine"
NETWORKS: Final = ("seeded", "spare")
CONTAINERS: Final = ("first", "second")
VOLUME: Final = "seeded"


@contextmanager
def seeded_control() -> Iterator[Control]:
    """A control whose engine has networks, containers and a volume, by the names that the configuration knows. Short
    time-outs: what waits is asked for too."""
    settings = {"CONTROL_EXEC_TIMEOUT": "1", "CONTROL_HEARTBEAT": "1"}
    with private_engine() as engine, tempfile.TemporaryDirectory(prefix="pontlevis-contract-") as folder:
        load_images(engine, IMAGE)
        with running_control(engine.url, Path(folder) / "data", **settings) as control, control.client() as api:
            for number, name in enumerate(NETWORKS):
                pools = [{"subnet": f"10.91.{number}.0/24"}]
                api.post("/networks", json={"name": name, "ipam": {"pools": pools}}).raise_for_status()
            for name in CONTAINERS:
                run(api, name, networks=["seeded"])
            api.post("/volumes", json={"name": VOLUME}).raise_for_status()
            yield control


def schemathesis(control: Control, *options: str, report: Path, by_chance: bool = False) -> int:
    """Run it with these further options, its report into a file; its exit code, 0 where nothing was found. `by_chance`:
    with other cases for each `--seed`, and as many as are asked for in every phase."""
    config = CONFIG
    if by_chance:
        lines = CONFIG.read_text().splitlines()
        config = report.with_name(CONFIG.name)
        config.write_text("\n".join(it for it in lines if not it.startswith(("deterministic", "max-examples", "seed"))))
    command = [
        *(str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(config), "run"),
        *(f"{control.url}/openapi.json", "--no-color", *options),
    ]
    environment = {**os.environ, "CONTRACT_TOKEN": control.token, "PYTHONPATH": str(HERE.parents[1])}
    with report.open("w") as output:
        return subprocess.run(
            command, env=environment, cwd=report.parent, stdout=output, stderr=output, check=False
        ).returncode


def defects(control: Control) -> list[str]:
    """The lines of control's own log that tell of a defect."""
    return [line for line in control.log_path.read_text().splitlines() if '"request.failed"' in line]
