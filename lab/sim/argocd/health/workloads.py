"""Built-in checks of Deployments, StatefulSets, DaemonSets, ReplicaSets and Jobs.

Source: Argo CD 3.6.1 `gitops-engine/pkg/health/health_{deployment,statefulset,daemonset,replicaset,job}.go`.
"""

from __future__ import annotations

from lab.sim.argocd.health.fields import conditions_of, number, spec_of, status_of, text
from lab.sim.argocd.health.status import DEGRADED, HEALTHY, PROGRESSING, SUSPENDED, HealthStatus
from lab.sim.objects import Object, condition, name_of

_WAIT = "Waiting for rollout to finish: "


def _progressing(message: str) -> HealthStatus:
    return HealthStatus(PROGRESSING, message)


def _unobserved(obj: Object) -> bool:
    return number(obj.get("metadata", {}), "generation") > number(status_of(obj), "observedGeneration")


def deployment(obj: Object) -> HealthStatus:
    """`apps/v1` Deployment."""
    spec, status = spec_of(obj), status_of(obj)
    if spec.get("paused"):
        return HealthStatus(SUSPENDED, "Deployment is paused")
    if _unobserved(obj):
        return _progressing(_WAIT + "observed deployment generation less than desired generation")
    if (condition(obj, "Progressing") or {}).get("reason") == "ProgressDeadlineExceeded":
        return HealthStatus(DEGRADED, f'Deployment "{name_of(obj)}" exceeded its progress deadline')
    total, updated, available = (number(status, key) for key in ("replicas", "updatedReplicas", "availableReplicas"))
    wanted = spec.get("replicas")
    if wanted is not None and updated < wanted:
        return _progressing(f"{_WAIT}{updated} out of {wanted} new replicas have been updated...")
    if total > updated:
        return _progressing(f"{_WAIT}{total - updated} old replicas are pending termination...")
    if available < updated:
        return _progressing(f"{_WAIT}{available} of {updated} updated replicas are available...")
    return HealthStatus(HEALTHY)


def stateful_set(obj: Object) -> HealthStatus:
    """`apps/v1` StatefulSet."""
    spec, status = spec_of(obj), status_of(obj)
    if number(status, "observedGeneration") == 0 or _unobserved(obj):
        return _progressing("Waiting for statefulset spec update to be observed...")
    wanted, ready, updated = spec.get("replicas"), number(status, "readyReplicas"), number(status, "updatedReplicas")
    if wanted is not None and ready < wanted:
        return _progressing(f"Waiting for {wanted - ready} pods to be ready...")
    strategy = spec.get("updateStrategy") or {}
    rolling = strategy.get("rollingUpdate")
    if strategy.get("type") == "RollingUpdate" and rolling is not None:
        partition = rolling.get("partition")
        if wanted is not None and partition is not None and updated < wanted - partition:
            return _progressing(
                f"Waiting for partitioned roll out to finish: {updated} out of {wanted - partition} new pods have been "
                "updated..."
            )
        return HealthStatus(HEALTHY, f"partitioned roll out complete: {updated} new pods have been updated...")
    if strategy.get("type") == "OnDelete":
        return HealthStatus(HEALTHY, f"statefulset has {ready} ready pods")
    current, newest = text(status, "currentRevision"), text(status, "updateRevision")
    if newest != current:
        return _progressing(
            f"waiting for statefulset rolling update to complete {updated} pods at revision {newest}..."
        )
    return HealthStatus(
        HEALTHY,
        f"statefulset rolling update complete {number(status, 'currentReplicas')} pods at revision {current}...",
    )


def daemon_set(obj: Object) -> HealthStatus:
    """`apps/v1` DaemonSet."""
    status = status_of(obj)
    if _unobserved(obj):
        return _progressing(
            "Waiting for rollout to finish: observed daemon set generation less than desired generation"
        )
    wanted, updated = number(status, "desiredNumberScheduled"), number(status, "updatedNumberScheduled")
    if (spec_of(obj).get("updateStrategy") or {}).get("type") == "OnDelete":
        return HealthStatus(HEALTHY, f"daemon set {updated} out of {wanted} new pods have been updated")
    wait = f'Waiting for daemon set "{name_of(obj)}" rollout to finish: '
    if updated < wanted:
        return _progressing(f"{wait}{updated} out of {wanted} new pods have been updated...")
    available = number(status, "numberAvailable")
    if available < wanted:
        return _progressing(f"{wait}{available} of {wanted} updated pods are available...")
    return HealthStatus(HEALTHY)


def replica_set(obj: Object) -> HealthStatus:
    """`apps/v1` ReplicaSet."""
    if _unobserved(obj):
        return _progressing(
            "Waiting for rollout to finish: observed replica set generation less than desired generation"
        )
    failure = condition(obj, "ReplicaFailure") or {}
    if failure.get("status") == "True":
        return HealthStatus(DEGRADED, str(failure.get("message") or ""))
    wanted, available = spec_of(obj).get("replicas"), number(status_of(obj), "availableReplicas")
    if wanted is not None and available < wanted:
        return _progressing(f"{_WAIT}{available} out of {wanted} new replicas are available...")
    return HealthStatus(HEALTHY)


def job(obj: Object) -> HealthStatus:
    """`batch/v1` Job; a condition counts by its type, whatever its status, except Suspended."""
    code, message, failed = PROGRESSING, "", ""
    suspended = False
    for one in conditions_of(obj):
        kind = one.get("type")
        if kind == "Failed":
            code, failed = DEGRADED, text(one, "message")
        elif kind in ("Complete", "Suspended"):
            code = code if code == DEGRADED else HEALTHY
            message = text(one, "message")
            suspended = suspended or (kind == "Suspended" and one.get("status") == "True")
    if code == DEGRADED:
        return HealthStatus(DEGRADED, failed)
    return HealthStatus(SUSPENDED if suspended else code, message)
