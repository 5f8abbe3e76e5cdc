"""A hub on this machine: enough of the real one's interface for its own client to be content."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Serves folders as repositories and writes down what it was asked for."""

    daemon_threads = True

    def __init__(self, repositories: dict[str, Path]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories = repositories
        self.gated: set[str] = set()
        self.asked: list[str] = []
        self.address = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"
    errors: ClassVar = {"RepoNotFound": 401, "GatedRepo": 403, "RevisionNotFound": 404, "EntryNotFound": 404}

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, *, with_body: bool) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append(path)
        parts = path.removeprefix("/api/models/").strip("/").split("/")
        name, rest = "/".join(parts[:2]), parts[2:]
        if name not in self.server.repositories:
            self._error("RepoNotFound")
        elif name in self.server.gated:
            self._error("GatedRepo")
        elif path.startswith("/api/"):
            self._about(self.server.repositories[name], rest)
        else:
            self._file(self.server.repositories[name] / rest[-1], with_body=with_body)

    def _about(self, folder: Path, rest: list[str]) -> None:
        files = sorted(folder.iterdir())
        if rest[1:2] not in ([COMMIT], ["main"]):
            self._error("RevisionNotFound")
        elif rest[0] == "tree":
            entries = [{"type": "file", "path": f.name, "size": f.stat().st_size, "oid": _digest(f)} for f in files]
            self._send(200, json.dumps(entries).encode())
        else:
            about = {"id": folder.name, "sha": COMMIT, "siblings": [{"rfilename": file.name} for file in files]}
            self._send(200, json.dumps(about).encode())

    def _file(self, path: Path, *, with_body: bool) -> None:
        if not path.is_file():
            return self._error("EntryNotFound")
        headers = {"ETag": f'"{_digest(path)}"', "X-Repo-Commit": COMMIT}
        return self._send(200, path.read_bytes(), with_body=with_body, **headers)

    def _error(self, code: str) -> None:
        self._send(self.errors[code], b"{}", **{"X-Error-Code": code})

    def _send(self, status: int, body: bytes, *, with_body: bool = True, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)


def _digest(path: Path) -> str:
    """Name a file as the hub does: large ones by sha256, small ones shorter."""
    if path.suffix == ".safetensors":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()


@contextmanager
def serving(repositories: dict[str, Path]) -> Iterator[Hub]:
    """Run a hub while the body runs."""
    hub = Hub(repositories)
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        thread.join()
        hub.server_close()
