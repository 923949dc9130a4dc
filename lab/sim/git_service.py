"""The git server as a daemon keeps it: on one port for good, with its accounts, until it is removed.

What git needs is loaded when there is a git server, so that a daemon without one starts as fast and stays as small as
before.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from lab.sim.clock import Clock
from lab.sim.files import make_folder, write_private

if TYPE_CHECKING:
    from lab.sim.git.server import GitServer

INSIDE_URL = "http://lab-git:3000"
"""Where the clusters of the lab reach it."""
_KEPT = "git.json"
_FOLDER = "git"


class GitServiceError(ValueError):
    """The git server cannot be had as asked for; the text says why."""


class GitService:
    """The git server of one folder, or that there is none."""

    def __init__(self, home: Path, clock: Clock) -> None:
        """`home`: the daemon's folder."""
        self._home = home
        self._clock = clock
        self._port = 0
        self._stopped = False
        self._why = ""
        self._server: GitServer | None = None
        self.exists = False
        """Whether it was ever started, and not removed since."""

    @property
    def server(self) -> GitServer:
        """The server, the same one for good, whether it is served, stopped or has never been started."""
        if self._server is None:
            from lab.sim.git.server import GitServer

            self._server = GitServer(self._home / _FOLDER, self._clock)
        return self._server

    @property
    def is_served(self) -> bool:
        """Whether it answers now."""
        return self._server is not None and self._server.is_served

    async def restore(self) -> None:
        """What the last daemon of this folder had. A port that somebody else took meanwhile leaves it unserved."""
        try:
            kept = orjson.loads((self._home / _KEPT).read_bytes())
            self._port, self._stopped = int(kept["port"]), bool(kept["stopped"])
        except FileNotFoundError:
            return
        self.exists = True
        if not self._stopped:
            await self._serve()

    async def start(self, port: int = 0) -> dict[str, Any]:
        """Make it if there is none, serve it on its port, and tell its facts.

        `port`: on 127.0.0.1, 0 for the one it had or any free one. Raises GitServiceError for a port that cannot be
        listened on.
        """
        before, was_served = self._port, self.is_served
        if was_served and port in (0, before):
            return self.facts()
        await self.server.stop()
        self._port = port or before
        await self._serve()
        if self._why:
            why, self._port = self._why, before
            if was_served:
                await self._serve()
            raise GitServiceError(why)
        self.exists, self._stopped = True, False
        self._keep()
        return self.facts()

    async def stop(self) -> None:
        """Serve no longer, across restarts as well, until started again."""
        if self.exists:
            await self.server.stop()
            self._stopped, self._why = True, ""
            self._keep()

    async def remove(self) -> None:
        """Forget it with its repositories and accounts."""
        if self.exists:
            await self.server.stop()
            for owner, name in self.server.repositories.names():
                self.server.forge.delete(owner, name)
            self.server.forge.accounts.clear()
        (self._home / _KEPT).unlink(missing_ok=True)
        shutil.rmtree(self._home / _FOLDER, ignore_errors=True)
        self.exists, self._port, self._stopped, self._why = False, 0, False, ""

    async def close(self) -> None:
        """The daemon ends: serve no longer, and come back with the next one."""
        if self._server is not None:
            await self._server.stop()

    def set_account(self, name: str, password: str, admin: bool = True) -> None:
        """Make an account or give it a new password. Raises GitServiceError without a git server or a good name."""
        if not self.exists:
            raise GitServiceError("there is no git server; start it first")
        if not isinstance(name, str) or not name or not name.isascii() or not name.replace("-", "").isalnum():
            raise GitServiceError(f"an account's name has letters, digits and hyphens, found {name!r}")
        if not isinstance(password, str) or not password:
            raise GitServiceError("an account needs a password")
        self.server.forge.accounts.ensure(name, password, self._clock.now(), admin=bool(admin))

    def addresses(self) -> tuple[str, ...]:
        """The URLs under which it is known, the lab's own first."""
        return (INSIDE_URL, self.server.url) if self.is_served else (INSIDE_URL,)

    def facts(self) -> dict[str, Any]:
        """`{url, inside, port, state, why}`; see `lab.sim.control.Control.git`."""
        return {
            "url": f"http://127.0.0.1:{self._port}" if self._port else "",
            "inside": INSIDE_URL,
            "port": self._port,
            "state": "running" if self.is_served else "stopped" if self._stopped else "failed",
            "why": self._why,
        }

    async def _serve(self) -> None:
        try:
            make_folder(self._home / _FOLDER)
            await self.server.start(self._port)
        except OSError as error:
            self._why = f"port {self._port} cannot be listened on: {error.strerror or error}"
            return
        self._why, self._port = "", self.server.port

    def _keep(self) -> None:
        write_private(self._home / _KEPT, orjson.dumps({"port": self._port, "stopped": self._stopped}))
