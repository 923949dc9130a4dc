"""The status of ResourceQuotas: what is allowed and what is used.

Source: Kubernetes `pkg/controller/resourcequota/resource_quota_controller.go`.
"""

from __future__ import annotations

from collections.abc import Callable

from lab.sim.api.resources import Object
from lab.sim.client import Client
from lab.sim.clock import Clock
from lab.sim.controllers.controller import Controller, Informers
from lab.sim.objects import evolve, namespace_of

UsedBy = Callable[[Object], dict[str, str]]
"""What a quota's namespace uses of each name in its `spec.hard`."""


class ResourceQuotas(Controller):
    """Keeps the status of quotas. `observe` must be told of every change of every resource."""

    name = "resourcequota-controller"

    def __init__(self, client: Client, clock: Clock, informers: Informers, used_by: UsedBy) -> None:
        super().__init__(client, clock, informers)
        self._used_by = used_by
        self._quotas = self.informer("resourcequotas")
        self._quotas.handle(self._quota_changed)

    def _quota_changed(self, _old: Object | None, new: Object | None) -> None:
        if new is not None:
            self.enqueue_object(new)

    def observe(self, old: Object | None, new: Object | None) -> None:
        """One change of any object: where it can change what is used, count again."""
        if not self._quotas.objects:
            return
        obj = new if new is not None else old
        assert obj is not None
        if obj["kind"] in ("Event", "ResourceQuota", "Lease", "Endpoints", "EndpointSlice"):
            return
        if old is not None and new is not None and old.get("spec") == new.get("spec") and _phase(old) == _phase(new):
            return
        for quota in self._quotas.list(namespace_of(obj)) if namespace_of(obj) else ():
            self.enqueue_object(quota)

    async def reconcile(self, namespace: str, name: str) -> None:
        """Count for one quota."""
        quota = self._quotas.get(namespace, name)
        if quota is None or quota["metadata"].get("deletionTimestamp"):
            return
        hard = quota["spec"].get("hard") or {}
        status = {"hard": hard, "used": self._used_by(quota)}
        if quota.get("status") != status:
            await self.client.status("resourcequotas", evolve(quota, status=status))


def _phase(obj: Object) -> object:
    status = obj.get("status")
    return status.get("phase") if isinstance(status, dict) else None
