"""The pods of a DaemonSet: on which nodes they belong and what is added to the template.

Source: Kubernetes `pkg/controller/daemon/daemon_controller.go`, `util/daemonset_util.go`.
"""

from __future__ import annotations

from lab.sim.api.resources import Object, Objects
from lab.sim.controllers.node_fit import node_selected, tolerates
from lab.sim.controllers.pod_control import pod_from_template
from lab.sim.controllers.revisions import HASH
from lab.sim.controllers.workload import annotations_of, labels_of, scaled
from lab.sim.objects import name_of

GENERATION = "deprecated.daemonset.template.generation"
TEMPLATE_GENERATION = "pod-template-generation"
_ADDED = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)
_ON_HOST_NETWORK = ("node.kubernetes.io/network-unavailable", "NoSchedule")


def tolerations(spec: Object) -> Objects:
    """The template's tolerations and those every daemon pod has."""
    made = list(spec.get("tolerations") or ())
    for key, effect in [*_ADDED, *([_ON_HOST_NETWORK] if spec.get("hostNetwork") else [])]:
        added = {"key": key, "operator": "Exists", "effect": effect}
        if added not in made:
            made.append(added)
    return made


def should_run(owner: Object, node: Object) -> tuple[bool, bool]:
    """Whether the node should have a pod of this set, and whether one that is there may stay."""
    spec = owner["spec"]["template"]["spec"]
    if spec.get("nodeName") and spec["nodeName"] != name_of(node):
        return False, False
    if not (spec.get("nodeSelector") or {}).items() <= labels_of(node).items():
        return False, False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is not None and not node_selected(required, node):
        return False, False
    held = tolerations(spec)
    taints = node.get("spec", {}).get("taints") or ()
    kept_out = {taint["effect"] for taint in taints if not any(tolerates(one, taint) for one in held)}
    return not kept_out & {"NoSchedule", "NoExecute"}, "NoExecute" not in kept_out


def new_pod(owner: Object, mark: str, node: str) -> Object:
    """A pod for this node. `mark`: the revision's hash."""
    pod = pod_from_template(owner["spec"]["template"], owner)
    labels = pod["metadata"].setdefault("labels", {})
    labels[HASH] = mark
    if generation_of(owner):
        labels[TEMPLATE_GENERATION] = generation_of(owner)
    spec = pod["spec"]
    spec["tolerations"] = tolerations(spec)
    affinity = spec.setdefault("affinity", {}).setdefault("nodeAffinity", {})
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    affinity["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    return pod


def generation_of(owner: Object) -> str:
    """The template's generation, from an annotation older than revisions, or ""."""
    return annotations_of(owner).get(GENERATION, "")


def is_updated(owner: Object, pod: Object, mark: str) -> bool:
    """Whether the pod is of the newest revision."""
    labels = labels_of(pod)
    generation = generation_of(owner)
    return labels.get(HASH) == mark or bool(generation and labels.get(TEMPLATE_GENERATION) == generation)


def node_of(pod: Object) -> str:
    """The node a daemon pod is on or meant for, or ""."""
    spec = pod["spec"]
    if spec.get("nodeName"):
        return str(spec["nodeName"])
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or ():
        for one in term.get("matchFields") or ():
            if one["key"] == "metadata.name" and one["operator"] == "In" and len(one["values"]) == 1:
                return str(one["values"][0])
    return ""


def update_limits(owner: Object, nodes: int) -> tuple[int, int]:
    """`maxSurge` and `maxUnavailable` of a rolling update over so many nodes."""
    strategy = owner["spec"].get("updateStrategy") or {}
    rolling = strategy.get("rollingUpdate")
    if strategy.get("type", "RollingUpdate") != "RollingUpdate" or rolling is None:
        return 0, 0
    surge = scaled(rolling.get("maxSurge", 0), nodes, up=True)
    unavailable = scaled(rolling.get("maxUnavailable", 1), nodes, up=True)
    return surge, (1 if nodes and not surge and not unavailable else unavailable)
