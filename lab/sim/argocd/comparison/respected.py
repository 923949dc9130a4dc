"""Wanted objects as a sync applies them that leaves ignored fields as they are: `RespectIgnoreDifferences=true`.

Source: Argo CD 3.6.1 `controller/sync.go` (normalizeTargetResources).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.sim.api.patch import strategic
from lab.sim.api.patch.three_way import PatchError, merge_patch, same, strategic_patch
from lab.sim.api.status import ApiError
from lab.sim.api.types import Type
from lab.sim.argocd.comparison.custom import custom_type
from lab.sim.argocd.comparison.diff import DiffError, before_diff, merged
from lab.sim.argocd.comparison.ignore import annotated_removals
from lab.sim.argocd.comparison.kinds import type_of
from lab.sim.argocd.comparison.rules import DiffRules
from lab.sim.argocd.health.fields import group_and_kind
from lab.sim.objects import Object, name_of, namespace_of, thaw

if TYPE_CHECKING:
    from lab.sim.argocd.live.cluster import LiveCluster


def respecting(rules: DiffRules, target: Object, live: Object, cluster: LiveCluster | None = None) -> Object:
    """A wanted object with the live values of what is ignored of it; it shares with both.

    :param rules: those of its comparison
    :param cluster: tells the types of custom resources; None where they need not be known
    Raises DiffError.
    """
    custom = custom_type(cluster, target) if cluster is not None else None
    managers = rules.ignore.managers(*group_and_kind(target), name_of(target), namespace_of(target))
    annotated = annotated_removals(target)
    states = before_diff(target, live, rules, managers, custom)
    wanted, have = (rules.known.normalized(rules.ignore.normalized(one, annotated)) for one in states)
    known = type_of(str(target.get("apiVersion")), str(target.get("kind"))) or custom
    try:
        made = _with_live_values(wanted, _without_status(have), _without_status(live), known)
    except PatchError as error:
        raise DiffError(str(error)) from None
    except ApiError as error:
        raise DiffError(error.message) from None
    return _restored(made, target, wanted, have)


def _without_status(obj: Object) -> Object:
    return {key: value for key, value in obj.items() if key != "status"}


def _with_live_values(wanted: Object, have: Object, live: Object, known: Type | None) -> Object:
    """`wanted` with what `live` has and `have`, which lacks what is ignored, has not."""
    if known is None:
        return merged(wanted, merge_patch({}, live, have))
    patch = strategic_patch(live, live, have, known)
    return strategic.merged(thaw(wanted), thaw(patch), known)


def _restored(made: Object, target: Object, wanted: Object, have: Object) -> Object:
    """Without what came along with ignored fields where a whole object replaces another.

    :param target: as it was, `wanted`: without what is ignored, `have`: live, without what is ignored
    """
    result = dict(made)
    for key, original in target.items():
        kept, found = wanted.get(key), result.get(key)
        if isinstance(found, dict) and isinstance(original, dict) and isinstance(kept, dict):
            below: Any = have.get(key)
            result[key] = _restored(found, original, kept, below if isinstance(below, dict) else {})
        elif key in wanted and same(kept, original) and (key not in result or not same(found, original)):
            result[key] = original
    return {key: value for key, value in result.items() if key in target or key not in have}
