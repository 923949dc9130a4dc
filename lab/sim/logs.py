"""What simulated containers write to their logs: one bounded buffer for each run of a container."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from lab.sim.clock import Clock

LINES = 1000
"""Lines kept for each run of a container; older ones are dropped, as a node's log rotation does."""
LINE_CHARACTERS = 16_384
"""A longer line is split, as container runtimes do."""

Line = tuple[float, str]
"""When (seconds since 1970) and what."""


class _Buffer:
    __slots__ = ("ended", "lines", "waiters", "written")

    def __init__(self) -> None:
        self.lines: deque[Line] = deque(maxlen=LINES)
        self.written = 0
        """Lines ever written, dropped ones too: a follower's place in the line."""
        self.ended = False
        self.waiters: list[asyncio.Future[None]] = []

    def wake(self) -> None:
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class Logs:
    """The logs of one cluster's containers: the present run and the one before."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pods: dict[tuple[str, str], dict[str, tuple[_Buffer, _Buffer | None]]] = {}

    def begin(self, namespace: str, pod: str, container: str) -> None:
        """A new run of a container begins: what was the present log becomes the previous one."""
        containers = self._pods.setdefault((namespace, pod), {})
        known = containers.get(container)
        if known is not None:
            known[0].ended = True
            known[0].wake()
        containers[container] = (_Buffer(), known[0] if known else None)

    def write(self, namespace: str, pod: str, container: str, text: str) -> None:
        """Add to the present run's log; a text of several lines becomes several lines."""
        known = self._pods.get((namespace, pod), {}).get(container)
        if known is None:
            self.begin(namespace, pod, container)
            known = self._pods[namespace, pod][container]
        buffer, now = known[0], self._clock.now()
        for line in text.splitlines() or [""]:
            for start in range(0, max(len(line), 1), LINE_CHARACTERS):
                buffer.lines.append((now, line[start : start + LINE_CHARACTERS]))
                buffer.written += 1
        buffer.wake()

    def end(self, namespace: str, pod: str, container: str) -> None:
        """The present run has ended: whoever follows it gets the rest and is done."""
        known = self._pods.get((namespace, pod), {}).get(container)
        if known is not None:
            known[0].ended = True
            known[0].wake()

    def forget(self, namespace: str, pod: str) -> None:
        """The pod is gone and its logs with it."""
        for present, _ in self._pods.pop((namespace, pod), {}).values():
            present.ended = True
            present.wake()

    def lines(self, namespace: str, pod: str, container: str, previous: bool = False) -> list[Line]:
        """The lines of the present run, or of the one before.

        Raises KeyError when the container has not run, or with `previous` not twice.
        """
        present, before = self._pods[namespace, pod][container]
        if previous:
            if before is None:
                raise KeyError(container)
            return list(before.lines)
        return list(present.lines)

    def written(self, namespace: str, pod: str, container: str) -> int:
        """Lines the present run has ever written, those that are dropped too; 0 when the container has not run."""
        known = self._pods.get((namespace, pod), {}).get(container)
        return known[0].written if known else 0

    async def follow(self, namespace: str, pod: str, container: str, after: int = 0) -> AsyncIterator[Line]:
        """The lines of the present run behind the first `after`, then each as it is written, until the run ends.

        Raises KeyError when the container has not run.
        """
        buffer = self._pods[namespace, pod][container][0]
        place = after
        while True:
            missing = min(buffer.written - place, len(buffer.lines))
            place = buffer.written
            for line in list(buffer.lines)[len(buffer.lines) - missing :]:
                yield line
            if place != buffer.written:
                continue
            if buffer.ended:
                return
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            buffer.waiters.append(waiter)
            try:
                await waiter
            finally:
                if waiter in buffer.waiters:
                    buffer.waiters.remove(waiter)
