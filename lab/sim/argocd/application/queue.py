"""A queue of things to look at: each once, never two workers at the same one, some not before a given time.

Source of the habits: client-go `util/workqueue`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from lab.sim.clock import Clock, Handle

_log = logging.getLogger(__name__)
_LONGEST_RETRY_SECONDS = 60.0


Key = TypeVar("Key", bound=Hashable)


class WorkQueue(Generic[Key]):
    """Calls a coroutine for each key that is added."""

    def __init__(self, name: str, clock: Clock, work: Callable[[Key], Awaitable[None]]) -> None:
        """`work` that raises is tried again, later each time."""
        self.name = name
        self._clock = clock
        self._work = work
        self._ready: dict[Key, None] = {}
        self._busy: set[Key] = set()
        self._again: dict[Key, None] = {}
        self._timers: dict[Key, tuple[float, Handle]] = {}
        self._failures: dict[Key, int] = {}
        self._idle: list[asyncio.Future[None]] = []

    def __len__(self) -> int:
        return len(self._ready) + len(self._busy) + len(self._again)

    def add(self, key: Key) -> None:
        """Look at `key` soon; when that is being done now, once more afterwards."""
        if key in self._busy:
            self._again[key] = None
            return
        self._ready[key] = None
        while self._idle:
            waiting = self._idle.pop()
            if not waiting.done():
                waiting.set_result(None)
                break

    def add_after(self, key: Key, seconds: float) -> None:
        """Look at `key` in `seconds`, or sooner when that was asked for already."""
        if seconds <= 0:
            self.add(key)
            return
        due = self._clock.now() + seconds
        waiting = self._timers.get(key)
        if waiting is not None:
            if waiting[0] <= due:
                return
            waiting[1].cancel()
        self._timers[key] = (due, self._clock.call_later(seconds, lambda: self._due(key)))

    def forget(self, key: Key) -> None:
        """Drop what was asked for later: the thing is gone."""
        waiting = self._timers.pop(key, None)
        if waiting is not None:
            waiting[1].cancel()
        self._failures.pop(key, None)

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)

    async def run(self, workers: int) -> None:
        """Work until cancelled, on up to `workers` keys at a time."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(max(workers, 1)):
                    group.create_task(self._worker())
        finally:
            for _, handle in self._timers.values():
                handle.cancel()
            self._timers.clear()

    async def _worker(self) -> None:
        while True:
            while not self._ready:
                turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._idle.append(turn)
                await turn
            key = next(iter(self._ready))
            del self._ready[key]
            self._busy.add(key)
            try:
                await self._work(key)
                self._failures.pop(key, None)
            except Exception:
                failed = self._failures[key] = self._failures.get(key, 0) + 1
                _log.exception("%s: %s failed", self.name, key)
                self.add_after(key, min(2.0 ** (failed - 1), _LONGEST_RETRY_SECONDS))
            finally:
                self._busy.discard(key)
                if key in self._again:
                    del self._again[key]
                    self.add(key)
            # Work that never has to wait would keep everybody else waiting.
            await asyncio.sleep(0)
