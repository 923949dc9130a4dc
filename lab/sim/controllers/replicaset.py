"""ReplicaSets and ReplicationControllers: as many pods as asked for, no more and no fewer.

Source: Kubernetes `pkg/controller/replicaset/replica_set.go`, `replica_set_utils.go`, `pkg/controller/replication`.
"""

from __future__ import annotations

from lab.sim.api.resources import Object, Objects
from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.clock import Clock
from lab.sim.controllers import pod_state
from lab.sim.controllers.controller import Informers
from lab.sim.controllers.pod_control import PodControl, pod_from_template
from lab.sim.controllers.workload import (
    BY_CONTROLLER,
    WorkloadController,
    by_controller,
    compact,
    controller_uid,
    labels_of,
    selected,
)
from lab.sim.objects import condition

_MOST_AT_ONCE = 500
TERMINATING_REPLICAS_SINCE = 35
"""The minor from which `status.terminatingReplicas` is counted."""


class ReplicaSetController(WorkloadController):
    """Keeps the number of pods of every ReplicaSet."""

    name = "replicaset-controller"
    resource = "replicasets.apps"
    kind = "ReplicaSet"

    def __init__(self, client: Client, clock: Clock, informers: Informers) -> None:
        """As `Controller`."""
        super().__init__(client, clock, informers)
        self.pods = self.children("pods")
        self.objects.index(BY_CONTROLLER, by_controller)
        self._control = PodControl(client, self.name, self.pods)

    async def reconcile(self, namespace: str, name: str) -> None:
        """Create or delete pods until there are `spec.replicas`, and count them."""
        owner = self.objects.get(namespace, name)
        if owner is None:
            return
        pods = await self.claim(self.pods, owner, candidate=pod_state.is_active)
        error = None
        if not owner["metadata"].get("deletionTimestamp"):
            error = await self._manage(owner, pods)
            if error is None:
                pods = [pod for pod in self.owned(self.pods, owner) if pod_state.is_active(pod)]
        owner = await self.write_status(owner, self._status(owner, pods, error))
        if error is not None:
            raise error
        min_ready = owner["spec"].get("minReadySeconds", 0)
        wait = pod_state.next_availability(pods, min_ready, self.clock.now())
        if wait is not None:
            self.enqueue_after(namespace, name, wait)

    async def _manage(self, owner: Object, pods: Objects) -> ApiError | None:
        surplus = len(pods) - _replicas(owner)
        if surplus < 0:
            count = min(-surplus, _MOST_AT_ONCE)
            template = owner["spec"]["template"]
            wanted = (pod_from_template(template, owner) for _ in range(count))
            error = (await self._control.create_many(owner, wanted))[1]
        elif surplus > 0:
            count = min(surplus, _MOST_AT_ONCE)
            order = pod_state.deletion_order(pods, self.clock.now(), self._related(owner))
            error = await self._control.delete_many(owner, order[:count])
        else:
            return None
        if error is None and abs(surplus) > _MOST_AT_ONCE:
            self.enqueue_object(owner)
        return error

    def _related(self, owner: Object) -> Objects:
        """Pods of all ReplicaSets under the same controller, this one's among them."""
        parent = controller_uid(owner)
        siblings = self.objects.by(BY_CONTROLLER, parent) if parent else [owner]
        namespace = owner["metadata"]["namespace"]
        found: dict[str, Object] = {}
        for pod in self.pods.list(namespace):
            if any(selected(one, labels_of(pod)) for one in siblings):
                found[pod["metadata"]["uid"]] = pod
        return list(found.values())

    def _status(self, owner: Object, pods: Objects, error: ApiError | None) -> Object:
        spec = owner["spec"]
        now = self.clock.now()
        wanted = (spec["template"].get("metadata") or {}).get("labels") or {}
        status: Object = {
            "replicas": len(pods),
            "fullyLabeledReplicas": sum(1 for pod in pods if wanted.items() <= labels_of(pod).items()),
            "readyReplicas": sum(1 for pod in pods if pod_state.is_ready(pod)),
            "availableReplicas": sum(
                1 for pod in pods if pod_state.is_available(pod, spec.get("minReadySeconds", 0), now)
            ),
            "observedGeneration": owner["metadata"]["generation"],
            "conditions": self._conditions(owner, len(pods), error),
        }
        keep = ["replicas"]
        if self.minor >= TERMINATING_REPLICAS_SINCE and self.kind == "ReplicaSet":
            leaving = [pod for pod in self.owned(self.pods, owner) if pod_state.is_terminating(pod)]
            status["terminatingReplicas"] = sum(1 for pod in leaving if selected(owner, labels_of(pod)))
            keep.append("terminatingReplicas")
        return compact(status, *keep)

    def _conditions(self, owner: Object, count: int, error: ApiError | None) -> Objects:
        """`ReplicaFailure` while pods are refused; the first refusal's text stays until it is over."""
        held = list(owner.get("status", {}).get("conditions") or ())
        failing = condition(owner, "ReplicaFailure")
        if error is not None and failing is None:
            held.append(
                {
                    "type": "ReplicaFailure",
                    "status": "True",
                    "lastTransitionTime": self.stamp(),
                    "reason": "FailedCreate" if count < _replicas(owner) else "FailedDelete",
                    "message": error.message,
                }
            )
        elif error is None and failing is not None:
            held = [one for one in held if one["type"] != "ReplicaFailure"]
        return held


class ReplicationControllerController(ReplicaSetController):
    """Keeps the number of pods of every ReplicationController."""

    name = "replication-controller"
    resource = "replicationcontrollers"
    kind = "ReplicationController"
    api_version = "v1"


def _replicas(owner: Object) -> int:
    return int(owner["spec"].get("replicas", 1))
