"""Short ways to say the usual things to control's API."""

import json
from typing import Any, Final

import httpx2

ALPINE: Final = "alpine"
"""The small image of busybox that the test engines have."""

SLEEP: Final = ["sleep", "100000"]

EVERYTHING: Final[dict[str, Any]] = {
    "aliases": ["visitor", "friend"],
    "ipv4": "10.120.0.77",
    "ipv6": "fd00:120::77",
    "link_local": ["169.254.7.7"],
    "links": ["neighbour:next-door"],
    "options": {"org.example.colour": "red"},
}
"""Every option of an endpoint that 20.10 heeds on a connect, on networks of 10.120.0.0/24 and fd00:120::/64 with a
`neighbour`."""


def problem_of(answer: httpx2.Response) -> dict[str, Any]:
    """The problem object of an answer that must be one, whole."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "request_id"} <= problem.keys()
    assert problem["status"] == answer.status_code
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in json.dumps(problem)
    return problem


def run(api: httpx2.Client, name: str, *, networks: list[str] | None = None, **options: Any) -> dict[str, Any]:  # noqa: ANN401  (any JSON)
    """Run a container that sleeps, on these networks (else the default bridge)."""
    body = {"name": name, "image": ALPINE, "command": SLEEP, "init": True, **options}
    if networks is not None:
        body["networks"] = [{"network": network} for network in networks]
    answer = api.post("/containers", json=body)
    assert answer.status_code == 201, answer.text
    container: dict[str, Any] = answer.json()
    return container


def execute(api: httpx2.Client, container: str, *command: str) -> dict[str, Any]:
    """Run a command in a container: {exit_code, stdout, stderr, truncated}."""
    answer = api.post(f"/containers/{container}/exec", json={"command": list(command)})
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result
