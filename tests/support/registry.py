"""A registry of one small image, on 127.0.0.1 of a private engine: real pulls where no registry answers."""

import base64
import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from tests.support.engine import PrivateEngine

MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"


class Registry:
    """`address` and a repository make a name that the engine can pull. With `login` it asks for it."""

    def __init__(self, login: tuple[str, str] | None) -> None:
        self.login = login
        self.address = ""
        self.asked: list[str] = []
        files = io.BytesIO()
        with tarfile.open(fileobj=files, mode="w") as tar:
            entry = tarfile.TarInfo("pulled")
            entry.size = 4
            tar.addfile(entry, io.BytesIO(b"yes\n"))
        layer = gzip.compress(files.getvalue(), mtime=0)
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Cmd": ["/pulled"]},
                "rootfs": {"type": "layers", "diff_ids": [digest(files.getvalue())]},
            }
        ).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _described("application/vnd.docker.container.image.v1+json", config),
            "layers": [_described("application/vnd.docker.image.rootfs.diff.tar.gzip", layer)],
        }
        self.manifest = json.dumps(manifest).encode()
        self.blobs = {digest(config): config, digest(layer): layer}

    def answer(self, path: str, authorization: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        if self.login is not None:
            expected = base64.b64encode(":".join(self.login).encode()).decode()
            if authorization != f"Basic {expected}":
                told = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
                return 401, {"WWW-Authenticate": 'Basic realm="test"'}, json.dumps(told).encode()
        if path == "/v2/":
            return 200, {}, b"{}"
        *_, repository, kind, reference = path.split("/")
        if kind == "manifests" and repository == "app" and reference in {"latest", "1", digest(self.manifest)}:
            return 200, {"Content-Type": MANIFEST, "Docker-Content-Digest": digest(self.manifest)}, self.manifest
        if kind == "blobs" and reference in self.blobs:
            return 200, {"Content-Type": "application/octet-stream"}, self.blobs[reference]
        code = "MANIFEST_UNKNOWN" if repository == "app" else "NAME_UNKNOWN"
        return 404, {}, json.dumps({"errors": [{"code": code, "message": code.lower().replace("_", " ")}]}).encode()


def digest(data: bytes) -> str:
    """`sha256:…`."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _described(media: str, data: bytes) -> dict[str, object]:
    return {"mediaType": media, "size": len(data), "digest": digest(data)}


@contextmanager
def running_registry(engine: PrivateEngine, login: tuple[str, str] | None = None) -> Iterator[Registry]:
    """A registry that the engine reaches."""
    registry = Registry(login)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            registry.asked.append(self.path)
            status, headers, body = registry.answer(self.path, self.headers.get("Authorization", ""))
            self.send_response(status)
            for name, value in {"Docker-Distribution-API-Version": "registry/2.0", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815  (the name that is looked for)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with engine.entered():
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
