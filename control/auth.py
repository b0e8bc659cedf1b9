"""Who may ask: the Host header against a list, then a bearer token, before any routing.

The list keeps a web page from reaching control by a name of its own that it points at 127.0.0.1 (DNS rebinding):
Host and Origin agree there, so neither proves anything; the name does. The decision looks at the raw path of the
scope alone, never at a URL put together from headers (CVE-2026-48710).

The first admin token is made at the first start and kept in the data folder, readable by its owner alone. It is
kept as it is and not as a digest, because people fetch it there; whoever may read that folder may also speak to
the engine.
"""

import hashlib
import os
import secrets
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from starlette.authentication import AuthCredentials, AuthenticationBackend, AuthenticationError, SimpleUser
from starlette.requests import HTTPConnection
from starlette.responses import Response

from control.errors import Forbidden, Problem, Unauthenticated

TOKEN_FILE: Final = "token"  # noqa: S105  (a file's name)
OPEN_PATHS: Final = frozenset({"/healthz", "/openapi.json", "/docs"})
"""They tell nothing of the engine or the log, and a browser that reads the documentation can send no token."""

SUBPROTOCOL: Final = "bearer."
_PREFIX: Final = "pontlevis_"


class Refused(AuthenticationError):
    """Carries the problem that a refused client is told."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


class Gate(AuthenticationBackend):
    """Lets in who bears the token."""

    def __init__(self, token: str, allowed_hosts: Collection[str]) -> None:
        self._digest = _digest(token)
        self._hosts = frozenset(host.lower() for host in allowed_hosts)

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, SimpleUser] | None:
        """The principal; None on a path that is open to all. Raises Refused."""
        self._check_host(conn.headers.getlist("host"))
        if conn.scope["path"] in OPEN_PATHS:
            return None
        if conn.scope["type"] == "websocket":
            self._check_origin(conn.headers.getlist("origin"))
        if not secrets.compare_digest(_digest(_token_of(conn)), self._digest):
            raise Refused(
                Unauthenticated(
                    "Send `Authorization: Bearer TOKEN`. `pontlevis token` or `make token` prints the token.",
                    headers={"WWW-Authenticate": 'Bearer realm="pontlevis"'},
                )
            )
        return AuthCredentials(["admin"]), SimpleUser("admin")

    def _check_host(self, hosts: list[str]) -> None:
        if len(hosts) == 1 and self._is_ours(hosts[0]):
            return
        raise Refused(
            Forbidden(
                f"The Host header {', '.join(hosts)[:100]!r} is not one of this server's. Ask for 127.0.0.1, or name "
                "the host in CONTROL_ALLOWED_HOSTS."
            )
        )

    def _check_origin(self, origins: list[str]) -> None:
        """A page of another site may open a WebSocket here, and no browser asks whether it may. It needs the token all
        the same; this keeps it from trying."""
        if not origins:
            return
        scheme, _, host = origins[0].partition("://")
        if len(origins) == 1 and scheme in {"http", "https"} and self._is_ours(host):
            return
        raise Refused(
            Forbidden(
                f"The Origin {', '.join(origins)[:100]!r} is not one of this server's. Open the page from 127.0.0.1, "
                "or name its host in CONTROL_ALLOWED_HOSTS."
            )
        )

    def _is_ours(self, given: str) -> bool:
        name, colon, port = given.lower().rpartition(":")
        host = name if colon and port.isdecimal() else given.lower()
        return "*" in self._hosts or host in self._hosts


def _token_of(conn: HTTPConnection) -> str:
    """The token that a client sends; empty where it sends none. A browser sets no header on a WebSocket, so there it
    may come among the subprotocols, as `bearer.TOKEN`."""
    scheme, _, token = conn.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    offered: list[str] = conn.scope.get("subprotocols") or []
    return next((it.removeprefix(SUBPROTOCOL) for it in offered if it.startswith(SUBPROTOCOL)), "")


def on_refusal(respond: Callable[[Problem, str | None], Response]) -> Callable[[HTTPConnection, Exception], Response]:
    """The handler for starlette's AuthenticationMiddleware, by way of the one place that writes problems."""

    def handle(conn: HTTPConnection, error: Exception) -> Response:
        assert isinstance(error, Refused)  # noqa: S101  (Gate raises nothing else)
        conn.scope["problem"] = error.problem
        return respond(error.problem, conn.scope.get("request_id"))

    return handle


def first_token(folder: Path) -> tuple[str, bool]:
    """The admin token kept in this folder, made if there is none; and whether it was made now.

    The folder is made with mode 0700 where it is missing, the file with 0600. Raises OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / TOKEN_FILE
    try:
        if token := path.read_text().strip():
            return token, False
    except FileNotFoundError:
        pass
    token = _PREFIX + secrets.token_urlsafe(32)
    # Written whole under another name first, so that a crash leaves no empty token.
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return token, True


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
