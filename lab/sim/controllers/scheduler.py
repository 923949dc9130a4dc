"""The scheduler: binds pods to nodes that fit them and says why none does.

Source: Kubernetes `pkg/scheduler/schedule_one.go`, `pkg/scheduler/framework/types.go` (`FitError`). Not simulated:
preemption, preferred rules, topology spread and other scheduling profiles.
"""

from __future__ import annotations

from collections import Counter

from lab.sim.api.resources import Object
from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.clock import Clock, timestamp
from lab.sim.controllers.controller import Controller, Informers
from lab.sim.controllers.node_fit import Load, Refusal, affinity_refusal, node_selected, refusal
from lab.sim.controllers.simulated_node import mark_simulated
from lab.sim.controllers.volumes import SELECTED_NODE, claim_names, waits_for_consumer
from lab.sim.objects import condition, evolve, name_of, namespace_of, thaw

_NAME = "default-scheduler"
_UNHELPFUL = "Preemption is not helpful for scheduling"
_NO_VICTIMS = "No preemption victims found for incoming pod"


class Scheduler(Controller):
    """Puts pods on nodes."""

    name = _NAME

    def __init__(self, client: Client, clock: Clock, informers: Informers) -> None:
        super().__init__(client, clock, informers)
        self._waiting: dict[tuple[str, str], None] = {}
        self._loads: dict[str, dict[tuple[str, str], Object]] = {}
        self._pods = self.informer("pods")
        self._nodes = self.informer("nodes")
        self._claims = self.informer("persistentvolumeclaims")
        self._volumes = self.informer("persistentvolumes")
        self._classes = self.informer("storageclasses.storage.k8s.io")
        self._namespaces = self.informer("namespaces")
        self._pods.handle(self._pod_changed)
        self._nodes.handle(self._node_changed)
        for informer in (self._claims, self._classes):
            informer.handle(lambda _old, _new: self._again())

    # -- what wakes it

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        pod = new if new is not None else old
        assert pod is not None
        key = (namespace_of(pod), name_of(pod))
        node = pod["spec"].get("nodeName")
        if node:
            self._waiting.pop(key, None)
            held = self._loads.setdefault(node, {})
            if new is not None and (new.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
                held[key] = new
            elif held.pop(key, None) is not None:
                self._again()
        elif new is None:
            self._waiting.pop(key, None)
        elif _is_ours(new) and (old is None or old["spec"] != new["spec"]):
            self.enqueue(*key)

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None and old is not None and _as_seen(old) == _as_seen(new):
            return
        self._again()

    def _again(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for key in waiting:
            self.enqueue(*key)

    # -- one pod

    async def reconcile(self, namespace: str, name: str) -> None:
        """Bind one pod, or say why it cannot be."""
        pod = self._pods.get(namespace, name)
        if pod is None or not _is_ours(pod):
            return
        trouble, unbound = self._claims_of(pod)
        nodes = self._nodes.list()
        if trouble:
            await self._refuse(pod, f"0/{len(nodes)} nodes are available: {trouble}. not found")
            return
        refused, fitting = self._sieve(pod, nodes)
        if not fitting:
            await self._refuse(pod, _message(len(nodes), refused))
            return
        node = min(fitting, key=lambda one: (len(self._loads.get(name_of(one), {})), name_of(one)))
        if unbound:
            await self._select_node(unbound, node)
            self._waiting[namespace, name] = None
            return
        await self._bind(pod, name_of(node))

    def _sieve(self, pod: Object, nodes: list[Object]) -> tuple[list[Refusal], list[Object]]:
        by_name = {name_of(one): one for one in nodes}
        placed = [
            (other, by_name[node]) for node, held in self._loads.items() if node in by_name for other in held.values()
        ]
        namespaces = {name_of(one): one for one in self._namespaces.list()}
        refused: list[Refusal] = []
        fitting = []
        for node in nodes:
            load = Load()
            for other in self._loads.get(name_of(node), {}).values():
                load.add(other)
            why = refusal(pod, node, load) or self._volume_refusal(pod, node)
            why = why or affinity_refusal(pod, node, placed, namespaces)
            if why is None:
                fitting.append(node)
            else:
                refused.append(why)
        return refused, fitting

    def _claims_of(self, pod: Object) -> tuple[str, list[Object]]:
        """What is wrong with the pod's claims, or those that wait for a node to be chosen."""
        waiting = []
        for name in claim_names(pod):
            claim = self._claims.get(namespace_of(pod), name)
            if claim is None:
                return f'persistentvolumeclaim "{name}" not found', []
            if claim["metadata"].get("deletionTimestamp"):
                return f'persistentvolumeclaim "{name}" is being deleted', []
            if not claim["spec"].get("volumeName") and waits_for_consumer(claim, self._classes):
                waiting.append(claim)
        return "", waiting

    def _volume_refusal(self, pod: Object, node: Object) -> Refusal | None:
        for name in claim_names(pod):
            claim = self._claims.get(namespace_of(pod), name)
            assert claim is not None
            bound = claim["spec"].get("volumeName")
            if not bound:
                if not waits_for_consumer(claim, self._classes):
                    return Refusal(("pod has unbound immediate PersistentVolumeClaims",))
                continue
            volume = self._volumes.get("", bound)
            if volume is None:
                return Refusal(("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)",))
            required = (volume["spec"].get("nodeAffinity") or {}).get("required")
            if required is not None and not node_selected(required, node):
                return Refusal(("node(s) didn't match PersistentVolume's node affinity",))
        return None

    async def _select_node(self, claims: list[Object], node: Object) -> None:
        for claim in claims:
            annotations = claim["metadata"].get("annotations") or {}
            if annotations.get(SELECTED_NODE) != name_of(node):
                changed = {**annotations, SELECTED_NODE: name_of(node)}
                await self.client.update("persistentvolumeclaims", evolve(claim, metadata={"annotations": changed}))

    async def _bind(self, pod: Object, node: str) -> None:
        namespace, name = namespace_of(pod), name_of(pod)
        try:
            latest = await self.client.get("pods", namespace, name)
            if latest["metadata"]["uid"] != pod["metadata"]["uid"] or not _is_ours(latest):
                return
            bound = thaw(latest)
            bound["spec"]["nodeName"] = node
            mark_simulated(bound, self._nodes.get("", node))
            bound["status"] = _scheduled(bound, "True", "", "", self.clock.now())
            latest = await self.client.update("pods", bound, "binding")
        except ApiError as error:
            if error.code != 404:
                raise
            return
        self._waiting.pop((namespace, name), None)
        self._loads.setdefault(node, {})[namespace, name] = latest
        text = f"Successfully assigned {namespace}/{name} to {node}"
        await self.client.event(latest, "Normal", "Scheduled", text, _NAME)

    async def _refuse(self, pod: Object, message: str) -> None:
        self._waiting[namespace_of(pod), name_of(pod)] = None
        known = condition(pod, "PodScheduled")
        if known is not None and known.get("reason") == "Unschedulable" and known.get("message") == message:
            return
        await self.client.event(pod, "Warning", "FailedScheduling", message, _NAME)
        status = _scheduled(pod, "False", "Unschedulable", message, self.clock.now())
        await self.client.status("pods", evolve(pod, status=status))


def _is_ours(pod: Object) -> bool:
    """Whether the pod waits for this scheduler."""
    spec = pod["spec"]
    if spec.get("nodeName") or spec.get("schedulingGates") or pod["metadata"].get("deletionTimestamp"):
        return False
    return bool(spec.get("schedulerName", _NAME) == _NAME)


def _as_seen(node: Object) -> tuple[object, ...]:
    return (node["spec"], node["metadata"].get("labels"), (node.get("status") or {}).get("allocatable"))


def _message(total: int, refused: list[Refusal]) -> str:
    if not total:
        return "no nodes available to schedule pods"
    counted = Counter(reason for one in refused for reason in one.reasons)
    why = ", ".join(sorted(f"{count} {reason}" for reason, count in counted.items()))
    helpless = Counter(_UNHELPFUL if one.final else _NO_VICTIMS for one in refused)
    preemption = ", ".join(sorted(f"{count} {reason}" for reason, count in helpless.items()))
    head = f"0/{total} nodes are available:"
    return f"{head} {why}. no new claims to deallocate, preemption: {head} {preemption}."


def _scheduled(pod: Object, status: str, reason: str, message: str, now: float) -> Object:
    made: Object = {"type": "PodScheduled", "status": status, "lastProbeTime": None}
    before = condition(pod, "PodScheduled")
    same = before is not None and before.get("status") == status
    made["lastTransitionTime"] = before["lastTransitionTime"] if same and before is not None else timestamp(now)
    if pod["metadata"].get("generation"):
        made["observedGeneration"] = pod["metadata"]["generation"]
    if reason:
        made["reason"], made["message"] = reason, message
    held = pod.get("status") or {}
    others = [one for one in held.get("conditions") or () if one["type"] != "PodScheduled"]
    return {**held, "conditions": [*others, made]}
