"""Which changes make an ApplicationSet be looked at again.

Source: Argo CD 3.6.1 `applicationset/controllers/applicationset_controller.go` (shouldRequeueForApplication,
shouldRequeueForApplicationSet), `clustereventhandler.go`, `applicationset/webhook/webhook.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lab.sim.argocd import git_url
from lab.sim.objects import Object

REFRESH = "argocd.argoproj.io/application-set-refresh"
_NONE: Object = {}


def application_set_changed(old: Object, new: Object, *, progressive: bool) -> bool:
    """Whether a change of an ApplicationSet is one to act on: not its own controller's bookkeeping."""
    if progressive and _status(old, "applicationStatus") != _status(new, "applicationStatus"):
        return True
    if old.get("spec") != new.get("spec") or _metadata_differs(old, new, ("labels", "finalizers", "deletionTimestamp")):
        return True
    before, after = _annotations(old), _annotations(new)
    return before != after and not (REFRESH in before and REFRESH not in after)


def application_changed(old: Object, new: Object, *, progressive: bool) -> bool:
    """Whether a change of an Application concerns the ApplicationSet it belongs to.

    With progressive syncs its health, its sync status and the phase of its operation do, too.
    """
    if old.get("spec") != new.get("spec") or _metadata_differs(old, new, ("annotations", "labels", "finalizers")):
        return True
    if not progressive:
        return False
    for part in ("health", "sync"):
        if (_status(old, part) or _NONE).get("status") != (_status(new, part) or _NONE).get("status"):
            return True
    before, after = _status(old, "operationState"), _status(new, "operationState")
    if not before or not after:
        return False
    return any(before.get(key) != after.get(key) for key in ("phase", "startedAt"))


def _metadata_differs(old: Object, new: Object, keys: Iterable[str]) -> bool:
    return any((old["metadata"].get(key) or None) != (new["metadata"].get(key) or None) for key in keys)


def _annotations(obj: Object) -> Object:
    return obj["metadata"].get("annotations") or _NONE


def _status(obj: Object, part: str) -> Any:
    return (obj.get("status") or _NONE).get(part) or None


def _generators(entries: Any) -> Iterator[Object]:
    """All generators, also those inside others."""
    for entry in entries or ():
        yield entry
        for name in ("matrix", "merge"):
            yield from _generators((entry.get(name) or _NONE).get("generators"))


def follows_clusters(application_set: Object) -> bool:
    """Whether a clusters generator is among its generators."""
    generators = _generators((application_set.get("spec") or _NONE).get("generators"))
    return any(one.get("clusters") is not None for one in generators)


def follows_repository(application_set: Object, url: str) -> bool:
    """Whether a generator reads a repository: its files, its folders or its pull requests."""
    wanted = git_url.normalize(url)
    for one in _generators((application_set.get("spec") or _NONE).get("generators")):
        git = one.get("git") or _NONE
        if git and git_url.normalize(str(git.get("repoURL") or "")) == wanted:
            return True
        forge = (one.get("pullRequest") or _NONE).get("gitea") or _NONE
        if forge and wanted.endswith(f"/{forge.get('owner', '')}/{forge.get('repo', '')}".lower()):
            return True
    return False
