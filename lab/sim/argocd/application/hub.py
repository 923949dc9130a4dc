"""What the controller knows of the cluster it runs in: Applications, projects, registered clusters and argocd-cm.

Source: Argo CD 3.6.1 `controller/appcontroller.go` (newApplicationInformerAndLister, writeBackToInformer, getAppProj),
`util/argo/argo.go` (GetAppProjectByName), `util/db/cluster.go`, `util/db/repository_secrets.go`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import yaml

from lab.sim.api.status import ApiError
from lab.sim.argocd.application import spec as specs
from lab.sim.argocd.clusters import SECRET_TYPE_LABEL, Clusters, is_cluster_secret, secret_data
from lab.sim.argocd.comparison.settings import ComparisonSettings, SettingsError, read_settings
from lab.sim.argocd.glob import in_list
from lab.sim.argocd.project import Project, with_global, with_scoped
from lab.sim.client import Client
from lab.sim.clock import Clock
from lab.sim.controllers.informer import Informer
from lab.sim.objects import Object, name_of, namespace_of

Key = tuple[str, str]
_CONFIG = "argocd-cm"
_REPOSITORY = "repository"


class ProjectNotFound(Exception):
    """An Application's project is not there; the text is Argo CD's."""


class ProjectNotPermitted(Exception):
    """An Application may not use its project; the text is Argo CD's."""


class Hub:
    """The cluster Argo CD runs in, kept up to date by watches."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        namespace: str,
        application_namespaces: tuple[str, ...],
        environment: Mapping[str, str],
    ) -> None:
        """`application_namespaces`: patterns of further namespaces with Applications; `environment`: of the process."""
        self.client = client
        self.namespace = namespace
        self._patterns = application_namespaces
        self._environment = environment
        self.applications = Informer(
            client, clock, specs.RESOURCE, namespace="" if application_namespaces else namespace
        )
        self.projects = Informer(client, clock, specs.PROJECTS, namespace=namespace)
        self.secrets = Informer(client, clock, "secrets", namespace=namespace)
        self.config_map = Informer(client, clock, "configmaps", f"metadata.name={_CONFIG}", namespace)
        self._written: dict[Key, Object] = {}
        self._clusters: Clusters | None = None
        self._projects: dict[str, Project] = {}
        self._settings: tuple[Object | None, ComparisonSettings | SettingsError] | None = None
        self._on_clusters: list[Callable[[], object]] = []
        self.applications.handle(self._application_seen)
        self.projects.handle(lambda _old, _new: self._projects.clear())
        self.secrets.handle(self._secret_seen)
        self.config_map.handle(lambda _old, _new: self._forget())

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as group:
            for informer in (self.applications, self.projects, self.secrets, self.config_map):
                group.create_task(informer.run())

    async def synced(self) -> None:
        """Return when everything was listed once."""
        for informer in (self.projects, self.secrets, self.config_map, self.applications):
            await informer.synced.wait()

    def on_clusters(self, listener: Callable[[], object]) -> None:
        """Call `listener` when a cluster was registered, changed or removed."""
        self._on_clusters.append(listener)

    # -- Applications

    def watches(self, app: Object) -> bool:
        """Whether an Application lives where this controller looks."""
        namespace = namespace_of(app)
        return namespace == self.namespace or in_list(self._patterns, namespace)

    def application(self, key: Key) -> Object | None:
        """An Application, not older than what was last written of it."""
        held = self.applications.get(*key)
        written = self._written.get(key)
        if held is None or written is None:
            return held
        if _revision(held) >= _revision(written) or held["metadata"]["uid"] != written["metadata"]["uid"]:
            del self._written[key]
            return held
        return written

    def note(self, written: Object) -> None:
        """Take in the answer to a write of an Application, ahead of the watch."""
        key = _key(written)
        held = self.applications.get(*key)
        if held is not None and _revision(held) < _revision(written):
            self._written[key] = written

    def _application_seen(self, old: Object | None, new: Object | None) -> None:
        seen = new if new is not None else old
        assert seen is not None
        written = self._written.get(_key(seen))
        if written is not None and (new is None or _revision(new) >= _revision(written)):
            del self._written[_key(seen)]

    async def patch(self, app: Object, patch: Any, kind: str = "merge") -> Object:
        """Patch an Application. Raises ApiError."""
        answer = await self.client.patch(specs.RESOURCE, namespace_of(app), name_of(app), patch, kind)
        self.note(answer)
        return answer

    async def fresh(self, app: Object) -> Object | None:
        """An Application as the API has it now; None when it is gone. Raises ApiError."""
        try:
            found = await self.client.get(specs.RESOURCE, namespace_of(app), name_of(app))
        except ApiError as error:
            if error.code == 404:
                return None
            raise
        self.note(found)
        return found

    # -- clusters, settings

    @property
    def config(self) -> Mapping[str, str]:
        """`data` of argocd-cm."""
        found = self.config_map.get(self.namespace, _CONFIG)
        data: Mapping[str, str] = (found or {}).get("data") or {}
        return data

    @property
    def clusters(self) -> Clusters:
        """The clusters that are registered."""
        if self._clusters is None:
            enabled = self.config.get("cluster.inClusterEnabled", "true") != "false"
            self._clusters = Clusters(self.secrets.list(), in_cluster_enabled=enabled)
        return self._clusters

    def settings(self) -> ComparisonSettings:
        """What argocd-cm says about comparing: the same record until it changes. Raises SettingsError."""
        held = self.config_map.get(self.namespace, _CONFIG)
        if self._settings is None or self._settings[0] is not held:
            try:
                self._settings = (held, read_settings(self.config, self._environment))
            except SettingsError as error:
                self._settings = (held, error)
        read = self._settings[1]
        if isinstance(read, SettingsError):
            raise read
        return read

    def flag(self, key: str) -> bool:
        """Whether a key of argocd-cm is `true`."""
        return self.config.get(key) == "true"

    def _secret_seen(self, old: Object | None, new: Object | None) -> None:
        kinds = {(one["metadata"].get("labels") or {}).get(SECRET_TYPE_LABEL) for one in (old, new) if one is not None}
        if kinds & {"cluster", _REPOSITORY}:
            self._forget()

    def _forget(self) -> None:
        self._clusters = None
        self._projects.clear()
        for listener in self._on_clusters:
            listener()

    # -- projects

    def project(self, app: Object) -> Project:
        """The project of an Application, as it holds for it. Raises ProjectNotFound and ProjectNotPermitted."""
        name = specs.project_name(app["spec"])
        project = self.project_named(name)
        if not project.permits_application_namespace(namespace_of(app), self.namespace):
            raise ProjectNotPermitted(
                f"application '{name_of(app)}' in namespace '{namespace_of(app)}' is not permitted to use project "
                f"'{project.name}'"
            )
        return project

    def project_named(self, name: str) -> Project:
        """A project with its own clusters and repositories and the global ones joined in. Raises ProjectNotFound."""
        known = self._projects.get(name)
        if known is not None:
            return known
        held = self.projects.get(self.namespace, name)
        if held is None:
            raise ProjectNotFound(f'error getting app project "{name}": appproject.argoproj.io "{name}" not found')
        own = self.clusters.of_project(name)
        manifest = with_scoped(held, self._repositories(name), own)
        shared = self._global_projects()
        if shared:
            manifest = with_global(manifest, shared, self.projects.list(self.namespace))
        made = self._projects[name] = Project(manifest, own)
        return made

    def _repositories(self, project: str) -> Iterable[str]:
        for secret in self.secrets.list():
            labels = secret["metadata"].get("labels") or {}
            if labels.get(SECRET_TYPE_LABEL) == _REPOSITORY:
                data = secret_data(secret, "project", "url")
                if data.get("project") == project:
                    yield data.get("url", "")

    def _global_projects(self) -> list[Object]:
        text = self.config.get("globalProjects")
        try:
            found = yaml.safe_load(text) if text else []
        except yaml.YAMLError:
            return []
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    def cluster_uids(self) -> dict[str, str]:
        """The UIDs of cluster Secrets by their names."""
        return {name_of(one): str(one["metadata"]["uid"]) for one in self.secrets.list() if is_cluster_secret(one)}


def _key(obj: Object) -> Key:
    return namespace_of(obj), name_of(obj)


def _revision(obj: Object) -> int:
    return int(obj["metadata"]["resourceVersion"])
