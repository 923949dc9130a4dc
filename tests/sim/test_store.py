"""The store: order, watches from the past, and one encoding for each write."""

import asyncio

import orjson
import pytest

from lab.sim.api.store import HISTORY, Store, TooOld


def thing(name: str, namespace: str = "") -> dict[str, object]:
    return {"metadata": {"name": name, **({"namespace": namespace} if namespace else {})}}


def put(store: Store, name: str, namespace: str = "a", storage: str = "things") -> dict[str, object]:
    return store.put(storage, namespace, name, thing(name, namespace))


def test_objects_come_in_order_of_namespace_and_name() -> None:
    store = Store()
    for namespace, name in (("b", "x"), ("a", "z"), ("a", "a-b"), ("a", "a"), ("a-b", "c")):
        put(store, name, namespace)
    keys = [(one["metadata"]["namespace"], one["metadata"]["name"]) for one in store.list("things")]
    assert keys == [("a", "a"), ("a", "a-b"), ("a", "z"), ("a-b", "c"), ("b", "x")]
    assert [one["metadata"]["name"] for one in store.list("things", "a")] == ["a", "a-b", "z"]
    assert store.count("things", "a") == 3
    assert store.count("things") == 5
    assert store.count("nothing") == 0


def test_a_scan_goes_on_behind_a_key() -> None:
    store = Store()
    for name in "abcd":
        put(store, name)
    assert [one["metadata"]["name"] for one in store.scan("things", "a", ("a", "b"))] == ["c", "d"]


def test_all_resources_share_one_line_of_versions() -> None:
    store = Store()
    put(store, "a")
    put(store, "a", storage="others")
    last = store.remove("things", "a", "a")
    assert last["metadata"]["resourceVersion"] == "3"
    assert store.revision == 3


def test_a_change_is_not_made_in_place() -> None:
    store = Store()
    before = put(store, "a")
    put(store, "a")
    assert before["metadata"]["resourceVersion"] == "1"
    last = store.remove("things", "a", "a")
    assert before["metadata"]["resourceVersion"] == "1"
    assert last["metadata"]["resourceVersion"] == "3"


def test_removing_what_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        Store().remove("things", "a", "a")


async def test_a_watch_begins_where_it_is_asked_to() -> None:
    store = Store()
    for name in "abc":
        put(store, name)
    subscription = store.subscribe("things", since=1)
    put(store, "d")
    store.remove("things", "a", "a")
    told = [(one.type, one.name, one.revision) for one in subscription.changes]
    assert told == [("ADDED", "b", 2), ("ADDED", "c", 3), ("ADDED", "d", 4), ("DELETED", "a", 5)]


async def test_a_watch_of_one_namespace_hears_of_no_other() -> None:
    store = Store()
    subscription = store.subscribe("things", "a")
    put(store, "x", "b")
    put(store, "y", "a")
    assert [one.name for one in subscription.changes] == ["y"]


async def test_changes_that_are_forgotten_are_said_to_be_too_old() -> None:
    store = Store()
    for number in range(HISTORY + 5):
        put(store, f"n{number % 7}")
    with pytest.raises(TooOld):
        store.subscribe("things", since=4)
    assert len(store.subscribe("things", since=5).changes) == HISTORY


async def test_other_resources_do_not_push_changes_out() -> None:
    store = Store()
    put(store, "a")
    for number in range(HISTORY + 5):
        put(store, f"n{number}", storage="others")
    put(store, "b")
    assert [one.name for one in store.subscribe("things", since=1).changes] == ["b"]


async def test_after_a_restart_older_versions_are_too_old_and_the_newest_is_not() -> None:
    store = Store()
    store.restore(7, iter([("things", "a", "a", orjson.dumps(thing("a", "a")))]))
    assert store.get("things", "a", "a") == thing("a", "a")
    with pytest.raises(TooOld):
        store.subscribe("things", since=6)
    store.subscribe("things", since=7)
    assert put(store, "b")["metadata"] == {"name": "b", "namespace": "a", "resourceVersion": "8"}


async def test_seeds_are_there_but_were_never_news() -> None:
    store = Store()
    heard = []
    store.listen(heard.append)
    store.seed([("things", "a", name, thing(name, "a")) for name in "ba"])
    assert [one["metadata"]["name"] for one in store.list("things")] == ["a", "b"]
    assert store.revision == 2
    assert heard == []
    assert store.subscribe("things", since=2).changes == store.subscribe("things").changes


def test_every_watcher_is_told_the_same_bytes() -> None:
    store = Store()
    one, two = store.subscribe("things"), store.subscribe("things", "a")
    put(store, "x")
    first, second = one.changes[0], two.changes[0]
    assert first.json("ADDED") is second.json("ADDED")
    assert orjson.loads(first.json("ADDED")) == {"type": "ADDED", "object": store.get("things", "a", "x")}
    assert orjson.loads(first.json("MODIFIED"))["type"] == "MODIFIED"


async def test_waiting_ends_with_a_change_a_limit_or_the_end() -> None:
    store = Store()
    subscription = store.subscribe("things")
    assert await subscription.wait(0.01) is False
    waiting = asyncio.ensure_future(subscription.wait())
    await asyncio.sleep(0)
    put(store, "x")
    assert await waiting is True
    subscription.changes.clear()
    waiting = asyncio.ensure_future(subscription.wait())
    await asyncio.sleep(0)
    store.close()
    assert await waiting is False
    put(store, "y")
    assert not subscription.changes


def test_a_listener_hears_everything_until_it_is_told_to_stop() -> None:
    store = Store()
    heard = []
    end = store.listen(heard.append)
    put(store, "x")
    put(store, "x", storage="others")
    end()
    put(store, "y")
    assert [(one.storage, one.name) for one in heard] == [("things", "x"), ("others", "x")]
