"""Hooks of a sync: which phases they belong to, in which wave, and when they are deleted.

Source: Argo CD 3.6.1 `gitops-engine/pkg/sync/hook/**`, `gitops-engine/pkg/sync/sync_phase.go`,
`gitops-engine/pkg/sync/syncwaves/waves.go`.
"""

from __future__ import annotations

import re

from lab.sim.argocd.sync.options import annotation_values
from lab.sim.argocd.sync.records import POST_SYNC, PRE_SYNC, SYNC, SYNC_FAIL
from lab.sim.objects import Object

HOOK = "argocd.argoproj.io/hook"
HOOK_DELETE_POLICY = "argocd.argoproj.io/hook-delete-policy"
HOOK_FINALIZER = "argocd.argoproj.io/hook-finalizer"
SYNC_WAVE = "argocd.argoproj.io/sync-wave"
HELM_HOOK = "helm.sh/hook"
HELM_WEIGHT = "helm.sh/hook-weight"
HELM_DELETE_POLICY = "helm.sh/hook-delete-policy"
SUCCEEDED_POLICY, FAILED_POLICY, BEFORE_POLICY = "HookSucceeded", "HookFailed", "BeforeHookCreation"

_SKIP = "Skip"
_PHASES = (PRE_SYNC, SYNC, POST_SYNC, SYNC_FAIL)
_TYPES = frozenset((*_PHASES, _SKIP))
_HELM_TYPES = {
    "pre-install": PRE_SYNC,
    "pre-upgrade": PRE_SYNC,
    "post-install": POST_SYNC,
    "post-upgrade": POST_SYNC,
}
_POLICIES = frozenset((SUCCEEDED_POLICY, FAILED_POLICY, BEFORE_POLICY))
_HELM_POLICIES = {
    "hook-succeeded": SUCCEEDED_POLICY,
    "hook-failed": FAILED_POLICY,
    "before-hook-creation": BEFORE_POLICY,
}
_INTEGER = re.compile(r"[+-]?[0-9]+")


def hook_types(obj: Object) -> list[str]:
    """The types a resource names, those of Helm only where it names none of Argo CD's; unknown ones are passed over."""
    types = [one for one in annotation_values(obj, HOOK) if one in _TYPES]
    return types or [_HELM_TYPES[one] for one in annotation_values(obj, HELM_HOOK) if one in _HELM_TYPES]


def is_skipped(obj: Object) -> bool:
    """Whether `Skip` is all it says: such a resource is never applied."""
    return hook_types(obj) == [_SKIP]


def is_hook(obj: Object) -> bool:
    """Whether a resource is a hook; Helm's `crd-install` is none, and a type nobody knows makes one without a phase."""
    annotations = obj.get("metadata", {}).get("annotations")
    if not annotations:
        return False
    if HOOK in annotations:
        return not is_skipped(obj)
    return bool(annotations.get(HELM_HOOK, "crd-install") != "crd-install")


def phases(obj: Object) -> list[str]:
    """The phases of a sync in which a resource is applied."""
    if is_skipped(obj):
        return []
    if not is_hook(obj):
        return [SYNC]
    types = hook_types(obj)
    return [one for one in _PHASES if one in types]


def delete_policies(obj: Object) -> list[str]:
    """When a hook is deleted; `BeforeHookCreation` where it does not say."""
    policies = [one for one in annotation_values(obj, HOOK_DELETE_POLICY) if one in _POLICIES]
    policies += [_HELM_POLICIES[one] for one in annotation_values(obj, HELM_DELETE_POLICY) if one in _HELM_POLICIES]
    return policies or [BEFORE_POLICY]


def wave(obj: Object) -> int:
    """The wave of a resource: its annotation, else the weight it has as a hook of Helm, else 0."""
    annotations = obj.get("metadata", {}).get("annotations")
    if not annotations:
        return 0
    for key in (SYNC_WAVE, HELM_WEIGHT):
        text = annotations.get(key)
        if isinstance(text, str) and _INTEGER.fullmatch(text):
            return int(text)
    return 0
