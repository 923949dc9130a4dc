"""Checks of Kubernetes' own kinds and of common add-ons.

Source: Argo CD 3.6.1 `resource_customizations/{batch,policy,apiextensions.k8s.io,keda.sh,monitoring.coreos.com}`.
"""

from __future__ import annotations

from lab.sim.argocd.health.fields import conditions_of, spec_of, status_of, text
from lab.sim.argocd.health.status import DEGRADED, HEALTHY, PROGRESSING, SUSPENDED, HealthStatus
from lab.sim.objects import Object


def cron_job(obj: Object) -> HealthStatus:
    """CronJob: Degraded only when nothing runs and the last start was later than the last success."""
    if spec_of(obj).get("suspend") is True:
        return HealthStatus(HEALTHY, "CronJob is Suspended")
    if obj.get("status") is None:
        return HealthStatus(PROGRESSING, "Waiting for CronJob")
    status = status_of(obj)
    started, succeeded = status.get("lastScheduleTime"), status.get("lastSuccessfulTime")
    if started is None:
        return HealthStatus(HEALTHY, "CronJob has not been scheduled yet")
    if succeeded is None:
        return HealthStatus(HEALTHY, "The CronJob never completed successfully. It may not be healthy")
    if status.get("active"):
        return HealthStatus(HEALTHY, "The job is running. Its last execution may not have been successful")
    if succeeded < started:
        return HealthStatus(DEGRADED, "CronJob has not completed its last execution successfully")
    return HealthStatus(HEALTHY, "CronJob has completed its last execution successfully")


def disruption_budget(obj: Object) -> HealthStatus:
    """PodDisruptionBudget: too few pods is no failure."""
    found = HealthStatus(PROGRESSING, "Waiting for status")
    for one in conditions_of(obj):
        said = f"PodDisruptionBudget has {text(one, 'reason')}"
        if one.get("status") == "False" and one.get("reason") != "InsufficientPods":
            return HealthStatus(DEGRADED, said)
        found = HealthStatus(HEALTHY, said)
    return found


def resource_definition(obj: Object) -> HealthStatus:
    """CustomResourceDefinition."""
    if obj.get("metadata", {}).get("deletionTimestamp") is not None:
        return HealthStatus(PROGRESSING, "CRD is terminating")
    conditions = conditions_of(obj)
    if not conditions:
        return HealthStatus(PROGRESSING, "Status conditions not found")
    established = False
    for one in conditions:
        verdict = _definition_condition(one)
        if verdict is not None:
            return verdict
        established = established or (one.get("type") == "Established" and one.get("status") == "True")
    if not established:
        return HealthStatus(PROGRESSING, "CRD is not established")
    return HealthStatus(HEALTHY, "CRD is healthy")


def _definition_condition(one: Object) -> HealthStatus | None:
    """What one condition settles by itself."""
    said, reason = text(one, "message"), one.get("reason")
    match one.get("type"), one.get("status"):
        case "Terminating", "True":
            return HealthStatus(PROGRESSING, f"CRD is terminating: {said}")
        case "NamesAccepted", "False":
            return HealthStatus(DEGRADED, f"CRD names have not been accepted: {said}")
        case "NonStructuralSchema", "True":
            return HealthStatus(DEGRADED, f"Schema violations found: {said}")
        case "Established", status if status != "True" and reason == "InvalidCABundle":
            return HealthStatus(DEGRADED, f"CRD is not established: {said}")
        case "Established", status if status != "True" and reason == "Installing":
            return HealthStatus(PROGRESSING, "CRD is being installed")
    return None


def scaled_object(obj: Object) -> HealthStatus:
    """KEDA ScaledObject; the message is that of the last condition that counts."""
    message = ""
    seen: set[tuple[object, object]] = set()
    for one in conditions_of(obj):
        said = (one.get("type"), one.get("status"))
        if said in (("Ready", "False"), ("Ready", "True"), ("Paused", "True"), ("Fallback", "True")):
            seen.add(said)
            message = text(one, "message")
    if seen & {("Ready", "False"), ("Fallback", "True")}:
        return HealthStatus(DEGRADED, message)
    if ("Ready", "True") in seen:
        return HealthStatus(SUSPENDED if ("Paused", "True") in seen else HEALTHY, message)
    return HealthStatus(PROGRESSING, "Creating HorizontalPodAutoscaler Object")


def monitoring(obj: Object) -> HealthStatus:
    """Prometheus of the Prometheus operator."""
    found = HealthStatus(PROGRESSING, "Waiting for initialization")
    for one in conditions_of(obj):
        if one.get("type") != "Available":
            continue
        if one.get("status") == "True":
            found = HealthStatus(HEALTHY, "All instances are available")
        else:
            code = PROGRESSING if one.get("reason") == "SomePodsNotReady" else DEGRADED
            found = HealthStatus(code, str(one.get("message", one.get("reason") or "")))
    return found
