"""Ownership by create, update and patch.

Source: apimachinery `pkg/util/managedfields/internal/{fieldmanager,managedfieldsupdater,skipnonapplied}.go`.
"""

from __future__ import annotations

from typing import Any

from lab.sim.api import types
from lab.sim.api.managed_fields import untracked
from lab.sim.api.managed_fields.converted import converted
from lab.sim.api.managed_fields.entries import (
    Claim,
    Claims,
    Owner,
    capped,
    cleared,
    owner,
    read,
    stripped,
    written,
)
from lab.sim.api.managed_fields.fieldset import BadFields, Fields, contains, difference, excluded, union
from lab.sim.api.managed_fields.ownership import compared
from lab.sim.api.managed_fields.shape import BadItem, Shape
from lab.sim.api.managed_fields.shape import of as shape_of
from lab.sim.api.resources import Object, Resource


def track(
    resource: Resource,
    new: Object,
    old: Object | None,
    manager: str,
    time: str,
    subresource: str = "",
    *,
    minor: int,
) -> None:
    """Note in `new.metadata.managedFields` that `manager` made `new` of `old` by create, update or patch; in place.

    `new` is decoded and defaulted, and not yet changed by admission or by the server. `time`: `metav1.Time` of the
    write. What `new` itself says about managedFields is honoured as a real server does: taken over where it is well
    formed, a request to forget all owners where it is `[]` or `[{}]`.
    """
    metadata = new["metadata"]
    claims = _before(metadata.get("managedFields"), old, subresource)
    if not claims and old is not None:
        metadata.pop("managedFields", None)
        return
    if subresource == "scale" and old is not None:
        after = _scaled(resource, new, old, claims, owner(manager, "Update", resource.api_version, subresource), time)
        if after:
            metadata["managedFields"] = written(after, resource.custom is not None)
        else:
            metadata.pop("managedFields", None)
        return
    shape = shape_for(resource, minor)
    unowned = untracked.of(resource, subresource)
    try:
        changed, removed = compared(old if old is not None else {}, converted(resource, new), shape)
    except BadItem:
        metadata.pop("managedFields", None)
        return
    who = owner(manager, "Update", resource.api_version, subresource)
    after = updated(claims, changed, removed, who, resource.api_version, time, unowned)
    if after:
        metadata["managedFields"] = written(after, resource.custom is not None)
    else:
        metadata.pop("managedFields", None)


def _scaled(resource: Resource, new: Object, old: Object, claims: Claims, who: Owner, time: str) -> Claims:
    """The claims after a write through `scale`.

    What is compared and tracked is the Scale. It has no owners, and so is not tracked, unless someone owns the
    object's replicas; and 0 replicas are left out of it, which takes the field from whoever had it and gives it to
    nobody. Source: apimachinery `pkg/util/managedfields/scalehandler.go`, `autoscaling/v1` ScaleSpec (`omitempty`).
    """
    paths = (resource.custom.scale if resource.custom is not None else None) or {}
    names = paths.get("specReplicasPath", ".spec.replicas").strip(".").split(".")
    keys = tuple(f"f:{name}" for name in names)
    if not any(contains(claim.fields, keys) for claim in claims.values()):
        return claims
    field: Fields = {}
    for key in reversed(keys):
        field = {key: field}
    before, after = _at(old, names) or 0, _at(new, names) or 0
    changed: Fields = field if after and after != before else {}
    removed: Fields = field if before and not after else {}
    return updated(claims, changed, removed, who, resource.api_version, time, {})


def _at(obj: Any, path: list[str]) -> Any:
    """What is found at a path, or None."""
    for name in path:
        obj = obj.get(name) if isinstance(obj, dict) else None
    return obj


def _before(given: object, old: Object | None, subresource: str) -> Claims:
    """The claims that hold before the write."""
    live = old["metadata"].get("managedFields") if old is not None else None
    if subresource or given is None or given is live or given == live:
        return read(live, trusted=True)
    if cleared(given):
        return {}
    try:
        return read(given, trusted=False) or read(live, trusted=True)
    except BadFields:
        return read(live, trusted=True)


def updated(
    claims: Claims,
    changed: Fields,
    removed: Fields,
    who: Owner,
    api_version: str,
    time: str,
    unowned: Fields,
) -> Claims:
    """The claims after `who` changed and removed these fields, `unowned` of which do not count."""
    if unowned:
        changed, removed = excluded(changed, unowned), excluded(removed, unowned)
    after = released(claims, changed, removed)
    mine = stripped(changed)
    if mine:
        known = after.get(who)
        after[who] = Claim(api_version, union(mine, known.fields) if known else mine, time)
    return capped(after)


def released(claims: Claims, changed: Fields, removed: Fields) -> Claims:
    """The claims without the fields that a write took or removed; owners of nothing are gone."""
    if not changed and not removed:
        return dict(claims)
    after = {}
    for who, claim in claims.items():
        fields = difference(difference(claim.fields, changed), removed)
        if fields is claim.fields:
            after[who] = claim
        elif fields:
            after[who] = Claim(claim.api_version, fields, claim.time)
    return after


def shape_for(resource: Resource, minor: int) -> Shape:
    """The shape of a kind."""
    return shape_of(types.of(resource, minor))
