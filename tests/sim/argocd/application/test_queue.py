"""The queue behind every part of the application controller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from lab.sim.argocd.application.queue import WorkQueue
from lab.sim.clock import ManualClock, settle


class Bench:
    """Notes what is worked on; `hold` keeps work from ending."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.done: list[str] = []
        self.busy: list[str] = []
        self.held: asyncio.Event | None = None
        self.fails: Callable[[str], bool] = lambda key: False
        self.queue: WorkQueue[str] = WorkQueue("bench", self.clock, self._work)

    async def _work(self, key: str) -> None:
        assert key not in self.busy, "two workers at one key"
        self.busy.append(key)
        try:
            if self.held is not None:
                await self.held.wait()
            if self.fails(key):
                raise RuntimeError(key)
            self.done.append(key)
        finally:
            self.busy.remove(key)


@asynccontextmanager
async def running(workers: int = 1) -> AsyncIterator[Bench]:
    bench = Bench()
    task = asyncio.create_task(bench.queue.run(workers))
    await settle()
    try:
        yield bench
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_each_key_once_in_order() -> None:
    async with running() as bench:
        for key in "abca":
            bench.queue.add(key)
        await settle()
        assert bench.done == ["a", "b", "c"]


async def test_a_key_that_comes_while_it_is_worked_on_comes_again() -> None:
    async with running(workers=3) as bench:
        bench.held = asyncio.Event()
        bench.queue.add("a")
        await settle()
        bench.queue.add("a")
        bench.queue.add("a")
        await settle()
        assert bench.busy == ["a"]
        bench.held.set()
        await settle()
        assert bench.done == ["a", "a"]


async def test_workers_share_the_work() -> None:
    async with running(workers=2) as bench:
        bench.held = asyncio.Event()
        for key in "abc":
            bench.queue.add(key)
        await settle()
        assert bench.busy == ["a", "b"]
        bench.held.set()
        await settle()
        assert bench.done == ["a", "b", "c"]


async def test_the_earlier_of_two_times_counts() -> None:
    async with running() as bench:
        bench.queue.add_after("a", 10)
        bench.queue.add_after("a", 3)
        bench.queue.add_after("a", 20)
        await bench.clock.advance(2.9)
        assert bench.done == []
        await bench.clock.advance(0.2)
        assert bench.done == ["a"]
        await bench.clock.advance(60)
        assert bench.done == ["a"]


async def test_what_fails_is_tried_again_later_each_time(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as bench:
        failed: list[float] = []

        def fails(key: str) -> bool:
            failed.append(bench.clock.now())
            return len(failed) < 4

        bench.fails = fails
        bench.queue.add("a")
        for _ in range(100):
            await bench.clock.advance(0.1)
        assert [round(after - before) for before, after in pairwise(failed)] == [1, 2, 4]
        assert bench.done == ["a"]
        assert "bench: a failed" in caplog.text


async def test_what_is_forgotten_does_not_come() -> None:
    async with running() as bench:
        bench.queue.add_after("a", 1)
        bench.queue.forget("a")
        await bench.clock.advance(5)
        assert bench.done == []
