"""Pods: the first status, the quality of service, and deletion that gives containers time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lab.sim.api.context import Context, DeleteOptions
from lab.sim.api.resources import Object, Resource
from lab.sim.api.strategies.strategy import Strategy
from lab.sim.clock import timestamp
from lab.sim.quantity import NotAQuantity, parse, text_of

if TYPE_CHECKING:
    from lab.sim.api.rest import Rest

_COMPUTE = ("cpu", "memory")


class Pods(Strategy):
    """A pod is created Pending and deleted by its kubelet."""

    status_keeps = ("ownerReferences",)
    graceful = True

    def prepare_create(self, rest: Rest, resource: Resource, obj: Object, context: Context) -> None:
        """A new pod is pending; its quality of service is fixed for life."""
        status: Object = {"phase": "Pending", "qosClass": quality(obj)}
        spec = obj.get("spec") or {}
        if spec.get("schedulingGates"):
            status["conditions"] = [
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "SchedulingGated",
                    "message": "Scheduling is blocked due to non-empty scheduling gates",
                    "lastProbeTime": None,
                    "lastTransitionTime": timestamp(rest.clock.now()),
                }
            ]
        obj["status"] = status
        _match_label_keys(obj)

    def prepare_update(self, rest: Rest, resource: Resource, new: Object, old: Object, subresource: str) -> None:
        """The quality of service stays even when a writer of the status forgets it."""
        if subresource == "status":
            known = old.get("status", {}).get("qosClass")
            if known and not new.get("status", {}).get("qosClass"):
                new["status"] = {**new.get("status", {}), "qosClass": known}

    def grace(self, resource: Resource, obj: Object, options: DeleteOptions) -> int:
        """The request's, else the pod's own; none for a pod without a node or one that has ended."""
        spec = obj.get("spec", {})
        if not spec.get("nodeName") or obj.get("status", {}).get("phase") in ("Succeeded", "Failed"):
            return 0
        seconds = options.grace
        if seconds is None:
            seconds = spec.get("terminationGracePeriodSeconds") or 0
        return 1 if seconds < 0 else int(seconds)


def quality(pod: Object) -> str:
    """`Guaranteed`, `Burstable` or `BestEffort`. Source: Kubernetes `pkg/apis/core/helper/qos`."""
    spec = pod.get("spec") or {}
    whole = spec.get("resources")
    holders = [whole] if whole else [one.get("resources") or {} for one in _containers(spec)]
    requests: dict[str, int] = {}
    limits: dict[str, int] = {}
    guaranteed = True
    for held in holders:
        asked, bounded = _positive(held.get("requests")), _positive(held.get("limits"))
        for name, amount in asked:
            requests[name] = requests.get(name, 0) + amount
        for name, amount in bounded:
            limits[name] = limits.get(name, 0) + amount
        guaranteed = guaranteed and len(bounded) == len(_COMPUTE)
    if not requests and not limits:
        return "BestEffort"
    return "Guaranteed" if guaranteed and requests == limits else "Burstable"


def _containers(spec: Object) -> Iterable[Object]:
    yield from spec.get("containers") or ()
    yield from spec.get("initContainers") or ()


def _positive(amounts: Any) -> list[tuple[str, int]]:
    if not amounts:
        return []
    found = []
    for name in _COMPUTE:
        if name in amounts:
            try:
                nanos = parse(text_of(amounts[name])).nanos
            except NotAQuantity:
                continue  # validation says so
            if nanos > 0:
                found.append((name, nanos))
    return found


def _match_label_keys(pod: Object) -> None:
    """Fold `matchLabelKeys` and `mismatchLabelKeys` of pod affinity into its selectors."""
    affinity = (pod.get("spec") or {}).get("affinity")
    if not affinity:
        return
    labels = pod["metadata"].get("labels") or {}
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = affinity.get(kind) or {}
        for term in rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ():
            _extend_selector(term, labels)
        for weighted in rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ():
            _extend_selector(weighted.get("podAffinityTerm") or {}, labels)


def _extend_selector(term: Object, labels: dict[str, str]) -> None:
    selector = term.get("labelSelector")
    if selector is None:
        return
    added = [
        {"key": key, "operator": operator, "values": [labels[key]]}
        for field, operator in (("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn"))
        for key in term.get(field) or ()
        if key in labels
    ]
    if added:
        selector["matchExpressions"] = [*(selector.get("matchExpressions") or ()), *added]
