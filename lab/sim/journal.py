"""What outlives the process: clusters and their objects, in one SQLite file.

Promise: a write is in the file before anyone outside hears of it, be it as an answer, by a read or through a watch. So
`kill -9` loses nothing that was acknowledged, and resourceVersions never go back. The file is written without waiting
for the disk: a power cut or a crash of the machine may lose the last seconds.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

_LAYOUT = """
create table if not exists meta (key text primary key, value text) without rowid;
create table if not exists clusters (name text primary key, settings blob, revision integer) without rowid;
create table if not exists objects (
  cluster text, storage text, namespace text, name text, body blob, primary key (cluster, storage, namespace, name)
) without rowid;
"""
VERSION = "1"
"""Of the file's layout. A file of another version is refused, never guessed at."""


class OtherVersion(Exception):
    """The file was written by another version of the simulator."""


class Unreadable(Exception):
    """The file is damaged, or no state of a simulator."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One cluster as the file knows it."""

    name: str
    settings: dict[str, object]
    revision: int


class Database:
    """The file of one daemon."""

    def __init__(self, path: Path) -> None:
        """Open or make the file at `path`. Raises OtherVersion or Unreadable."""
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            run = self._connection.execute
            for pragma in ("locking_mode = exclusive", "journal_mode = wal", "synchronous = off", "cache_size = -512"):
                run(f"pragma {pragma}")
            self._connection.executescript(_LAYOUT)
            run("insert or ignore into meta values ('version', ?)", (VERSION,))
            found = run("select value from meta where key = 'version'").fetchone()[0]
        except sqlite3.Error as error:
            raise Unreadable(f"{path}: {error}") from None
        if found != VERSION:
            raise OtherVersion(f"{path} has layout {found}, this simulator needs {VERSION}")
        self._order: dict[tuple[str, str, str, str], bytes | None] = {}
        self._revisions: dict[str, int] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self._dirty = False
        self.on_dirty: Callable[[], object] | None = None
        """Called at the first write after a `flush`, so that someone flushes soon even if nobody waits for a commit."""

    def clusters(self) -> list[Kept]:
        """Every cluster, by name."""
        rows = self._connection.execute("select name, settings, revision from clusters order by name")
        return [Kept(name, orjson.loads(settings), revision) for name, settings, revision in rows]

    def add_cluster(self, name: str, settings: dict[str, object]) -> None:
        """Remember a cluster, or its new settings."""
        self._connection.execute(
            "insert into clusters values (?, ?, 0) on conflict (name) do update set settings = excluded.settings",
            (name, orjson.dumps(settings)),
        )

    def remove_cluster(self, name: str) -> None:
        """Forget a cluster and everything in it."""
        self._order = {key: raw for key, raw in self._order.items() if key[0] != name}
        self._revisions.pop(name, None)
        run = self._connection.execute
        run("begin")
        run("delete from objects where cluster = ?", (name,))
        run("delete from clusters where name = ?", (name,))
        run("commit")

    def objects(self, cluster: str) -> Iterator[tuple[str, str, str, bytes]]:
        """(storage, namespace, name, JSON) of everything in a cluster."""
        return iter(
            self._connection.execute(
                "select storage, namespace, name, body from objects where cluster = ?", (cluster,)
            ).fetchall()
        )

    def journal(self, cluster: str) -> ClusterJournal:
        """Where one cluster's store writes to."""
        return ClusterJournal(self, cluster)

    def record(self, cluster: str, revision: int, storage: str, namespace: str, name: str, raw: bytes | None) -> None:
        """Note one write; `raw` is None for a removal."""
        if not self._dirty and self.on_dirty is not None:
            self._dirty = True
            self.on_dirty()
        self._order[cluster, storage, namespace, name] = raw
        self._revisions[cluster] = revision

    def flush(self) -> None:
        """As `commit`, as the answer to `on_dirty`."""
        self._dirty = False
        self.commit()

    def commit(self) -> None:
        """Return when everything recorded would survive `kill -9`."""
        if not self._order:
            return
        run = self._connection.execute
        run("begin")
        try:
            gone = [key for key, raw in self._order.items() if raw is None]
            if gone:
                self._connection.executemany(
                    "delete from objects where cluster = ? and storage = ? and namespace = ? and name = ?", gone
                )
            if len(gone) < len(self._order):
                self._connection.executemany(
                    "insert or replace into objects values (?, ?, ?, ?, ?)",
                    [(*key, raw) for key, raw in self._order.items() if raw is not None],
                )
            for cluster, revision in self._revisions.items():
                run("update clusters set revision = ? where name = ?", (revision, cluster))
        except BaseException:
            run("rollback")
            raise
        run("commit")
        self._order.clear()
        self._revisions.clear()

    async def committed(self) -> None:
        """As `commit`, for many at once: whoever waits in the same turn of the event loop shares one transaction."""
        if not self._order:
            return
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._commit_for_all)
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiting.append(waiter)
        await waiter

    def _commit_for_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        failure: Exception | None = None
        try:
            self.commit()
        except sqlite3.Error as error:
            failure = error
        for waiter in waiting:
            if waiter.done():
                continue
            if failure is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(failure)

    def close(self) -> None:
        """Write what is left and close the file."""
        self.commit()
        self._connection.close()


class ClusterJournal:
    """`lab.sim.api.store.Journal` of one cluster."""

    def __init__(self, database: Database, cluster: str) -> None:
        self._database = database
        self._cluster = cluster
        self.commit = database.commit
        self.committed = database.committed

    def record(self, revision: int, storage: str, namespace: str, name: str, raw: bytes | None) -> None:
        """Note one write; `raw` is None for a removal."""
        self._database.record(self._cluster, revision, storage, namespace, name, raw)
