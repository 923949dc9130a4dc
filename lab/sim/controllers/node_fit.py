"""Whether a pod may run on a node, and in the scheduler's words why not.

Source: Kubernetes `pkg/scheduler/framework/plugins/*`; the order of the checks is that of the default plugins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from lab.sim.api.resources import Object
from lab.sim.api.selectors import matches
from lab.sim.objects import namespace_of
from lab.sim.quantity import NotAQuantity, parse, text_of

UNSCHEDULABLE_TAINT = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a node is out of the question."""

    reasons: tuple[str, ...]
    final: bool = True
    """Whether removing other pods from the node would not help."""


@dataclass(slots=True)
class Load:
    """What the pods of a node ask of it."""

    pods: list[Object] = field(default_factory=list)
    requested: dict[str, int] = field(default_factory=dict)
    """Billionths, by resource."""

    def add(self, pod: Object) -> None:
        """Count a pod."""
        self.pods.append(pod)
        for name, amount in requests(pod).items():
            self.requested[name] = self.requested.get(name, 0) + amount


def requests(pod: Object) -> dict[str, int]:
    """What a pod asks for, in billionths: its containers and sidecars together, or the greediest init container.

    Source: Kubernetes `component-helpers/resource/helpers.go`.
    """
    spec = pod["spec"]
    total: dict[str, int] = {}
    for container in spec["containers"]:
        _sum(total, container)
    peak: dict[str, int] = {}
    sidecars: dict[str, int] = {}
    for container in spec.get("initContainers") or ():
        if container.get("restartPolicy") == "Always":
            _sum(total, container)
            _sum(sidecars, container)
            needs = sidecars
        else:
            needs = dict(sidecars)
            _sum(needs, container)
        for name, amount in needs.items():
            peak[name] = max(peak.get(name, 0), amount)
    for name, amount in peak.items():
        total[name] = max(total.get(name, 0), amount)
    for name, value in (spec.get("overhead") or {}).items():
        total[name] = total.get(name, 0) + amount_of(value)
    return total


def _sum(total: dict[str, int], container: Object) -> None:
    resources = container.get("resources") or {}
    limits, asked = resources.get("limits") or {}, resources.get("requests") or {}
    for name, value in {**limits, **asked}.items():
        total[name] = total.get(name, 0) + amount_of(value)


def amount_of(value: Any) -> int:
    """A quantity in billionths; 0 for what is none."""
    return _nanos(text_of(value))


@lru_cache(maxsize=512)
def _nanos(text: str) -> int:
    try:
        return parse(text).nanos
    except NotAQuantity:
        return 0


def refusal(pod: Object, node: Object, load: Load) -> Refusal | None:
    """Why `pod` may not run on `node`, which carries `load` already; None when it may."""
    spec, labels = pod["spec"], node["metadata"].get("labels") or {}
    tolerations = spec.get("tolerations") or ()
    if node["spec"].get("unschedulable") and not any(tolerates(one, UNSCHEDULABLE_TAINT) for one in tolerations):
        return Refusal(("node(s) were unschedulable",))
    if spec.get("nodeName") and spec["nodeName"] != node["metadata"]["name"]:
        return Refusal(("node(s) didn't match the requested node name",))
    if _untolerated(tolerations, node):
        return Refusal(("node(s) had untolerated taint(s)",))
    if not _selected(spec, node, labels):
        return Refusal(("node(s) didn't match Pod's node affinity/selector",))
    if _ports_taken(pod, load):
        return Refusal(("node(s) didn't have free ports for the requested pod ports",), False)
    return _too_big(pod, node, load)


def tolerates(toleration: Object, taint: Mapping[str, Any]) -> bool:
    """Whether a toleration is for this taint."""
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return True
    return bool(toleration.get("key")) and (toleration.get("value") or "") == (taint.get("value") or "")


def _untolerated(tolerations: Iterable[Object], node: Object) -> bool:
    for taint in node["spec"].get("taints") or ():
        if taint["effect"] in ("NoSchedule", "NoExecute") and not any(tolerates(one, taint) for one in tolerations):
            return True
    return False


def _selected(spec: Object, node: Object, labels: Mapping[str, str]) -> bool:
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    required = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(_REQUIRED)
    return required is None or node_selected(required, node)


def node_selected(selector: Object, node: Object) -> bool:
    """Whether a `v1.NodeSelector` selects a node: any of its terms, each with all of its expressions."""
    return any(_term(term, node) for term in selector.get("nodeSelectorTerms") or ())


def _term(term: Object, node: Object) -> bool:
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    labels = node["metadata"].get("labels") or {}
    own = {"metadata.name": node["metadata"]["name"]}
    return all(_expression(one, labels) for one in expressions) and all(_expression(one, own) for one in fields)


def _expression(expression: Object, labels: Mapping[str, str]) -> bool:
    operator, values = expression["operator"], list(expression.get("values") or ())
    value = labels.get(expression["key"])
    if operator == "Exists":
        return value is not None
    if operator == "DoesNotExist":
        return value is None
    if operator == "In":
        return value in values
    if operator == "NotIn":
        return value not in values
    try:
        have, wanted = int(value or ""), int(values[0])
    except (ValueError, IndexError):
        return False
    return have > wanted if operator == "Gt" else have < wanted


def _host_ports(pod: Object) -> set[tuple[str, int]]:
    return {
        (port.get("protocol", "TCP"), port["hostPort"])
        for container in pod["spec"]["containers"]
        for port in container.get("ports") or ()
        if port.get("hostPort")
    }


def _ports_taken(pod: Object, load: Load) -> bool:
    wanted = _host_ports(pod)
    return bool(wanted) and any(wanted & _host_ports(other) for other in load.pods)


def _too_big(pod: Object, node: Object, load: Load) -> Refusal | None:
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    reasons, final = [], False
    if len(load.pods) + 1 > amount_of(allocatable.get("pods", "0")) // 10**9:
        reasons.append("Too many pods")
    for name, wanted in requests(pod).items():
        if not wanted:
            continue
        room = amount_of(allocatable.get(name, "0"))
        if wanted > room - load.requested.get(name, 0):
            reasons.append(f"Insufficient {name}")
            final = final or wanted > room
    return Refusal(tuple(reasons), final) if reasons else None


def affinity_refusal(
    pod: Object, node: Object, placed: Sequence[tuple[Object, Object]], namespaces: Mapping[str, Object]
) -> Refusal | None:
    """Whether required rules between pods keep `pod` from `node`; `placed`: pods with the nodes they are on.

    Source: Kubernetes `pkg/scheduler/framework/plugins/interpodaffinity/filtering.go`.
    """
    labels = node["metadata"].get("labels") or {}
    for term in _pod_terms(pod, "podAffinity"):
        key = term["topologyKey"]
        if key not in labels:
            return Refusal(("node(s) didn't match pod affinity rules",))
        found = [at for other, at in placed if _term_selects(term, pod, other, namespaces)]
        near = any((at["metadata"].get("labels") or {}).get(key) == labels[key] for at in found)
        first = not found and _term_selects(term, pod, pod, namespaces)
        if not near and not first:
            return Refusal(("node(s) didn't match pod affinity rules",))
    for term in _pod_terms(pod, "podAntiAffinity"):
        key = term["topologyKey"]
        for other, at in placed:
            if _same(key, labels, at) and _term_selects(term, pod, other, namespaces):
                return Refusal(("node(s) didn't match pod anti-affinity rules",), False)
    for other, at in placed:
        for term in _pod_terms(other, "podAntiAffinity"):
            if _same(term["topologyKey"], labels, at) and _term_selects(term, other, pod, namespaces):
                return Refusal(("node(s) didn't satisfy existing pods anti-affinity rules",), False)
    return None


def _same(key: str, labels: Mapping[str, str], node: Object) -> bool:
    return key in labels and (node["metadata"].get("labels") or {}).get(key) == labels[key]


def _pod_terms(pod: Object, kind: str) -> list[Object]:
    rules = (pod["spec"].get("affinity") or {}).get(kind) or {}
    return list(rules.get(_REQUIRED) or ())


def _term_selects(term: Object, owner: Object, other: Object, namespaces: Mapping[str, Object]) -> bool:
    within = set(term.get("namespaces") or ())
    selector = term.get("namespaceSelector")
    if selector is not None:
        chosen = (name for name, one in namespaces.items() if matches(selector, one["metadata"].get("labels") or {}))
        within.update(chosen)
    elif not within:
        within = {namespace_of(owner)}
    if namespace_of(other) not in within:
        return False
    return matches(term.get("labelSelector"), other["metadata"].get("labels") or {})
