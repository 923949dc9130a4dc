"""How an object goes: preconditions, finalizers, grace, and what a second request changes.

Source: apiserver `pkg/registry/rest/delete.go` and `pkg/registry/generic/registry/store.go`.
"""

from __future__ import annotations

from lab.sim.api.context import DeleteOptions
from lab.sim.api.resources import Object, Resource
from lab.sim.api.status import ApiError, conflict, invalid, not_supported
from lab.sim.api.strategies import Strategy
from lab.sim.clock import Clock, parse_timestamp, timestamp

ORPHAN, FOREGROUND = "orphan", "foregroundDeletion"
_POLICIES = ("Foreground", "Background", "Orphan")


def check(resource: Resource, old: Object, options: DeleteOptions) -> None:
    """Whether the request may be carried out on `old` at all. Raises ApiError 422 or 409."""
    if options.propagation and options.propagation not in _POLICIES:
        wrong = not_supported("propagationPolicy", options.propagation, (*_POLICIES, "nil"))
        raise invalid("meta.k8s.io", "DeleteOptions", "", [wrong])
    metadata = old["metadata"]
    if options.uid and options.uid != metadata["uid"]:
        raise _precondition(resource, metadata, "UID", options.uid, metadata["uid"])
    if options.resource_version and options.resource_version != metadata["resourceVersion"]:
        version = metadata["resourceVersion"]
        raise _precondition(resource, metadata, "ResourceVersion", options.resource_version, version)


def _precondition(resource: Resource, metadata: Object, what: str, asked: str, held: str) -> ApiError:
    if resource.kind == "Namespace":
        why = f"Precondition failed: {what} in precondition: {asked}, {what} in object meta: {held}"
        return conflict(resource.group, resource.plural, metadata["name"], why)
    happened = "deleted and then recreated" if what == "UID" else "modified"
    why = (
        f"the {what} in the precondition ({asked}) does not match the {what} in record ({held}). "
        f"The object might have been {happened}"
    )
    return conflict(resource.group, resource.kind, metadata["name"], why)


def begun(
    resource: Resource, old: Object, options: DeleteOptions, rules: Strategy, clock: Clock, counted: bool
) -> tuple[Object, bool]:
    """What is to be written in place of `old`, and whether the object goes right after that.

    Gives `old` itself when there is nothing to write. `counted`: the kind counts generations.
    """
    metadata = old["metadata"]
    finalizers = _finalizers(metadata, options, rules)
    deleted, period = metadata.get("deletionTimestamp"), metadata.get("deletionGracePeriodSeconds") or 0
    if rules.graceful and not (deleted and not period):
        if deleted:
            shorter = _shortened(metadata, options, clock)
            if shorter is None:
                return old, False
            when, period = shorter
        else:
            period = rules.grace(resource, old, options)
            when = timestamp(clock.now() + period)
        new = _marked(old, finalizers, when, period, counted)
        return new, not finalizers and period == 0
    if not finalizers and rules.deletable(resource, old):
        return old, True
    if deleted and finalizers == (metadata.get("finalizers") or []):
        return old, False
    return _marked(old, finalizers, deleted or timestamp(clock.now()), 0, counted), False


def _finalizers(metadata: Object, options: DeleteOptions, rules: Strategy) -> list[str]:
    """The object's own, with those of the garbage collector as the request, the object or its kind want them."""
    held = list(metadata.get("finalizers") or ())
    if rules.collects:
        policy = options.propagation
        if not policy:
            own = "Orphan" if ORPHAN in held else "Foreground" if FOREGROUND in held else ""
            policy = own or rules.default_propagation
        wanted = [one for one in held if one not in (ORPHAN, FOREGROUND)]
        if policy != "Background":
            wanted.append(ORPHAN if policy == "Orphan" else FOREGROUND)
        if set(wanted) != set(held):
            return wanted
    return held


def _shortened(metadata: Object, options: DeleteOptions, clock: Clock) -> tuple[str, int] | None:
    """The new end of a grace period that has begun; it can only be brought forward."""
    period = metadata["deletionGracePeriodSeconds"]
    asked = options.grace
    if asked is not None and asked < 0:
        asked = 1
    if asked is None or asked >= period:
        return None
    end = parse_timestamp(metadata["deletionTimestamp"]) - period + asked
    if end < clock.now():
        return timestamp(clock.now()), 1 if asked else 0
    return timestamp(end), asked


def _marked(old: Object, finalizers: list[str], when: str, period: int, counted: bool) -> Object:
    before = old["metadata"]
    metadata = {**before, "deletionTimestamp": when, "deletionGracePeriodSeconds": period}
    if finalizers:
        metadata["finalizers"] = finalizers
    else:
        metadata.pop("finalizers", None)
    if counted and not before.get("deletionTimestamp"):
        metadata["generation"] = before.get("generation", 0) + 1
    return {**old, "metadata": metadata}
