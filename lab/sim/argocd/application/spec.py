"""What an Application says it wants: small questions about its spec and metadata.

Source: Argo CD 3.6.1 `pkg/apis/application/v1alpha1/types.go`, `util/argo/argo.go` (NormalizeApplicationSpec).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lab.sim.objects import Object, name_of, namespace_of

RESOURCE = "applications.argoproj.io"
PROJECTS = "appprojects.argoproj.io"
REFRESH = "argocd.argoproj.io/refresh"
REFRESH_TIMESTAMP = "argocd.argoproj.io/refresh-timestamp"
SKIP_RECONCILE = "argocd.argoproj.io/skip-reconcile"
MANIFEST_GENERATE_PATHS = "argocd.argoproj.io/manifest-generate-paths"
HISTORY_LIMIT = 10
_NEVER_COUNTS: tuple[Any, ...] = ("", None, False, 0)
_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))


def annotations_of(app: Object) -> Mapping[str, str]:
    """`metadata.annotations`."""
    found: Mapping[str, str] = app["metadata"].get("annotations") or {}
    return found


def is_multiple(spec: Object) -> bool:
    """Whether `sources` counts, not `source`."""
    return bool(spec.get("sources")) and spec.get("sourceHydrator") is None


def source(spec: Object) -> Object:
    """The one source, the first of several, or what a hydrator's output is read from; {} when there is none."""
    hydrator = spec.get("sourceHydrator")
    if hydrator is not None:
        synced, dry = hydrator.get("syncSource") or {}, hydrator.get("drySource") or {}
        made = {
            "repoURL": synced.get("repoURL") or dry.get("repoURL") or "",
            "path": synced.get("path") or "",
            "targetRevision": synced.get("targetBranch") or "",
        }
        return {key: value for key, value in made.items() if value}
    if is_multiple(spec):
        return dict(spec["sources"][0])
    return spec.get("source") or {}


def sources(spec: Object) -> list[Object]:
    """All sources that count."""
    return list(spec["sources"]) if is_multiple(spec) else [source(spec)]


def project_name(spec: Object) -> str:
    """`project`, `default` when none is named."""
    return str(spec.get("project") or "default")


def destination(spec: Object) -> Object:
    """`destination`."""
    return spec.get("destination") or {}


def policy(spec: Object) -> Object:
    """`syncPolicy`, {} when there is none."""
    return spec.get("syncPolicy") or {}


def automated(spec: Object) -> Object | None:
    """`syncPolicy.automated` when automated syncs are on."""
    found: Object | None = policy(spec).get("automated")
    return None if found is None or found.get("enabled") is False else found


def managed_namespace_metadata(spec: Object) -> Object | None:
    """`syncPolicy.managedNamespaceMetadata`."""
    found: Object | None = policy(spec).get("managedNamespaceMetadata")
    return found


def namespace_metadata_changed(app: Object) -> bool:
    """Whether the namespace should be marked otherwise than the last sync marked it."""
    wanted = managed_namespace_metadata(app["spec"])
    result = (operation_state(app) or {}).get("syncResult")
    if wanted is None or result is None:
        return False
    return not same(wanted, result.get("managedNamespaceMetadata"))


def operation_state(app: Object) -> Object | None:
    """`status.operationState`."""
    found: Object | None = (app.get("status") or {}).get("operationState")
    return found


def refresh_requested(app: Object) -> str:
    """`normal` or `hard` when an annotation asks for a refresh, else ""."""
    asked = annotations_of(app).get(REFRESH)
    if asked is None:
        return ""
    return "hard" if asked == "hard" else "normal"


def is_skipped(app: Object) -> bool:
    """Whether an annotation tells the controller to leave this Application alone."""
    return annotations_of(app).get(SKIP_RECONCILE) in _TRUE


def is_deleting(app: Object) -> bool:
    """Whether its deletion was asked for."""
    return bool(app["metadata"].get("deletionTimestamp"))


def instance_name(app: Object, controller_namespace: str) -> str:
    """What tracking marks call it."""
    namespace, name = namespace_of(app), name_of(app)
    return name if namespace in (controller_namespace, "") else f"{namespace}_{name}"


def qualified_name(app: Object) -> str:
    """`NAMESPACE/NAME`."""
    return f"{namespace_of(app)}/{name_of(app)}"


def instance_key(instance: str, controller_namespace: str) -> tuple[str, str]:
    """(namespace, name) of the Application a tracking mark names."""
    namespace, underscore, name = instance.partition("_")
    return (namespace, name) if underscore else (controller_namespace, instance)


def canonical(value: Any) -> Any:
    """A value without what Go leaves out when it writes it: two that are equal so are equal to Argo CD."""
    if isinstance(value, Mapping):
        made = {key: canonical(item) for key, item in value.items()}
        return {key: item for key, item in made.items() if item not in _NEVER_COUNTS and item != [] and item != {}}
    if isinstance(value, list):
        return [canonical(item) for item in value]
    return value


def same(one: Any, other: Any) -> bool:
    """Whether two parts of a spec say the same."""
    return bool(one == other or (canonical(one) or None) == (canonical(other) or None))


def sources_changed(app: Object) -> bool:
    """Whether the spec names other sources than the last comparison was made with."""
    spec = app["spec"]
    compared = ((app.get("status") or {}).get("sync") or {}).get("comparedTo") or {}
    if is_multiple(spec):
        return not same(spec["sources"], compared.get("sources"))
    return not same(source(spec), compared.get("source"))


def normalization(spec: Object) -> Object:
    """The merge patch of `spec` that takes out blocks that say nothing; {} when there are none."""
    patch: Object = {}
    if not spec.get("project"):
        patch["project"] = "default"
    given = spec.get("syncPolicy")
    if given is not None and not _says_something(
        given, ("automated", "retry", "managedNamespaceMetadata"), ("syncOptions",)
    ):
        patch["syncPolicy"] = None
    if spec.get("sources"):
        changes = [_source_normalization(one) for one in spec["sources"]]
        if any(changes):
            patch["sources"] = [_patched(one, change) for one, change in zip(spec["sources"], changes, strict=True)]
    elif spec.get("source"):
        change = _source_normalization(spec["source"])
        if change:
            patch["source"] = change
    return patch


def normalized(spec: Object) -> Object:
    """The spec after that patch."""
    patch = normalization(spec)
    if not patch:
        return spec
    made = dict(spec)
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = _patched(made["source"], value) if key == "source" else value
    return made


def _source_normalization(one: Object) -> Object:
    change: Object = {}
    for block in ("kustomize", "helm"):
        if one.get(block) is not None and not canonical(one[block]):
            change[block] = None
    directory = one.get("directory")
    if directory is not None and not _says_something(directory, (), ("recurse", "jsonnet", "disableExtensionFilter")):
        kept = {key: directory[key] for key in ("exclude", "include") if directory.get(key)}
        if not kept:
            change["directory"] = None
        elif kept != directory:
            change["directory"] = {key: None for key in directory if key not in kept}
    return change


def _patched(one: Object, change: Object) -> Object:
    made = dict(one)
    for key, value in change.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = {inner: item for inner, item in made[key].items() if inner not in value}
    return made


def _says_something(block: Object, pointers: Sequence[str], values: Sequence[str]) -> bool:
    return any(block.get(key) is not None for key in pointers) or any(bool(canonical(block.get(key))) for key in values)
