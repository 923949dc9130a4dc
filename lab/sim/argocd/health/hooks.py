"""Which resources are hooks of a sync.

Source: Argo CD 3.6.1 `gitops-engine/pkg/sync/hook/hook.go`, `gitops-engine/pkg/sync/hook/helm/hook.go`.
"""

from __future__ import annotations

from lab.sim.argocd.health.fields import annotations_of
from lab.sim.objects import Object

HOOK = "argocd.argoproj.io/hook"
HELM_HOOK = "helm.sh/hook"
_TYPES = frozenset(("PreSync", "Sync", "PostSync", "SyncFail", "Skip", "PreDelete", "PostDelete"))


def is_skipped(obj: Object) -> bool:
    """Whether `Skip` is its only type of hook: such a resource is not applied at all."""
    listed = [one.strip() for one in str(annotations_of(obj).get(HOOK, "")).split(",")]
    return [one for one in listed if one in _TYPES] == ["Skip"]


def is_hook(obj: Object) -> bool:
    """Whether a resource is a hook of Argo CD's or Helm's; a skipped one and Helm's `crd-install` are none."""
    annotations = annotations_of(obj)
    if HOOK in annotations:
        return not is_skipped(obj)
    return str(annotations.get(HELM_HOOK, "crd-install")) != "crd-install"
