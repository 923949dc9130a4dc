"""A controller's view of one resource: a list kept up to date by a watch, with handlers for what changes.

Works on `lab.sim.client.Client` alone, so it follows a simulated cluster and a real one alike.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from typing import cast

from lab.sim.api.resources import Object
from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.clock import Clock

Handler = Callable[[Object | None, Object | None], None]
"""Called with the old and the new state: (None, new) for an addition, (old, None) for a removal."""
_log = logging.getLogger(__name__)
_RETRY_SECONDS = 1.0


class Informer:
    """The objects of one resource, by (namespace, name)."""

    def __init__(self, client: Client, clock: Clock, resource: str, fields: str = "") -> None:
        self.resource = resource
        self.objects: dict[tuple[str, str], Object] = {}
        self.synced = asyncio.Event()
        self._client = client
        self._clock = clock
        self._fields = fields
        self._handlers: list[Handler] = []
        self._indexes: dict[
            str, tuple[Callable[[Object], Iterable[str]], dict[str, dict[tuple[str, str], Object]]]
        ] = {}

    def handle(self, handler: Handler) -> None:
        """Call `handler` for everything there is and every change from now on."""
        self._handlers.append(handler)

    def index(self, name: str, keys: Callable[[Object], Iterable[str]]) -> None:
        """Keep objects by what `keys` says of each, for `by`. Called before `run`."""
        self._indexes[name] = (keys, {})

    def get(self, namespace: str, name: str) -> Object | None:
        """One object, or None."""
        return self.objects.get((namespace, name))

    def by(self, index: str, key: str) -> list[Object]:
        """The objects an index holds under `key`."""
        return list(self._indexes[index][1].get(key, {}).values())

    def list(self, namespace: str = "") -> list[Object]:
        """All objects, or one namespace's."""
        if not namespace:
            return list(self.objects.values())
        return [obj for (within, _), obj in self.objects.items() if within == namespace]

    async def run(self) -> None:
        """Follow the resource until cancelled; a broken watch begins again with a list."""
        while True:
            try:
                await self._follow()
            except ApiError as error:
                if error.code not in (410, 500, 503, 504):
                    _log.warning("cannot follow %s: %s", self.resource, error.message)
            await self._clock.sleep(_RETRY_SECONDS)

    async def _follow(self) -> None:
        items, revision = await self._client.list(self.resource, fields=self._fields)
        seen = set()
        for obj in items:
            key = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
            seen.add(key)
            if self.objects.get(key) != obj:
                self._set(key, obj)
        for key in [one for one in self.objects if one not in seen]:
            self._set(key, None)
        self.synced.set()
        async with contextlib.aclosing(  # type: ignore[type-var]
            self._client.watch(self.resource, fields=self._fields, since=revision)
        ) as events:
            async for kind, obj in events:
                key = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
                self._set(key, None if kind == "DELETED" else obj)

    def _set(self, key: tuple[str, str], new: Object | None) -> None:
        old = self.objects.get(key)
        if new is None:
            if self.objects.pop(key, None) is None:
                return
        else:
            self.objects[key] = new
        for keys, table in self._indexes.values():
            for value in keys(old) if old is not None else ():
                table.get(value, {}).pop(key, None)
            for value in keys(new) if new is not None else ():
                table.setdefault(value, {})[key] = cast(Object, new)
        for handler in self._handlers:
            handler(old, new)
