"""Pod disruption budgets: how many of the selected pods are well, and how many may be evicted now.

Source: Kubernetes `pkg/controller/disruption/disruption.go`.
"""

from __future__ import annotations

from lab.sim.api.resources import Object
from lab.sim.api.selectors import matches
from lab.sim.client import Client
from lab.sim.clock import Clock, parse_timestamp, timestamp
from lab.sim.controllers.controller import Controller, Informers
from lab.sim.controllers.pod_state import is_leaving, is_ready
from lab.sim.controllers.workload import scaled
from lab.sim.objects import condition, controller_of, evolve, name_of, namespace_of

_RESOURCE = "poddisruptionbudgets.policy"
_DELETION_SECONDS = 120.0
"""An evicted pod counts as lost for so long, unless it goes sooner."""
_SCALES = {
    "ReplicaSet": "replicasets.apps",
    "StatefulSet": "statefulsets.apps",
    "Deployment": "deployments.apps",
    "ReplicationController": "replicationcontrollers",
}


class _NoScale(Exception):
    """How many pods are wanted cannot be told; the text is for the condition."""


class DisruptionBudgets(Controller):
    """Keeps the status of budgets, which evictions go by."""

    name = "disruption-controller"

    def __init__(self, client: Client, clock: Clock, informers: Informers) -> None:
        super().__init__(client, clock, informers)
        self._budgets = self.informer(_RESOURCE)
        self._pods = self.informer("pods")
        self._budgets.handle(lambda _old, new: self.enqueue_object(new) if new is not None else None)
        self._pods.handle(self._pod_changed)
        self._scales = {kind: self.informer(resource) for kind, resource in _SCALES.items()}
        for informer in self._scales.values():
            informer.handle(self._scale_changed)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if not self._budgets.objects:
            return
        for pod in filter(None, (old, new)):
            for budget in self._budgets.list(namespace_of(pod)):
                if matches(budget["spec"].get("selector"), pod["metadata"].get("labels") or {}):
                    self.enqueue_object(budget)

    def _scale_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None or (old is not None and old["spec"].get("replicas") == new["spec"].get("replicas")):
            return
        for budget in self._budgets.list(namespace_of(new)):
            self.enqueue_object(budget)

    async def reconcile(self, namespace: str, name: str) -> None:
        """Count for one budget."""
        budget = self._budgets.get(namespace, name)
        if budget is None or budget["metadata"].get("deletionTimestamp"):
            return
        selector = budget["spec"].get("selector")
        pods = [one for one in self._pods.list(namespace) if matches(selector, one["metadata"].get("labels") or {})]
        try:
            expected, desired = self._expected(budget, pods)
        except _NoScale as why:
            await self._failed(budget, str(why))
            return
        now = self.clock.now()
        disrupted, again = self._disrupted(budget, pods, now)
        healthy = sum(1 for pod in pods if not is_leaving(pod) and name_of(pod) not in disrupted and is_ready(pod))
        allowed = healthy - desired if expected > 0 and healthy > desired else 0
        status = {
            "observedGeneration": budget["metadata"].get("generation", 1),
            "disruptionsAllowed": allowed,
            "currentHealthy": healthy,
            "desiredHealthy": desired,
            "expectedPods": expected,
        }
        if disrupted:
            status["disruptedPods"] = disrupted
        reason = "SufficientPods" if allowed else "InsufficientPods"
        status["conditions"] = [self._condition(budget, bool(allowed), reason, "")]
        if status != budget.get("status"):
            if not pods:
                await self.client.event(budget, "Normal", "NoPods", "No matching pods found", "controllermanager")
            await self.client.status(_RESOURCE, evolve(budget, status=status))
        if again is not None:
            self.enqueue_after(namespace, name, again)

    def _expected(self, budget: Object, pods: list[Object]) -> tuple[int, int]:
        """How many pods there are to be, and how many of them must be well."""
        spec = budget["spec"]
        unavailable, available = spec.get("maxUnavailable"), spec.get("minAvailable")
        if unavailable is not None:
            expected = self._scale(pods)
            return expected, max(expected - scaled(unavailable, expected, up=True), 0)
        if isinstance(available, int):
            return len(pods), available
        if available is not None:
            expected = self._scale(pods)
            return expected, scaled(available, expected, up=True)
        return 0, 0

    def _scale(self, pods: list[Object]) -> int:
        scales: dict[str, int] = {}
        for pod in pods:
            owner = controller_of(pod)
            if owner is None or owner["uid"] in scales:
                continue
            informer = self._scales.get(owner["kind"])
            found = informer.get(namespace_of(pod), owner["name"]) if informer is not None else None
            if found is None:
                raise _NoScale(f'found no controllers for pod "{name_of(pod)}"')
            above = controller_of(found)
            if owner["kind"] == "ReplicaSet" and above is not None and above["kind"] == "Deployment":
                found = self._scales["Deployment"].get(namespace_of(pod), above["name"]) or found
            scales[found["metadata"]["uid"]] = int(found["spec"].get("replicas", 1))
        return sum(scales.values())

    def _disrupted(self, budget: Object, pods: list[Object], now: float) -> tuple[dict[str, str], float | None]:
        """Pods that were evicted and are not gone yet, and in how many seconds to look again."""
        known = (budget.get("status") or {}).get("disruptedPods") or {}
        kept: dict[str, str] = {}
        again: float | None = None
        for pod in pods:
            since = known.get(name_of(pod))
            if since is None or is_leaving(pod):
                continue
            left = parse_timestamp(since) + _DELETION_SECONDS - now
            if left > 0:
                kept[name_of(pod)] = since
                again = left if again is None else min(again, left)
        return kept, again

    async def _failed(self, budget: Object, message: str) -> None:
        text = f"Failed to calculate the number of expected pods: {message}"
        await self.client.event(budget, "Warning", "CalculateExpectedPodCountFailed", text, "controllermanager")
        status = {**(budget.get("status") or {}), "disruptionsAllowed": 0}
        status["conditions"] = [self._condition(budget, False, "SyncFailed", message)]
        if status != budget.get("status"):
            await self.client.status(_RESOURCE, evolve(budget, status=status))

    def _condition(self, budget: Object, allowed: bool, reason: str, message: str) -> Object:
        before = condition(budget, "DisruptionAllowed")
        status = "True" if allowed else "False"
        same = before is not None and before["status"] == status
        return {
            "type": "DisruptionAllowed",
            "status": status,
            "observedGeneration": budget["metadata"].get("generation", 1),
            "lastTransitionTime": before["lastTransitionTime"]
            if same and before is not None
            else timestamp(self.clock.now()),
            "reason": reason,
            "message": message,
        }
