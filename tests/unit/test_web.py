"""The door to HTTP."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import web
from lab.errors import LabError


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        sizes = {"/small": 10, "/large": 4096}
        status = 302 if self.path == "/moved" else 200 if self.path in sizes else 404
        body = b"x" * sizes.get(self.path, 0)
        self.send_response(status)
        self.send_header("Location", "/small")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_statuses_are_answers_and_redirects_are_not_followed(url: str) -> None:
    assert web.request("GET", f"{url}/small").text == "x" * 10
    assert web.request("GET", f"{url}/nothing").status == 404
    assert web.request("GET", f"{url}/moved").status == 302


def test_no_answer_is_an_error() -> None:
    with pytest.raises(LabError) as raised:
        web.request("GET", "http://127.0.0.1:9/")
    assert raised.value.code == "web-failed"
    assert "cannot be reached" in raised.value.what


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_loopback_is_asked_without_a_proxy(url: str, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert web.request("GET", f"{url}/small").status == 200


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:3000/x", True),
        ("http://127.8.8.8", True),
        ("http://[::1]:80", True),
        ("https://localhost", True),
        ("http://lab.localhost:8080", True),
        ("http://127.0.0.1.example.com", False),
        ("https://10.0.0.1", False),
        ("https://example.com", False),
    ],
)
def test_loopback_is_told_from_the_rest(url: str, expected: bool) -> None:
    assert web.is_loopback(url) is expected


def test_a_download_appears_whole(url: str, tmp_path: Path) -> None:
    target = tmp_path / "cache" / "file"
    web.download(f"{url}/large", target)
    assert target.stat().st_size == 4096
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(("path", "limit"), [("/nothing", 10**6), ("/large", 100)])
def test_a_failed_download_leaves_nothing(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, limit: int
) -> None:
    monkeypatch.setattr(web, "DOWNLOAD_LIMIT", limit)
    with pytest.raises(LabError) as raised:
        web.download(f"{url}{path}", tmp_path / "file")
    assert raised.value.code == "web-failed"
    assert list(tmp_path.iterdir()) == []
