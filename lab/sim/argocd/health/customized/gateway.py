"""Checks of the Gateway API. Source: Argo CD 3.6.1 `resource_customizations/gateway.networking.k8s.io`."""

from __future__ import annotations

from collections.abc import Iterable

from lab.sim.argocd.health.fields import conditions_of, status_of
from lab.sim.argocd.health.status import DEGRADED, HEALTHY, PROGRESSING, HealthStatus
from lab.sim.objects import Object

_CLASS_BY_STATUS = {
    "True": (HEALTHY, "GatewayClass is accepted"),
    "False": (DEGRADED, "GatewayClass is not accepted"),
}


def gateway_class(obj: Object) -> HealthStatus:
    """GatewayClass, by a condition Accepted that is not stale."""
    waiting = "Waiting for GatewayClass status"
    for one in conditions_of(obj):
        if one.get("type") == "Accepted" and not _is_stale(one, obj):
            code, said = _CLASS_BY_STATUS.get(str(one.get("status")), (PROGRESSING, waiting))
            return HealthStatus(code, str(one.get("message", said)))
    return HealthStatus(PROGRESSING, waiting)


def gateway(obj: Object) -> HealthStatus:
    """Gateway, by its own conditions and those of its listeners."""
    status = status_of(obj)
    listeners = status.get("listeners") or []
    verdict = _verdict(conditions_of(obj), "", "Gateway")
    for one in listeners:
        verdict = verdict or _verdict(one.get("conditions") or (), "Listener: ", "Listener")
    if verdict is not None:
        return verdict
    if status.get("conditions") is not None or listeners:
        return HealthStatus(HEALTHY, "Gateway is healthy")
    return HealthStatus(PROGRESSING, "Waiting for Gateway status")


def route(obj: Object) -> HealthStatus:
    """HTTPRoute or GRPCRoute, by the conditions of every parent that has seen the newest generation."""
    kind = str(obj.get("kind", ""))
    current = [one for one in status_of(obj).get("parents") or () if _has_seen(one, obj)]
    for one in current:
        name = (one.get("parentRef") or {}).get("name") or ""
        verdict = _verdict(one.get("conditions") or (), f"Parent {name}: ", "Route")
        if verdict is not None:
            return verdict
    if any(one.get("conditions") for one in current):
        return HealthStatus(HEALTHY, f"{kind} is healthy")
    return HealthStatus(PROGRESSING, f"Waiting for {kind} status")


def _verdict(conditions: Iterable[Object], prefix: str, what: str) -> HealthStatus | None:
    """Degraded or Progressing where a condition says so."""
    listed = list(conditions)
    for kind in ("ResolvedRefs", "Accepted"):
        for one in listed:
            if one.get("type") == kind and one.get("status") == "False":
                return HealthStatus(DEGRADED, prefix + str(one.get("message", f"Failed condition: {kind}")))
    for one in listed:
        if one.get("type") == "Programmed" and one.get("status") != "True":
            return HealthStatus(PROGRESSING, prefix + str(one.get("message", f"{what} is still being programmed")))
    return None


def _is_stale(one: Object, obj: Object) -> bool:
    generation, observed = obj.get("metadata", {}).get("generation"), one.get("observedGeneration")
    return generation is not None and observed is not None and observed != generation


def _has_seen(parent: Object, obj: Object) -> bool:
    conditions = parent.get("conditions")
    if obj.get("metadata", {}).get("generation") is None:
        return conditions is not None
    return bool(conditions) and not any(_is_stale(one, obj) for one in conditions or ())
