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
    """The objects of one resource, by (namespace, name).

    A controller that writes waits with `reached` or `dropped` until this view tells of the write, so that it never
    decides twice on a state that is already past.
    """

    def __init__(self, client: Client, clock: Clock, resource: str, fields: str = "", namespace: str = "") -> None:
        """`fields`: field selector; `namespace`: "" for all of them."""
        self.resource = resource
        self.objects: dict[tuple[str, str], Object] = {}
        self.is_synced = False
        """Whether the first list is there."""
        self.revision = 0
        """The newest resourceVersion this view is known to include."""
        self._client = client
        self._clock = clock
        self._fields = fields
        self._namespace = namespace
        self._handlers: list[Handler] = []
        self._indexes: dict[
            str, tuple[Callable[[Object], Iterable[str]], dict[str, dict[tuple[str, str], Object]]]
        ] = {}
        self._namespaces: dict[str, dict[str, Object]] = {}
        self._turn: asyncio.Future[None] | None = None
        self._synced: asyncio.Event | None = None

    @property
    def synced(self) -> asyncio.Event:
        """Set when the first list is there."""
        if self._synced is None:
            self._synced = asyncio.Event()
            if self.is_synced:
                self._synced.set()
        return self._synced

    def begin_empty(self, revision: int) -> None:
        """Take it as known that there is nothing of this resource at `revision`: `run` may wait for a first change."""
        self.revision = max(self.revision, revision)
        self._has_synced()

    def _has_synced(self) -> None:
        self.is_synced = True
        if self._synced is not None:
            self._synced.set()

    def handle(self, handler: Handler) -> None:
        """Call `handler` for everything there is and every change from now on."""
        self._handlers.append(handler)
        for obj in list(self.objects.values()):
            self._call(handler, None, obj)

    def index(self, name: str, keys: Callable[[Object], Iterable[str]]) -> None:
        """Keep objects by what `keys` says of each, for `by`. An index of this name that exists is left as it is."""
        if name in self._indexes:
            return
        table: dict[str, dict[tuple[str, str], Object]] = {}
        self._indexes[name] = (keys, table)
        for key, obj in self.objects.items():
            for value in keys(obj):
                table.setdefault(value, {})[key] = obj

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
        return list(self._namespaces.get(namespace, {}).values())

    async def reached(self, written: Object) -> None:
        """Return once this view includes a write of this resource, given as the answer to it."""
        revision = int(written["metadata"]["resourceVersion"])
        while self.revision < revision:
            await self._next()

    async def dropped(self, obj: Object) -> None:
        """Return once this view knows that `obj`, which was deleted, is gone or on its way out."""
        metadata = obj["metadata"]
        while True:
            held = self.get(metadata.get("namespace", ""), metadata["name"])
            if held is None or held["metadata"]["uid"] != metadata["uid"]:
                return
            if held["metadata"].get("deletionTimestamp"):
                return
            await self._next()

    async def _next(self) -> None:
        if self._turn is None:
            self._turn = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._turn)

    def _turned(self, revision: str) -> None:
        self.revision = max(self.revision, int(revision))
        turn, self._turn = self._turn, None
        if turn is not None and not turn.done():
            turn.set_result(None)

    async def run(self) -> None:
        """Follow the resource until cancelled; a broken watch begins again with a list."""
        while True:
            try:
                await self._follow()
            except ApiError as error:
                if error.code not in (410, 500, 503, 504):
                    _log.warning("cannot follow %s: %s", self.resource, error.message)
            except Exception:
                _log.exception("the watch of %s broke", self.resource)
            await self._clock.sleep(_RETRY_SECONDS)

    async def _follow(self) -> None:
        items, revision = await self._client.list(self.resource, self._namespace, fields=self._fields)
        seen = set()
        for obj in items:
            key = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
            seen.add(key)
            if self.objects.get(key) != obj:
                self._set(key, obj)
        for key in [one for one in self.objects if one not in seen]:
            self._set(key, None)
        self._turned(revision)
        self._has_synced()
        async with contextlib.aclosing(  # type: ignore[type-var]
            self._client.watch(self.resource, self._namespace, fields=self._fields, since=revision)
        ) as events:
            async for kind, obj in events:
                key = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
                self._set(key, None if kind == "DELETED" else obj)
                self._turned(obj["metadata"]["resourceVersion"])

    def _set(self, key: tuple[str, str], new: Object | None) -> None:
        old = self.objects.get(key)
        namespace, name = key
        if new is None:
            if old is None:
                return
            del self.objects[key]
            within = self._namespaces[namespace]
            del within[name]
            if not within:
                del self._namespaces[namespace]
        else:
            self.objects[key] = new
            self._namespaces.setdefault(namespace, {})[name] = new
        for keys, table in self._indexes.values():
            before = set(keys(old)) if old is not None else set()
            after = set(keys(new)) if new is not None else set()
            for value in before - after:
                held = table[value]
                del held[key]
                if not held:
                    del table[value]
            for value in after:
                table.setdefault(value, {})[key] = cast(Object, new)
        for handler in self._handlers:
            self._call(handler, old, new)

    def _call(self, handler: Handler, old: Object | None, new: Object | None) -> None:
        try:
            handler(old, new)
        except Exception:
            _log.exception("a handler of %s failed", self.resource)
