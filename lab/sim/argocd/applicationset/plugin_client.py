"""Asks the plugins of plugin generators over HTTP.

Source: Argo CD 3.6.1 `applicationset/services/plugin/plugin_service.go`, `services/internal/http/client.go`.
"""

from __future__ import annotations

import errno
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from lab.sim.argocd.applicationset.sources import SourceError
from lab.sim.objects import Object
from lab.sim.templates import json_text

_PATH = "api/v1/getparams.execute"
_DEFAULT_TIMEOUT = 30
_LARGEST = 16 * 1024 * 1024
"""Bytes of an answer."""
_HEADERS = {"Content-Type": "application/json", "User-Agent": "argocd-applicationset", "Accept-Encoding": "gzip"}


async def call_plugin(base_url: str, token: str, timeout: int, body: Object) -> Any:
    """The JSON a plugin answers; None for an empty answer. `timeout` in seconds, 0 for 30. Raises SourceError."""
    url = f"{base_url.removesuffix('/')}/{_PATH}"
    headers = {**_HEADERS, "Authorization": f"Bearer {token}"} if token else _HEADERS
    limit = aiohttp.ClientTimeout(total=timeout or _DEFAULT_TIMEOUT)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit, headers=headers) as session,
            session.post(url, data=orjson.dumps(body) + b"\n") as response,
        ):
            content = await response.content.read(_LARGEST + 1)
            while len(content) <= _LARGEST and not response.content.at_eof():
                content += await response.content.read(_LARGEST + 1 - len(content))
            status = response.status
    except TimeoutError:
        waiting = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        raise SourceError(f'Post "{url}": {waiting}') from None
    except (aiohttp.ClientError, ValueError, OSError) as error:
        raise SourceError(f'Post "{url}": {_reason(error, url)}') from None
    if len(content) > _LARGEST:
        raise SourceError(f"a plugin's answer of more than {_LARGEST} bytes is not supported by the simulator")
    if not 200 <= status < 300:
        raise SourceError(f"API error with status code {status}: {_message(content)}")
    return _decoded(content)


def _reason(error: Exception, url: str) -> str:
    """What Go's client says."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"dial tcp: lookup {host}: no such host"
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ConnectionRefusedError):
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return f"dial tcp {host}:{port}: connect: connection refused"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "EOF"
    if isinstance(error, ConnectionResetError) or getattr(error, "errno", 0) == errno.ECONNRESET:
        return "read: connection reset by peer"
    if parts.scheme not in ("http", "https"):
        return f'unsupported protocol scheme "{parts.scheme}"'
    return str(error)


def _message(content: bytes) -> str:
    try:
        read = orjson.loads(content)
    except orjson.JSONDecodeError:
        return content.decode(errors="replace")
    if not isinstance(read, dict):
        return content.decode(errors="replace")
    found = read.get("message") if isinstance(read.get("message"), str) else read.get("error")
    return found if isinstance(found, str) else ""


def _decoded(content: bytes) -> Any:
    text = content.decode(errors="replace")
    if not text.strip():
        return None
    try:
        return json_text.loads(text)
    except json_text.BadJson as error:
        raise SourceError(f"{error}: {text}") from None
