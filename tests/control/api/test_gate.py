"""Who is let in, and what everyone gets: the token, the Host header, methods, bodies, request ids."""

import json
import socket
from typing import Any

import httpx2
import pytest
from starlette.routing import Route

from control.api.methods import Methods
from control.api.routes import ROUTES
from tests.support.api import problem_of
from tests.support.control import Control
from tests.support.polling import eventually

CALLS = [
    (method, route.path_format.replace("{image}", "alpine"))
    for route in ROUTES
    if isinstance(route, Route)
    for method in (route.endpoint.operations if isinstance(route.endpoint, Methods) else ["GET"])
]


@pytest.mark.parametrize(("method", "path"), [*CALLS, ("GET", "/nowhere"), ("POST", "/nowhere")])
def test_no_route_answers_without_the_token(control: Control, method: str, path: str) -> None:
    """Every path but /healthz, /openapi.json and /docs, which tell nothing of the engine or the log, is 401 without a
    token and with a wrong one, also one that does not exist."""
    for authorization in (None, "Bearer wrong", f"Basic {control.token}", control.token, "Bearer"):
        headers = {} if authorization is None else {"Authorization": authorization}
        answer = httpx2.request(method, control.url + path, headers=headers, timeout=30)
        if path in {"/healthz", "/openapi.json", "/docs"}:
            assert answer.status_code == 200
        else:
            assert answer.status_code == 401, (method, path)
            assert answer.headers["www-authenticate"].startswith("Bearer")
            if method != "HEAD":
                assert "make token" in problem_of(answer)["detail"]


@pytest.mark.parametrize(
    "path",
    ["//healthz", "/healthz/", "/healthz/../networks", "/HEALTHZ", "/healthz%2f..%2fnetworks", "/docs/x", "/docs/"],
)
def test_nothing_that_looks_like_healthz_is_open(control: Control, path: str) -> None:
    """The open paths are compared as a whole."""
    request = httpx2.Request("GET", control.url)
    request.url = request.url.copy_with(raw_path=path.encode())
    with httpx2.Client() as client:
        assert client.send(request).status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7070", "127.0.0.1.evil.example", "", "localhost:x"])
def test_only_known_hosts_are_answered(control: Control, api: httpx2.Client, host: str) -> None:
    """A page that points its own name at 127.0.0.1 gets 403, token or not, on every path."""
    for path in ("/healthz", "/networks"):
        answer = api.get(path, headers={"Host": host})
        assert answer.status_code == 403
        assert "CONTROL_ALLOWED_HOSTS" in problem_of(answer)["detail"]
    assert api.get("/healthz", headers={"Host": f"localhost:{control.port}"}).status_code == 200


def test_the_token_is_kept_for_its_owner_alone(control: Control) -> None:
    """Mode 0600 in a folder of mode 0700, and long."""
    assert (control.data_dir / "token").stat().st_mode & 0o777 == 0o600
    assert control.data_dir.stat().st_mode & 0o777 == 0o700
    assert len(control.token) > 40


def test_other_methods_are_told_which(api: httpx2.Client) -> None:
    """405 with Allow for the whole path."""
    answer = api.patch("/networks/x/containers/y")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "DELETE, GET, HEAD, PUT"
    assert "DELETE, GET, HEAD, PUT" in problem_of(answer)["detail"]


def test_unknown_paths_are_404(api: httpx2.Client) -> None:
    """Also with a slash too many."""
    for path in ("/nowhere", "/networks/", "/containers/x/y"):
        answer = api.get(path)
        assert answer.status_code == 404
        problem_of(answer)


@pytest.mark.parametrize(
    ("content", "media", "status"),
    [
        (b'{"name": "x"}', "text/plain", 415),
        (b'{"name": "x"}', "application/x-www-form-urlencoded", 415),
        (b'{"name": "x"}', "", 415),
        (b'{"name": ', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'"' + b"x" * 1_100_000 + b'"', "application/json", 413),
    ],
)
def test_bodies_that_can_not_be_read(api: httpx2.Client, content: bytes, media: str, status: int) -> None:
    """Another media type, broken JSON and too large a body are 4xx with their reason."""
    headers = {"Content-Type": media} if media else {}
    answer = api.post("/networks", content=content, headers=headers)
    assert answer.status_code == status
    problem_of(answer)


def test_a_body_without_length_is_limited_too(api: httpx2.Client) -> None:
    """A chunked body past the limit is 413."""
    headers = {"Content-Type": "application/json"}
    answer = api.post("/networks", content=(b" " * 65_536 for _ in range(40)), headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize(("path", "media"), [("/networks", "application/json"), ("/images/build", "application/x-tar")])
def test_a_client_that_breaks_off_is_no_defect(control: Control, path: str, media: str) -> None:
    """Half a body and then nothing: one quiet line, nothing done, and no traceback in the log."""
    request_id = f"broke-off{path.replace('/', '-')}"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {control.token}\r\n"
        f"Content-Type: {media}\r\nContent-Length: 1000\r\nX-Request-ID: {request_id}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", control.port)) as connection:
        connection.sendall(head.encode() + b"{")

    def lines() -> list[dict[str, Any]]:
        told = [json.loads(line) for line in control.log_path.read_text().splitlines() if request_id in line]
        return [line for line in told if line["event"] != "request"]  # the event log's intent and outcome

    (line,) = eventually(lines)
    assert (line["event"], line["status"], line["problem"]) == ("http.request", 400, "bad-request")


def test_request_ids(api: httpx2.Client) -> None:
    """A sane id is kept, another is replaced, none is made: each answer has one, errors too."""
    assert api.get("/networks", headers={"X-Request-ID": "my-id.7"}).headers["x-request-id"] == "my-id.7"
    for bad in ("x" * 65, "a b", "<script>"):
        assert api.get("/networks", headers={"X-Request-ID": bad}).headers["x-request-id"] != bad
    made = {api.get("/nowhere").headers["x-request-id"] for _ in range(2)}
    assert len(made) == 2


def test_each_request_is_one_line_of_json(api: httpx2.Client, control: Control) -> None:
    """With who asked, what for, how it ended and how long it took."""
    api.get("/networks/no-such", headers={"X-Request-ID": "look-for-me"})

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in control.log_path.read_text().splitlines() if "look-for-me" in line]

    (line,) = eventually(lines)
    assert (line["event"], line["method"], line["path"]) == ("http.request", "GET", "/networks/no-such")
    assert (line["status"], line["problem"], line["principal"]) == (404, "not-found", "admin")
    assert line["duration_ms"] > 0
    assert line["timestamp"].endswith("Z")


def test_health_and_metrics(api: httpx2.Client) -> None:
    """Ready with its reasons; metrics in Prometheus' format, by route and not by path."""
    assert api.get("/healthz").json() == {"status": "alive"}
    ready = api.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    api.get("/networks/bridge")
    metrics = api.get("/metrics").text
    assert 'control_request_duration_seconds_count{method="GET",route="/networks/{network}",status="200"}' in metrics
