"""Whether an Application's spec may be used at all: its sources, its destination, and its project's word on both.

Source: Argo CD 3.6.1 `util/argo/argo.go` `ValidatePermissions`.
"""

from __future__ import annotations

from lab.sim.argocd.clusters import Clusters
from lab.sim.argocd.destinations import DestinationError, cluster_of
from lab.sim.argocd.project import Project
from lab.sim.objects import Object

_NESTED = ("helm", "kustomize", "directory", "plugin")


def problems(spec: Object, project: Project, clusters: Clusters) -> list[str]:
    """The messages of the InvalidSpecError conditions a spec deserves; [] for a good one."""
    found: list[str] = []
    if spec.get("sourceHydrator") is not None:
        found = _hydrator(spec["sourceHydrator"])
        if found:
            return found
        found = _hydrator_permissions(spec["sourceHydrator"], project)
    elif spec.get("sources"):
        for source in spec["sources"]:
            incomplete = _source(source, several=True)
            if incomplete:
                return [*found, incomplete]
            found += _permission(source, project)
    else:
        source = spec.get("source") or {}
        incomplete = _source(source, several=False)
        if incomplete:
            return [incomplete]
        found = _permission(source, project)
    return found + _destination(spec.get("destination") or {}, project, clusters)


def _source(source: Object, *, several: bool) -> str:
    places = ("path", "chart", "ref") if several else ("path", "chart")
    if not source.get("repoURL") or not any(source.get(key) for key in places):
        if several:
            return (
                "spec.source.repoURL and either source.path, source.chart, or source.ref are required "
                f"for source {_printed(source)}"
            )
        return "spec.source.repoURL and either spec.source.path or spec.source.chart are required"
    if source.get("chart") and not source.get("targetRevision"):
        return "spec.source.targetRevision is required if the manifest source is a helm chart"
    return ""


def _printed(source: Object) -> str:
    """A source as Go prints the struct; blocks that are given are named without their content."""
    nested = [f"&ApplicationSource{key.capitalize()}{{}}" if source.get(key) else "nil" for key in _NESTED]
    before = [str(source.get(key) or "") for key in ("repoURL", "path", "targetRevision")]
    after = [str(source.get(key) or "") for key in ("chart", "ref", "name")]
    return "{" + " ".join([*before, *nested, *after]) + "}"


def _permission(source: Object, project: Project) -> list[str]:
    url = str(source.get("repoURL") or "")
    if project.permits_source(url):
        return []
    return [f"application repo {url} is not permitted in project '{project.name}'"]


def _hydrator(hydrator: Object) -> list[str]:
    found: list[str] = []
    if not (hydrator.get("drySource") or {}).get("repoURL"):
        found.append("spec.sourceHydrator.drySource.repoURL is required")
    if not (hydrator.get("syncSource") or {}).get("targetBranch"):
        found.append("spec.sourceHydrator.syncSource.targetBranch is required")
    to = hydrator.get("hydrateTo")
    if to is not None and not to.get("targetBranch"):
        found.append(
            "when spec.sourceHydrator.hydrateTo is set, spec.sourceHydrator.hydrateTo.targetBranch is required"
        )
    return found


def _hydrator_permissions(hydrator: Object, project: Project) -> list[str]:
    dry = str(hydrator["drySource"]["repoURL"])
    synced = str(hydrator["syncSource"].get("repoURL") or dry)
    found = _permission(hydrator["drySource"], project)
    if synced != dry and not project.permits_source(synced):
        found.append(f"sync source repo {synced} is not permitted in project '{project.name}'")
    return found


def _destination(destination: Object, project: Project, clusters: Clusters) -> list[str]:
    try:
        cluster = cluster_of(destination, clusters)
    except DestinationError as error:
        return [str(error)]
    namespace = str(destination.get("namespace") or "")
    if project.permits_destination(cluster, namespace):
        return []
    shown = cluster.name if destination.get("name") else cluster.server
    return [
        f"application destination server '{shown}' and namespace '{namespace}' do not match any of the allowed "
        f"destinations in project '{project.name}'"
    ]
