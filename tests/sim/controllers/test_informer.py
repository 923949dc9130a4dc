"""Informers and the queue under controllers: nothing missed, nothing decided on the past, nothing done when idle."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from lab.sim.api.status import ApiError
from lab.sim.clock import settle
from lab.sim.controllers.controller import Controller, Informers
from lab.sim.controllers.informer import Informer
from lab.sim.objects import evolve
from tests.sim.clusters import bare

Object = dict[str, Any]


def config(name: str, color: str = "red", namespace: str = "default") -> Object:
    metadata = {"name": name, "namespace": namespace, "labels": {"color": color}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


async def prepared(*namespaces: str) -> Any:
    cluster = bare()
    for name in namespaces or ("default",):
        await cluster.client().create(
            "namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        )
    return cluster


def by_color(obj: Object) -> Iterable[str]:
    return (obj["metadata"]["labels"]["color"],)


async def test_a_view_knows_a_write_once_it_has_reached_it() -> None:
    cluster = await prepared()
    client = cluster.client()
    informer = Informer(client, cluster.clock, "configmaps")
    task = asyncio.create_task(informer.run())
    await informer.synced.wait()
    made = await client.create("configmaps", config("a"))
    assert informer.get("default", "a") is None
    await informer.reached(made)
    assert informer.get("default", "a") == made
    await client.delete("configmaps", "default", "a")
    assert informer.get("default", "a") is not None
    await informer.dropped(made)
    assert informer.get("default", "a") is None
    task.cancel()


async def test_indexes_follow_changes_and_keep_nothing_empty() -> None:
    cluster = await prepared("default", "other")
    client = cluster.client()
    informer = Informer(client, cluster.clock, "configmaps")
    informer.index("color", by_color)
    await client.create("configmaps", config("a"))
    task = asyncio.create_task(informer.run())
    await informer.synced.wait()
    informer.index("late", by_color)
    other = await client.create("configmaps", config("b", namespace="other"))
    await informer.reached(other)
    for index in ("color", "late"):
        assert [one["metadata"]["name"] for one in informer.by(index, "red")] == ["a", "b"]
    blue = await client.update("configmaps", config("a", "blue"))
    await informer.reached(blue)
    assert [one["metadata"]["name"] for one in informer.by("late", "red")] == ["b"]
    assert informer.by("color", "blue") == [blue]
    assert [one["metadata"]["name"] for one in informer.list("other")] == ["b"]
    await client.delete("configmaps", "other", "b")
    await informer.dropped(other)
    assert (informer.by("color", "red"), informer.list("other")) == ([], [])
    task.cancel()


async def test_a_handler_hears_everything_however_late_it_comes_and_another_one_s_error_does_not_matter() -> None:
    cluster = await prepared()
    client = cluster.client()
    informer = Informer(client, cluster.clock, "configmaps")

    def broken(old: Object | None, new: Object | None) -> None:
        raise RuntimeError

    heard: list[tuple[str, str]] = []

    def hear(old: Object | None, new: Object | None) -> None:
        kind = "gone" if new is None else ("new" if old is None else "changed")
        heard.append((kind, (new or old or {})["metadata"]["name"]))

    informer.handle(broken)
    task = asyncio.create_task(informer.run())
    await informer.synced.wait()
    await informer.reached(await client.create("configmaps", config("a")))
    informer.handle(hear)
    await informer.reached(await client.update("configmaps", config("a", "blue")))
    await client.delete("configmaps", "default", "a")
    await settle()
    assert heard == [("new", "a"), ("changed", "a"), ("gone", "a")]
    task.cancel()


async def test_a_view_that_lost_its_watch_catches_up_by_a_list() -> None:
    cluster = await prepared()
    client = cluster.client()
    informer = Informer(client, cluster.clock, "configmaps")
    gone: list[str] = []
    informer.handle(lambda old, new: gone.append(old["metadata"]["name"]) if old and new is None else None)
    await client.create("configmaps", config("a"))
    task = asyncio.create_task(informer.run())
    await informer.synced.wait()
    real = client.list
    down = True

    async def refuse(*arguments: Any, **options: Any) -> Any:
        if down:
            raise ApiError(503, "ServiceUnavailable", "down")
        return await real(*arguments, **options)

    client.list = refuse  # type: ignore[method-assign]
    cluster.rest.store.close()
    await settle()
    await client.delete("configmaps", "default", "a")
    made = await client.create("configmaps", config("b"))
    await cluster.clock.advance(3)
    assert informer.get("default", "b") is None
    down = False
    await cluster.clock.advance(1.5)
    assert [one["metadata"]["name"] for one in informer.list()] == ["b"]
    assert gone == ["a"]
    await informer.reached(made)
    task.cancel()


class _Counting(Controller):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.seen: list[str] = []
        self.refusals = 0
        self.configs = self.informer("configmaps")
        self.configs.handle(lambda old, new: self.enqueue_object(new or old or {}))

    async def reconcile(self, namespace: str, name: str) -> None:
        self.seen.append(name)
        if self.refusals:
            self.refusals -= 1
            raise ApiError(409, "Conflict", "again")


async def test_a_controller_waits_for_its_lists_works_once_for_many_changes_and_repeats_what_was_refused() -> None:
    cluster = await prepared()
    client = cluster.client()
    informers = Informers(client, cluster.clock)
    controller = _Counting(client, cluster.clock, informers)
    made = await client.create("configmaps", config("a"))
    work = asyncio.create_task(controller.run())
    controller.enqueue("default", "a")
    await settle()
    assert controller.seen == []
    follow = [asyncio.create_task(one.run()) for one in informers]
    await settle()
    assert controller.seen == ["a"]
    for color in ("blue", "green", "black"):
        made = await client.update("configmaps", evolve(made, metadata={"labels": {"color": color}}))
    await settle()
    assert controller.seen == ["a", "a"]
    controller.refusals = 3
    controller.enqueue("default", "a")
    await cluster.clock.advance(0.1)
    assert controller.seen == ["a"] * 6
    for task in (work, *follow):
        task.cancel()


async def test_an_idle_controller_does_nothing() -> None:
    cluster = await prepared()
    client = cluster.client()
    informers = Informers(client, cluster.clock)
    controller = _Counting(client, cluster.clock, informers)
    tasks = [asyncio.create_task(one.run()) for one in (*informers, controller)]
    await client.create("configmaps", config("a"))
    await settle()
    loop = asyncio.get_running_loop()
    steps = 0
    call_soon = loop.call_soon

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal steps
        steps += 1
        return call_soon(*arguments, **options)

    loop.call_soon = counted  # type: ignore[method-assign]
    await cluster.clock.advance(3600)
    done = steps
    steps = 0
    await settle(2)
    loop.call_soon = call_soon  # type: ignore[method-assign]
    assert controller.seen == ["a"]
    assert done <= 120
    for task in tasks:
        task.cancel()
