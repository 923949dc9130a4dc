"""The arithmetic of a Deployment's rollout: which ReplicaSet gets how many replicas at this moment.

Plain functions on objects; whoever calls them writes the result. Source: Kubernetes
`pkg/controller/deployment/{rolling,sync}.go`, `util/deployment_util.go`.
"""

from __future__ import annotations

from lab.sim.api.resources import Object, Objects
from lab.sim.controllers.workload import annotations_of, scaled

DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"
Sizes = list[tuple[Object, int]]
"""ReplicaSets and what their `spec.replicas` shall be."""


def replicas_of(obj: Object) -> int:
    """`spec.replicas`."""
    return int(obj["spec"].get("replicas", 1))


def sum_of(sets: Objects, field: str) -> int:
    """The sum of a status field over ReplicaSets."""
    return sum(int(one.get("status", {}).get(field, 0)) for one in sets)


def active(sets: Objects) -> Objects:
    """The ReplicaSets that ask for pods."""
    return [one for one in sets if replicas_of(one) > 0]


def is_rolling(deployment: Object) -> bool:
    """Whether the strategy is RollingUpdate."""
    return bool(deployment["spec"].get("strategy", {}).get("type", "RollingUpdate") == "RollingUpdate")


def _fenceposts(deployment: Object) -> tuple[int, int]:
    rolling = deployment["spec"].get("strategy", {}).get("rollingUpdate") or {}
    total = replicas_of(deployment)
    surge = scaled(rolling.get("maxSurge", 0), total, up=True)
    unavailable = scaled(rolling.get("maxUnavailable", 0), total, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return surge, unavailable


def max_surge(deployment: Object) -> int:
    """Pods there may be beyond `spec.replicas`."""
    return _fenceposts(deployment)[0] if is_rolling(deployment) else 0


def max_unavailable(deployment: Object) -> int:
    """Pods of `spec.replicas` that may be missing."""
    total = replicas_of(deployment)
    if not is_rolling(deployment) or not total:
        return 0
    return min(_fenceposts(deployment)[1], total)


def new_size(deployment: Object, all_sets: Objects, size: int) -> int:
    """What the newest ReplicaSet, now of `size`, may grow to."""
    wanted = replicas_of(deployment)
    if not is_rolling(deployment):
        return wanted
    room = wanted + max_surge(deployment) - sum(replicas_of(one) for one in all_sets)
    if room <= 0:
        return size
    return size + min(room, wanted - size)


def shrunk(deployment: Object, new: Object, old: Objects) -> Sizes:
    """What the old ReplicaSets may shrink to: unhealthy pods go first, then as many as availability allows."""
    held = {one["metadata"]["uid"]: replicas_of(one) for one in active(old)}
    if not held:
        return []
    least = replicas_of(deployment) - max_unavailable(deployment)
    missing = replicas_of(new) - sum_of([new], "availableReplicas")
    spare = sum(held.values()) + replicas_of(new) - least - missing
    if spare <= 0:
        return []
    in_order = sorted(active(old), key=_age)
    for one in in_order:
        uid = one["metadata"]["uid"]
        unhealthy = held[uid] - sum_of([one], "availableReplicas")
        taken = max(min(spare, unhealthy), 0)
        held[uid] -= taken
        spare -= taken
    spare = sum_of([*in_order, new], "availableReplicas") - least
    for one in in_order:
        uid = one["metadata"]["uid"]
        taken = max(min(spare, held[uid]), 0)
        held[uid] -= taken
        spare -= taken
    return [(one, held[one["metadata"]["uid"]]) for one in in_order]


def active_or_latest(new: Object | None, old: Objects) -> Object | None:
    """The one ReplicaSet that asks for pods, or the newest when none does; None when several do."""
    asking = active([*old, *([new] if new else [])])
    if len(asking) == 1:
        return asking[0]
    if asking:
        return None
    if new is not None:
        return new
    return max(old, key=_age, default=None)


def is_saturated(deployment: Object, new: Object | None) -> bool:
    """Whether the newest ReplicaSet has all replicas, and all available."""
    if new is None:
        return False
    wanted = replicas_of(deployment)
    return (
        replicas_of(new) == wanted
        and annotations_of(new).get(DESIRED) == str(wanted)
        and sum_of([new], "availableReplicas") == wanted
    )


def proportional(deployment: Object, new: Object | None, old: Objects) -> Sizes:
    """How a change of `spec.replicas` in the middle of a rollout spreads over the ReplicaSets by their size."""
    sets = active([*old, *([new] if new else [])])
    wanted = replicas_of(deployment)
    allowed = wanted + max_surge(deployment) if wanted > 0 else 0
    to_add = allowed - sum(replicas_of(one) for one in sets)
    if to_add > 0:
        sets = sorted(sorted(sets, key=_age, reverse=True), key=replicas_of, reverse=True)
    elif to_add < 0:
        sets = sorted(sorted(sets, key=_age), key=replicas_of, reverse=True)
    sizes = []
    added = 0
    for one in sets:
        part = _proportion(deployment, one, to_add, added)
        added += part
        sizes.append(replicas_of(one) + part)
    if sizes and to_add:
        sizes[0] = max(sizes[0] + to_add - added, 0)
    return list(zip(sets, sizes, strict=True))


def _proportion(deployment: Object, one: Object, to_add: int, added: int) -> int:
    if not replicas_of(one) or not to_add or to_add == added:
        return 0
    part = _fraction(deployment, one)
    left = to_add - added
    return min(part, left) if to_add > 0 else max(part, left)


def _fraction(deployment: Object, one: Object) -> int:
    wanted, size = replicas_of(deployment), replicas_of(one)
    if wanted == 0:
        return -size
    before = number(annotations_of(one).get(MAXIMUM, ""))
    if not before:
        before = deployment.get("status", {}).get("replicas", 0)
        if not before:
            return 0
    return int(size * (wanted + max_surge(deployment)) / before + 0.5) - size


def number(text: str) -> int:
    """A count in an annotation; 0 for anything else."""
    return int(text) if text.isascii() and text.isdigit() else 0


def _age(one: Object) -> tuple[str, str]:
    return one["metadata"]["creationTimestamp"], one["metadata"]["name"]
