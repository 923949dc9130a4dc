"""What an Application's sources render to: the wanted state, source by source.

Source: Argo CD 3.6.1 `controller/state.go` (GetRepoObjs, evaluateRevisionChanges), `util/argo/argo.go` (GetRefSources),
`util/app/path/path.go` (GetSourceRefreshPaths).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lab.sim.argocd.application import spec as specs
from lab.sim.argocd.ports import ManifestRequest, RepoError, RepoServer
from lab.sim.argocd.tracking import Tracking
from lab.sim.objects import Object, name_of

KUSTOMIZE_OPTIONS = "kustomize.buildOptions"
_is_reference_name = re.compile(r"[a-zA-Z0-9_-]+", re.ASCII).fullmatch


class TargetError(Exception):
    """A wanted state that cannot be had; the text is what stands after `Failed to load target state: `."""


@dataclass(frozen=True, slots=True)
class Target:
    """The wanted state of an Application."""

    objects: Sequence[Object] = ()
    """What all sources render to, one after the other; shared, never to be changed."""
    revisions: Sequence[str] = ()
    """The commit of each source."""
    source_types: Sequence[str] = ()
    revisions_may_differ: bool = False
    """Whether these commits may hold other manifests than those last compared."""


@dataclass(frozen=True, slots=True)
class Destination:
    """What renderers are told of the cluster."""

    version: str
    api_versions: Sequence[str]


async def load(
    app: Object,
    instance: str,
    sources: Sequence[Object],
    revisions: Sequence[str],
    destination: Destination,
    tracking: Tracking,
    repo_server: RepoServer,
    *,
    kustomize_options: str = "",
    hard: bool = False,
    force_resolve: bool = False,
) -> Target:
    """Render all sources. Raises TargetError.

    :param revisions: what to render of each source, "" for its `targetRevision`
    :param kustomize_options: `kustomize.buildOptions` of argocd-cm
    :param hard: render anew whatever is remembered
    :param force_resolve: ask Git what a branch stands for, whatever is remembered
    """
    wanted = [
        (revisions[at] if len(revisions) == len(sources) else "") or str(one.get("targetRevision") or "")
        for at, one in enumerate(sources)
    ]
    references = _references(sources, wanted)
    synced = _synced_revisions(app, len(sources))
    spec = app["spec"]
    objects: list[Object] = []
    found: list[str] = []
    kinds: list[str] = []
    differs = False
    for at, one in enumerate(sources):
        request = ManifestRequest(
            instance=instance,
            application=name_of(app),
            project=specs.project_name(spec),
            source=one,
            namespace=str(specs.destination(spec).get("namespace") or ""),
            revision=wanted[at],
            references=references,
            kube_version=destination.version,
            api_versions=destination.api_versions,
            tracking=tracking.method,
            label_key=tracking.label_key,
            installation=tracking.installation,
            kustomize_options=kustomize_options,
            refresh=force_resolve,
            hard=hard,
        )
        place = f"for source {at + 1} of {len(sources)}"
        try:
            revision, changed = await _evaluate(app, request, synced[at], repo_server)
        except RepoError as error:
            raise TargetError(
                f"failed to evaluate revision changes {place}: failed to update revision for paths: {error}"
            ) from None
        differs = differs or changed
        try:
            made = await repo_server.manifests(replace(request, revision=revision))
        except RepoError as error:
            raise TargetError(f"failed to generate manifest {place}: {error}") from None
        objects += made.objects
        found.append(made.revision)
        kinds.append(made.source_type)
    return Target(objects, found, kinds, differs)


async def _evaluate(app: Object, request: ManifestRequest, synced: str, repo_server: RepoServer) -> tuple[str, bool]:
    """The revision to render, and whether it may hold other manifests than `synced`. Raises RepoError."""
    source, revision = request.source, request.revision
    if source.get("ref") and not source.get("path") and not source.get("chart"):
        # Changes of what is only referred to are looked for where it is referred to.
        return revision, False
    if synced == revision and revision and not request.references:
        return revision, False
    paths = refresh_paths(app, source)
    if synced and paths:
        url = str(source.get("repoURL") or "")
        resolved = await repo_server.resolve(url, revision, request.project, fresh=request.refresh)
        unchanged = await repo_server.unchanged(replace(request, refresh_paths=paths), synced, resolved)
        return resolved, not unchanged
    return revision, True


def refresh_paths(app: Object, source: Object) -> list[str]:
    """The paths of a repository that matter, by the annotation; [] for all."""
    listed = specs.annotations_of(app).get(specs.MANIFEST_GENERATE_PATHS) or ""
    found = []
    for item in (one.strip() for one in listed.split(";")):
        if item.startswith("/"):
            found.append(item[1:])
        elif item:
            found.append(posixpath.normpath(posixpath.join(str(source.get("path") or ""), item)))
    return found


def _references(sources: Sequence[Object], revisions: Sequence[str]) -> Mapping[str, Object]:
    found: dict[str, Object] = {}
    for one, revision in zip(sources, revisions, strict=True):
        name = str(one.get("ref") or "")
        if not name:
            continue
        if not _is_reference_name(name):
            raise TargetError(
                "failed to get ref sources: "
                f"sources.ref {name} cannot contain any special characters except '_' and '-'"
            )
        if f"${name}" in found:
            raise TargetError("failed to get ref sources: invalid sources: multiple sources had the same `ref` key")
        found[f"${name}"] = {**one, "targetRevision": revision}
    return found


def _synced_revisions(app: Object, count: int) -> list[str]:
    sync = (app.get("status") or {}).get("sync") or {}
    if specs.is_multiple(app["spec"]):
        known = list(sync.get("revisions") or ())
        return [known[at] if at < len(known) else "" for at in range(count)]
    return [str(sync.get("revision") or "")] * count
