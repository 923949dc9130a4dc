"""Time as the simulator sees it: one clock for a cluster, real in the daemon, moved by hand in tests.

Every wait and every timestamp of the API and the controllers comes from here, so that a test can let ten minutes pass
without waiting.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol


class Handle(Protocol):
    """A call that was asked for and has not happened yet."""

    def cancel(self) -> None:
        """Forget the call; harmless when it has happened."""


class Clock(Protocol):
    """What the simulator needs of time."""

    def now(self) -> float:
        """Seconds since 1970-01-01T00:00:00Z."""

    def call_later(self, delay: float, call: Callable[[], object]) -> Handle:
        """Call `call` once, `delay` seconds from now, in the event loop."""

    async def sleep(self, seconds: float) -> None:
        """Return `seconds` from now."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since 1970-01-01T00:00:00Z."""
        return time.time()

    def call_later(self, delay: float, call: Callable[[], object]) -> Handle:
        """Call `call` once, `delay` seconds from now, in the running event loop."""
        return asyncio.get_running_loop().call_later(delay, call)

    async def sleep(self, seconds: float) -> None:
        """Return `seconds` from now."""
        await asyncio.sleep(seconds)


class _Timer:
    __slots__ = ("call",)

    def __init__(self, call: Callable[[], object]) -> None:
        self.call: Callable[[], object] | None = call

    def cancel(self) -> None:
        self.call = None


class ManualClock:
    """Time that only passes when `advance` is called."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        """`start`: seconds since 1970 at which this clock stands at first."""
        self._now = start
        self._timers: list[tuple[float, int, _Timer]] = []
        self._order = itertools.count()

    def now(self) -> float:
        """Seconds since 1970-01-01T00:00:00Z."""
        return self._now

    def call_later(self, delay: float, call: Callable[[], object]) -> Handle:
        """Call `call` when the clock has been moved `delay` seconds on."""
        timer = _Timer(call)
        heapq.heappush(self._timers, (self._now + max(delay, 0.0), next(self._order), timer))
        return timer

    async def sleep(self, seconds: float) -> None:
        """Return when the clock has been moved `seconds` on."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.call_later(seconds, lambda: None if woken.done() else woken.set_result(None))
        try:
            await woken
        finally:
            timer.cancel()

    async def advance(self, seconds: float) -> None:
        """Move the clock, calling what falls due in order and letting the loop settle after each call."""
        until = self._now + seconds
        await settle()
        while self._timers and self._timers[0][0] <= until:
            due, _, timer = heapq.heappop(self._timers)
            self._now = max(self._now, due)
            if timer.call is not None:
                timer.call()
                await settle()
        self._now = until
        await settle()


async def settle(rounds: int = 50) -> None:
    """Let everything that is ready in the event loop run, `rounds` times over."""
    for _ in range(rounds):
        await asyncio.sleep(0)


def timestamp(seconds: float) -> str:
    """`metav1.Time`: UTC with whole seconds, e.g. `2026-11-23T09:00:00Z`."""
    return _second(int(seconds // 1))


@lru_cache(maxsize=64)
def _second(whole: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(whole))


def micro_timestamp(seconds: float) -> str:
    """`metav1.MicroTime`: UTC with six decimals."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_timestamp(text: str) -> float:
    """Seconds since 1970 of an RFC 3339 time. Raises ValueError."""
    return datetime.fromisoformat(text).timestamp()
