"""Checks of cert-manager's kinds. Source: Argo CD 3.6.1 `resource_customizations/{,acme.}cert-manager.io`."""

from __future__ import annotations

from lab.sim.argocd.health.customized.ready import by_ready
from lab.sim.argocd.health.fields import conditions_of, status_of, text
from lab.sim.argocd.health.status import DEGRADED, HEALTHY, PROGRESSING, HealthStatus
from lab.sim.objects import Object

_ENDED_BADLY = ("invalid", "expired", "errored")


def certificate(obj: Object) -> HealthStatus:
    """Certificate: Progressing while it is being issued."""
    for one in conditions_of(obj):
        if one.get("type") == "Issuing" and one.get("status") == "True":
            return HealthStatus(PROGRESSING, text(one, "message"))
    return by_ready(obj, "Waiting for certificate")


def certificate_request(obj: Object) -> HealthStatus:
    """CertificateRequest: a denied or invalid one stays Degraded, one not Ready waits only for the reason Pending."""
    conditions = conditions_of(obj)
    for one in conditions:
        if one.get("type") in ("Denied", "InvalidRequest") and one.get("status") == "True":
            return HealthStatus(DEGRADED, text(one, "message"))
    for one in conditions:
        if one.get("type") == "Ready":
            waits = PROGRESSING if one.get("reason") == "Pending" else DEGRADED
            return HealthStatus(HEALTHY if one.get("status") == "True" else waits, text(one, "message"))
    return HealthStatus(PROGRESSING, "Waiting for certificate request")


def challenge(obj: Object) -> HealthStatus:
    """ACME Challenge, by `status.state`."""
    return _by_state(obj, "Challenge", reason_while_waiting=True)


def order(obj: Object) -> HealthStatus:
    """ACME Order, by `status.state`."""
    return _by_state(obj, "Order", reason_while_waiting=False)


def _by_state(obj: Object, kind: str, *, reason_while_waiting: bool) -> HealthStatus:
    status = status_of(obj)
    state = text(status, "state")
    if not state:
        return HealthStatus(PROGRESSING, f"Waiting for {kind.lower()}")
    said = f"{kind} is {state}"
    if state == "valid":
        return HealthStatus(HEALTHY, said)
    if state in _ENDED_BADLY:
        return HealthStatus(DEGRADED, str(status.get("reason", said)))
    return HealthStatus(PROGRESSING, str(status.get("reason", said)) if reason_while_waiting else said)
