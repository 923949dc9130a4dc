"""A connection that remembers what was written, so that nothing is decided before the live state tells of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from lab.sim.argocd.live.cluster import LiveCluster
from lab.sim.argocd.live.key import ResourceKey, key_of
from lab.sim.argocd.ports import ApiResource, Connection
from lab.sim.client import Client
from lab.sim.clock import Clock
from lab.sim.objects import Object

_TURNS = 50
"""Turns of the event loop in which a cluster of this process has told of a write."""
_PAUSE_SECONDS = 0.02
_PAUSES = 50
"""After so many pauses the live state is taken as it is: a watch may be broken."""


class CatchingUp:
    """`lab.sim.argocd.ports.Connection` to a cluster that is followed."""

    def __init__(self, live: LiveCluster, clock: Clock) -> None:
        self._live = live
        self._clock = clock
        self._connection: Connection = live.connection
        self.server = self._connection.server
        self.version = self._connection.version
        self._noting = _NotingClient(self._connection.client, live)
        self.client: Client = self._noting

    async def resources(self) -> Sequence[ApiResource]:
        """See `Connection.resources`."""
        return await self._connection.resources()

    async def caught_up(self) -> None:
        """Return when the live state includes all that was written over this connection."""
        for turn in range(_TURNS + _PAUSES):
            if all(self._is_known(key, one) for key, one in self._noting.written.items()):
                break
            await (asyncio.sleep(0) if turn < _TURNS else self._clock.sleep(_PAUSE_SECONDS))
        self._noting.written.clear()

    def _is_known(self, key: ResourceKey, written: int | None) -> bool:
        if self._live.is_namespaced(key.group, key.kind) is None:
            return True
        held = self._live.objects.get(key)
        if written is None:
            return held is None or bool(held["metadata"].get("deletionTimestamp"))
        return held is not None and int(held["metadata"]["resourceVersion"]) >= written


class _NotingClient:
    """Passes everything on; `written` says what came of it: a resourceVersion, or None for a deletion."""

    def __init__(self, client: Client, live: LiveCluster) -> None:
        self._client = client
        self._live = live
        self.written: dict[ResourceKey, int | None] = {}

    def _note(self, answer: Object, dry_run: bool = False) -> Object:
        if not dry_run:
            self.written[key_of(answer)] = int(answer["metadata"]["resourceVersion"])
        return answer

    async def get(self, resource: str, namespace: str, name: str) -> Object:
        return await self._client.get(resource, namespace, name)

    async def list(
        self, resource: str, namespace: str = "", labels: str = "", fields: str = ""
    ) -> tuple[list[Object], str]:
        return await self._client.list(resource, namespace, labels, fields)

    def watch(
        self, resource: str, namespace: str = "", labels: str = "", fields: str = "", since: str = ""
    ) -> AsyncIterator[tuple[str, Object]]:
        return self._client.watch(resource, namespace, labels, fields, since)

    async def create(
        self, resource: str, obj: Object, *, dry_run: bool = False, manager: str = "", strict: bool = False
    ) -> Object:
        made = await self._client.create(resource, obj, dry_run=dry_run, manager=manager, strict=strict)
        return self._note(made, dry_run)

    async def update(
        self, resource: str, obj: Object, subresource: str = "", *, dry_run: bool = False, manager: str = ""
    ) -> Object:
        made = await self._client.update(resource, obj, subresource, dry_run=dry_run, manager=manager)
        return self._note(made, dry_run)

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
        made = await self._client.patch(
            resource, namespace, name, patch, kind, subresource, dry_run=dry_run, manager=manager
        )
        return self._note(made, dry_run)

    async def apply(
        self, resource: str, obj: Object, force: bool = True, *, dry_run: bool = False, manager: str = ""
    ) -> Object:
        return self._note(await self._client.apply(resource, obj, force, dry_run=dry_run, manager=manager), dry_run)

    async def delete(
        self, resource: str, namespace: str, name: str, propagation: str = "", uid: str = "", grace: int | None = None
    ) -> None:
        await self._client.delete(resource, namespace, name, propagation, uid, grace)
        plural, _, rest = resource.partition(".")
        for api in self._live.apis:
            if api.plural == plural and rest in (api.group, f"{api.version}.{api.group}".rstrip(".")):
                self.written[ResourceKey(api.group, api.kind, namespace, name)] = None
                return

    async def status(self, resource: str, obj: Object) -> Object:
        return self._note(await self._client.status(resource, obj))

    async def event(self, about: Object, kind: str, reason: str, message: str, source: str) -> None:
        await self._client.event(about, kind, reason, message, source)
