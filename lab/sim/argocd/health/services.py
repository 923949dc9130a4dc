"""Built-in checks of Services, Ingresses, volume claims, autoscalers, APIServices and Workflows.

Source: Argo CD 3.6.1 `gitops-engine/pkg/health/health_{service,ingress,pvc,hpa,apiservice,argo}.go`.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from lab.sim.argocd.health.fields import annotations_of, conditions_of, spec_of, status_of, text
from lab.sim.argocd.health.status import DEGRADED, HEALTHY, PROGRESSING, UNKNOWN, HealthError, HealthStatus
from lab.sim.objects import Object, condition

_CONDITIONS_ANNOTATION = "autoscaling.alpha.kubernetes.io/conditions"
_WAITING_TO_SCALE = HealthStatus(PROGRESSING, "Waiting to Autoscale")
_SCALE_FAILURES = frozenset(
    [
        ("AbleToScale", "FailedGetScale"),
        ("AbleToScale", "FailedUpdateScale"),
        ("ScalingActive", "FailedGetResourceMetric"),
        ("ScalingActive", "FailedGetObjectMetric"),
        ("ScalingActive", "FailedGetPodsMetric"),
        ("ScalingActive", "FailedGetExternalMetric"),
        ("ScalingActive", "FailedComputeMetricsReplicas"),
        ("ScalingActive", "InvalidSelector"),
    ]
)
_CLAIM_PHASES = {"Lost": DEGRADED, "Pending": PROGRESSING, "Bound": HEALTHY}
_WORKFLOW_PHASES = {
    "": PROGRESSING,
    "Pending": PROGRESSING,
    "Running": PROGRESSING,
    "Succeeded": HEALTHY,
    "Failed": DEGRADED,
    "Error": DEGRADED,
}


def _has_address(obj: Object) -> bool:
    return bool((status_of(obj).get("loadBalancer") or {}).get("ingress"))


def service(obj: Object) -> HealthStatus:
    """`v1` Service: one of type LoadBalancer waits for its address."""
    waits = spec_of(obj).get("type") == "LoadBalancer" and not _has_address(obj)
    return HealthStatus(PROGRESSING if waits else HEALTHY)


def ingress(obj: Object) -> HealthStatus:
    """Ingress of `networking.k8s.io` and `extensions`."""
    return HealthStatus(HEALTHY if _has_address(obj) else PROGRESSING)


def volume_claim(obj: Object) -> HealthStatus:
    """`v1` PersistentVolumeClaim."""
    return HealthStatus(_CLAIM_PHASES.get(text(status_of(obj), "phase"), UNKNOWN))


def autoscaler(obj: Object) -> HealthStatus:
    """`autoscaling/v2` HorizontalPodAutoscaler."""
    return _scaling(conditions_of(obj))


def autoscaler_v1(obj: Object) -> HealthStatus:
    """`autoscaling/v1` HorizontalPodAutoscaler, whose conditions stand in an annotation. Raises HealthError."""
    written = annotations_of(obj).get(_CONDITIONS_ANNOTATION)
    if written is None:
        return _WAITING_TO_SCALE
    try:
        read = orjson.loads(written)
    except orjson.JSONDecodeError as error:
        raise HealthError(f"failed to convert conditions annotation to typed: {error}") from None
    return _scaling([{key.lower(): value for key, value in one.items()} for one in read or ()])


def _scaling(conditions: Sequence[Object]) -> HealthStatus:
    for one in conditions:
        if (one.get("type"), one.get("reason")) in _SCALE_FAILURES:
            return HealthStatus(DEGRADED, text(one, "message"))
    for one in conditions:
        if one.get("type") in ("AbleToScale", "ScalingLimited") and one.get("status") == "True":
            return HealthStatus(HEALTHY, text(one, "message"))
    return _WAITING_TO_SCALE


def api_service(obj: Object) -> HealthStatus:
    """`apiregistration.k8s.io` APIService."""
    available = condition(obj, "Available")
    if available is None:
        return HealthStatus(PROGRESSING, "Waiting to be processed")
    code = HEALTHY if available.get("status") == "True" else PROGRESSING
    return HealthStatus(code, f"{available.get('reason') or ''}: {available.get('message') or ''}")


def workflow(obj: Object) -> HealthStatus:
    """`argoproj.io` Workflow."""
    status = status_of(obj)
    return HealthStatus(_WORKFLOW_PHASES.get(text(status, "phase"), UNKNOWN), text(status, "message"))
