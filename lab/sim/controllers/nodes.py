"""Simulated nodes at work: what becomes of their conditions, leases, taints and pods.

A simulated node does not send heartbeats: its Lease and its conditions are written when its state changes and at no
other time, so that an idle cluster costs nothing. An annotation on both says so.
Source: Kubernetes `pkg/controller/nodelifecycle`, `pkg/controller/podgc`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lab.sim.api.resources import Object
from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.clock import Clock, micro_timestamp, parse_timestamp, timestamp
from lab.sim.controllers.controller import Controller, Informers
from lab.sim.controllers.node_fit import tolerates
from lab.sim.controllers.removal import remove
from lab.sim.controllers.simulated_node import HEALTHY, HEARTBEAT, healthy, is_simulated, is_stopped
from lab.sim.objects import condition, evolve, name_of, thaw

LEASES = "kube-node-lease"
MONITOR_GRACE_SECONDS = 50.0
"""From the last sign of a kubelet to the node being Unknown."""
ORPHAN_SECONDS = 40.0
"""From a node's removal to the removal of the pods on it."""

_LOST = ("NodeStatusUnknown", "Kubelet stopped posting node status.")
_UNREACHABLE = "node.kubernetes.io/unreachable"
_NOT_READY = "node.kubernetes.io/not-ready"
_UNSCHEDULABLE = "node.kubernetes.io/unschedulable"


class Nodes(Controller):
    """Keeps nodes Ready while their kubelet works, Unknown and tainted when it has stopped, with the pods to match."""

    name = "node-controller"
    has_work_from_the_start = True

    def __init__(self, client: Client, clock: Clock, informers: Informers, nodes: Sequence[Object] = ()) -> None:
        """`nodes`: registered as the controller starts, as kubelets register theirs, where they do not exist."""
        super().__init__(client, clock, informers)
        self._registered = nodes
        self._nodes = self.informer("nodes")
        self._pods = self.informer("pods")
        self._pods.index("node", lambda pod: [pod["spec"]["nodeName"]] if pod["spec"].get("nodeName") else ())
        self._stopped: dict[str, float] = {}
        self._nodes.handle(self._node_changed)
        self._pods.handle(self._pod_changed)

    async def run(self) -> None:
        """Register the nodes and work until cancelled."""
        for node in self._registered:
            try:
                made = await self.client.create("nodes", node)
            except ApiError as error:
                if error.code != 409:
                    raise
            else:
                await self.client.status("nodes", evolve(made, status=node["status"]))
        await super().run()

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        node = new if new is not None else old
        assert node is not None
        if new is None:
            self.enqueue_after("", name_of(node), ORPHAN_SECONDS)
        self.enqueue("", name_of(node))

    def _pod_changed(self, _old: Object | None, new: Object | None) -> None:
        node = new["spec"].get("nodeName") if new is not None else ""
        if not node:
            return
        held = self._nodes.get("", node)
        if held is None:
            if self._nodes.is_synced:
                self.enqueue_after("", node, ORPHAN_SECONDS)
        elif is_stopped(held) or any(one["effect"] == "NoExecute" for one in held["spec"].get("taints") or ()):
            self.enqueue("", node)

    async def reconcile(self, namespace: str, name: str) -> None:  # noqa: ARG002 - cluster-wide
        """Bring one node's conditions, taints, lease and pods in line with whether its kubelet works."""
        node = self._nodes.get("", name)
        if node is None:
            await self._collect(name)
            return
        if not is_simulated(node):
            return
        if is_stopped(node):
            await self._lost(node)
        else:
            self._stopped.pop(name, None)
            await self._well(node)
        await self._evict(self._nodes.get("", name) or node)

    async def _well(self, node: Object) -> None:
        name, now = name_of(node), self.clock.now()
        conditions = (node.get("status") or {}).get("conditions")
        expected = healthy(now, conditions)
        if [(one["type"], one["status"]) for one in conditions or ()] != [(one[0], one[1]) for one in HEALTHY]:
            status = {**(node.get("status") or {}), "conditions": expected}
            node = await self.client.status("nodes", evolve(node, status=status))
            text = f"Node {name} status is now: NodeReady"
            await self.client.event(node, "Normal", "NodeReady", text, f"kubelet, {name}")
        taints = node["spec"].get("taints") or []
        kept = [one for one in taints if one["key"] not in (_UNREACHABLE, _NOT_READY, _UNSCHEDULABLE)]
        await self._tainted(node, taints, [*kept, *_cordon(node, taints, now)])
        await self._lease(node)

    async def _tainted(self, node: Object, before: list[Any], after: list[Any]) -> None:
        if before == after:
            return
        spec = {**node["spec"], "taints": after}
        if not after:
            del spec["taints"]
        await self.client.update("nodes", evolve(node, spec=spec))

    async def _lease(self, node: Object) -> None:
        name = name_of(node)
        try:
            await self.client.get("leases.coordination.k8s.io", LEASES, name)
        except ApiError as error:
            if error.code != 404:
                raise
        else:
            return
        owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": node["metadata"]["uid"]}
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": name,
                "namespace": LEASES,
                "ownerReferences": [owner],
                "annotations": {HEARTBEAT: "none; this lease is written once and not renewed"},
            },
            "spec": {
                "holderIdentity": name,
                "leaseDurationSeconds": 40,
                "renewTime": micro_timestamp(self.clock.now()),
            },
        }
        try:
            await self.client.create("leases.coordination.k8s.io", lease)
        except ApiError as error:
            if error.code not in (404, 409):
                raise

    # -- a kubelet that has stopped

    async def _lost(self, node: Object) -> None:
        name, now = name_of(node), self.clock.now()
        due = self._stopped.setdefault(name, now + MONITOR_GRACE_SECONDS)
        ready = condition(node, "Ready")
        if ready is not None and ready["status"] != "Unknown":
            if now < due:
                self.enqueue_after("", name, due - now)
                return
            reason, message = _LOST
            conditions = [
                {**one, "status": "Unknown", "reason": reason, "message": message, "lastTransitionTime": timestamp(now)}
                for one in node["status"]["conditions"]
            ]
            node = await self.client.status("nodes", evolve(node, status={**node["status"], "conditions": conditions}))
            text = f"Node {name} status is now: NodeNotReady"
            await self.client.event(node, "Normal", "NodeNotReady", text, self.name)
        taints = node["spec"].get("taints") or []
        keys = {one["key"] for one in taints if one["effect"] == "NoExecute"}
        if _UNREACHABLE not in keys:
            added = [
                {"key": _UNREACHABLE, "effect": "NoSchedule", "timeAdded": timestamp(now)},
                {"key": _UNREACHABLE, "effect": "NoExecute", "timeAdded": timestamp(now)},
            ]
            await self._tainted(node, taints, [*taints, *added])
        for pod in self._pods.by("node", name):
            await self._unready(pod, now)

    async def _unready(self, pod: Object, now: float) -> None:
        found = condition(pod, "Ready")
        if found is None or found["status"] != "True":
            return
        status = thaw(pod["status"])
        for one in status["conditions"]:
            if one["type"] == "Ready":
                one.update(status="False", lastTransitionTime=timestamp(now))
        await self.client.status("pods", evolve(pod, status=status))
        await self.client.event(pod, "Warning", "NodeNotReady", "Node is not ready", self.name)

    # -- pods that may not stay

    async def _evict(self, node: Object) -> None:
        """Taint-based eviction. Source: Kubernetes `pkg/controller/tainteviction`."""
        taints = [one for one in node["spec"].get("taints") or () if one["effect"] == "NoExecute"]
        if not taints:
            return
        now = self.clock.now()
        for pod in self._pods.by("node", name_of(node)):
            if pod["metadata"].get("deletionTimestamp"):
                continue
            until = _stays_until(pod, taints, now)
            if until is None:
                continue
            if until > now:
                self.enqueue_after("", name_of(node), until - now)
                continue
            text = f"Marking for deletion Pod {_key(pod)}"
            await self.client.event(pod, "Normal", "TaintManagerEviction", text, "taint-eviction-controller")
            await remove(self.client, "pods", pod)

    async def _collect(self, name: str) -> None:
        """Remove the pods of a node that is gone. Source: Kubernetes `pkg/controller/podgc/gc_controller.go`."""
        if ("", name) in self._timers:
            return
        for pod in self._pods.by("node", name):
            await remove(self.client, "pods", pod, grace=0)


def _cordon(node: Object, taints: list[Any], now: float) -> list[Any]:
    """The taint of a node that takes no new pods."""
    if not node["spec"].get("unschedulable"):
        return []
    known = [one for one in taints if one["key"] == _UNSCHEDULABLE]
    return known or [{"key": _UNSCHEDULABLE, "effect": "NoSchedule", "timeAdded": timestamp(now)}]


def _key(pod: Object) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def _stays_until(pod: Object, taints: list[Any], now: float) -> float | None:
    """When the pod must go for these taints; None for never."""
    until: float | None = None
    for taint in taints:
        matching = [one for one in pod["spec"].get("tolerations") or () if tolerates(one, taint)]
        since = parse_timestamp(taint["timeAdded"]) if taint.get("timeAdded") else now
        if not matching:
            return now
        seconds = [one["tolerationSeconds"] for one in matching if one.get("tolerationSeconds") is not None]
        if seconds:
            ends = since + max(min(seconds), 0)
            until = ends if until is None else min(until, ends)
    return until
