"""What every controller is: keys in a queue, one reconcile at a time, retries that wait longer each time.

Source of the habits: client-go `util/workqueue`, controller-runtime.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

from lab.sim.api.resources import Object
from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.clock import Clock, Handle
from lab.sim.controllers.informer import Informer

Key = tuple[str, str]
_log = logging.getLogger(__name__)
_FIRST_RETRY_SECONDS = 0.005
_LONGEST_RETRY_SECONDS = 60.0


class Informers:
    """The informers of one cluster's controllers, each resource followed once."""

    def __init__(self, client: Client, clock: Clock, minor: int = 34) -> None:
        """`minor`: the Kubernetes minor the controllers belong to, e.g. 34."""
        self.client = client
        self.clock = clock
        self.minor = minor
        self._made: dict[str, Informer] = {}

    def of(self, resource: str) -> Informer:
        """The informer of a resource, made at its first mention."""
        informer = self._made.get(resource)
        if informer is None:
            informer = self._made[resource] = Informer(self.client, self.clock, resource)
        return informer

    def __iter__(self) -> Iterator[Informer]:
        return iter(list(self._made.values()))


class Controller:
    """Base of the controllers. A subclass says in `__init__` which informers feed it and writes `reconcile`."""

    name = "controller"
    """Shown in events and as field manager, as the real one names itself, e.g. `deployment-controller`."""
    has_work_from_the_start = False
    """Whether `run` does something before anything is asked for."""

    def __init__(self, client: Client, clock: Clock, informers: Informers) -> None:
        """`client` acts as this controller's field manager."""
        self.client = client
        self.clock = clock
        self.informers = informers
        self._needed: list[Informer] = []
        self._queue: dict[Key, None] = {}
        self._idle: asyncio.Future[None] | None = None
        self.on_work: Callable[[], object] | None = None
        """Called when there is something to do and `run` has not begun: whoever starts controllers may wait for it."""
        self._failures: dict[Key, int] = {}
        self._timers: dict[Key, tuple[float, Handle]] = {}

    def informer(self, resource: str) -> Informer:
        """The informer of a resource this controller decides by: it does nothing before the first list is there."""
        informer = self.informers.of(resource)
        if informer not in self._needed:
            self._needed.append(informer)
        return informer

    @property
    def has_work(self) -> bool:
        """Whether there is something to do now."""
        return bool(self._queue) or self.has_work_from_the_start

    async def reconcile(self, namespace: str, name: str) -> None:
        """Bring one object nearer to what it asks for. An ApiError puts it back into the queue."""
        raise NotImplementedError

    def enqueue(self, namespace: str, name: str) -> None:
        """Reconcile this object soon; once, however often it is asked for meanwhile."""
        self._queue[namespace, name] = None
        idle, self._idle = self._idle, None
        if idle is not None and not idle.done():
            idle.set_result(None)
        elif self.on_work is not None:
            self.on_work()

    def enqueue_object(self, obj: Object) -> None:
        """Reconcile `obj` soon."""
        self.enqueue(obj["metadata"].get("namespace", ""), obj["metadata"]["name"])

    def enqueue_after(self, namespace: str, name: str, seconds: float) -> None:
        """Reconcile this object in `seconds`, or sooner if that was asked for already."""
        key = (namespace, name)
        due = self.clock.now() + seconds
        waiting = self._timers.get(key)
        if waiting is not None:
            if waiting[0] <= due:
                return
            waiting[1].cancel()
        self._timers[key] = (due, self.clock.call_later(max(seconds, 0.0), lambda: self._due(key)))

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.enqueue(*key)

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            self.on_work = None
            for informer in self._needed:
                if not informer.is_synced:
                    await informer.synced.wait()
            while True:
                while self._queue:
                    key = next(iter(self._queue))
                    del self._queue[key]
                    await self._one(key)
                self._idle = asyncio.get_running_loop().create_future()
                await self._idle
        finally:
            for _, handle in self._timers.values():
                handle.cancel()
            self._timers.clear()

    async def _one(self, key: Key) -> None:
        try:
            await self.reconcile(*key)
        except ApiError as error:
            failed = self._failures[key] = self._failures.get(key, 0) + 1
            delay = min(_FIRST_RETRY_SECONDS * 2 ** (failed - 1), _LONGEST_RETRY_SECONDS)
            _log.debug("%s: %s/%s again in %.3f s: %s", self.name, *key, delay, error.message)
            self.enqueue_after(*key, delay)
        except Exception:
            _log.exception("%s failed on %s/%s", self.name, *key)
            failed = self._failures[key] = self._failures.get(key, 0) + 1
            self.enqueue_after(*key, min(2.0**failed, _LONGEST_RETRY_SECONDS))
        else:
            self._failures.pop(key, None)
