"""Sync options: of an operation, and of single resources by annotation.

Source: Argo CD 3.6.1 `gitops-engine/pkg/sync/resource/annotations.go`, `gitops-engine/pkg/sync/common/types.go`,
`pkg/apis/application/v1alpha1/types.go` (SyncOptions).
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.sim.objects import Object

SYNC_OPTIONS = "argocd.argoproj.io/sync-options"
CONFIRM, NEVER = "confirm", "false"
_EMPTY: Object = {}


def annotation_values(obj: Object, key: str) -> list[str]:
    """The values of an annotation that holds a list, each once."""
    text = (obj.get("metadata", _EMPTY).get("annotations") or _EMPTY).get(key)
    if not text:
        return []
    return list(dict.fromkeys(one for one in (part.strip() for part in str(text).split(",")) if one))


def has_option(obj: Object | None, option: str) -> bool:
    """Whether a resource's own annotation names an option such as `Replace=true`."""
    return obj is not None and option in annotation_values(obj, SYNC_OPTIONS)


def option_value(obj: Object | None, name: str) -> str | None:
    """What a resource's own annotation says of `Prune` or `Delete`; None for nothing."""
    return None if obj is None else value_of(annotation_values(obj, SYNC_OPTIONS), name)


def value_of(options: Sequence[str], name: str) -> str | None:
    """What a list of options says of `name`; None for nothing."""
    prefix = f"{name}="
    return next((one.removeprefix(prefix) for one in options if one.startswith(prefix)), None)
