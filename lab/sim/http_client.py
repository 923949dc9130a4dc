"""The client that speaks HTTPS: the same ten methods on any Kubernetes API, simulated or real."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import yaml

from lab.sim.api.resources import Object
from lab.sim.api.status import ApiError, no_such_path
from lab.sim.clock import Clock
from lab.sim.events import record
from lab.sim.files import write_private

_PATCHES = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
}
_VERSION = re.compile(r"v\d+((alpha|beta)\d+)?")
_LINE_LIMIT = 8 * 1024 * 1024
_CONNECT_SECONDS, _ANSWER_SECONDS = 10.0, 60.0
_SILENCE_SECONDS = 240.0
"""A watch that is told nothing for so long, not even a bookmark, has lost its server: they come each minute."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a cluster is and who asks."""

    server: str
    """`https://HOST:PORT`."""
    tls: ssl.SSLContext
    token: str = ""

    @classmethod
    def of_kubeconfig(cls, path: Path) -> Endpoint:
        """The current context of a kubeconfig with embedded credentials. Raises ValueError for another kind."""
        try:
            config = yaml.safe_load(path.read_text())
            context = next(one["context"] for one in config["contexts"] if one["name"] == config["current-context"])
            cluster = next(one["cluster"] for one in config["clusters"] if one["name"] == context["cluster"])
            user = next(one["user"] for one in config["users"] if one["name"] == context["user"])
            authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
            tls = ssl.create_default_context(cadata=authority)
            if "client-certificate-data" in user:
                pair = path.with_name(f".{path.name}.client.pem")
                parts = (user["client-certificate-data"], user["client-key-data"])
                write_private(pair, b"".join(base64.b64decode(one) for one in parts))
                try:
                    tls.load_cert_chain(pair)
                finally:
                    pair.unlink()
            return cls(cluster["server"], tls, user.get("token", ""))
        except (KeyError, StopIteration, TypeError, yaml.YAMLError, binascii.Error) as error:
            raise ValueError(f"{path} is not a kubeconfig with embedded credentials: {error}") from None


class HttpClient:
    """`lab.sim.client.Client` over HTTPS. Open it with `async with`."""

    def __init__(self, endpoint: Endpoint, manager: str, clock: Clock) -> None:
        """`manager`: field manager of every write and the `User-Agent`."""
        self._endpoint = endpoint
        self._manager = manager
        self._clock = clock
        self._paths: dict[str, tuple[str, bool, str, str]] = {}

    async def __aenter__(self) -> HttpClient:
        headers = {"User-Agent": self._manager, "Accept": "application/json"}
        if self._endpoint.token:
            headers["Authorization"] = f"Bearer {self._endpoint.token}"
        self._session = aiohttp.ClientSession(
            headers=headers,
            connector=aiohttp.TCPConnector(ssl=self._endpoint.tls, limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_SILENCE_SECONDS),
            read_bufsize=_LINE_LIMIT,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    # -- the wire

    async def _ask(
        self, method: str, path: str, body: Any = None, content: str = "application/json", **query: str
    ) -> Object:
        data = None if body is None else orjson.dumps(body)
        params = {key: value for key, value in query.items() if value}
        try:
            async with self._session.request(
                method,
                self._endpoint.server + path,
                data=data,
                params=params,
                headers={"Content-Type": content} if data is not None else None,
                timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS),
            ) as response:
                raw = await response.read()
                if response.status >= 400:
                    raise _refusal(response.status, raw)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ApiError(503, "ServiceUnavailable", f"{self._endpoint.server}: {error}") from None
        return dict(orjson.loads(raw))

    async def document(self, path: str) -> Object:
        """The JSON at a path that is no resource's, e.g. `/version`. Raises ApiError."""
        return await self._ask("GET", path)

    async def _find(self, resource: str) -> tuple[str, bool, str, str]:
        """(prefix, namespaced, apiVersion, kind) of a resource, from discovery; asked once for each."""
        known = self._paths.get(resource)
        if known is not None:
            return known
        plural, _, group = resource.partition(".")
        for prefix in await self._prefixes(group):
            for one in (await self._ask("GET", prefix))["resources"]:
                if one["name"] == plural:
                    api_version = prefix.removeprefix("/apis/").removeprefix("/api/")
                    made = self._paths[resource] = (prefix, bool(one["namespaced"]), api_version, str(one["kind"]))
                    return made
        raise no_such_path()

    async def _prefixes(self, group: str) -> list[str]:
        """The paths of a group's versions; `VERSION.GROUP` has one."""
        if not group:
            return ["/api/v1"]
        try:
            found = await self._ask("GET", f"/apis/{group}")
        except ApiError as error:
            version, _, rest = group.partition(".")
            if error.code != 404 or _VERSION.fullmatch(version) is None:
                raise
            return [f"/apis/{rest}/{version}" if rest else f"/api/{version}"]
        return [f"/apis/{one['groupVersion']}" for one in found["versions"]]

    async def _path(self, resource: str, namespace: str, name: str = "", subresource: str = "") -> str:
        prefix, namespaced, _, _ = await self._find(resource)
        within = f"/namespaces/{namespace}" if namespaced and namespace else ""
        tail = f"/{name}" if name else ""
        tail += f"/{subresource}" if subresource else ""
        return f"{prefix}{within}/{resource.partition('.')[0]}{tail}"

    async def _whole(self, resource: str, obj: Object) -> Object:
        _, _, api_version, kind = await self._find(resource)
        return {"apiVersion": api_version, "kind": kind, **obj}

    # -- the ten methods

    async def get(self, resource: str, namespace: str, name: str) -> Object:
        """One object."""
        return await self._ask("GET", await self._path(resource, namespace, name))

    async def list(
        self, resource: str, namespace: str = "", labels: str = "", fields: str = ""
    ) -> tuple[list[Object], str]:
        """Objects that match, and the list's resourceVersion."""
        path = await self._path(resource, namespace)
        _, _, api_version, kind = await self._find(resource)
        items: list[Object] = []
        carry_on = ""
        while True:
            page = await self._ask(
                "GET", path, labelSelector=labels, fieldSelector=fields, limit="500", **{"continue": carry_on}
            )
            items += [{"apiVersion": api_version, "kind": kind, **one} for one in page["items"]]
            carry_on = page["metadata"].get("continue", "")
            if not carry_on:
                return items, str(page["metadata"]["resourceVersion"])

    async def watch(
        self, resource: str, namespace: str = "", labels: str = "", fields: str = "", since: str = ""
    ) -> AsyncIterator[tuple[str, Object]]:
        """Events after `since`, without end; the server's time limits are passed over."""
        path = await self._path(resource, namespace)
        if not since:
            items, since = await self.list(resource, namespace, labels, fields)
            for obj in items:
                yield "ADDED", obj
        while True:
            params = {"watch": "true", "resourceVersion": since, "allowWatchBookmarks": "true"}
            params |= {key: value for key, value in (("labelSelector", labels), ("fieldSelector", fields)) if value}
            try:
                async with self._session.get(self._endpoint.server + path, params=params) as response:
                    if response.status >= 400:
                        raise _refusal(response.status, await response.read())
                    async for line in response.content:
                        event = orjson.loads(line)
                        if event["type"] == "ERROR":
                            raise _refusal(int(event["object"].get("code", 500)), orjson.dumps(event["object"]))
                        since = event["object"]["metadata"]["resourceVersion"]
                        if event["type"] != "BOOKMARK":
                            yield event["type"], event["object"]
            except (aiohttp.ClientError, TimeoutError) as error:
                raise ApiError(503, "ServiceUnavailable", f"{self._endpoint.server}: {error}") from None

    def _how(self, dry_run: bool, manager: str) -> dict[str, str]:
        return {"fieldManager": manager or self._manager, "dryRun": "All" if dry_run else ""}

    async def create(
        self, resource: str, obj: Object, *, dry_run: bool = False, manager: str = "", strict: bool = False
    ) -> Object:
        """Create."""
        path = await self._path(resource, obj.get("metadata", {}).get("namespace", ""))
        whole = await self._whole(resource, obj)
        validation = "Strict" if strict else ""
        return await self._ask("POST", path, whole, fieldValidation=validation, **self._how(dry_run, manager))

    async def update(
        self, resource: str, obj: Object, subresource: str = "", *, dry_run: bool = False, manager: str = ""
    ) -> Object:
        """Replace all but the status."""
        metadata = obj["metadata"]
        path = await self._path(resource, metadata.get("namespace", ""), metadata["name"], subresource)
        return await self._ask("PUT", path, await self._whole(resource, obj), **self._how(dry_run, manager))

    async def patch(
        self,
        resource: str,
        namespace: str,
        name: str,
        patch: Any,
        kind: str = "merge",
        subresource: str = "",
        *,
        dry_run: bool = False,
        manager: str = "",
    ) -> Object:
        """Change by a patch."""
        path = await self._path(resource, namespace, name, subresource)
        return await self._ask("PATCH", path, patch, _PATCHES[kind], **self._how(dry_run, manager))

    async def apply(
        self, resource: str, obj: Object, force: bool = True, *, dry_run: bool = False, manager: str = ""
    ) -> Object:
        """Server-side apply."""
        metadata = obj["metadata"]
        path = await self._path(resource, metadata.get("namespace", ""), metadata["name"])
        whole = await self._whole(resource, obj)
        forced = "true" if force else ""
        how = self._how(dry_run, manager)
        return await self._ask("PATCH", path, whole, "application/apply-patch+yaml", force=forced, **how)

    async def delete(
        self, resource: str, namespace: str, name: str, propagation: str = "", uid: str = "", grace: int | None = None
    ) -> None:
        """Delete."""
        options: Object = {"kind": "DeleteOptions", "apiVersion": "v1"}
        if propagation:
            options["propagationPolicy"] = propagation
        if uid:
            options["preconditions"] = {"uid": uid}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        await self._ask("DELETE", await self._path(resource, namespace, name), options)

    async def status(self, resource: str, obj: Object) -> Object:
        """Replace the status only."""
        return await self.update(resource, obj, "status")

    async def event(self, about: Object, kind: str, reason: str, message: str, source: str) -> None:
        """Record an Event about an object; repeated ones are counted up."""
        await record(self, self._clock, about, kind, reason, message, source)


def _refusal(code: int, raw: bytes) -> ApiError:
    with contextlib.suppress(ValueError):
        said = json.loads(raw)
        if isinstance(said, dict):
            return ApiError(code, str(said.get("reason", "")), str(said.get("message", "")), said.get("details"))
    return ApiError(code, "", raw.decode(errors="replace")[:300])
