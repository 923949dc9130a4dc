"""Built-in check of Pods. Source: Argo CD 3.6.1 `gitops-engine/pkg/health/health_pod.go`."""

from __future__ import annotations

from lab.sim.argocd.health.fields import annotations_of, spec_of, status_of, text
from lab.sim.argocd.health.hooks import is_hook
from lab.sim.argocd.health.status import DEGRADED, HEALTHY, PROGRESSING, UNKNOWN, HealthStatus
from lab.sim.objects import Object, condition

IGNORE_RESTART_POLICY = "argocd.argoproj.io/ignore-restart-policy"


def pod(obj: Object) -> HealthStatus:
    """`v1` Pod. A Pod that ends by itself is Progressing while it runs."""
    status = status_of(obj)
    policy = text(spec_of(obj), "restartPolicy")
    ignored = annotations_of(obj).get(IGNORE_RESTART_POLICY) == "true" and not is_hook(obj)
    lasting = policy == "Always" or ignored
    message = text(status, "message")
    containers = status.get("containerStatuses") or []
    if lasting:
        stuck = [text(one, "message") for one in map(_waiting, containers) if _is_error(text(one, "reason"))]
        if stuck:
            return HealthStatus(DEGRADED, ", ".join(stuck))
    phase = status.get("phase")
    if phase == "Failed":
        return HealthStatus(DEGRADED, message or _failure([*(status.get("initContainerStatuses") or []), *containers]))
    if phase == "Running" and lasting:
        return HealthStatus(_running(obj, containers), message)
    if phase == "Running":
        return HealthStatus(PROGRESSING if policy in ("OnFailure", "Never") else UNKNOWN, message)
    return HealthStatus({"Pending": PROGRESSING, "Succeeded": HEALTHY}.get(str(phase), UNKNOWN), message)


def _waiting(container: Object) -> Object:
    return (container.get("state") or {}).get("waiting") or {}


def _is_error(reason: str) -> bool:
    return reason.startswith("Err") or reason.endswith(("Error", "BackOff"))


def _running(obj: Object, containers: list[Object]) -> str:
    if (condition(obj, "Ready") or {}).get("status") == "True":
        return HEALTHY
    if any((one.get("lastState") or {}).get("terminated") is not None for one in containers):
        return DEGRADED
    return PROGRESSING


def _failure(containers: list[Object]) -> str:
    """What the first container that ended badly says of itself."""
    for one in containers:
        ended = (one.get("state") or {}).get("terminated") or {}
        if ended.get("message"):
            return str(ended["message"])
        if ended.get("reason") == "OOMKilled":
            return "OOMKilled"
        if ended.get("exitCode"):
            return f'container "{one.get("name", "")}" failed with exit code {ended["exitCode"]}'
    return ""
