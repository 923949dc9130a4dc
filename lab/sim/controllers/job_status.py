"""A Job's status: its conditions, its counters, and the rules by which it ends.

Source: Kubernetes `pkg/controller/job/{job_controller,success_policy}.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lab.sim.api.resources import Object
from lab.sim.controllers import completion_index as indexes
from lab.sim.controllers import pod_state
from lab.sim.controllers.workload import compact


def holds(status: Object, kind: str) -> Any:
    """The condition of this type if it is true, else None."""
    for one in status.get("conditions") or ():
        if one["type"] == kind and one["status"] == "True":
            return one
    return None


def finished(job: Object) -> Any:
    """The condition `Complete` or `Failed` of a Job that has ended, else None."""
    status = job.get("status", {})
    return holds(status, "Complete") or holds(status, "Failed")


def made_condition(kind: str, reason: str, message: str, now: str, status: str = "True") -> Object:
    """A Job's condition that begins `now`."""
    return {
        "type": kind,
        "status": status,
        "lastProbeTime": now,
        "lastTransitionTime": now,
        "reason": reason,
        "message": message,
    }


def restarted_too_often(job: Object, pods: Iterable[Object], limit: int) -> bool:
    """With `restartPolicy: OnFailure`, whether containers have been restarted beyond the limit."""
    if job["spec"]["template"]["spec"].get("restartPolicy") != "OnFailure":
        return False
    total = 0
    for pod in pods:
        if pod_state.phase(pod) in ("Running", "Pending"):
            for one in pod_state.container_statuses(pod) + pod_state.container_statuses(pod, initial=True):
                total += one.get("restartCount", 0)
    return total > 0 if limit == 0 else total >= limit


def success_policy_met(spec: Object, done: set[int]) -> str:
    """Which rule of `successPolicy` is met, as a condition tells it; "" for none."""
    for number, rule in enumerate((spec.get("successPolicy") or {}).get("rules") or ()):
        least = rule.get("succeededCount")
        if rule.get("succeededIndexes") is not None:
            required = indexes.read(rule["succeededIndexes"], int(spec["completions"]))
            if not required:
                continue
            hits = len(required & done)
            met = hits == len(required) or (least is not None and hits >= least)
        else:
            met = least is not None and len(done) >= least
        if met:
            return f"Matched rules at index {number}"
    return ""


def with_uncounted_settled(status: Object, tracked: set[str]) -> Object:
    """A status in which pods that lost their finalizer are counted. `tracked`: uids of those that have it still."""
    made = dict(status)
    left = {}
    for field, uids in status["uncountedTerminatedPods"].items():
        left[field] = [uid for uid in uids if uid in tracked]
        made[field] = made.get(field, 0) + len(uids) - len(left[field])
    made["uncountedTerminatedPods"] = {field: uids for field, uids in left.items() if uids}
    return made


def written_status(status: Object) -> Object:
    """The status as it is stored."""
    keep = ["ready", "terminating", "uncountedTerminatedPods"]
    if status.get("failedIndexes") is not None:
        keep.append("failedIndexes")
    return compact(status, *keep)
