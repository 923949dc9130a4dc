"""The status of an Application as Go writes it: conditions, and the patch between two states.

Source: Argo CD 3.6.1 `pkg/apis/application/v1alpha1/types.go` (ApplicationStatus, SetConditions),
`controller/appcontroller.go` (persistAppStatus).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from lab.sim.argocd.comparison.records import Condition
from lab.sim.objects import Object

ERRORS_OF_SPEC = frozenset(("InvalidSpecError", "UnknownError"))
SYNC_ERROR = frozenset(("SyncError",))
DELETION_ERROR = frozenset(("DeletionError",))
ORPHANED = frozenset(("OrphanedResourceWarning",))
TOO_LARGE = Condition(
    "UnknownError",
    "Application status exceeds the Kubernetes resource size limit and could not be persisted. The displayed status "
    "may be stale. Reduce the number of managed resources, set ApplyOutOfSyncOnly=true, lower "
    "spec.revisionHistoryLimit, or split the Application.",
)


def with_conditions(status: Object, found: Sequence[Condition], types: Collection[str], now: str) -> Object:
    """A status whose conditions of `types` are exactly those found; one that says the same keeps its time."""
    old: Sequence[Object] = status.get("conditions") or ()
    if not found and not any(one.get("type") in types for one in old):
        return status
    first: dict[str, Object] = {}
    for shown in old:
        first.setdefault(str(shown.get("type") or ""), shown)
    made = [
        shown if shown.get("lastTransitionTime") else {**shown, "lastTransitionTime": now}
        for shown in old
        if shown.get("type") not in types
    ]
    for one in found:
        known = first.get(one.type)
        if known is not None and known.get("message") == one.message:
            made.append(known)
        else:
            made.append({"type": one.type, "message": one.message, "lastTransitionTime": now})
    made.sort(key=lambda shown: f"{shown.get('type')}/{shown.get('message')}/{shown.get('lastTransitionTime')}")
    changed = dict(status)
    if made:
        changed["conditions"] = made
    else:
        changed.pop("conditions", None)
    return changed


def conditions_of(status: Object, types: Collection[str]) -> list[Object]:
    """The conditions of some types."""
    return [one for one in status.get("conditions") or () if one.get("type") in types]


def told(conditions: Sequence[Object]) -> str:
    """Conditions in one line, as an operation's message shows them."""
    return ";".join(f"{one.get('type', '')}: {one.get('message', '')}" for one in conditions)


def as_go_writes(status: Object) -> Object:
    """A status with the blocks that Go writes even when they are empty."""
    sync = status.get("sync") or {}
    compared = sync.get("comparedTo") or {}
    compared = {
        **compared,
        "source": {"repoURL": "", **(compared.get("source") or {})},
        "destination": compared.get("destination") or {},
    }
    return {
        **status,
        "sync": {**sync, "status": sync.get("status") or "", "comparedTo": compared},
        "health": status.get("health") or {},
        "summary": status.get("summary") or {},
        "sourceHydrator": status.get("sourceHydrator") or {},
    }


def merge_patch(old: Any, new: Any) -> Any:
    """The JSON merge patch (RFC 7386) that makes `new` of `old`, both mappings; {} when they are equal."""
    patch: Object = {key: None for key in old if key not in new}
    for key, value in new.items():
        known = old.get(key)
        if value is known or (key in old and value == known):
            continue
        patch[key] = merge_patch(known, value) if isinstance(value, dict) and isinstance(known, dict) else value
    return patch


def set_field(fields: Object, key: str, value: Any) -> None:
    """Set a field, or leave it out where Go would."""
    if value:
        fields[key] = value
    else:
        fields.pop(key, None)
