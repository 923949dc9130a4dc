"""Checks that follow the condition Ready alone."""

from __future__ import annotations

from collections.abc import Callable

from lab.sim.argocd.health.fields import conditions_of, text
from lab.sim.argocd.health.status import DEGRADED, HEALTHY, PROGRESSING, HealthStatus
from lab.sim.objects import Object

_BY_READY = {"False": DEGRADED, "True": HEALTHY}


def by_ready(obj: Object, waiting: str) -> HealthStatus:
    """Healthy or Degraded with the message of the condition Ready; Progressing with `waiting` while it is missing."""
    for one in conditions_of(obj):
        if one.get("type") == "Ready" and one.get("status") in _BY_READY:
            return HealthStatus(_BY_READY[one["status"]], text(one, "message"))
    return HealthStatus(PROGRESSING, waiting)


def rule(waiting: str) -> Callable[[Object], HealthStatus]:
    """`by_ready` with its message."""
    return lambda obj: by_ready(obj, waiting)
