"""What the file of a daemon keeps."""

import sqlite3
from pathlib import Path

import pytest

from lab.sim.api.store import Store
from lab.sim.journal import Database, OtherVersion, Unreadable


def opened(tmp_path: Path) -> Database:
    return Database(tmp_path / "state.db")


def test_a_store_comes_back_as_it_was(tmp_path: Path) -> None:
    database = opened(tmp_path)
    database.add_cluster("one", {"name": "one", "port": 7})
    store = Store(database.journal("one"))
    for name in ("a", "b", "c"):
        store.put("things", "ns", name, {"metadata": {"name": name}, "data": {"value": name}})
    store.put("things", "ns", "a", {"metadata": {"name": "a"}, "data": {"value": "new"}})
    store.remove("things", "ns", "b")
    database.close()

    again = opened(tmp_path)
    (kept,) = again.clusters()
    assert (kept.name, kept.settings, kept.revision) == ("one", {"name": "one", "port": 7}, 5)
    restored = Store(again.journal("one"))
    restored.restore(kept.revision, again.objects("one"))
    assert restored.list("things") == store.list("things")
    assert restored.revision == 5
    again.close()


def test_what_is_not_committed_is_not_kept(tmp_path: Path) -> None:
    database = opened(tmp_path)
    database.add_cluster("one", {})
    store = Store(database.journal("one"))
    store.put("things", "ns", "a", {"metadata": {"name": "a"}})
    store.commit()
    store.put("things", "ns", "b", {"metadata": {"name": "b"}})
    database._connection.close()  # as a process that is killed leaves it

    again = opened(tmp_path)
    assert [name for _, _, name, _ in again.objects("one")] == ["a"]
    assert again.clusters()[0].revision == 1
    again.close()


def test_somebody_is_told_of_the_first_write_after_each_flush(tmp_path: Path) -> None:
    database = opened(tmp_path)
    told = []
    database.on_dirty = lambda: told.append(1)
    store = Store(database.journal("one"))
    store.put("things", "", "a", {"metadata": {"name": "a"}})
    store.put("things", "", "b", {"metadata": {"name": "b"}})
    store.commit()
    store.put("things", "", "b", {"metadata": {"name": "b"}})
    assert len(told) == 1
    database.flush()
    store.put("things", "", "c", {"metadata": {"name": "c"}})
    assert len(told) == 2
    database.close()


def test_clusters_do_not_see_each_other(tmp_path: Path) -> None:
    database = opened(tmp_path)
    for name in ("one", "two"):
        database.add_cluster(name, {})
        Store(database.journal(name)).put("things", "", name, {"metadata": {"name": name}})
    database.commit()
    assert [name for _, _, name, _ in database.objects("one")] == ["one"]
    database.remove_cluster("one")
    assert list(database.objects("one")) == []
    assert [kept.name for kept in database.clusters()] == ["two"]
    assert [name for _, _, name, _ in database.objects("two")] == ["two"]
    database.close()


def test_writes_of_a_removed_cluster_do_not_come_back(tmp_path: Path) -> None:
    database = opened(tmp_path)
    database.add_cluster("one", {})
    Store(database.journal("one")).put("things", "", "a", {"metadata": {"name": "a"}})
    database.remove_cluster("one")
    database.commit()
    assert list(database.objects("one")) == []
    database.close()


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("update meta set value = '99' where key = 'version'")
    connection.close()
    with pytest.raises(OtherVersion, match="layout 99"):
        opened(tmp_path)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(Unreadable, match="not a database"):
        opened(tmp_path)
