"""The part of Gitea's API the lab uses, over real HTTP on loopback."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "0123456789abcdef0123456789abcdef01234567"

Answer = tuple[int, Any]


@dataclass
class FakeGitea:
    """State and rules of the server; `url` once it is served."""

    password: str = ""
    """Of user `lab`; empty: there is no such user."""
    healthy: bool = True
    url: str = ""
    repositories: dict[str, dict[str, str]] = field(default_factory=dict)
    """Repository -> branch -> commit id."""
    labels: list[dict[str, Any]] = field(default_factory=list)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    busy_merges: int = 0
    """How often a merge is answered with "try again later"."""
    unnoticed: int = 0
    """How often a pushed branch is not seen yet when a pull request is opened."""
    requests: list[str] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)

    def answer(self, method: str, path: str, body: Any, authorization: str) -> Answer:
        bare, _, query = path.partition("?")
        self.requests.append(f"{method} {path}")
        self.bodies.append(body)
        if bare == "/api/healthz":
            return (200 if self.healthy else 503), {}
        if bare.endswith(".git/info/refs"):
            return self._advertise(bare.split("/")[2].removesuffix(".git"))
        parts = bare.removeprefix("/api/v1/").split("/")
        if authorization == f"token {TOKEN}" and parts == ["admin", "users", "lab"]:
            self.password = body["password"]
            return 200, {}
        basic = base64.b64encode(f"lab:{self.password}".encode()).decode()
        if not self.password or authorization != f"Basic {basic}":
            return 401, {"message": "user does not exist or the password is wrong"}
        return self._signed_in(method, parts, query, body)

    def _signed_in(self, method: str, parts: list[str], query: str, body: Any) -> Answer:
        match method, parts:
            case "GET", ["user"]:
                return 200, {"login": "lab"}
            case "DELETE", ["users", "lab", "tokens", name]:
                self.tokens.discard(name)
                return 204, None
            case "GET", ["user", "repos"]:
                return 200, self._page([{"name": name} for name in self.repositories], query)
            case "POST", ["user", "repos"]:
                if body["name"] in self.repositories:
                    return 409, {"message": "the repository already exists"}
                self.repositories[body["name"]] = {}
                return 201, body
            case "GET", ["repos", "lab", _, "labels"]:
                return 200, self._page(self.labels, query)
            case "POST", ["repos", "lab", _, "labels"]:
                self.labels.append({"id": len(self.labels) + 1, "name": body["name"]})
                return 201, self.labels[-1]
            case "GET", ["repos", "lab", _, "pulls"]:
                return 200, self._page(list(reversed(self.pulls)), query)
            case "POST", ["repos", "lab", _, "pulls"]:
                return self._open(body)
            case _, ["repos", "lab", _, "pulls", number, *rest]:
                return self._pull(method, self.pulls[int(number) - 1], rest, body)
        return 404, {"message": "not found"}

    def _advertise(self, repository: str) -> Answer:
        """What git is told first: pkt-lines of references, capabilities after the first."""
        if repository not in self.repositories:
            return 404, b"not found"
        refs = [f"{commit} refs/heads/{name}" for name, commit in self.repositories[repository].items()]
        lines = refs or ["0" * 40 + " capabilities^{}"]
        lines[0] += "\0 report-status agent=git/2"
        body = "".join(f"{len(line) + 5:04x}{line}\n" for line in lines)
        return 200, f"001e# service=git-upload-pack\n0000{body}0000".encode()

    def _open(self, body: Any) -> Answer:
        if self.unnoticed:
            self.unnoticed -= 1
            return 404, {"message": f"branch does not exist: {body['head']}"}
        if any(p["head"]["ref"] == body["head"] and p["state"] == "open" for p in self.pulls):
            return 409, {"message": "pull request already exists for these targets"}
        labels = [label for label in self.labels if label["id"] in body["labels"]]
        pull = {
            "number": len(self.pulls) + 1,
            "title": body["title"],
            "head": {"ref": body["head"]},
            "labels": labels,
            "state": "open",
            "merged": False,
        }
        self.pulls.append(pull)
        return 201, pull

    def _pull(self, method: str, pull: dict[str, Any], rest: list[str], body: Any) -> Answer:
        if method == "POST" and rest == ["merge"]:
            if self.busy_merges:
                self.busy_merges -= 1
                return 405, {"message": "Please try again later"}
            pull |= {"state": "closed", "merged": True}
            return 200, None
        if method == "PATCH":
            pull |= body
            return 201, pull
        return 200, pull

    def _page(self, items: list[Any], query: str) -> list[Any]:
        values = dict(pair.split("=") for pair in query.split("&") if pair)
        limit, page = int(values.get("limit", 30)), int(values.get("page", 1))
        return items[(page - 1) * limit : page * limit]


@contextmanager
def served(gitea: FakeGitea) -> Iterator[FakeGitea]:
    """Answer on a loopback port of the system's choice."""

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            authorization = self.headers.get("Authorization", "")
            status, answer = gitea.answer(self.command, self.path, body, authorization)
            data = answer if isinstance(answer, bytes) else b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    gitea.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield gitea
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
