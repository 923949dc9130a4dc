"""How a live object differs from what it would be after an apply, worked out here.

Source: Argo CD 3.6.1 `gitops-engine/pkg/diff/diff.go`, `util/argo/diff/diff.go`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import orjson

from lab.sim.api import defaults
from lab.sim.api.patch import strategic
from lab.sim.api.patch.three_way import PatchError, merge_patch, same, strategic_patch
from lab.sim.api.status import ApiError
from lab.sim.api.types import Type
from lab.sim.api.unmarshal import Unmarshaller, Unreadable
from lab.sim.argocd.comparison.coverage import covers
from lab.sim.argocd.comparison.ignore import Removal, annotated_removals
from lab.sim.argocd.comparison.kinds import row_of, type_of
from lab.sim.argocd.comparison.managers import without_managed
from lab.sim.argocd.comparison.normalize import normalized, remarshalled, within, within_list
from lab.sim.argocd.comparison.records import Difference
from lab.sim.argocd.comparison.rules import DiffRules
from lab.sim.argocd.health.fields import group_and_kind
from lab.sim.argocd.tracking import TrackingError
from lab.sim.objects import Object, name_of, namespace_of, thaw

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_NAME_LABEL = "kubernetes.io/metadata.name"
"""Among the defaults of a namespace: its name."""


class DiffError(Exception):
    """Objects that cannot be compared; the text follows `Failed to compare desired state to live state: `."""


def difference(
    target: Object | None, live: Object | None, rules: DiffRules, shape_type: Type | None = None
) -> Difference:
    """Compare one object. Neither is changed. Raises DiffError.

    :param shape_type: the type of a custom resource, for fields that other managers own; None when it is not known
    """
    if target is None or live is None:
        return Difference(target is not None, live, target)
    annotated = annotated_removals(target)
    managers = rules.ignore.managers(*group_and_kind(target), name_of(target), namespace_of(target))
    if not annotated and not managers and _is_plainly_same(target, live, rules):
        return Difference(False, None, None)
    target, live = before_diff(target, live, rules, managers, shape_type)
    return _compared(
        normalized(remarshalled(target), rules, annotated), _normal(live, rules, annotated), rules, annotated
    )


def _normal(live: Object, rules: DiffRules, annotated: Sequence[Removal]) -> Object:
    return normalized(remarshalled(live), rules, annotated)


def before_diff(
    target: Object, live: Object, rules: DiffRules, managers: Sequence[str], shape_type: Type | None
) -> tuple[Object, Object]:
    """Both without marks of another tracking method, and without what others may change."""
    with contextlib.suppress(TrackingError):
        live = rules.tracking.normalized(target, live) or live
    if managers:
        known = type_of(str(target.get("apiVersion")), str(target.get("kind"))) or shape_type
        target, live = without_managed(target, live, managers, known)
    return target, live


def _is_plainly_same(target: Object, live: Object, rules: DiffRules) -> bool:
    """Whether an apply would change nothing, as far as that can be told at a glance."""
    if not rules.ignore.is_plain(*group_and_kind(target)):
        return False
    if not covers(target, live, type_of(str(target.get("apiVersion")), str(target.get("kind")))):
        return False
    notes = live["metadata"].get("annotations")
    text = notes.get(LAST_APPLIED) if notes else None
    if text is None:
        return True
    try:
        return bool(orjson.loads(text) == target)
    except (orjson.JSONDecodeError, TypeError):
        return False


def _compared(target: Object, live: Object, rules: DiffRules, annotated: Sequence[Removal]) -> Difference:
    original = last_applied(live)
    if original is not None:
        try:
            return _three_way(normalized(original, rules, annotated), target, live)
        except (PatchError, ApiError, TypeError, AttributeError):
            # What was applied last may be anything; Argo CD goes on without it.
            pass
    try:
        return _three_way(target, target, live)
    except PatchError as error:
        raise DiffError(f"failed to calculate diff: failed to construct thre way merge patch: {error}") from None
    except ApiError as error:
        text = f"failed to calculate diff: failed to construct strategic merge patch: {error.message}"
        raise DiffError(text) from None


def last_applied(live: Object) -> Object | None:
    """What was applied last by client-side apply; None where that is not known."""
    notes = (live.get("metadata") or {}).get("annotations") or {}
    if not all(isinstance(one, str) for one in notes.values()):
        return None
    try:
        found = orjson.loads(notes[LAST_APPLIED])
    except (KeyError, TypeError, orjson.JSONDecodeError):
        return None
    return found if isinstance(found, dict) and found.get("kind") else None


def _three_way(original: Object, target: Object, live: Object) -> Difference:
    original, target = _plain_metadata(original), _plain_metadata(target)
    api_version, kind = str(original.get("apiVersion") or ""), str(original.get("kind") or "")
    known = type_of(api_version, kind)
    if known is None:
        patch = merge_patch(original, target, within(original, live))
        predicted = merged(live, patch)
    else:
        patch = strategic_patch(original, target, _without_claim_defaults(original, live), known)
        predicted = strategic.merged(thaw(live), thaw(patch), known) if patch else live
        predicted, live = _defaulted(predicted, known), _defaulted(live, known)
    return Difference(not same(predicted, live), live, predicted)


def _plain_metadata(obj: Object) -> Object:
    """Without the namespace, and without annotations that are empty: live objects have the one, never the other."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict):
        return obj
    kept = {key: value for key, value in metadata.items() if key != "namespace"}
    if "annotations" in kept and kept["annotations"] in (None, {}):
        del kept["annotations"]
    return {**obj, "metadata": kept}


def _without_claim_defaults(original: Object, live: Object) -> Object:
    """A StatefulSet's volume claims without the fields a server adds, which nobody can work out here."""
    if live.get("kind") != "StatefulSet" or not str(live.get("apiVersion")).startswith(("apps/", "extensions/")):
        return live
    wanted = (original.get("spec") or {}).get("volumeClaimTemplates")
    have = (live.get("spec") or {}).get("volumeClaimTemplates")
    if not isinstance(wanted, list) or not isinstance(have, list):
        return live
    return {**live, "spec": {**live["spec"], "volumeClaimTemplates": within_list(wanted, have)}}


def _defaulted(obj: Object, known: Type) -> Object:
    """With the values a server fills in; as it is when it does not fit its kind."""
    row = row_of(str(obj.get("apiVersion") or ""), str(obj.get("kind") or ""))
    if row is None:
        return obj
    try:
        Unmarshaller().read(known, thaw(obj))
    except Unreadable:
        return obj
    made = thaw(obj)
    try:
        defaults.apply(row, made)
    except (AttributeError, KeyError, TypeError, ValueError):
        # Nulls where no server would keep any: nothing can be filled in.
        return obj
    if row.plural == "statefulsets":
        _without_claim_types(obj, made)
    if row.plural == "namespaces" and name_of(made):
        labels = made["metadata"].get("labels") or {}
        made["metadata"]["labels"] = {**labels, _NAME_LABEL: name_of(made)}
    return made


def _without_claim_types(obj: Object, made: Object) -> None:
    """Take from a StatefulSet's claims what a server adds and Go's defaults do not: version and kind."""
    given = (obj.get("spec") or {}).get("volumeClaimTemplates") or ()
    for before, after in zip(given, (made.get("spec") or {}).get("volumeClaimTemplates") or (), strict=False):
        for key in ("apiVersion", "kind"):
            if isinstance(after, dict) and isinstance(before, dict) and key not in before:
                after.pop(key, None)


def merged(live: Object, patch: Object) -> Object:
    """A JSON merge patch put on an object, which shares with it what stays. Source: RFC 7386."""
    made = dict(live)
    for key, value in patch.items():
        known = made.get(key)
        if value is None:
            made.pop(key, None)
        elif isinstance(value, dict):
            made[key] = merged(known if isinstance(known, dict) else {}, value)
        else:
            made[key] = value
    return made
