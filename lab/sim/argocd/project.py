"""What an AppProject permits.

Source: Argo CD 3.6.1 `pkg/apis/application/v1alpha1/app_project_types.go`, `util/argo/argo.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lab.sim.api.selectors import matches as selector_matches
from lab.sim.argocd import git_url
from lab.sim.argocd.clusters import Cluster
from lab.sim.argocd.glob import in_list
from lab.sim.argocd.glob import matches as glob_matches
from lab.sim.argocd.path_match import BadPattern, path_match
from lab.sim.objects import Object, evolve, name_of

_MERGED = (
    "clusterResourceWhitelist",
    "clusterResourceBlacklist",
    "namespaceResourceWhitelist",
    "namespaceResourceBlacklist",
    "syncWindows",
    "sourceRepos",
    "destinations",
    "destinationServiceAccounts",
)
_KNOWN_ORPHANS = {("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")}
_KUBERNETES_SERVICE = ("Service", "default", "kubernetes")


@dataclass(frozen=True, slots=True)
class Project:
    """An AppProject, with its own clusters and repositories and its global projects already joined in."""

    manifest: Object
    clusters: Sequence[Cluster] = ()
    """The clusters that belong to it, for `permitOnlyProjectScopedClusters`."""

    @property
    def name(self) -> str:
        """`metadata.name`."""
        return name_of(self.manifest)

    @property
    def spec(self) -> Object:
        """`spec`, {} when there is none."""
        return self.manifest.get("spec") or {}

    @property
    def sync_windows(self) -> list[Object]:
        """`spec.syncWindows`."""
        return [one for one in self.spec.get("syncWindows") or () if one]

    def permits_source(self, url: str) -> bool:
        """Whether Applications may use a repository.

        One pattern must match and no deny pattern may; a deny pattern that does not hit counts as a match.
        """
        wanted = git_url.normalize(url)
        matched = False
        for pattern in self.spec.get("sourceRepos") or ():
            if _is_deny(pattern):
                if _glob(git_url.normalize(pattern[1:]), wanted, "/"):
                    return False
                matched = True
            elif _glob(git_url.normalize(pattern), wanted, "/"):
                matched = True
        return matched

    def permits_destination(self, cluster: Cluster | None, namespace: str) -> bool:
        """Whether Applications may deploy to a namespace of a cluster."""
        if cluster is None or not self._matches_destination(cluster, namespace):
            return False
        if not self.spec.get("permitOnlyProjectScopedClusters"):
            return True
        return any(one.name == cluster.name or one.server == cluster.server for one in self.clusters)

    def _matches_destination(self, cluster: Cluster, namespace: str) -> bool:
        matched = False
        for item in self.spec.get("destinations") or ():
            name, server, space = (str(item.get(key) or "") for key in ("name", "server", "namespace"))
            by_name = cluster.name != "" and _allows(name, cluster.name)
            by_server = cluster.server != "" and _allows(server, cluster.server)
            by_space = _allows(space, namespace)
            if by_space and (by_name or by_server):
                matched = True
                continue
            denied = (not by_name and _is_deny(name)) or (not by_server and _is_deny(server))
            if (by_space and denied) or (not by_space and by_server and _is_deny(space)):
                return False
        return matched

    def permits_kind(self, group: str, kind: str, name: str, *, namespaced: bool) -> bool:
        """Whether a resource may be deployed, by its kind, and by its name where it is cluster-wide.

        Cluster-wide kinds must be on the whitelist. For namespaced ones a missing whitelist permits everything, an
        empty one nothing.
        """
        scope = "namespace" if namespaced else "cluster"
        allowed = self.spec.get(f"{scope}ResourceWhitelist")
        denied = self.spec.get(f"{scope}ResourceBlacklist") or ()
        named = "" if namespaced else name
        if not (allowed is None and namespaced) and not _listed(allowed or (), group, kind, named):
            return False
        return not _listed(denied, group, kind, named)

    def permits_resource(self, group: str, kind: str, name: str, namespace: str, cluster: Cluster | None) -> bool:
        """Whether a resource of a cluster may be deployed; `namespace` is "" for a cluster-wide one."""
        if not self.permits_kind(group, kind, name, namespaced=namespace != ""):
            return False
        return namespace == "" or self.permits_destination(cluster, namespace)

    def permits_application_namespace(self, namespace: str, controller_namespace: str) -> bool:
        """Whether Applications of this project may live in a namespace."""
        if namespace in ("", controller_namespace):
            return True
        return in_list(self.spec.get("sourceNamespaces") or (), namespace)

    @property
    def watches_orphans(self) -> bool:
        """Whether resources that belong to no Application are looked for."""
        return self.spec.get("orphanedResources") is not None

    @property
    def warns_of_orphans(self) -> bool:
        """Whether found ones give the condition OrphanedResourceWarning."""
        return bool((self.spec.get("orphanedResources") or {}).get("warn"))

    def ignores_orphan(self, group: str, kind: str, namespace: str, name: str) -> bool:
        """Whether a resource never counts as orphaned: made by Kubernetes itself, or on the project's list."""
        if not group and ((kind, name) in _KNOWN_ORPHANS or (kind, namespace, name) == _KUBERNETES_SERVICE):
            return True
        for item in (self.spec.get("orphanedResources") or {}).get("ignore") or ():
            by_kind = not item.get("kind") or glob_matches(item["kind"], kind)
            by_name = not item.get("name") or glob_matches(item["name"], name)
            if by_kind and by_name and glob_matches(str(item.get("group") or ""), group):
                return True
        return False


def with_scoped(project: Object, repositories: Iterable[str], clusters: Iterable[Cluster]) -> Object:
    """A project that also permits the repositories and the clusters that belong to it."""
    spec = project.get("spec") or {}
    added = [
        {"server": cluster.server, "namespace": namespace}
        for cluster in clusters
        for namespace in cluster.namespaces or ("*",)
    ]
    return evolve(
        project,
        spec={
            **spec,
            "sourceRepos": [*(spec.get("sourceRepos") or ()), *repositories],
            "destinations": [*(spec.get("destinations") or ()), *added],
        },
    )


def with_global(project: Object, settings: Sequence[Object], projects: Sequence[Object]) -> Object:
    """A project with the lists of its global projects appended.

    `settings`: the entries of `globalProjects` in argocd-cm, {projectName, labelSelector}; `projects`: all AppProjects
    of the namespace. A setting that names a project that is not there ends the search, as in Argo CD.
    """
    spec = dict(project.get("spec") or {})
    labels = project.get("metadata", {}).get("labels") or {}
    by_name = {name_of(one): one for one in projects}
    for setting in settings:
        wanted = str(setting.get("projectName") or "")
        if wanted == name_of(project) or not selector_matches(setting.get("labelSelector") or {}, labels):
            continue
        found = by_name.get(wanted)
        if found is None:
            break
        shared = found.get("spec") or {}
        spec.update({key: [*(spec.get(key) or ()), *shared[key]] for key in _MERGED if shared.get(key)})
    return evolve(project, spec=spec)


def _is_deny(pattern: str) -> bool:
    return pattern.startswith("!")


def _allows(pattern: str, text: str) -> bool:
    return not _glob(pattern[1:], text) if _is_deny(pattern) else _glob(pattern, text)


def _glob(pattern: str, text: str, separators: str = "") -> bool:
    return pattern == "*" or glob_matches(pattern, text, separators)


def _listed(items: Iterable[Object], group: str, kind: str, name: str) -> bool:
    return any(
        _path(item.get("kind"), kind)
        and _path(item.get("group"), group)
        and (not item.get("name") or _path(item["name"], name))
        for item in items
    )


def _path(pattern: str | None, text: str) -> bool:
    try:
        return path_match(pattern or "", text)
    except BadPattern:
        return False
