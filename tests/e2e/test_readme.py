"""Every command of the README, as a new user types it: top to bottom, on an engine that nothing stands on."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from docker.cache import REPOSITORY
from tests.support.engine import PrivateEngine
from tests.support.person import Person

README: Final = (REPOSITORY / "README.md").read_text()
BLOCKS: Final = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
COMMANDS: Final = [text for language, text in BLOCKS if language == "sh"]
ELSEWHERE: Final = {
    "docker compose -f docker/compose.yaml up --build": "e2e/test_compose.py",
    "docker compose -f docker/compose.yaml exec control pontlevis token": "e2e/test_compose.py",
    "docker compose -f docker/compose.yaml -f docker/compose.dev.yaml up --build": "e2e/test_compose.py",
    "make counter": "counter/test_command.py",
    "COUNTER_MONGODB_URL=mongodb://127.0.0.1 .venv/bin/python -m counter": "counter/test_http.py",
    ".venv/bin/python -m counter --reload": "counter/test_command.py",
    "make bench": "bench/test_bench.py",
    ".venv/bin/python -m tests.bench --only log": "bench/test_eventlog.py",
    ".venv/bin/python -m tests.bench --only api": "bench/test_bench.py",
    "make chaos": "chaos/test_chaos.py",
    "make contract": "contract/test_schemathesis.py",
}
"""Commands that do not end, or take the machine for themselves, and the tests that run them."""
SECONDS: Final = 420


@pytest.fixture
def person(engine: PrivateEngine, tmp_path: Path) -> Iterator[Person]:
    """Who reads the README."""
    engine.clear()
    yield Person(engine, tmp_path / "data")
    engine.clear()


def test_every_command_works(person: Person) -> None:
    """In one shell, one after the other; curl fails on an error of the server's but where one is shown."""
    blocks = (f"printf '\\n@@{number}\\n'\n{text}" for number, text in enumerate(COMMANDS))
    script = "\n".join(["set -eu -o pipefail", *blocks])
    with person.engine.entered():
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=REPOSITORY,
            env=person.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    said = dict(re.findall(r"^@@(\d+)\n(.*?)(?=^@@|\Z)", done.stdout, re.MULTILINE | re.DOTALL))
    outputs = {COMMANDS[int(number)]: output for number, output in said.items()}
    assert len(outputs) == len(COMMANDS)
    problems = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"type":')]
    # The one that the README shows, where the database is off its network.
    assert [problem["status"] for problem in problems] == [503]
    first, second, third = (output for text, output in outputs.items() if "127.0.0.1:8000/" in text)
    assert first.strip() == "2"
    assert '"status":503' in second
    assert third.strip().splitlines()[-1] in {"3", "4"}
    log = next(output for text, output in outputs.items() if text.startswith(".venv/bin/pontlevis events --network"))
    live = [line.split()[2:5] for line in log.strip().splitlines() if "connect " in line]
    assert "(by admin: what if the database were gone)" in log
    assert live == [
        ["connect", "mynet", "db"],
        ["connect", "mynet", "server"],
        ["disconnect", "mynet", "db"],
        ["connect", "mynet", "db"],
    ]
    assert any("event: done" in output for output in outputs.values())


def test_the_other_commands_are_run_elsewhere() -> None:
    """A block `bash` holds those that this test can't run; each is named here with the test that does."""
    others = [line for language, text in BLOCKS if language == "bash" for line in text.splitlines()]
    assert sorted(others) == sorted(ELSEWHERE)
    for test in ELSEWHERE.values():
        assert (REPOSITORY / "tests" / test).is_file(), test


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`make ([a-z]+)`", README))))
def test_every_target_that_is_named_exists(target: str) -> None:
    """`make help` has it."""
    said = subprocess.run(["make", "help"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    assert f"make {target} " in said
