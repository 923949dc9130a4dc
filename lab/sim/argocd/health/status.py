"""Health of a resource and how two healths compare.

Source: Argo CD 3.6.1 `gitops-engine/pkg/health/health.go`.
"""

from __future__ import annotations

from dataclasses import dataclass

HEALTHY = "Healthy"
SUSPENDED = "Suspended"
PROGRESSING = "Progressing"
MISSING = "Missing"
DEGRADED = "Degraded"
UNKNOWN = "Unknown"

_ORDER = {code: place for place, code in enumerate((HEALTHY, SUSPENDED, PROGRESSING, MISSING, DEGRADED, UNKNOWN))}
CODES = frozenset(_ORDER)


@dataclass(frozen=True, slots=True)
class HealthStatus:
    """A code such as `Healthy`, and a message that may be empty."""

    status: str = ""
    message: str = ""
    deletion_message: str = ""
    """Set by a Lua check that has its own word on a resource that is being deleted."""


class HealthError(Exception):
    """A check that failed; the text is Argo CD's."""


def is_worse(current: str, new: str) -> bool:
    """Whether `new` is a worse code than `current`; a code that does not exist counts as Healthy."""
    return _ORDER.get(new, 0) > _ORDER.get(current, 0)
