"""A simulated cluster of this process that is asked over TLS, as anybody, byte for byte."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import yaml

from lab.sim.certificates import Pair
from lab.sim.clock import SystemClock
from lab.sim.cluster import Cluster, Settings
from lab.sim.http_client import Endpoint, HttpClient

NAMESPACE = "hostile"
Headers = Iterable[tuple[str, str]]


@dataclass
class Answer:
    """What came back; header names are in small letters."""

    code: int
    headers: dict[str, list[str]] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        """The body as it was meant, YAML too."""
        return yaml.safe_load(self.body) if "yaml" in self.header("content-type") else orjson.loads(self.body)

    @property
    def status(self) -> dict[str, Any]:
        """The body if it is a Status; {} for other answers."""
        try:
            said = self.json
        except (orjson.JSONDecodeError, yaml.YAMLError):
            return {}
        return said if isinstance(said, dict) and said.get("kind") == "Status" else {}

    @property
    def reason(self) -> str:
        """The reason of a Status; "" for other answers."""
        return str(self.status.get("reason", ""))

    @property
    def message(self) -> str:
        return str(self.status.get("message", "")) or self.body.decode(errors="replace")

    def header(self, name: str) -> str:
        return ", ".join(self.headers.get(name.lower(), ()))


def wire(method: str, target: str, headers: Headers = (), body: bytes | None = None) -> bytes:
    """A request as it is sent; `Host` and `Content-Length` are added where they are not said."""
    lines = [(name, value) for name, value in headers]
    said = {name.lower() for name, _ in lines}
    if "host" not in said:
        lines.insert(0, ("Host", "127.0.0.1"))
    if body is not None and not said & {"content-length", "transfer-encoding"}:
        lines.append(("Content-Length", str(len(body))))
    head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines) + "\r\n"
    return head.encode("utf-8", "surrogateescape") + (body or b"")


async def read_head(reader: asyncio.StreamReader) -> Answer:
    """Status line and headers."""
    first = await reader.readline()
    if not first:
        raise ConnectionResetError("closed without an answer")
    made = Answer(int(first.split()[1]))
    while (line := await reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        made.headers.setdefault(name.strip().lower(), []).append(value.strip())
    return made


async def chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The chunks of a body that goes on. Raises ConnectionResetError when it breaks off."""
    while True:
        line = await reader.readline()
        if not line:
            raise ConnectionResetError("the body broke off")
        size = int(line, 16)
        data = await reader.readexactly(size)
        await reader.readline()
        if not size:
            return
        yield data


async def read_answer(reader: asyncio.StreamReader, method: str) -> Answer:
    made = await read_head(reader)
    if method == "HEAD" or made.code in (101, 204, 304):
        return made
    if "chunked" in made.header("transfer-encoding"):
        made.body = b"".join([data async for data in chunks(reader)])
    elif made.header("content-length"):
        made.body = await reader.readexactly(int(made.header("content-length")))
    else:
        made.body = await reader.read()
    return made


@dataclass
class Door:
    """Where a cluster's API is, whom its certificate is from and with which certificates it can be asked."""

    port: int
    authority: str
    folder: Path
    admin: Pair | None = None
    _contexts: dict[str, ssl.SSLContext] = field(default_factory=dict)

    def tls(self, pair: Pair | None = None) -> ssl.SSLContext:
        """`pair`: the client certificate that is shown; None for none."""
        key = pair.certificate.decode() if pair else ""
        if key not in self._contexts:
            context = ssl.create_default_context(cadata=self.authority)
            if pair is not None:
                path = self.folder / "shown.pem"
                path.write_bytes(pair.certificate + pair.key)
                context.load_cert_chain(path)
                path.unlink()
            self._contexts[key] = context
        return self._contexts[key]

    @contextlib.asynccontextmanager
    async def connected(
        self, pair: Pair | None = None
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.tls(pair), limit=2**26)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def send(self, request: bytes, pair: Pair | None = None, method: str = "", seconds: float = 20.0) -> Answer:
        """Send bytes over a connection of their own and read one answer."""
        async with asyncio.timeout(seconds), self.connected(pair) as (reader, writer):

            async def write() -> None:
                with contextlib.suppress(ConnectionError):
                    writer.write(request)
                    await writer.drain()

            writing = asyncio.create_task(write())
            try:
                return await read_answer(reader, method or request.split(b" ", 1)[0].decode("latin-1"))
            finally:
                writing.cancel()

    async def ask(
        self,
        method: str,
        target: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        token: str = "",
        anonymous: bool = False,
    ) -> Answer:
        """Ask as the administrator, as whom a token is of, or as nobody. `body`: bytes or what becomes JSON."""
        lines = dict(headers or {})
        if token:
            lines["Authorization"] = f"Bearer {token}"
        if body is not None and not isinstance(body, bytes):
            body = orjson.dumps(body)
            lines.setdefault("Content-Type", "application/json")
        request = wire(method, target, lines.items(), body)
        return await self.send(request, None if token or anonymous else self.admin, method)


@dataclass
class Served:
    """A running cluster and its door."""

    cluster: Cluster
    door: Door

    @property
    def folder(self) -> Path:
        return self.door.folder

    def __getattr__(self, name: str) -> Any:
        return getattr(self.door, name)

    async def token(self, account: str, namespace: str = NAMESPACE) -> str:
        """A token of a service account, which is made if it is missing."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        await self.door.ask("POST", path, {"metadata": {"name": account}})
        answer = await self.door.ask("POST", f"{path}/{account}/token", {"spec": {}})
        assert answer.code == 201, answer.body
        return str(answer.json["status"]["token"])

    def client(self, manager: str = "tester") -> HttpClient:
        endpoint = Endpoint.of_kubeconfig(self.folder / "kubeconfig")
        return HttpClient(endpoint, manager, self.cluster.clock)

    async def alive(self) -> bool:
        return (await self.door.ask("GET", "/readyz")).body == b"ok"


@contextlib.asynccontextmanager
async def served(folder: Path, name: str = "alpha", minor: int = 34) -> AsyncIterator[Served]:
    """A cluster that runs with instant timing, forgotten at the end."""
    settings = Settings(name, f"1.{minor}", timing="instant")
    cluster = Cluster(settings, folder / name, None, SystemClock())
    await cluster.start()
    try:
        yield Served(cluster, door_of_kubeconfig(folder / name / "kubeconfig", folder / name))
    finally:
        await cluster.stop()


def door_of_kubeconfig(path: Path, folder: Path) -> Door:
    """The door of any cluster whose kubeconfig holds its credentials."""
    import base64

    config = yaml.safe_load(path.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    pair = Pair(*(base64.b64decode(user[f"client-{one}-data"]) for one in ("certificate", "key")))
    port = int(cluster["server"].rpartition(":")[2])
    return Door(port, base64.b64decode(cluster["certificate-authority-data"]).decode(), folder, pair)


CONFIGMAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"


async def furnish(door: Door) -> None:
    """The objects that hostile requests are about."""
    pod = {"containers": [{"name": "c", "image": "registry.k8s.io/e2e-test-images/agnhost:2.56", "args": ["pause"]}]}
    made: list[tuple[str, Any]] = [
        ("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}}),
        (CONFIGMAPS, {"metadata": {"name": "present", "labels": {"a": "b"}}, "data": {"a": "b"}}),
        (
            f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments",
            {
                "metadata": {"name": "web"},
                "spec": {
                    "replicas": 0,
                    "selector": {"matchLabels": {"a": "b"}},
                    "template": {"metadata": {"labels": {"a": "b"}}, "spec": pod},
                },
            },
        ),
        (f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", {"metadata": {"name": "visitor"}}),
        (f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", {"metadata": {"name": "default"}}),
        (f"/api/v1/namespaces/{NAMESPACE}/pods", {"metadata": {"name": "p"}, "spec": pod}),
    ]
    for path, body in made:
        answer = await door.ask("POST", path, body)
        assert answer.code in (201, 409), (path, answer.body)
