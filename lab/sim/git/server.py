"""The git server as one aiohttp application, and how it is put on a loopback port."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from lab.sim.clock import Clock
from lab.sim.git.forge import Forge
from lab.sim.git.gitea_api import GiteaApi
from lab.sim.git.repositories import Repositories
from lab.sim.git.smart_http import SmartHttp
from lab.sim.git.streaming import BODY_LIMIT, Threads
from lab.sim.git.tree import Trees


def application(forge: Forge, trees: Trees, threads: Threads) -> web.Application:
    """Git and the API on one port; it must be served on loopback only."""
    app = web.Application(client_max_size=BODY_LIMIT)
    api = GiteaApi(forge, trees)
    app.middlewares.append(api.middleware)
    api.add_routes(app)
    SmartHttp(forge, threads).add_routes(app)
    return app


class GitServer:
    """Everything of one folder: repositories, forge, trees, and the port."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        """`folder`: where repositories are kept; made if it is missing."""
        self.repositories = Repositories(folder)
        self.forge = Forge(self.repositories, clock)
        self.trees = Trees(self.repositories)
        self.port = 0
        """The loopback port, once it is served."""
        self._threads: Threads | None = None
        self._runner: web.AppRunner | None = None

    @property
    def is_served(self) -> bool:
        """Whether it can be reached over its port now."""
        return self._runner is not None

    async def start(self, port: int = 0) -> None:
        """Serve on 127.0.0.1; 0 lets the system choose. May be called again after `stop`. Raises OSError."""
        threads = Threads()
        app = application(self.forge, self.trees, threads)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, auto_decompress=False)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True)
        try:
            await site.start()
        except OSError:
            await runner.cleanup()
            await threads.close()
            raise
        self._runner, self._threads = runner, threads
        bound = runner.addresses[0]
        assert isinstance(bound, tuple)
        self.port = int(bound[1])

    @property
    def url(self) -> str:
        """The address on this machine."""
        return f"http://127.0.0.1:{self.port}"

    async def stop(self) -> None:
        """Serve no more; repositories and port are kept."""
        runner, threads, self._runner, self._threads = self._runner, self._threads, None, None
        if runner is not None:
            await runner.cleanup()
        if threads is not None:
            await threads.close()
        self.trees.close()
