"""From client-side to server-side apply: fields change their owner.

Source: client-go `util/csaupgrade/upgrade.go`, Argo CD 3.6.1 `gitops-engine/pkg/sync/sync_context.go`
(performCSAUpgradeMigration), kubectl `pkg/cmd/apply/apply.go` (migrateToSSAIfNecessary).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from lab.sim.api.managed_fields.fieldset import union
from lab.sim.objects import Object

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def updates(obj: Object | None, manager: str) -> bool:
    """Whether a manager owns fields of an object by updates rather than by server-side apply."""
    return obj is not None and any(_is_update(one, manager) for one in _entries(obj))


def client_side_managers(obj: Object) -> set[str]:
    """Who wrote the annotation of client-side apply."""
    key = f"f:{LAST_APPLIED}"
    return {
        str(one.get("manager") or "")
        for one in _entries(obj)
        if one.get("operation") == "Update"
        and key in one.get("fieldsV1", {}).get("f:metadata", {}).get("f:annotations", {})
    }


def ownership_patch(obj: Object, managers: Collection[str], applier: str) -> list[Object] | None:
    """A JSON patch that gives the fields of `managers` to `applier`; None when there is nothing to give.

    It holds the resourceVersion, so that it fails with a conflict when the object has changed.
    """
    entries = before = _entries(obj)
    for manager in sorted(managers):
        entries = _handed_over(entries, manager, applier)
    if entries == before:
        return None
    return [
        {"op": "replace", "path": "/metadata/managedFields", "value": entries},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": obj["metadata"].get("resourceVersion", "")},
    ]


def _entries(obj: Object) -> list[Object]:
    return list(obj.get("metadata", {}).get("managedFields") or ())


def _is_update(entry: Object, manager: str) -> bool:
    return (entry.get("manager"), entry.get("operation"), entry.get("subresource") or "") == (manager, "Update", "")


def _handed_over(entries: Sequence[Object], manager: str, applier: str) -> list[Object]:
    made: list[Object] = list(entries)
    places = [place for place, one in enumerate(made) if _is_apply(one, applier)]
    if not places:
        places = [place for place, one in enumerate(made) if _is_update(one, manager)]
        if not places:
            return made
        made[places[0]] = {**made[places[0]], "operation": "Apply", "manager": applier}
    place = places[0]
    given = [one for one in made if _is_update(one, manager) and one.get("apiVersion") == made[place].get("apiVersion")]
    if given:
        fields: Any = union(made[place].get("fieldsV1") or {}, given[0].get("fieldsV1") or {})
        made[place] = {**made[place], "fieldsV1": fields}
    return [one for one in made if not _is_update(one, manager)]


def _is_apply(entry: Object, manager: str) -> bool:
    return (entry.get("manager"), entry.get("operation"), entry.get("subresource") or "") == (manager, "Apply", "")
