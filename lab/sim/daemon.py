"""The simulator's process: clusters on loopback ports, state in one folder, a control port for who owns it.

One daemon for a folder, kept by a file lock. `kill -9` is survived: the next start serves the same clusters on the same
ports with everything that was acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import importlib
import logging
import os
import resource
import secrets
import signal
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from lab.sim.clock import SystemClock
from lab.sim.cluster import Cluster, Settings, SettingsError
from lab.sim.files import make_folder, write_private
from lab.sim.git_service import GitService, GitServiceError
from lab.sim.instances import PROGRAMS, Instances
from lab.sim.journal import Database, OtherVersion, Unreadable

_log = logging.getLogger(__name__)
_FLUSH_SECONDS = 0.05
_LOCK_SECONDS = 2.0
"""A process that was just killed holds its lock until the kernel has cleared it away."""
_HOME_SECONDS = 5.0
"""How often the folder is looked for."""
ADDRESS_FILE, LOCK_FILE, LOG_FILE, STATE_FILE = "daemon.json", "lock", "daemon.log", "state.db"
LOG_LIMIT = 4 * 1024 * 1024
MOST_FILES = 8192


class Busy(Exception):
    """Another daemon owns the folder."""


class Daemon:
    """All clusters of one folder."""

    def __init__(self, home: Path) -> None:
        """`home`: the folder that holds everything; made with mode 0700 if it is missing."""
        self._home = home
        self._clusters: dict[str, Cluster] = {}
        self._token = secrets.token_urlsafe(32)
        self._stopped = asyncio.Event()
        self._clock = SystemClock()
        self._git = GitService(home, self._clock)
        self._instances = Instances(self._clusters, self._git, self._clock)
        self._began = time.time()
        self._changing = asyncio.Lock()

    async def run(self) -> None:
        """Serve until told to stop. Raises Busy, OtherVersion, Unreadable or OSError when it cannot begin."""
        make_folder(self._home)
        with _lock(self._home / LOCK_FILE):
            self._database = Database(self._home / STATE_FILE)
            loop = asyncio.get_running_loop()
            self._database.on_dirty = lambda: loop.call_later(_FLUSH_SECONDS, self._database.flush)
            for name in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(name, self._stopped.set)
            try:
                await self._git.restore()
                for kept in self._database.clusters():
                    await self._begin(Settings.read(kept.settings), kept.revision)
                runner = web.ServerRunner(web.Server(self._control, access_log=None))
                await runner.setup()
                site = web.TCPSite(runner, "127.0.0.1", 0)
                await site.start()
                address = runner.addresses[0]
                self._announce(int(address[1]))
                self._watch_home()
                await self._stopped.wait()
                (self._home / ADDRESS_FILE).unlink(missing_ok=True)
                await runner.cleanup()
            finally:
                for cluster in self._clusters.values():
                    await cluster.stop()
                self._instances.close()
                await self._git.close()
                self._database.close()

    def _watch_home(self) -> None:
        """End when the folder was taken away: nobody could ever find this process again."""
        if not (self._home / LOCK_FILE).exists():
            _log.warning("%s is gone", self._home)
            self._stopped.set()
            return
        asyncio.get_running_loop().call_later(_HOME_SECONDS, self._watch_home)

    def _announce(self, port: int) -> None:
        facts = {"pid": os.getpid(), "port": port, "token": self._token, "began": self._began}
        write_private(self._home / ADDRESS_FILE, orjson.dumps(facts))

    async def _begin(self, settings: Settings, revision: int) -> Cluster:
        cluster = Cluster(settings, self._home / "clusters" / settings.name, self._database, self._clock)
        self._instances.register(cluster)
        self._clusters[settings.name] = cluster
        await cluster.start(revision)
        return cluster

    # -- control

    async def _control(self, http: web.BaseRequest) -> web.StreamResponse:
        if not secrets.compare_digest(http.headers.get("Authorization", ""), f"Bearer {self._token}"):
            return _answer({"error": "wrong token"}, 401)
        try:
            parts = http.path.strip("/").split("/")
            return await self._act(http, parts)
        except (SettingsError, GitServiceError) as error:
            return _answer({"error": str(error)}, 422)
        except KeyError as error:
            return _answer({"error": f"no cluster {error.args[0]!r}"}, 404)
        except Exception as error:
            _log.exception("control %s %s", http.method, http.path)
            return _answer({"error": f"{type(error).__name__}: {error}"}, 500)

    async def _act(self, http: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
        match (http.method, parts):
            case ("GET", ["status"]):
                git = self._git.facts() if self._git.exists else None
                facts = {"pid": os.getpid(), "began": self._began, "clusters": self._listed(), "git": git}
                return _answer(facts)
            case ("POST", ["stop"]):
                asyncio.get_running_loop().call_later(0.05, self._stopped.set)
                return _answer({"stopping": True})
            case ("POST", ["clusters"]):
                said = orjson.loads(await http.read())
                wanted = said if isinstance(said, list) else [said]
                async with self._changing:
                    made = [await self._create(one) for one in wanted]
                    self._database.commit()
                return _answer(made)
            case ("DELETE", ["clusters", name]):
                async with self._changing:
                    cluster = self._clusters[name]
                    await cluster.stop()
                    del self._clusters[name]
                    self._database.remove_cluster(name)
                    cluster.remove_files()
                return _answer({"deleted": name})
            case ("POST", ["clusters", name, "pause" | "resume" as verb]):
                async with self._changing:
                    cluster = self._clusters[name]
                    await (cluster.pause() if verb == "pause" else cluster.resume())
                    self._database.add_cluster(name, asdict(cluster.settings))
                return _answer(cluster.facts())
            case ("POST", ["clusters", name, "images"]):
                said = orjson.loads(await http.read())
                async with self._changing:
                    cluster = self._clusters[name]
                    cluster.load(said)
                    self._database.add_cluster(name, asdict(cluster.settings))
                    self._database.commit()
                return _answer(cluster.facts())
            case (_, ["git", *rest]):
                return await self._act_on_git(http, rest)
        return _no_such(http)

    async def _act_on_git(self, http: web.BaseRequest, rest: list[str]) -> web.StreamResponse:
        async with self._changing:
            match (http.method, rest):
                case ("POST", ["start"]):
                    return _answer(await self._git.start(_port(await _said(http))))
                case ("POST", ["stop"]):
                    await self._git.stop()
                    return _answer({"stopped": True})
                case ("DELETE", []):
                    await self._git.remove()
                    return _answer({"deleted": "git"})
                case ("POST", ["accounts"]):
                    said = await _said(http)
                    self._git.set_account(said.get("name", ""), said.get("password", ""), said.get("admin", True))
                    return _answer({"set": said["name"]})
        return _no_such(http)

    async def _create(self, said: dict[str, Any]) -> dict[str, Any]:
        settings = Settings.read(said)
        present = self._clusters.get(settings.name)
        if present is not None:
            return present.facts()
        self._database.add_cluster(settings.name, asdict(settings))
        try:
            cluster = await self._begin(settings, 0)
        except BaseException:
            self._clusters.pop(settings.name, None)
            self._database.remove_cluster(settings.name)
            raise
        self._database.add_cluster(settings.name, asdict(cluster.settings))
        return cluster.facts()

    def _listed(self) -> list[dict[str, Any]]:
        return [cluster.facts() for _, cluster in sorted(self._clusters.items())]


def _answer(value: Any, code: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=code, content_type="application/json")


def _no_such(http: web.BaseRequest) -> web.Response:
    return _answer({"error": f"no such request: {http.method} {http.path}"}, 404)


async def _said(http: web.BaseRequest) -> dict[str, Any]:
    """A request's JSON object. Raises GitServiceError."""
    try:
        said = orjson.loads(await http.read() or b"{}")
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise GitServiceError("the request must be a JSON object")
    return said


def _port(said: dict[str, Any]) -> int:
    port = said.get("port", 0)
    if type(port) is not int or not 0 <= port <= 65535:
        raise GitServiceError(f"port must be from 0 to 65535, found {port!r}")
    return port


@contextlib.contextmanager
def _lock(path: Path) -> Any:
    """Hold the folder; the kernel lets go of it when the process ends, however it ends. Raises Busy."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    ends = time.monotonic() + _LOCK_SECONDS
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > ends:
                    raise Busy(f"another simulator serves {path.parent}") from None
                time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def _allow_connections() -> None:
    """Open as many files as the system lets us: every client's connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def collect_seldom() -> None:
    """Look for circles of garbage more rarely: objects of the API hold none, and there are many of them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def load_programs() -> None:
    """Import what the programs in pods are made of, so that none of them waits for it when it starts."""
    for name in PROGRAMS:
        importlib.import_module(name)


def serve(home: Path) -> int:
    """Run a daemon until it is stopped; its exit code. What it has to say goes to `daemon.log` in `home`."""
    os.umask(0o077)
    make_folder(home)
    log = home / LOG_FILE
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".old.log"))
    _allow_connections()
    collect_seldom()
    handler = logging.FileHandler(log, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    log.touch(mode=0o600)
    try:
        asyncio.run(Daemon(home).run())
    except Busy as error:
        _log.error("%s", error)
        return 75
    except (OtherVersion, Unreadable, OSError) as error:
        _log.error("cannot start: %s", error)
        return 3
    return 0
