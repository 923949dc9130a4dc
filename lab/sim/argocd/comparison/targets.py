"""Wanted objects as they are compared: each once, in a namespace, and without what is excluded.

Source: Argo CD 3.6.1 `controller/state.go` (NormalizeTargetObjects, CompareAppState), `controller/hook.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.sim.api import selectors
from lab.sim.argocd.comparison.records import Condition
from lab.sim.argocd.live.filter import ResourceFilter
from lab.sim.argocd.live.key import ResourceKey, key_of
from lab.sim.argocd.sync.hooks import HELM_HOOK, HOOK, hook_types, is_hook, phases
from lab.sim.argocd.tracking import Tracking, TrackingError
from lab.sim.objects import Object, evolve, name_of, namespace_of

Scope = Callable[[str, str], bool | None]
"""Whether a kind, given by group and name, is namespaced; None where nobody knows."""
_DELETION = (("PreDelete", "pre-delete"), ("PostDelete", "post-delete"))


@dataclass(frozen=True, slots=True)
class Targets:
    """Wanted objects, ready to be compared."""

    raw: Sequence[Object]
    """What they were made of."""
    objects: Sequence[Object]
    conditions: Sequence[Condition]


def prepared(
    raw: Sequence[Object],
    instance: str,
    namespace: str,
    server: str,
    tracking: Tracking,
    filtered: ResourceFilter,
    is_namespaced: Scope,
) -> Targets:
    """Make rendered objects ready.

    :param instance: what tracking marks call the Application
    :param namespace: of the Application's destination: of objects that name none
    :param server: address of the destination, for what is excluded there
    """
    conditions: list[Condition] = []
    try:
        objects = _placed(raw, instance, namespace, tracking, is_namespaced, conditions)
    except TrackingError as error:
        conditions = [Condition("ComparisonError", f"Failed to normalize target state: {error}")]
        return Targets(raw, (), conditions)
    kept = []
    for obj in reversed(objects):
        key = key_of(obj)
        if filtered.excludes(key.group, key.kind, server):
            text = f"Resource {key.group}/{key.kind} {key.name} is excluded in the settings"
            conditions.append(Condition("ExcludedResourceWarning", text))
            continue
        kept.append(obj)
        selector = filtered.selector(key.group, key.kind, server)
        if selector and not _selected(selector, obj):
            text = (
                f'Resource {key.group}/{key.kind} {key.name} does not match the resource selector "{selector}" in the '
                "settings and will not be watched; it will appear as OutOfSync"
            )
            conditions.append(Condition("ExcludedResourceWarning", text))
    return Targets(raw, kept[::-1], conditions)


def _placed(
    raw: Sequence[Object],
    instance: str,
    namespace: str,
    tracking: Tracking,
    is_namespaced: Scope,
    conditions: list[Condition],
) -> list[Object]:
    """Each in its namespace, marked for it, and of several with one key the last. Raises TrackingError."""
    found: dict[ResourceKey, list[Object]] = {}
    for place, one in enumerate(raw):
        key = key_of(one)
        namespaced = is_namespaced(key.group, key.kind) is not False
        obj = one
        if namespaced != bool(key.namespace) and (namespace or not namespaced):
            obj = evolve(one, metadata={"namespace": namespace} if namespaced else {})
            if not namespaced:
                del obj["metadata"]["namespace"]
        if obj is not one or (namespaced and not key.namespace):
            try:
                obj = tracking.marked(obj, instance, namespace)
            except TrackingError as error:
                text = f"failed to set app instance label on resource {key.kind}/{key.name}: {error}"
                raise TrackingError(text) from None
        key = key._replace(namespace=namespace_of(obj))
        generated = str((obj.get("metadata") or {}).get("generateName") or "")
        if not key.name and generated:
            key = key._replace(name=f"{generated}{place}")
        found.setdefault(key, []).append(obj)
    for key, several in found.items():
        if len(several) > 1:
            text = f"Resource {key} appeared {len(several)} times among application resources."
            conditions.append(Condition("RepeatedResourceWarning", text))
    return [several[-1] for several in found.values()]


def _selected(selector: str, obj: Object) -> bool:
    matches = selectors.labels(selector)
    return matches is None or matches(obj)


# -- hooks


def is_any_hook(obj: Object) -> bool:
    """Whether an object is a hook of a sync or of a deletion."""
    return is_hook(obj) or any(_names(obj, *names) for names in _DELETION)


def is_ignored(obj: Object) -> bool:
    """Whether an object is a hook of no type that a sync knows: it is left alone."""
    return is_hook(obj) and not hook_types(obj)


def _has_hook(obj: Object) -> bool:
    notes = (obj.get("metadata") or {}).get("annotations")
    return notes is not None and (HOOK in notes or HELM_HOOK in notes)


def _names(obj: Object, own: str, helm: str) -> bool:
    if not _has_hook(obj):
        return False
    notes = obj["metadata"]["annotations"]
    return any(
        wanted in (part.strip() for part in str(notes.get(key) or "").split(","))
        for key, wanted in ((HOOK, own), (HELM_HOOK, helm))
    )


def without_deletion_hooks(objects: Sequence[Object]) -> tuple[list[Object], bool, bool]:
    """What a sync has to do with; and whether there are hooks to run before, and after, the deletion of it all."""
    kept = []
    found = [False, False]
    for obj in objects:
        if not _has_hook(obj):
            kept.append(obj)
            continue
        named = [_names(obj, *names) for names in _DELETION]
        found = [one or other for one, other in zip(found, named, strict=True)]
        if not any(named) or phases(obj):
            kept.append(obj)
    return kept, found[0], found[1]


def managed_namespace(application: Object, live: Object) -> Object:
    """The namespace `managedNamespaceMetadata` asks for, to be compared with the live one.

    Source: Argo CD 3.6.1 `controller/sync_namespace.go`.
    """
    wanted = application["spec"]["syncPolicy"]["managedNamespaceMetadata"]
    metadata: Object = {"name": name_of(live)}
    if wanted.get("labels"):
        metadata["labels"] = dict(wanted["labels"])
    notes = {**(wanted.get("annotations") or {}), "argocd.argoproj.io/sync-options": "ServerSideApply=true"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {**metadata, "annotations": notes}}


def is_managed_namespace(obj: Object | None, application: Object) -> bool:
    """Whether an object is the destination's namespace, and the Application says what marks it bears."""
    if obj is None or obj.get("kind") != "Namespace":
        return False
    spec = application.get("spec") or {}
    policy = spec.get("syncPolicy") or {}
    namespace = str((spec.get("destination") or {}).get("namespace") or "")
    return name_of(obj) == namespace and policy.get("managedNamespaceMetadata") is not None
