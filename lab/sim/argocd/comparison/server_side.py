"""How a live object differs from what an apply would make of it, asked of the destination by a dry run.

Source: Argo CD 3.6.1 `gitops-engine/pkg/diff/diff.go` (ServerSideDiff, removeWebhookMutation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from lab.sim.api.managed_fields import shape
from lab.sim.api.managed_fields.fieldset import SELF, BadFields, Fields, checked, difference, is_member, union
from lab.sim.api.managed_fields.merge import merged, without
from lab.sim.api.managed_fields.ownership import compared, owned
from lab.sim.api.managed_fields.shape import BadItem
from lab.sim.api.patch.three_way import same
from lab.sim.api.status import ApiError
from lab.sim.api.types import Type
from lab.sim.argocd.comparison.diff import LAST_APPLIED, DiffError, before_diff
from lab.sim.argocd.comparison.ignore import annotated_removals
from lab.sim.argocd.comparison.kinds import served_type_of
from lab.sim.argocd.comparison.normalize import normalized, remarshalled
from lab.sim.argocd.comparison.records import Difference
from lab.sim.argocd.comparison.rules import DiffRules
from lab.sim.argocd.health.fields import group_and_kind
from lab.sim.argocd.sync.options import has_option
from lab.sim.argocd.sync.records import MANAGER
from lab.sim.objects import Object, name_of, namespace_of

if TYPE_CHECKING:
    from lab.sim.argocd.live.cluster import LiveCluster

_UNTOLD = ("managedFields", "resourceVersion", "generation")


def uses_server_side(target: Object, rules: DiffRules) -> bool:
    """Whether the destination is asked: by the Application's options or by the resource's own."""
    return rules.server_side or has_option(target, "ServerSideApply=true")


async def server_side_difference(
    target: Object, live: Object, rules: DiffRules, cluster: LiveCluster, custom: Type | None
) -> Difference:
    """Compare one object. Raises DiffError.

    :param custom: its type when it is a custom resource
    """
    annotated = annotated_removals(target)
    managers = rules.ignore.managers(*group_and_kind(target), name_of(target), namespace_of(target))
    target, live = before_diff(target, live, rules, managers, custom)
    target = normalized(remarshalled(target), rules, full=False)
    live = normalized(remarshalled(live), rules, full=False)
    predicted = await _dry_run(target, cluster)
    if not rules.include_webhooks:
        known = served_type_of(str(predicted.get("apiVersion")), str(predicted.get("kind"))) or custom
        try:
            predicted = _without_webhooks(predicted, live, known)
        except (BadItem, BadFields) as error:
            raise _failed(f"error removing non config mutations for resource {_name(target)}: {error}") from None
    states = [_told(normalized(one, rules, annotated)) for one in (remarshalled(predicted), live)]
    return Difference(not same(*states), states[1], states[0])


async def _dry_run(target: Object, cluster: LiveCluster) -> Object:
    group, kind = group_and_kind(target)
    resource = cluster.resource(group, str(target.get("apiVersion") or "").rpartition("/")[2], kind)
    try:
        if not resource:
            raise ApiError(404, "NotFound", f'no matches for kind "{kind}" in version "{target.get("apiVersion")}"')
        return await cluster.connection.client.apply(resource, target, True, dry_run=True, manager=MANAGER)
    except ApiError as error:
        text = f"error running server side apply in dryrun mode for resource {_name(target)}: {error.message}"
        raise _failed(text) from None


def _name(obj: Object) -> str:
    return f"{obj.get('kind')}/{name_of(obj)}"


def _failed(why: str) -> DiffError:
    return DiffError(f"failed to calculate diff: error calculating server side diff: serverSideDiff error: {why}")


def _told(obj: Object) -> Object:
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _UNTOLD}
    notes = metadata.get("annotations")
    if notes and LAST_APPLIED in notes:
        metadata["annotations"] = {key: value for key, value in notes.items() if key != LAST_APPLIED}
    return {**obj, "metadata": metadata}


# -- what admission changed


def _without_webhooks(predicted: Object, live: Object, known: Type | None) -> Object:
    """`predicted` with every field that Argo CD does not own as it is live."""
    entries = predicted["metadata"].get("managedFields") or ()
    if not entries:
        raise BadFields(f"predictedLive for resource {_name(predicted)} must have the managedFields")
    if known is None:
        group, _, version = str(predicted.get("apiVersion") or "").rpartition("/")
        shown = f"{group}/{version}, Kind={predicted.get('kind')}"
        raise BadFields(f"unable to resolve parseableType for GroupVersionKind: {shown}")
    form = shape.of(known)
    mine = _owned_by(entries)
    if not mine:
        raise BadFields(f"no managed fields found for manager: {MANAGER}")
    foreign = _without_parents(difference(owned(predicted, form), mine), mine)
    _, removed = compared(live, predicted, form)
    if removed:
        removed = difference(removed, foreign)
        before = _owned_by(live["metadata"].get("managedFields") or ())
        removed = difference(removed, _without_parents(difference(removed, before), before))
    trimmed = without(predicted, _without_keys(foreign, frozenset()), form) or {}
    made: Any = merged(live, trimmed, form)
    return without(made, removed, form) or {} if removed else made


def _owned_by(entries: Any) -> Fields:
    made: Fields = {}
    for one in entries:
        if one.get("manager") == MANAGER:
            made = union(made, checked(one.get("fieldsV1") or {}))
    return made


def _without_parents(fields: Fields, owned_fields: Fields) -> Fields:
    """The set without members that have one of `owned_fields` below them."""
    made: Fields = {}
    for key, node in fields.items():
        if key == SELF:
            continue
        theirs = owned_fields.get(key) or {}
        below = _without_parents(node, theirs)
        member = is_member(node) and not any(one != SELF for one in theirs)
        if member or below:
            made[key] = {SELF: {}, **below} if member and below else below
    return made


def _without_keys(fields: Fields, names: frozenset[str]) -> Fields:
    """The set without the fields that, with others, name an item of a list."""
    made: Fields = {}
    for key, node in fields.items():
        if key == SELF:
            continue
        within = names
        if key.startswith("k:"):
            named = orjson.loads(key[2:])
            within = names | frozenset(named) if len(named) > 1 else names
        below = _without_keys(node, within)
        member = is_member(node) and not (key.startswith("f:") and key[2:] in names)
        if member or below:
            made[key] = {SELF: {}, **below} if member and below else below
    return made
