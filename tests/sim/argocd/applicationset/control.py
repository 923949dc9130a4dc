"""Our controller at work in a cluster of this process, with a git server and a plugin beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

from lab.sim.argocd.applicationset.controller import Controller, sources
from lab.sim.argocd.applicationset.hub import Hub
from lab.sim.argocd.applicationset.settings import read_settings
from lab.sim.argocd.install import objects as install
from lab.sim.argocd.repo_server import Addresses, Checkouts, LabRepoServer, Renderer
from lab.sim.argocd.world import World
from lab.sim.clock import SystemClock
from lab.sim.cluster import Cluster, Settings
from lab.sim.inprocess import InProcessClient
from lab.sim.objects import Object
from lab.sim.programs import Process
from tests.sim.argocd.applicationset.play import NAMESPACE, Outside, outside

ACCOUNT = "argocd-applicationset-controller"
_PATIENCE = 20.0


@dataclass
class Control:
    """A running controller and the cluster it runs in."""

    cluster: Cluster
    client: InProcessClient
    controller: Controller
    around: Outside
    process: Process
    world: World
    log: list[str] = field(default_factory=list)

    async def quiet(self) -> None:
        """Return when neither the controller nor the cluster has done anything for a moment."""
        loop = asyncio.get_running_loop()
        ends, last, calm = loop.time() + _PATIENCE, -1, 0
        while calm < 5:
            assert loop.time() < ends, "the controller does not come to rest"
            await asyncio.sleep(0.01)
            now = self.cluster.store.revision
            calm = calm + 1 if self.controller.is_idle and now == last else 0
            last = now


@cache
def _installed() -> list[Object]:
    kinds = ("CustomResourceDefinition", "ServiceAccount", "Role", "RoleBinding", "ConfigMap")
    return [one for one in install(NAMESPACE, cluster_wide=True) if one["kind"] in kinds]


_RESOURCES = {
    "CustomResourceDefinition": "customresourcedefinitions.apiextensions.k8s.io",
    "ServiceAccount": "serviceaccounts",
    "Role": "roles.rbac.authorization.k8s.io",
    "RoleBinding": "rolebindings.rbac.authorization.k8s.io",
    "ConfigMap": "configmaps",
}


@asynccontextmanager
async def controlled(
    folder: Path, *argv: str, admin: bool = False, started: bool = True, **env: str
) -> AsyncIterator[Control]:
    """The controller with a command line and an environment, acting as its own service account or as an admin.

    `started`: whether it runs already.
    """
    clock = SystemClock()
    cluster = Cluster(Settings("hub", "1.34", timing="instant"), folder / "hub", None, clock)
    await cluster.start()
    client = cluster.admin("tester")
    await client.create("namespaces", {"metadata": {"name": NAMESPACE}})
    for one in _installed():
        await client.create(_RESOURCES[one["kind"]], one)
    while cluster.registry.plural("argoproj.io", "applicationsets") is None:
        await asyncio.sleep(0.005)
    async with outside(folder) as around:
        addresses = Addresses(lambda: [around.git.url])
        renderer = Renderer(Checkouts(around.git, lambda: True))
        repo_server = LabRepoServer(renderer, addresses, list, clock)
        world = World(_NoDestinations(), repo_server, git=around.git, addresses=addresses)
        log: list[str] = []
        process = _process(cluster, argv, env, log, admin=admin)
        settings = read_settings(argv, env, NAMESPACE)
        hub = Hub(process.client, clock, NAMESPACE, settings)
        controller = Controller(process, hub, settings, partial(sources, hub, settings, world))
        task = asyncio.create_task(controller.run() if started else asyncio.sleep(0))
        try:
            yield Control(cluster, client, controller, around, process, world, log)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            renderer.close()
    await cluster.stop()


def _process(
    cluster: Cluster, argv: tuple[str, ...], env: Mapping[str, str], log: list[str], *, admin: bool
) -> Process:
    client = cluster.admin(ACCOUNT) if admin else cluster.client_for(NAMESPACE, ACCOUNT)
    return Process(client, cluster.clock, NAMESPACE, "pod", "container", argv, env, log.append)


class _NoDestinations:
    """This controller connects to no cluster."""

    async def connect(self, cluster: Any) -> Any:
        raise AssertionError(cluster)
