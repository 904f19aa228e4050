"""A real web server that misbehaves as it is told, and a clone whose manifest names its files."""

from __future__ import annotations

import contextlib
import http.server
import shutil
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from semantic_matte import downloads, weights

ROOT = Path(__file__).parent.parent.parent.parent
# In the hands of a test: what a studio may have set.
VARIABLES = (
    "SEMANTIC_MATTE_WEIGHTS",
    "SEMANTIC_MATTE_OFFLINE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
)


@dataclass(frozen=True)
class Answer:
    """What the server does with one request: by default it sends the file, or the rest that was asked for.

    cut_after: bytes of the body after which the connection is torn. ranges, if_range: whether it honours these
    headers. length: whether it tells the length (else it sends chunks). pause: seconds of silence before the
    body. stall_after: bytes of the body after which nothing more comes, for a minute.
    """

    content: bytes = b""
    status: int = 200
    etag: str = '"first"'
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    ranges: bool = True
    if_range: bool = True
    length: bool = True
    pause: float = 0.0
    stall_after: int | None = None


class Server:
    """Answers each request by the next of `answers`, and then by the last for ever."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.answers: list[Answer] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._scheme = "http"
        self.ended = threading.Event()
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
            self._scheme = "https"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def url(self, name: str = "file.pth") -> str:
        return f"{self._scheme}://127.0.0.1:{self._http.server_port}/{name}"

    def says(self, *answers: Answer) -> None:
        """From now on."""
        self.answers = list(answers)
        self.requests.clear()

    @property
    def ranges(self) -> list[str | None]:
        """The Range header of every request so far."""
        return [headers.get("range") for _, headers in self.requests]

    def next_answer(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def stop(self) -> None:
        self.ended.set()
        self._http.shutdown()
        self._http.server_close()


def _handler(server: Server) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            server.requests.append((self.path, headers))
            with contextlib.suppress(OSError):
                self.answer(server.next_answer(), headers)

        def answer(self, answer: Answer, headers: dict[str, str]) -> None:
            body, status = answer.content, answer.status
            sent = dict(answer.headers)
            if status == 200:
                if answer.etag:
                    sent["ETag"] = answer.etag
                asked = headers.get("range", "")
                same = not answer.if_range or headers.get("if-range") in (None, answer.etag)
                if answer.ranges and asked and same:
                    start = int(asked.removeprefix("bytes=").removesuffix("-"))
                    sent["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
                    status = 206 if start < len(body) else 416
                    body = body[start:] if status == 206 else b""
            self.send_response(status)
            for name, value in sent.items():
                self.send_header(name, value)
            self.send_header(
                *("Content-Length", str(len(body))) if answer.length else ("Transfer-Encoding", "chunked")
            )
            self.end_headers()
            self.wfile.flush()
            time.sleep(answer.pause)
            if answer.stall_after is not None:
                self.wfile.write(body[: answer.stall_after])
                self.wfile.flush()
                server.ended.wait(60)
                self.close_connection = True
                return
            self.send_body(body if answer.cut_after is None else body[: answer.cut_after], answer)

        def send_body(self, body: bytes, answer: Answer) -> None:
            if answer.length:
                self.wfile.write(body)
            else:
                for start in range(0, len(body), 1 << 16):
                    part = body[start : start + (1 << 16)]
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                self.wfile.write(b"0\r\n\r\n")
            self.wfile.flush()
            if answer.cut_after is not None:
                self.close_connection = True
                # Let the client read what was sent, then tear the line: no polite end.
                time.sleep(0.1)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the machine's own: neither proxies nor folders; the user's cache is in the test's folder."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / ".cache"))


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between tries, which are not waited for."""
    waited: list[float] = []
    monkeypatch.setattr(downloads, "time", SimpleNamespace(sleep=waited.append))
    return waited


@dataclass(frozen=True)
class Clone:
    """The project's code and models, with a manifest of the test's own. core: for `command_line`."""

    folder: Path

    @property
    def core(self) -> Path:
        return self.folder / "core"

    @property
    def weights(self) -> Path:
        return self.folder / "weights"

    def offer(self, **downloads: dict[str, Any]) -> None:
        """Let these be the models that can be pulled."""
        listed = yaml.safe_load((ROOT / "weights" / "manifest.yaml").read_text(encoding="utf-8"))
        listed["downloads"] = downloads
        (self.weights / "manifest.yaml").write_text(yaml.safe_dump(listed, sort_keys=False), encoding="utf-8")


@pytest.fixture(scope="module")
def whole_clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "core", folder / "core", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "weights").mkdir()
    for path in (ROOT / "weights").glob("*.safetensors"):
        (folder / "weights" / path.name).symlink_to(path)
    return Clone(folder)


@pytest.fixture
def clone(whole_clone: Clone, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clone]:
    """Taken by the package in this process too."""
    whole_clone.offer()
    monkeypatch.setattr(weights, "_FOLDERS", (whole_clone.weights,))
    weights.manifest.cache_clear()
    yield whole_clone
    weights.manifest.cache_clear()


Row = Callable[..., dict[str, Any]]


@pytest.fixture
def row(server: Server) -> Row:
    """A row of the manifest for a file of the server; `given` replaces or adds fields, None removes one."""

    def make(**given: Any) -> dict[str, Any]:
        values = {
            "file": "file.pth",
            "url": server.url(),
            "task": "masks of test cards",
            "licence": "MIT",
            "commercial_use": "yes",
            "origin": "https://example.org/models",
            **given,
        }
        return {name: value for name, value in values.items() if value is not None}

    return make


@pytest.fixture
def answer() -> type[Answer]:
    """Makes an answer for `server.says`."""
    return Answer


@pytest.fixture
def make_server() -> type[Server]:
    """Makes a server, for https if it is given a certificate with its key."""
    return Server
