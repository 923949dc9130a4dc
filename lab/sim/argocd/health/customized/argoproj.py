"""Checks of Argo's own kinds. An Application has none by itself.

Source: Argo CD 3.6.1 `resource_customizations/argoproj.io`.
"""

from __future__ import annotations

from lab.sim.argocd.health.fields import annotations_of, conditions_of, number, spec_of, status_of, text
from lab.sim.argocd.health.status import CODES, DEGRADED, HEALTHY, PROGRESSING, SUSPENDED, UNKNOWN, HealthStatus
from lab.sim.objects import Object

_BY_CONDITION = (
    ("ErrorOccurred", "True", DEGRADED),
    ("ResourcesUpToDate", "False", DEGRADED),
    ("RolloutProgressing", "True", PROGRESSING),
    ("ResourcesUpToDate", "True", HEALTHY),
)
_ANALYSIS_PHASES = {
    "Pending": (PROGRESSING, "is running"),
    "Running": (PROGRESSING, "is running"),
    "Successful": (HEALTHY, "completed successfully"),
    "Failed": (DEGRADED, "failed"),
    "Error": (DEGRADED, "had an error"),
    "Inconclusive": (UNKNOWN, "was inconclusive"),
}
_EXPERIMENT_PHASES = {
    "Pending": (PROGRESSING, "is pending"),
    "Running": (PROGRESSING, "is running"),
    "Successful": (HEALTHY, "is successful"),
    "Failed": (DEGRADED, "has failed"),
    "Error": (DEGRADED, "had an error"),
}
_INVALID = HealthStatus(UNKNOWN, "Lua returned an invalid health status")
_UNRECONCILED = "to finish: status has not been reconciled."
_GIVEN_UP = ("RolloutAborted", "ProgressDeadlineExceeded")
_FINISH = "Waiting for roll out to finish: "
_WORKLOAD_GENERATION = "rollout.argoproj.io/workload-generation"


def application_set(obj: Object) -> HealthStatus:
    """ApplicationSet, by its conditions in order of weight."""
    for kind, status, code in _BY_CONDITION:
        for one in conditions_of(obj):
            if one.get("type") == kind and one.get("status") == status:
                return HealthStatus(code, text(one, "message"))
    return HealthStatus(PROGRESSING, "Waiting for the status to be reported")


def analysis_run(obj: Object) -> HealthStatus:
    """AnalysisRun; once it has ended, with its own message."""
    status = status_of(obj)
    if obj.get("status") is None:
        return HealthStatus(PROGRESSING, f"Waiting for analysis run {_UNRECONCILED}")
    code, said = _ANALYSIS_PHASES.get(text(status, "phase"), ("", ""))
    if not code:
        return _INVALID
    said = f"Analysis run {said}"
    return HealthStatus(code, said if code == PROGRESSING else str(status.get("message", said)))


def experiment(obj: Object) -> HealthStatus:
    """Experiment."""
    if obj.get("status") is None:
        return HealthStatus(PROGRESSING, f"Waiting for experiment {_UNRECONCILED}")
    code, said = _EXPERIMENT_PHASES.get(text(status_of(obj), "phase"), ("", ""))
    return HealthStatus(code, f"Experiment {said}") if code else _INVALID


def rollout(obj: Object) -> HealthStatus:
    """Rollout: its own phase since Argo Rollouts 1.0, before that conditions and counts."""
    status = status_of(obj)
    if not _is_observed(obj):
        return HealthStatus(PROGRESSING, "Waiting for rollout spec update to be observed")
    phase = status.get("phase")
    if phase is not None:
        code = SUSPENDED if phase == "Paused" else str(phase)
        if code not in CODES:
            return _INVALID
        return HealthStatus(code, text(status, "message"))
    for one in conditions_of(obj):
        aborted = one.get("type") == "Progressing" and one.get("reason") in (
            "RolloutAborted",
            "ProgressDeadlineExceeded",
        )
        if aborted or one.get("type") == "InvalidSpec":
            return HealthStatus(DEGRADED, text(one, "message"))
    if status.get("pauseConditions") or spec_of(obj).get("paused"):
        return HealthStatus(SUSPENDED, "Rollout is paused")
    if status.get("currentPodHash") is None:
        return HealthStatus(PROGRESSING, f"Waiting for rollout {_UNRECONCILED}")
    waiting = _replicas(obj) or _strategy(obj)
    return HealthStatus(PROGRESSING, waiting) if waiting else HealthStatus(HEALTHY)


def _is_observed(obj: Object) -> bool:
    if obj.get("status") is None:
        return False
    status, metadata = status_of(obj), obj.get("metadata", {})
    observed = _parsed(status.get("observedGeneration"))
    generation = number(metadata, "generation")
    if observed is not None and observed < generation:
        return False
    if spec_of(obj).get("workloadRef") is None or metadata.get("annotations") is None:
        return True
    return _parsed(annotations_of(obj).get(_WORKLOAD_GENERATION)) == _parsed(status.get("workloadObservedGeneration"))


def _parsed(value: object) -> float | None:
    """A number written as one or as text; None for a pod-template hash, as old Rollouts wrote it."""
    try:
        return float(str(value))
    except ValueError:
        return None


def _replicas(obj: Object) -> str:
    status = status_of(obj)
    wanted = spec_of(obj).get("replicas", 1)
    updated = number(status, "updatedReplicas")
    if updated < wanted:
        return _FINISH + "More replicas need to be updated"
    if number(status, "availableReplicas") < updated:
        return _FINISH + "updated replicas are still becoming available"
    return ""


def _strategy(obj: Object) -> str:
    status, strategy = status_of(obj), spec_of(obj).get("strategy") or {}
    newest = status.get("currentPodHash")
    stable = status.get("stableRS")
    if stable is None:
        stable = status["canary"].get("stableRS") if status.get("canary") is not None else ""
    if strategy.get("blueGreen") is not None:
        if (status.get("blueGreen") or {}).get("activeSelector") != newest:
            return "active service cutover pending"
        return "waiting for analysis to complete" if stable not in ("", newest) else ""
    if strategy.get("canary") is not None:
        if number(status, "replicas") > number(status, "updatedReplicas"):
            return _FINISH + "old replicas are pending termination"
        return "" if stable == newest else "Waiting for rollout to finish steps"
    return ""
