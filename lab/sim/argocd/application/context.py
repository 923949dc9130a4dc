"""What the parts of the application controller share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lab.sim.api.status import ApiError
from lab.sim.argocd.application import spec as specs
from lab.sim.argocd.application.audit import STATUS_REFRESHED, Audit, Log
from lab.sim.argocd.application.hub import Hub, Key
from lab.sim.argocd.application.refresh import Level
from lab.sim.argocd.application.settings import Environment
from lab.sim.argocd.application.status import with_conditions
from lab.sim.argocd.comparison.records import Comparison, Condition
from lab.sim.argocd.live.key import ResourceKey
from lab.sim.argocd.live.state import LiveState
from lab.sim.argocd.ports import RepoServer
from lab.sim.clock import Clock, timestamp
from lab.sim.objects import Object, name_of, namespace_of

__all__ = ["STATUS_REFRESHED", "Context", "Remembered"]


@dataclass(slots=True)
class Remembered:
    """What is kept of an Application between two looks at it."""

    comparison: Comparison | None = None
    managed: Sequence[ResourceKey] | None = None
    """The live resources of its tree; None before the first comparison and after a failed validation."""
    missing: Sequence[ResourceKey] = ()
    failed_at: float | None = None
    """When the repository server failed first, in seconds since 1970."""


@dataclass(slots=True)
class Context:
    """The controller's surroundings."""

    namespace: str
    clock: Clock
    env: Environment
    hub: Hub
    live: LiveState
    repo_server: RepoServer
    audit: Audit
    log: Log
    request_refresh: Callable[[Key, Level | None, float], object]
    """Ask for a refresh of an Application: (key, at least this level, in so many seconds)."""
    remembered: dict[Key, Remembered] = field(default_factory=dict)

    def instance(self, app: Object) -> str:
        """What tracking marks call an Application."""
        return specs.instance_name(app, self.namespace)

    def memory(self, app: Object) -> Remembered:
        """What is kept of an Application."""
        return self.remembered.setdefault((namespace_of(app), name_of(app)), Remembered())

    def now(self) -> str:
        """The present as the API writes it."""
        return timestamp(self.clock.now())

    async def set_condition(self, app: Object, condition: Condition) -> None:
        """Show one condition, unless it is shown already; what cannot be written is logged."""
        status = app.get("status") or {}
        if any(
            (one.get("type"), one.get("message")) == (condition.type, condition.message)
            for one in status.get("conditions") or ()
        ):
            return
        changed = with_conditions(status, [condition], (condition.type,), self.now())
        try:
            await self.hub.patch(app, {"status": {"conditions": changed["conditions"]}})
        except ApiError as error:
            self.log.about("error", app, "Unable to set application condition", error=error.message)
