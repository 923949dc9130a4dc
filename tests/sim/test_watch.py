"""Watches over HTTPS: what they begin with, what they tell, and how they end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from lab.sim.api import streams, watch
from tests.sim.serving import CONFIGMAPS, Served, chunks, read_head, wire

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
METADATA = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"


class Watching:
    """A watch of configmaps that is read event by event."""

    def __init__(self, one: Served, query: str, accept: str = "application/json") -> None:
        self.one, self.query, self.accept = one, query, accept

    async def __aenter__(self) -> Watching:
        self._stack = contextlib.AsyncExitStack()
        door = self.one.door
        self.reader, self.writer = await self._stack.enter_async_context(door.connected(door.admin))
        self.writer.write(wire("GET", f"{CONFIGMAPS}?watch=1&{self.query}", [("Accept", self.accept)]))
        self.answer = await read_head(self.reader)
        self._lines = self._events()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _events(self) -> AsyncIterator[Any]:
        rest = b""
        async for data in chunks(self.reader):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                yield orjson.loads(line)

    async def next(self) -> Any:
        async with asyncio.timeout(10):
            return await anext(self._lines)

    async def all(self) -> list[Any]:
        async with asyncio.timeout(10):
            return [event async for event in self._lines]


async def made(one: Served, name: str, **labels: str) -> Any:
    answer = await one.ask("POST", CONFIGMAPS, {"metadata": {"name": name, "labels": labels}})
    assert answer.code == 201
    return answer.json


async def labelled(one: Served, name: str, **labels: str | None) -> None:
    patch = {"metadata": {"labels": labels}}
    answer = await one.ask(
        "PATCH", f"{CONFIGMAPS}/{name}", orjson.dumps(patch), {"Content-Type": "application/merge-patch+json"}
    )
    assert answer.code == 200


async def revision(one: Served) -> str:
    return str((await one.ask("GET", CONFIGMAPS)).json["metadata"]["resourceVersion"])


def told(event: Any) -> tuple[str, str]:
    return event["type"], event["object"]["metadata"]["name"]


async def test_a_watch_from_a_list_on_tells_each_change_once(one: Served) -> None:
    async with Watching(one, f"resourceVersion={await revision(one)}") as watching:
        assert watching.answer.header("content-type") == "application/json"
        await made(one, "x")
        await labelled(one, "x", a="c")
        await one.ask("DELETE", f"{CONFIGMAPS}/x")
        events = [await watching.next() for _ in range(3)]
    assert [told(event) for event in events] == [("ADDED", "x"), ("MODIFIED", "x"), ("DELETED", "x")]
    revisions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert revisions == sorted(set(revisions))
    assert events[2]["object"]["metadata"]["labels"] == {"a": "c"}


async def test_a_watch_without_a_version_begins_with_what_is_there(one: Served) -> None:
    async with Watching(one, "fieldSelector=metadata.name%3Dpresent") as watching:
        assert told(await watching.next()) == ("ADDED", "present")


async def test_an_object_that_enters_or_leaves_a_selector_is_added_or_deleted(one: Served) -> None:
    async with Watching(one, f"labelSelector=tier%3Dweb&resourceVersion={await revision(one)}") as watching:
        await made(one, "x", tier="db")
        await labelled(one, "x", tier="web")
        await labelled(one, "x", tier="web", more="y")
        await labelled(one, "x", tier=None)
        await made(one, "y", tier="web")
        found = [told(await watching.next()) for _ in range(4)]
    assert found == [("ADDED", "x"), ("MODIFIED", "x"), ("DELETED", "x"), ("ADDED", "y")]


async def test_a_watch_list_ends_its_beginning_with_a_bookmark(one: Served) -> None:
    query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    async with Watching(one, f"{query}&labelSelector=a%3Db") as watching:
        assert told(await watching.next()) == ("ADDED", "present")
        mark = await watching.next()
        assert mark["type"] == "BOOKMARK"
        assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert mark["object"]["kind"] == "ConfigMap"
        await made(one, "x", a="b")
        event = await watching.next()
    assert told(event) == ("ADDED", "x")
    assert int(event["object"]["metadata"]["resourceVersion"]) > int(mark["object"]["metadata"]["resourceVersion"])


async def test_bookmarks_come_to_those_who_asked(one: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "BOOKMARK_SECONDS", 0.2)
    since = await revision(one)
    silent = f"resourceVersion={since}&timeoutSeconds=1"
    async with Watching(one, silent) as plain, Watching(one, f"{silent}&allowWatchBookmarks=true") as marked:
        await one.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "elsewhere"}})
        marks = await marked.all()
        assert await plain.all() == []
    assert len(marks) >= 3
    assert {event["type"] for event in marks} == {"BOOKMARK"}
    assert int(marks[-1]["object"]["metadata"]["resourceVersion"]) > int(since)


async def test_a_watch_ends_after_its_seconds_with_a_whole_answer(one: Served) -> None:
    async with Watching(one, f"resourceVersion={await revision(one)}&timeoutSeconds=1") as watching:
        began = asyncio.get_running_loop().time()
        assert await watching.all() == []
        assert 0.9 <= asyncio.get_running_loop().time() - began < 5


async def test_a_version_that_is_forgotten_is_told_as_expired(one: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    since = await revision(one)
    monkeypatch.setattr("lab.sim.api.store.HISTORY", 1)
    shelf = one.cluster.store._shelves["configmaps"]
    shelf._history = None  # as if it had been that short all along
    await made(one, "x")
    await made(one, "y")
    async with Watching(one, f"resourceVersion={since}") as watching:
        assert watching.answer.code == 200, "client-go looks for an event of type ERROR"
        event = await watching.next()
        assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
        assert await watching.all() == []


async def test_a_table_names_its_columns_once(one: Served) -> None:
    async with Watching(one, f"resourceVersion={await revision(one)}", TABLE) as watching:
        await made(one, "x")
        await made(one, "y")
        first, second = await watching.next(), await watching.next()
    assert [first["object"]["kind"], second["object"]["kind"]] == ["Table", "Table"]
    assert [column["name"] for column in first["object"]["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert not second["object"].get("columnDefinitions")
    assert second["object"]["rows"][0]["cells"][0] == "y"
    assert second["object"]["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


async def test_metadata_alone_can_be_watched(one: Served) -> None:
    async with Watching(one, f"resourceVersion={await revision(one)}", METADATA) as watching:
        await made(one, "x")
        obj = (await watching.next())["object"]
    assert (obj["kind"], obj["apiVersion"], obj["metadata"]["name"]) == (
        "PartialObjectMetadata",
        "meta.k8s.io/v1",
        "x",
    )
    assert set(obj) == {"kind", "apiVersion", "metadata"}


def subscriptions(one: Served) -> int:
    return len(one.cluster.store._shelves["configmaps"].subscriptions)


async def test_a_client_that_goes_leaves_nothing_behind(one: Served) -> None:
    before = subscriptions(one)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(5):
            await stack.enter_async_context(Watching(one, f"resourceVersion={await revision(one)}"))
        assert subscriptions(one) == before + 5
    for _ in range(100):
        await asyncio.sleep(0.02)
        if subscriptions(one) == before:
            break
    assert subscriptions(one) == before


async def test_a_watcher_that_does_not_read_is_cut_off(one: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MOST_WAITING", 50)
    monkeypatch.setattr(streams, "READ_SECONDS", 1.0)
    before = subscriptions(one)
    async with Watching(one, f"resourceVersion={await revision(one)}") as watching:
        watching.reader._transport.pause_reading()  # type: ignore[attr-defined]
        client = one.cluster.admin("filler")
        text = "x" * 200_000
        for number in range(300):
            obj = {"metadata": {"name": f"big-{number}", "namespace": "hostile"}, "data": {"x": text}}
            await client.create("configmaps", obj)
            waiting = [len(held.changes) for held in one.cluster.store._shelves["configmaps"].subscriptions]
            assert max(waiting) <= 51 or len(waiting) == before
            await asyncio.sleep(0)
        for _ in range(200):
            await asyncio.sleep(0.05)
            if subscriptions(one) == before:
                break
        assert subscriptions(one) == before
    gc.collect()
    assert await one.alive()


async def test_a_watcher_that_falls_behind_is_told_to_list_anew(one: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MOST_WAITING", 10)
    async with Watching(one, f"resourceVersion={await revision(one)}") as watching:
        client = one.cluster.admin("filler")
        for number in range(30):  # without giving the server a moment to send
            await client.create("configmaps", {"metadata": {"name": f"n-{number}", "namespace": "hostile"}})
        events = await watching.all()
    assert events[-1]["type"] == "ERROR"
    assert events[-1]["object"]["code"] == 410
