"""What the ApplicationSet controller knows of the cluster it runs in.

Source: Argo CD 3.6.1 `applicationset/utils/clusterUtils.go`, `util/db/cluster.go`, `applicationset/utils/client.go`.
"""

from __future__ import annotations

import asyncio

from lab.sim.argocd.applicationset.settings import Settings
from lab.sim.argocd.clusters import Clusters
from lab.sim.client import Client
from lab.sim.clock import Clock
from lab.sim.controllers.informer import Informer
from lab.sim.objects import Object, controller_of, namespace_of

SETS = "applicationsets.argoproj.io"
APPLICATIONS = "applications.argoproj.io"
PROJECTS = "appprojects.argoproj.io"
_OWNED = "applicationset"


class Hub:
    """The objects it follows, kept up to date by watches."""

    def __init__(self, client: Client, clock: Clock, namespace: str, settings: Settings) -> None:
        """`namespace`: Argo CD's own; with more of them in the settings, sets and Applications are followed in all."""
        self.client = client
        self.clock = clock
        self.namespace = namespace
        within = namespace if len(settings.namespaces) == 1 else ""
        self.sets = Informer(client, clock, SETS, namespace=within)
        self.applications = Informer(client, clock, APPLICATIONS, namespace=within)
        self.projects = Informer(client, clock, PROJECTS, namespace=namespace)
        self.secrets = Informer(client, clock, "secrets", namespace=namespace)
        self.config_maps = Informer(client, clock, "configmaps", namespace=namespace)
        self._clusters: Clusters | None = None
        self.applications.index(_OWNED, lambda one: [_owned(one)])
        self.secrets.handle(lambda _old, _new: self._forget())
        self.config_maps.handle(lambda _old, _new: self._forget())

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as group:
            for one in (self.sets, self.applications, self.projects, self.secrets, self.config_maps):
                group.create_task(one.run())

    async def synced(self) -> None:
        """Return when everything was listed once."""
        for one in (self.projects, self.secrets, self.config_maps, self.applications, self.sets):
            await one.synced.wait()

    @property
    def clusters(self) -> Clusters:
        """The clusters that are registered."""
        if self._clusters is None:
            config = (self.config_maps.get(self.namespace, "argocd-cm") or {}).get("data") or {}
            enabled = config.get("cluster.inClusterEnabled", "true") != "false"
            self._clusters = Clusters(self.secrets.list(), in_cluster_enabled=enabled)
        return self._clusters

    def _forget(self) -> None:
        self._clusters = None

    def has_project(self, name: str) -> bool:
        """Whether there is such an AppProject."""
        return self.projects.get(self.namespace, name) is not None

    def applications_of(self, application_set: Object) -> list[Object]:
        """The Applications whose controller is the set, by its name."""
        found = self.applications.by(
            _OWNED, owned_by(namespace_of(application_set), application_set["metadata"]["name"])
        )
        return sorted(found, key=lambda one: str(one["metadata"]["name"]))


def owned_by(namespace: str, name: str) -> str:
    """Where Applications of a set stand in the index."""
    return f"{namespace}/{name}"


def _owned(application: Object) -> str:
    """The set an Application belongs to; "" for none."""
    owner = controller_of(application)
    if owner is None or owner.get("kind") != "ApplicationSet" or owner.get("apiVersion") != "argoproj.io/v1alpha1":
        return ""
    return owned_by(namespace_of(application), str(owner.get("name")))


def set_of(application: Object) -> tuple[str, str] | None:
    """Namespace and name of the set an Application belongs to, or None."""
    found = _owned(application)
    if not found:
        return None
    namespace, _, name = found.partition("/")
    return namespace, name
