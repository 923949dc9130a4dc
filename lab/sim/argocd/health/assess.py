"""The health of one resource.

Source: Argo CD 3.6.1 `gitops-engine/pkg/health/health.go` `GetResourceHealth`, `util/lua/lua.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lab.sim.argocd.health import pods, services, workloads
from lab.sim.argocd.health.customized import RULES
from lab.sim.argocd.health.fields import group_and_kind
from lab.sim.argocd.health.lua import run_health
from lab.sim.argocd.health.overrides import HealthOverride, override_for
from lab.sim.argocd.health.status import PROGRESSING, UNKNOWN, HealthError, HealthStatus
from lab.sim.objects import Object, name_of, namespace_of

HOOK_FINALIZER = "argocd.argoproj.io/hook-finalizer"

_Check = Callable[[Object], HealthStatus]

_VERSIONED: dict[tuple[str, str], dict[str, _Check]] = {
    ("apps", "Deployment"): {"v1": workloads.deployment},
    ("apps", "StatefulSet"): {"v1": workloads.stateful_set},
    ("apps", "ReplicaSet"): {"v1": workloads.replica_set},
    ("apps", "DaemonSet"): {"v1": workloads.daemon_set},
    ("batch", "Job"): {"v1": workloads.job},
    ("", "Pod"): {"v1": pods.pod},
    ("", "Service"): {"v1": services.service},
    ("", "PersistentVolumeClaim"): {"v1": services.volume_claim},
    ("apiregistration.k8s.io", "APIService"): {"v1": services.api_service, "v1beta1": services.api_service},
    ("autoscaling", "HorizontalPodAutoscaler"): {"v1": services.autoscaler_v1, "v2": services.autoscaler},
}
_ANY_VERSION: dict[tuple[str, str], _Check] = {
    ("networking.k8s.io", "Ingress"): services.ingress,
    ("extensions", "Ingress"): services.ingress,
    ("argoproj.io", "Workflow"): services.workflow,
}
_SHORT = {"HorizontalPodAutoscaler": "HPA"}


def assess(
    obj: Object, overrides: Mapping[str, HealthOverride] | None = None, now: float | None = None
) -> HealthStatus | None:
    """The health of a resource, None for a kind that has none.

    A check from argocd-cm goes first, then those Argo CD ships, then the built-in ones; `now` is the time Lua sees, in
    seconds since 1970. Something that is being deleted is Progressing, unless it waits for Argo CD's own hook
    finalizer. Raises HealthError when a check fails; such a resource's health is then `failed(error)`.
    """
    group, kind = group_and_kind(obj)
    found: HealthStatus | None = None
    try:
        found = _customized(obj, group, kind, overrides or {}, now)
    except HealthError as error:
        raise HealthError(f"failed to get resource health for {namespace_of(obj)}/{name_of(obj)}: {error}") from error
    if found is None:
        found = _built_in(obj, group, kind)
    return _deletion(obj, found) or found


def failed(error: HealthError) -> HealthStatus:
    """What is shown for a resource whose check failed."""
    return HealthStatus(UNKNOWN, str(error.__cause__ or error))


def _customized(
    obj: Object, group: str, kind: str, overrides: Mapping[str, HealthOverride], now: float | None
) -> HealthStatus | None:
    override = override_for(overrides, group, kind)
    if override is not None:
        return run_health(override.script, obj, open_libraries=override.open_libraries, now=now)
    rule = RULES.get((group, kind))
    return rule(obj) if rule else None


def _built_in(obj: Object, group: str, kind: str) -> HealthStatus | None:
    plain = _ANY_VERSION.get((group, kind))
    if plain is not None:
        return plain(obj)
    versions = _VERSIONED.get((group, kind))
    if versions is None:
        return None
    written = str(obj.get("apiVersion", ""))
    check = versions.get(written.rpartition("/")[2])
    if check is None:
        raise HealthError(f"unsupported {_SHORT.get(kind, kind)} GVK: {written}, Kind={kind}")
    return check(obj)


def _deletion(obj: Object, found: HealthStatus | None) -> HealthStatus | None:
    metadata = obj.get("metadata", {})
    finalizers = metadata.get("finalizers") or ()
    if metadata.get("deletionTimestamp") is None or HOOK_FINALIZER in finalizers:
        return None
    if found is not None and found.deletion_message:
        return HealthStatus(found.status, found.deletion_message)
    blocked = f"; blocked by finalizers: {', '.join(finalizers)}" if finalizers else ""
    return HealthStatus(PROGRESSING, f"Pending deletion{blocked}")
