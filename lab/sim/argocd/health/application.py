"""The health of an Application from that of its resources.

Source: Argo CD 3.6.1 `controller/health.go` `setApplicationHealth`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lab.sim.argocd.health.assess import assess, failed
from lab.sim.argocd.health.fields import annotations_of
from lab.sim.argocd.health.hooks import is_hook, is_skipped
from lab.sim.argocd.health.overrides import HealthOverride
from lab.sim.argocd.health.status import HEALTHY, MISSING, UNKNOWN, HealthError, HealthStatus, is_worse
from lab.sim.objects import Object, name_of, namespace_of

IGNORE_HEALTHCHECK = "argocd.argoproj.io/ignore-healthcheck"
_CAUSES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class ManagedResource:
    """A resource as Git has it and as the cluster has it; one of the two may be missing."""

    group: str
    kind: str
    namespace: str
    name: str
    target: Object | None = None
    live: Object | None = None

    def __str__(self) -> str:
        kind = f"{self.group}/{self.kind}" if self.group else self.kind
        return f"{kind}:{self.namespace}/{self.name}" if self.namespace else f"{kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class ApplicationHealth:
    """Verdict on an Application."""

    status: str
    cause: str = ""
    """`Caused by` and the first resources with that status; "" for a healthy Application."""
    resources: Mapping[int, HealthStatus] = field(default_factory=dict)
    """Health of single resources, by their place among those given; absent for a kind without."""
    error: str = ""
    """What went wrong in a check, for the condition ComparisonError; "" for nothing."""


def application_health(
    resources: Iterable[ManagedResource],
    application: Object,
    overrides: Mapping[str, HealthOverride] | None = None,
    now: float | None = None,
) -> ApplicationHealth:
    """The worst health among live resources.

    Left out are hooks, resources with the annotation `ignore-healthcheck`, the Application itself when it manages
    itself, missing resources, and child Applications that are Missing or Unknown. With resources wanted and none live,
    the Application is Missing.
    """
    status = HEALTHY
    causes: list[ManagedResource] = []
    healths: dict[int, HealthStatus] = {}
    errors: list[str] = []
    wanted = live = False
    for place, one in enumerate(resources):
        if (one.target is not None and is_skipped(one.target)) or (one.live is not None and is_hook(one.live)):
            continue
        wanted = True
        if one.live is None:
            healths[place] = HealthStatus(MISSING)
            continue
        live = True
        if annotations_of(one.live).get(IGNORE_HEALTHCHECK) == "true" or _is_itself(one, application):
            continue
        health = _health(one, overrides, now, errors)
        if health is None:
            continue
        healths[place] = health
        if (one.group, one.kind) == ("argoproj.io", "Application") and health.status in (MISSING, UNKNOWN):
            continue
        if is_worse(status, health.status):
            status, causes = health.status, [one]
        elif status == health.status != HEALTHY:
            causes.append(one)
    if wanted and not live and is_worse(status, MISSING):
        status, causes = MISSING, []
    return ApplicationHealth(status, _cause(causes), healths, errors[0] if errors else "")


def _health(
    one: ManagedResource, overrides: Mapping[str, HealthOverride] | None, now: float | None, errors: list[str]
) -> HealthStatus | None:
    assert one.live is not None
    try:
        return assess(one.live, overrides, now)
    except HealthError as error:
        errors.append(
            f'failed to get resource health for "{one.live.get("kind", "")}" with name "{name_of(one.live)}" in '
            f'namespace "{namespace_of(one.live)}": {error}'
        )
        return failed(error)


def _is_itself(one: ManagedResource, application: Object) -> bool:
    return (
        (one.group, one.kind) == ("argoproj.io", "Application")
        and one.live is not None
        and name_of(one.live) == name_of(application)
        and namespace_of(one.live) == namespace_of(application)
        and one.live["metadata"].get("uid") == application["metadata"].get("uid")
    )


def _cause(causes: list[ManagedResource]) -> str:
    if not causes:
        return ""
    shown = ", ".join(str(one) for one in causes[:_CAUSES_SHOWN])
    more = len(causes) - _CAUSES_SHOWN
    return f"Caused by {shown}" + (f" and {more} more" if more > 0 else "")
