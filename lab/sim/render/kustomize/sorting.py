"""The order of the output: by kind and name unless the kustomization says otherwise.

Source: kustomize `api/internal/builtins/SortOrderTransformer.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.sim.render.errors import RenderError
from lab.sim.render.kustomize.resources import Resource, Resources, shown_kind

_FIRST = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
]
_LAST = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"]


def ordered(resources: Resources, options: Mapping[str, Any] | None) -> None:
    """Sort the objects; `options`: the field `sortOptions`. Raises RenderError."""
    order, legacy = "legacy", None
    if options is not None:
        order, legacy = options.get("order", ""), options.get("legacySortOptions")
        if order not in ("legacy", "fifo"):
            raise RenderError("the field 'sortOptions.order' must be one of [fifo, legacy]")
        if order == "fifo" and legacy is not None:
            raise RenderError(
                "the field 'sortOptions.legacySortOptions' is set but the selected sort order is 'fifo', not 'legacy'"
            )
    if order == "fifo":
        return
    first, last = (_FIRST, _LAST) if legacy is None else (legacy.get("orderFirst", []), legacy.get("orderLast", []))
    ranks = {kind: place - len(first) for place, kind in enumerate(first)}
    ranks |= {kind: place + 1 for place, kind in enumerate(last)}
    resources.items.sort(key=lambda one: _rank(one, ranks))


def _rank(resource: Resource, ranks: Mapping[str, int]) -> tuple[int, str, str]:
    one = resource.id()
    first = "" if one.kind == "Namespace" and not one.group else one.group or "~G"
    kind = f"{first}_{one.version or '~V'}_{one.kind or '~K'}"
    name = f"{shown_kind(one.group, one.version, one.kind)}|{one.namespace or '~X'}|{one.name or '~N'}"
    return ranks.get(one.kind, 0), kind, name
