"""Health of resources and Applications as Argo CD sees it."""

from __future__ import annotations

from lab.sim.argocd.health.application import ApplicationHealth, ManagedResource, application_health
from lab.sim.argocd.health.assess import assess, failed
from lab.sim.argocd.health.overrides import HealthOverride, OverrideError, read_overrides
from lab.sim.argocd.health.status import HealthError, HealthStatus, is_worse

__all__ = [
    "ApplicationHealth",
    "HealthError",
    "HealthOverride",
    "HealthStatus",
    "ManagedResource",
    "OverrideError",
    "application_health",
    "assess",
    "failed",
    "is_worse",
    "read_overrides",
]
