"""What a Deployment says of itself: its counts and its conditions `Available`, `Progressing` and `ReplicaFailure`.

Source: Kubernetes `pkg/controller/deployment/{sync,progress}.go`, `util/deployment_util.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lab.sim.api.resources import Object, Objects
from lab.sim.clock import parse_timestamp
from lab.sim.controllers import rollout
from lab.sim.controllers.replicaset import TERMINATING_REPLICAS_SINCE
from lab.sim.controllers.workload import compact
from lab.sim.objects import condition

NO_DEADLINE = 2**31 - 1
"""The value of `progressDeadlineSeconds` and `revisionHistoryLimit` that means none."""


def deadline(deployment: Object) -> int | None:
    """`spec.progressDeadlineSeconds`; None when progress is not watched."""
    said = deployment["spec"].get("progressDeadlineSeconds")
    return None if said is None or said == NO_DEADLINE else int(said)


def made_condition(kind: str, status: str, reason: str, message: str, now: str) -> Object:
    """A Deployment's condition that begins `now`."""
    return {
        "type": kind,
        "status": status,
        "lastUpdateTime": now,
        "lastTransitionTime": now,
        "reason": reason,
        "message": message,
    }


def with_condition(conditions: Iterable[Object], new: Object) -> Objects:
    """The conditions with `new` in place of that of its type, unless that has the same status and reason."""
    held = list(conditions)
    old = next((one for one in held if one.get("type") == new["type"]), None)
    if old is not None and old.get("status") == new["status"]:  # anybody may have written the old one, in parts
        if old.get("reason") == new["reason"]:
            return held
        new = {**new, "lastTransitionTime": old.get("lastTransitionTime", new["lastTransitionTime"])}
    return [*without_condition(held, new["type"]), new]


def without_condition(conditions: Iterable[Object], kind: str) -> Objects:
    """The conditions but that of this type."""
    return [one for one in conditions if one.get("type") != kind]


def counted(deployment: Object, new: Object | None, all_sets: Objects, minor: int, now: str) -> Object:
    """The status with fresh counts and `Available`; the other conditions as they are."""
    available = rollout.sum_of(all_sets, "availableReplicas")
    wanted = sum(rollout.replicas_of(one) for one in all_sets)
    held = deployment.get("status", {})
    if available >= rollout.replicas_of(deployment) - rollout.max_unavailable(deployment):
        reason, message, status = "MinimumReplicasAvailable", "Deployment has minimum availability.", "True"
    else:
        reason, message = "MinimumReplicasUnavailable", "Deployment does not have minimum availability."
        status = "False"
    made: Object = {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": rollout.sum_of(all_sets, "replicas"),
        "updatedReplicas": rollout.sum_of([new] if new else [], "replicas"),
        "readyReplicas": rollout.sum_of(all_sets, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(wanted - available, 0),
        "conditions": with_condition(
            held.get("conditions") or (), made_condition("Available", status, reason, message, now)
        ),
    }
    kept = []
    if "collisionCount" in held:
        made["collisionCount"] = held["collisionCount"]
        kept.append("collisionCount")
    if minor >= TERMINATING_REPLICAS_SINCE:
        observed = [one.get("status", {}) for one in all_sets if one.get("status", {}).get("observedGeneration")]
        if all("terminatingReplicas" in one for one in observed):
            made["terminatingReplicas"] = sum(one["terminatingReplicas"] for one in observed)
            kept.append("terminatingReplicas")
    return compact(made, *kept)


def progressed(
    deployment: Object, status: Object, new: Object | None, all_sets: Objects, now: float, at: str
) -> Object:
    """`status` with `Progressing` and `ReplicaFailure` as this moment of a rollout has them."""
    conditions = status["conditions"]
    current = condition(deployment, "Progressing")
    settled = (
        status.get("replicas", 0) == status.get("updatedReplicas", 0)
        and current is not None
        and current["reason"] == "NewReplicaSetAvailable"
    )
    if deadline(deployment) is not None and not settled:
        subject = f'ReplicaSet "{new["metadata"]["name"]}"' if new else f'Deployment "{deployment["metadata"]["name"]}"'
        if is_complete(deployment, status):
            text = f"{subject} has successfully progressed."
            made = made_condition("Progressing", "True", "NewReplicaSetAvailable", text, at)
            conditions = with_condition(conditions, made)
        elif _has_progressed(deployment, status):
            made = made_condition("Progressing", "True", "ReplicaSetUpdated", f"{subject} is progressing.", at)
            if current is not None and current["status"] == "True":
                made["lastTransitionTime"] = current["lastTransitionTime"]
            conditions = [*without_condition(conditions, "Progressing"), made]
        elif timed_out(deployment, current, now):
            text = f"{subject} has timed out progressing."
            made = made_condition("Progressing", "False", "ProgressDeadlineExceeded", text, at)
            conditions = with_condition(conditions, made)
    failure = _failure(new, all_sets)
    if failure is not None:
        conditions = with_condition(conditions, failure)
    else:
        conditions = without_condition(conditions, "ReplicaFailure")
    return {**status, "conditions": conditions}


def is_complete(deployment: Object, status: Object) -> bool:
    """Whether every replica is of the newest template and available."""
    wanted = rollout.replicas_of(deployment)
    counts = {status.get(field, 0) for field in ("updatedReplicas", "replicas", "availableReplicas")}
    return counts == {wanted} and bool(status.get("observedGeneration", 0) >= deployment["metadata"]["generation"])


def _has_progressed(deployment: Object, status: Object) -> bool:
    held = deployment.get("status", {})

    def old_ones(one: Object) -> int:
        return int(one.get("replicas", 0) - one.get("updatedReplicas", 0))

    return (
        status.get("updatedReplicas", 0) > held.get("updatedReplicas", 0)
        or old_ones(status) < old_ones(held)
        or status.get("readyReplicas", 0) > held.get("readyReplicas", 0)
        or status.get("availableReplicas", 0) > held.get("availableReplicas", 0)
    )


def timed_out(deployment: Object, current: Mapping[str, Any] | None, now: float) -> bool:
    """Whether nothing has moved for longer than the deadline. `current`: the condition `Progressing`."""
    limit = deadline(deployment)
    if limit is None or current is None or current["reason"] == "NewReplicaSetAvailable":
        return False
    if current["reason"] == "ProgressDeadlineExceeded":
        return True
    return parse_timestamp(current["lastUpdateTime"]) + limit < now


def stuck_in(deployment: Object, status: Object, now: float) -> float | None:
    """Seconds until a rollout that does not move has to be looked at again; None when it need not."""
    limit = deadline(deployment)
    current = condition({"status": status}, "Progressing")
    if limit is None or current is None or is_complete(deployment, status):
        return None
    if current["reason"] == "ProgressDeadlineExceeded":
        return None
    after = parse_timestamp(current["lastUpdateTime"]) + limit - now
    return max(after, 0.0) + 1.0


def _failure(new: Object | None, all_sets: Objects) -> Object | None:
    for one in [*([new] if new else []), *all_sets]:
        found = condition(one, "ReplicaFailure")
        if found is not None:
            return {
                "type": found["type"],
                "status": found["status"],
                "lastUpdateTime": found["lastTransitionTime"],
                "lastTransitionTime": found["lastTransitionTime"],
                "reason": found.get("reason", ""),
                "message": found.get("message", ""),
            }
    return None
