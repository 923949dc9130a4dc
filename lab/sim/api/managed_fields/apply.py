"""Server-side apply: one manager's wish laid over the live object.

Source: structured-merge-diff `merge/update.go`, apimachinery
`pkg/util/managedfields/internal/{structuredmerge,conflict,lastappliedmanager}.go`.
"""

from __future__ import annotations

from lab.sim.api.managed_fields import last_applied, untracked
from lab.sim.api.managed_fields.entries import Claim, Claims, Owner, owner, read, stripped, written
from lab.sim.api.managed_fields.fieldset import (
    Fields,
    contains,
    difference,
    excluded,
    intersection,
    paths,
    union,
)
from lab.sim.api.managed_fields.merge import merged, without
from lab.sim.api.managed_fields.ownership import compared, owned, with_named
from lab.sim.api.managed_fields.shape import BadItem, Shape
from lab.sim.api.managed_fields.track import released, shape_for, updated
from lab.sim.api.resources import Object, Resource
from lab.sim.api.status import ApiError, Cause, apply_conflict, bad_request

BEFORE = "before-first-apply"
"""The manager of everything in an object that nobody was noted for."""

_EMPTY: Object = {}


class _Apply:
    """One request's circumstances."""

    __slots__ = ("applied", "live", "shape", "unowned", "version", "who")

    def __init__(self, live: Object, applied: Object, who: Owner, version: str, shape: Shape, unowned: Fields) -> None:
        self.live = live
        self.applied = applied
        self.who = who
        self.version = version
        self.shape = shape
        self.unowned = unowned


def apply(
    resource: Resource,
    live: Object | None,
    applied: Object,
    manager: str,
    force: bool,
    time: str,
    subresource: str = "",
    *,
    minor: int,
) -> Object:
    """The object after `manager` applied `applied` over `live`, with managedFields; None for `live` is a creation.

    `applied` is as the client sent it, found fitting by `schema.decode` for `apply`, and not defaulted. The result
    shares parts with both and may hold nulls where a map or a list became empty: decode and default it as any written
    object. `time`: `metav1.Time`.

    Raises ApiError 400 for an object of another kind or with managedFields, 409 with a cause for every field
    that another manager owns and `applied` would change.
    """
    _check_envelope(resource, applied)
    shape = shape_for(resource, minor)
    unowned = untracked.of(resource, subresource)
    version = resource.api_version
    known = live if live is not None else _EMPTY
    try:
        claims = read(known.get("metadata", _EMPTY).get("managedFields"), trusted=True)
        if not claims and live is not None:
            claims = _before_first(live, shape, owner(BEFORE, "Update", version, subresource), version, time, unowned)
        request = _Apply(known, applied, owner(manager, "Apply", version, subresource), version, shape, unowned)
        result, after = _carried_out(request, claims, force)
    except BadItem as error:
        raise ApiError(500, "", f"failed to merge config: {error}") from None
    if result is None:
        result = known
    else:
        claim = after.get(request.who)
        if claim is not None:
            after[request.who] = Claim(version, claim.fields, time)
    if manager == last_applied.MANAGER:
        result = last_applied.renewed(result, applied)
    metadata = {key: value for key, value in (result.get("metadata") or _EMPTY).items() if key != "managedFields"}
    if after:
        metadata["managedFields"] = written(after, resource.custom is not None)
    return {**result, "metadata": metadata}


def _check_envelope(resource: Resource, applied: Object) -> None:
    api_version, kind = applied.get("apiVersion") or "", applied.get("kind") or ""
    if (api_version, kind) != (resource.api_version, resource.kind):
        group, _, version = api_version.rpartition("/")
        raise bad_request(f"invalid object type: {group}/{version}, Kind={kind}")
    metadata = applied.get("metadata")
    if isinstance(metadata, dict) and metadata.get("managedFields") is not None:
        raise bad_request("metadata.managedFields must be nil")


def _before_first(live: Object, shape: Shape, who: Owner, version: str, time: str, unowned: Fields) -> Claims:
    """Everything there is, as if `who` had just created it."""
    bare = {**live, "metadata": {key: value for key, value in live["metadata"].items() if key != "managedFields"}}
    changed, removed = compared({}, bare, shape)
    return updated({}, changed, removed, who, version, time, unowned)


def _carried_out(request: _Apply, claims: Claims, force: bool) -> tuple[Object | None, Claims]:
    """The new object, None where it is the old one, and the claims after. Raises ApiError 409."""
    shape = request.shape
    mine = owned(request.applied, shape)
    if request.unowned:
        mine = excluded(mine, request.unowned)
    last = claims.get(request.who)
    new = merged(request.live, request.applied, shape)
    others = {who: claim for who, claim in claims.items() if who != request.who}
    if last is not None and last.fields:
        new = _pruned(new, last.fields, [mine, *(claim.fields for claim in others.values())], shape)
    changed, removed = compared(request.live, new, shape)
    if request.unowned:
        changed, removed = excluded(changed, request.unowned), excluded(removed, request.unowned)
    if not force:
        _refuse_conflicts(request, others, changed)
    after = released(others, changed, removed)
    kept = stripped(mine)
    if kept:
        after[request.who] = Claim(request.version, kept, last.time if last is not None else None)
    return (None if new == request.live else new), after


def _pruned(new: Object, last: Fields, claimed: list[Fields], shape: Shape) -> Object:
    """`new` without what the manager applied last time and neither it nor anybody else claims now."""
    named_last = with_named(last, shape)
    pruned = without(new, named_last, shape) or {}
    everybody: Fields = {}
    for fields in claimed:
        everybody = union(everybody, fields)
    before = with_named(owned(new, shape), shape)
    left = with_named(owned(pruned, shape), shape)
    # What somebody owns comes back; and what was below a removed item but never belonged to it.
    pruned = without(new, difference(before, union(left, with_named(everybody, shape))), shape) or {}
    left = with_named(owned(pruned, shape), shape)
    result: Object = without(new, intersection(difference(before, left), named_last), shape) or {}
    return result


def _refuse_conflicts(request: _Apply, others: Claims, changed: Fields) -> None:
    """Raise ApiError 409 if `changed` takes fields from others."""
    found = [(who, intersection(claim.fields, changed)) for who, claim in others.items()]
    conflicts = [
        (who, path, keys)
        for who, fields in sorted(found, key=lambda one: one[0].sort_key())
        for path, keys in paths(fields)
    ]
    if conflicts and request.who.manager == last_applied.MANAGER:
        allowed = last_applied.unchanged(request.live, request.version, request.shape)
        conflicts = [one for one in conflicts if not contains(allowed, one[2])]
    if not conflicts:
        return
    causes = [Cause("FieldManagerConflict", f"conflict with {_told(who)}", path) for who, path, _ in conflicts]
    if len(conflicts) == 1:
        who, path, _ = conflicts[0]
        raise apply_conflict(causes, f"Apply failed with 1 conflict: conflict with {_told(who)}: {path}")
    lines: list[str] = []
    previous: Owner | None = None
    for who, path, _ in conflicts:
        if who != previous:
            lines.append(f"conflicts with {_told(who)}:")
        lines.append(f"- {path}")
        previous = who
    raise apply_conflict(causes, f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines))


def _told(who: Owner) -> str:
    text = f'"{who.manager}"'
    if who.subresource:
        text += f' with subresource "{who.subresource}"'
    return f"{text} using {who.version}" if who.operation == "Update" else text
