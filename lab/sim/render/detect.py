"""Which tool renders a source: what it says itself, else what lies in its folder.

Source: Argo CD `reposerver/repository/repository.go` (`GetAppSourceType`, `mergeSourceParameters`),
`util/app/discovery/discovery.go`, `util/app/path/path.go`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from lab.sim.objects import Object, thaw
from lab.sim.render.errors import NotSupported, RenderError
from lab.sim.render.folder import Folder, OutOfBounds, clean, is_directory, shown
from lab.sim.render.kustomize.kustomization import NAMES
from lab.sim.render.yaml_documents import Malformed, value

KUSTOMIZE, HELM, DIRECTORY, PLUGIN = "Kustomize", "Helm", "Directory", "Plugin"
_FIELDS = {"kustomize": KUSTOMIZE, "helm": HELM, "directory": DIRECTORY, "plugin": PLUGIN}
_FIXED = ("chart", "path", "repoURL", "targetRevision")
"""What a file in the repository cannot change."""
_CHART = "Chart.yaml"


def app_path(folder: Folder, path: str) -> str:
    """The folder of a source, seen from the repository's root. Raises RenderError with Argo CD's text."""
    if path.startswith("/"):
        raise RenderError(f"{path}: app path is absolute")
    try:
        where = clean(path)
    except OutOfBounds:
        raise RenderError(f"{path}: app path outside root") from None
    if not folder.exists(where):
        raise RenderError(f"{path}: app path does not exist")
    if not is_directory(folder, where):
        raise RenderError(f"{path}: app path is not a directory")
    return where


def source_type(folder: Folder, path: str, source: Mapping[str, Any], app_name: str = "") -> tuple[str, Object]:
    """The kind of a source, `Helm`, `Kustomize` or `Directory`, and the source with the changes its folder makes to it.

    The files `.argocd-source.yaml` and `.argocd-source-APP.yaml` are merged into the source. Raises RenderError with
    Argo CD's text, and NotSupported for a plugin.
    """
    try:
        merged = with_overrides(folder, path, source, app_name)
    except RenderError as error:
        raise RenderError(f"error getting app source type: error while parsing source parameters: {error}") from None
    said = [kind for field, kind in _FIELDS.items() if merged.get(field) is not None]
    if len(said) > 1:
        raise RenderError(f"error getting app source type: multiple application sources defined: {','.join(said)}")
    found = said[0] if said else _discovered(folder, path)
    if found == PLUGIN:
        raise NotSupported("a source with a config management plugin")
    return found, merged


def _discovered(folder: Folder, path: str) -> str:
    """What the names in the folder say; the last one in order decides."""
    found = DIRECTORY
    for name in sorted(folder.list(path)):
        if name.endswith("/"):
            continue
        if name.endswith(_CHART):
            found = HELM
        if name in NAMES:
            found = KUSTOMIZE
    return found


def with_overrides(folder: Folder, path: str, source: Mapping[str, Any], app_name: str) -> Object:
    """A copy of the source with the merge patches that lie in its folder. Raises RenderError."""
    merged: Any = thaw(dict(source))
    names = [".argocd-source.yaml", *([f".argocd-source-{app_name}.yaml"] if app_name else ())]
    for name in names:
        full = posixpath.join(path, name)
        try:
            content = folder.read(full)
        except KeyError:
            continue
        try:
            patch = value(content)
        except Malformed as error:
            raise RenderError(f"{shown(full)}: {error}") from None
        if not isinstance(patch, dict):
            raise RenderError(f"{shown(full)}: Invalid JSON Patch")
        merged = _merge(merged, patch)
    for field in _FIXED:
        merged.pop(field, None)
        if source.get(field) is not None:
            merged[field] = source[field]
    return dict(merged)


def _merge(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    made = dict(target) if isinstance(target, dict) else {}
    for key, below in patch.items():
        if below is None:
            made.pop(key, None)
        else:
            made[key] = _merge(made.get(key), below)
    return made
