"""Argo CD in the clusters of a daemon: the programs its pods name, and the world each of them finds.

Everything of Argo CD is loaded when the first pod that names one of its programs runs, so that clusters without an
Argo CD take neither its time nor its memory.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from lab.sim.clock import Clock
from lab.sim.cluster import Cluster
from lab.sim.git_service import GitService
from lab.sim.programs import Process

if TYPE_CHECKING:
    from lab.sim.argocd.repo_server import Addresses, LabRepoServer, Renderer
    from lab.sim.argocd.world import World

APPLICATIONS, APPLICATION_SETS = "argocd-application-controller", "argocd-applicationset-controller"
_REPO_SERVER = "argocd-repo-server:8081"
_REPO_SERVER_VARIABLES = {
    APPLICATIONS: "ARGOCD_APPLICATION_CONTROLLER_REPO_SERVER",
    APPLICATION_SETS: "ARGOCD_APPLICATIONSET_CONTROLLER_REPO_SERVER",
}
_Program = Callable[[Cluster, Process], Awaitable[None]]

PROGRAMS = (
    "lab.sim.argocd.application",
    "lab.sim.argocd.applicationset.controller",
    "lab.sim.argocd.repo_server",
    "lab.sim.instances.programs",
    "lab.sim.instances.repo_server_client",
    "lab.sim.instances.repository_secrets",
    "lab.sim.network",
)
"""What the programs are made of, for whoever has time to load it before."""


class Instances:
    """Every Argo CD of one daemon."""

    def __init__(self, clusters: Mapping[str, Cluster], git: GitService, clock: Clock) -> None:
        """`clusters`: by name, as they come and go."""
        self._clusters = clusters
        self._git = git
        self._clock = clock
        self._renderer: Renderer | None = None
        self._running: dict[tuple[str, str, str], LabRepoServer] = {}

    def register(self, cluster: Cluster) -> None:
        """Let the pods of a cluster start Argo CD's programs; to be called before it starts."""
        from lab.sim.instances import programs

        known: dict[str, _Program] = {
            APPLICATIONS: self._applications,
            APPLICATION_SETS: self._application_sets,
            "argocd-repo-server": self._repo_server,
            "argocd-server": programs.server,
            "argocd-notifications": programs.notifications,
            "argocd-dex": programs.dex,
            "argocd": programs.command,
        }
        for name, program in known.items():
            cluster.programs.register(name, partial(program, cluster))

    def close(self) -> None:
        """Let go of files and threads; no program runs any more."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer.checkouts.close()
            self._renderer = None

    # -- programs

    async def _applications(self, cluster: Cluster, process: Process) -> None:
        from lab.sim.argocd.application import run

        async with self.world(APPLICATIONS, cluster, process) as world:
            await run(process, world)

    async def _application_sets(self, cluster: Cluster, process: Process) -> None:
        from lab.sim.argocd.applicationset.controller import run

        async with self.world(APPLICATION_SETS, cluster, process) as world:
            await run(process, world)

    async def _repo_server(self, cluster: Cluster, process: Process) -> None:
        from lab.sim.argocd.repo_server import LabRepoServer, Settings
        from lab.sim.instances.programs import forever
        from lab.sim.instances.repository_secrets import RepositorySecrets

        with RepositorySecrets(cluster.store, process.namespace) as found:
            settings = Settings.of(process.env)
            server = LabRepoServer(self._shared(), self._addresses(), found.all, process.clock, settings)
            place = (cluster.settings.name, process.namespace, process.pod)
            self._running[place] = server
            process.log("argocd-repo-server is listening on [::]:8081")
            try:
                await forever()
            finally:
                del self._running[place]

    # -- what they find

    @asynccontextmanager
    async def world(self, program: str, cluster: Cluster, process: Process) -> AsyncIterator[World]:
        """What a controller finds around it. `program`: APPLICATIONS or APPLICATION_SETS."""
        from lab.sim.argocd.world import INSTANT, REALISTIC, World
        from lab.sim.instances.repo_server_client import RepoServerClient
        from lab.sim.network import Destinations, Network

        network = Network(self._clusters)
        destinations = Destinations(network, cluster, process.namespace, process.account, process.clock)
        repo_server = RepoServerClient(
            cluster.store,
            process.namespace,
            option(process, "--repo-server") or process.env.get(_REPO_SERVER_VARIABLES[program]) or _REPO_SERVER,
            lambda namespace: self._running_in(cluster, namespace),
            self._shared().checkouts,
            self._addresses(),
        )
        profile = INSTANT if cluster.settings.timing == "instant" else REALISTIC
        try:
            yield World(destinations, repo_server, profile, self._git.server, self._addresses())
        finally:
            await destinations.close()

    def _running_in(self, cluster: Cluster, namespace: str) -> list[tuple[str, LabRepoServer]]:
        here = (cluster.settings.name, namespace)
        return [(pod, server) for (*where, pod), server in tuple(self._running.items()) if tuple(where) == here]

    def _shared(self) -> Renderer:
        """The renderer of all repository servers: what one of them has rendered none has to render again."""
        from lab.sim.argocd.repo_server import Checkouts, Renderer

        if self._renderer is None:
            self._renderer = Renderer(Checkouts(self._git.server, lambda: self._git.is_served), now=self._clock.now)
        return self._renderer

    def _addresses(self) -> Addresses:
        from lab.sim.argocd.repo_server import Addresses

        return Addresses(self._git.addresses)


def option(process: Process, name: str) -> str:
    """The value of a flag on a program's command line, as `NAME VALUE` or `NAME=VALUE`; "" for none."""
    for index, word in enumerate(process.argv):
        head, equals, value = word.partition("=")
        if head == name:
            return value if equals else "".join(process.argv[index + 1 : index + 2])
    return ""
