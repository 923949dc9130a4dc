"""What a cluster holds: objects by resource, namespace and name, one line of resourceVersions, and who watches.

The store never changes an object in place and hands out the very objects it holds: copy before you change one. A write
is encoded once; the journal, the answer and every watch event use the same bytes. Source of the rules: Kubernetes API
conventions, "Concurrency control and consistency", and etcd's single revision.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import orjson

from lab.sim.api.resources import Object, Objects

_LAST = "\U0010ffff"
"""Sorts behind every name."""
HISTORY = 2000
"""Events kept for each resource; a watch that starts further back is told 410 Expired."""


class Journal(Protocol):
    """Where writes go so that they outlive the process."""

    def record(self, revision: int, storage: str, namespace: str, name: str, raw: bytes | None) -> None:
        """Note one write; `raw` is None for a removal."""

    def commit(self) -> None:
        """Return when everything recorded would survive `kill -9`."""

    async def committed(self) -> None:
        """As `commit`, once for everyone who waits at the same moment."""


class Change:
    """One write as a watcher sees it. `old` is None for a creation, `new` None for a removal.

    For a removal `old` is the object's last state with the removal's own resourceVersion.
    """

    __slots__ = ("_json", "name", "namespace", "new", "old", "raw", "revision", "storage")

    def __init__(
        self, revision: int, storage: str, namespace: str, name: str, old: Object | None, new: Object | None, raw: bytes
    ) -> None:
        self.revision = revision
        self.storage = storage
        self.namespace = namespace
        self.name = name
        self.old = old
        self.new = new
        self.raw = raw
        """JSON of `new`, or of `old` for a removal."""
        self._json: dict[str, bytes] = {}

    @property
    def type(self) -> str:
        """`ADDED`, `MODIFIED` or `DELETED`, for a watcher that selects everything."""
        if self.new is None:
            return "DELETED"
        return "ADDED" if self.old is None else "MODIFIED"

    @property
    def object(self) -> Object:
        """The state this change tells."""
        state = self.new if self.new is not None else self.old
        assert state is not None
        return state

    def json(self, kind: str) -> bytes:
        """The line of a watch stream, encoded at most once for each `kind`."""
        line = self._json.get(kind)
        if line is None:
            line = self._json[kind] = b'{"type":"%s","object":%s}\n' % (kind.encode(), self.raw)
        return line


def transition(change: Change, keep: Callable[[Object], bool] | None) -> tuple[str, Object] | None:
    """What a watcher with a selector is told of a change: entering it is ADDED, leaving it DELETED, None for nothing.

    Source: apiserver `pkg/storage/cacher/watch_cache.go`.
    """
    if keep is None:
        return change.type, change.object
    before = change.old if change.old is not None and keep(change.old) else None
    if change.new is not None and keep(change.new):
        return ("ADDED" if before is None else "MODIFIED"), change.new
    if before is None:
        return None
    if change.new is None:
        return "DELETED", before
    revision = change.new["metadata"]["resourceVersion"]
    return "DELETED", {**before, "metadata": {**before["metadata"], "resourceVersion": revision}}


class Subscription:
    """A watcher's place in the line: `changes` fills up, `wait` returns when there is something."""

    __slots__ = ("_cancel", "_waiter", "changes", "closed", "limit", "namespace", "overrun")

    def __init__(self, namespace: str, cancel: Callable[[Subscription], None]) -> None:
        self.namespace = namespace
        """Only this namespace's changes; "" for all."""
        self.changes: list[Change] = []
        """In order; whoever reads them takes them out with `take`."""
        self.closed = False
        self.limit = 0
        """Changes that may wait; 0 for any number."""
        self.overrun = False
        """Whether there were more: all that waited are dropped, and no more are taken."""
        self._waiter: asyncio.Future[None] | None = None
        self._cancel = cancel

    def offer(self, change: Change) -> None:
        """Take a change into the line."""
        if self.limit and len(self.changes) >= self.limit:
            self.overrun = True
        if self.overrun:
            self.changes.clear()
        else:
            self.changes.append(change)
        if self._waiter is not None:
            self._wake()

    def take(self) -> list[Change]:
        """All changes there are; the line is empty afterwards."""
        taken, self.changes = self.changes, []
        return taken

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def wait(self, seconds: float | None = None) -> bool:
        """True when there are changes; False after `seconds` without one or when closed."""
        if not self.changes and not self.closed:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                if seconds is None:
                    await self._waiter
                else:
                    await asyncio.wait([self._waiter], timeout=seconds)
            finally:
                self._waiter = None
        return bool(self.changes)

    def close(self) -> None:
        """Take no more changes; whoever waits is woken."""
        if not self.closed:
            self.closed = True
            self._cancel(self)
            self._wake()


def _encoded(obj: Object) -> bytes:
    # orjson hands out its whole buffer, at least 4 KiB of memory however short the text: what is kept is copied.
    return bytes(memoryview(orjson.dumps(obj)))


class _Shelf:
    """The objects of one resource, with their keys in order."""

    __slots__ = ("_history", "keys", "objects", "subscriptions")

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Object] = {}
        self.keys: list[tuple[str, str]] = []
        self._history: deque[Change] | None = None
        self.subscriptions: list[Subscription] = []

    def range(self, namespace: str, after: tuple[str, str] | None) -> slice:
        """Where the keys of a namespace ("" for all) behind the key `after` stand."""
        keys = self.keys
        start, stop = 0, len(keys)
        if namespace:
            start, stop = bisect_right(keys, (namespace, "")), bisect_right(keys, (namespace, _LAST))
        if after:
            start = max(start, bisect_right(keys, after))
        return slice(start, max(start, stop))

    @property
    def history(self) -> deque[Change]:
        """The last changes, oldest first. Made when it is first needed: most resources of a cluster never change."""
        if self._history is None:
            self._history = deque(maxlen=HISTORY)
        return self._history


class TooOld(Exception):
    """A watch asked for changes the store no longer has."""


class Store:
    """All objects of one cluster."""

    def __init__(self, journal: Journal | None = None) -> None:
        self.revision = 0
        """The newest resourceVersion given out."""
        self._restored = 0
        self._shelves: dict[str, _Shelf] = {}
        self._journal = journal
        self._everything: list[Callable[[Change], None]] = []

    def restore(self, revision: int, objects: Iterator[tuple[str, str, str, bytes]]) -> None:
        """Take over what a journal kept: (storage, namespace, name, JSON). No watcher hears of it."""
        for storage, namespace, name, raw in objects:
            shelf = self._shelf(storage)
            shelf.objects[namespace, name] = orjson.loads(raw)
        for shelf in self._shelves.values():
            shelf.keys = sorted(shelf.objects)
        self.revision = max(self.revision, revision)
        self._restored = self.revision

    def seed(self, objects: Iterable[tuple[str, str, str, Object]]) -> None:
        """Hold (storage, namespace, name, object) from the outset: as `put`, but nobody hears of it and no watch can
        ask for it as a change. For a store that nobody has seen yet.
        """
        touched = set()
        for storage, namespace, name, obj in objects:
            shelf = self._shelf(storage)
            touched.add(storage)
            self.revision += 1
            obj["metadata"]["resourceVersion"] = str(self.revision)
            shelf.objects[namespace, name] = obj
            if self._journal is not None:
                self._journal.record(self.revision, storage, namespace, name, _encoded(obj))
        for storage in touched:
            self._shelves[storage].keys = sorted(self._shelves[storage].objects)
        self._restored = self.revision

    def _shelf(self, storage: str) -> _Shelf:
        shelf = self._shelves.get(storage)
        if shelf is None:
            shelf = self._shelves[storage] = _Shelf()
        return shelf

    # -- reading

    def get(self, storage: str, namespace: str, name: str) -> Object | None:
        """One object, or None. Cluster-wide objects have the namespace ""."""
        shelf = self._shelves.get(storage)
        return shelf.objects.get((namespace, name)) if shelf else None

    def list(self, storage: str, namespace: str = "") -> Objects:
        """Objects in the order of namespace and name; "" for all namespaces."""
        return list(self.scan(storage, namespace))

    def scan(self, storage: str, namespace: str = "", after: tuple[str, str] | None = None) -> Iterator[Object]:
        """As `list`, one by one, beginning behind the key `after`."""
        shelf = self._shelves.get(storage)
        if shelf is None:
            return
        objects = shelf.objects
        for key in shelf.keys[shelf.range(namespace, after)]:
            yield objects[key]

    def count(self, storage: str, namespace: str = "", after: tuple[str, str] | None = None) -> int:
        """How many objects `scan` would give."""
        shelf = self._shelves.get(storage)
        if shelf is None:
            return 0
        within = shelf.range(namespace, after)
        return int(within.stop - within.start)

    @property
    def storages(self) -> tuple[str, ...]:
        """Keys under which something is or was held."""
        return tuple(self._shelves)

    # -- writing

    def put(self, storage: str, namespace: str, name: str, obj: Object) -> Object:
        """Hold `obj`, new or in place of what is there, and return it with its new resourceVersion.

        `obj` and its `metadata` become the store's own; the caller must not change them afterwards.
        """
        shelf = self._shelf(storage)
        key = (namespace, name)
        old = shelf.objects.get(key)
        self.revision += 1
        obj["metadata"]["resourceVersion"] = str(self.revision)
        raw = _encoded(obj)
        if self._journal is not None:
            self._journal.record(self.revision, storage, namespace, name, raw)
        if old is None:
            insort(shelf.keys, key)
        shelf.objects[key] = obj
        self._tell(shelf, Change(self.revision, storage, namespace, name, old, obj, raw))
        return obj

    def remove(self, storage: str, namespace: str, name: str) -> Object:
        """Hold the object no longer; returns its last state with the removal's resourceVersion. Raises KeyError."""
        shelf = self._shelf(storage)
        key = (namespace, name)
        old = shelf.objects.pop(key)
        del shelf.keys[bisect_right(shelf.keys, key) - 1]
        self.revision += 1
        last = {**old, "metadata": {**old["metadata"], "resourceVersion": str(self.revision)}}
        if self._journal is not None:
            self._journal.record(self.revision, storage, namespace, name, None)
        self._tell(shelf, Change(self.revision, storage, namespace, name, last, None, _encoded(last)))
        return last

    def commit(self) -> None:
        """Return when every write so far would survive `kill -9`: called before a write is acknowledged or told."""
        if self._journal is not None:
            self._journal.commit()

    async def committed(self) -> None:
        """As `commit`, sharing the work with others who wait at the same moment."""
        if self._journal is not None:
            await self._journal.committed()

    def _tell(self, shelf: _Shelf, change: Change) -> None:
        shelf.history.append(change)
        for subscription in shelf.subscriptions:
            if not subscription.namespace or subscription.namespace == change.namespace:
                subscription.offer(change)
        for listener in self._everything:
            listener(change)

    # -- watching

    def listen(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call `listener` for every change of every resource, within the write; it must not write.

        Returns what ends it.
        """
        self._everything.append(listener)
        return lambda: self._everything.remove(listener)

    def subscribe(self, storage: str, namespace: str = "", since: int | None = None) -> Subscription:
        """Changes of a resource after resourceVersion `since`; None for from now on.

        Raises TooOld if changes after `since` are no longer known.
        """
        shelf = self._shelf(storage)
        subscription = Subscription(namespace, shelf.subscriptions.remove)
        if since is not None and since < self.revision:
            history = shelf.history
            oldest_known = self._restored
            if len(history) == HISTORY:
                oldest_known = history[0].revision - 1
            if since < oldest_known:
                raise TooOld
            for change in history:
                if change.revision > since and (not namespace or namespace == change.namespace):
                    subscription.changes.append(change)
        shelf.subscriptions.append(subscription)
        return subscription

    def close(self) -> None:
        """End every watch."""
        for shelf in self._shelves.values():
            for subscription in list(shelf.subscriptions):
                subscription.close()
