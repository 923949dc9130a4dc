"""A Deployment's ReplicaSets as its revisions: which is the newest, and what is written on it.

Source: Kubernetes `pkg/controller/deployment/util/deployment_util.go`.
"""

from __future__ import annotations

from typing import Any

from lab.sim.api.resources import Object, Objects
from lab.sim.controllers.rollout import DESIRED, MAXIMUM, max_surge, number, replicas_of
from lab.sim.controllers.template_hash import equal
from lab.sim.controllers.workload import annotations_of
from lab.sim.objects import owner_reference, thaw

REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
HASH = "pod-template-hash"
_LONGEST_HISTORY = 2000
_LONGEST_NAME = 253
_NOT_COPIED = frozenset(
    [
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        HISTORY,
        DESIRED,
        MAXIMUM,
        "deprecated.deployment.rollback.to",
    ]
)


def without_hash(template: Object) -> Object:
    """A pod template without the label a Deployment puts on it."""
    labels = (template.get("metadata") or {}).get("labels") or {}
    if HASH not in labels:
        return template
    kept = {key: value for key, value in labels.items() if key != HASH}
    return {**template, "metadata": {**template["metadata"], "labels": kept}}


def split(deployment: Object, sets: Objects) -> tuple[Object | None, Objects]:
    """The ReplicaSet that has the Deployment's template, the oldest of them if there are several, and the others."""
    template = without_hash(deployment["spec"]["template"])
    in_order = sorted(sets, key=lambda one: (one["metadata"]["creationTimestamp"], one["metadata"]["name"]))
    for found in in_order:
        if equal(without_hash(found["spec"]["template"]), template):
            return found, [one for one in in_order if one is not found]
    return None, in_order


def revision_of(obj: Object) -> int:
    """The revision annotation as a number; 0 without one."""
    return number(annotations_of(obj).get(REVISION, ""))


def next_revision(old: Objects) -> int:
    """The number of a template that is newer than all in `old`."""
    return max((revision_of(one) for one in old), default=0) + 1


def annotated(deployment: Object, replica_set: Object, revision: int) -> Any:
    """The annotations the newest ReplicaSet should have: the Deployment's, its revision and those it had before."""
    held = dict(annotations_of(replica_set))
    copied = {key: value for key, value in annotations_of(deployment).items() if key not in _NOT_COPIED}
    made = {**held, **copied}
    before = revision_of(replica_set)
    if before < revision:
        made[REVISION] = str(revision)
        if REVISION in held:
            past = [one for one in held.get(HISTORY, "").split(",") if one] + [held[REVISION]]
            while len(",".join(past)) > _LONGEST_HISTORY:
                del past[0]
            made[HISTORY] = ",".join(past)
    return made


def replica_annotations(deployment: Object) -> dict[str, str]:
    """What a ReplicaSet keeps of the Deployment's size, by which a later scaling is told and spread."""
    wanted = replicas_of(deployment)
    return {DESIRED: str(wanted), MAXIMUM: str(wanted + max_surge(deployment))}


def new_replica_set(deployment: Object, template_hash: str, revision: int) -> Object:
    """A ReplicaSet of the Deployment's template, with no replicas yet."""
    spec = thaw(deployment["spec"])
    template = spec["template"]
    metadata = template.setdefault("metadata", {})
    metadata["labels"] = {**(metadata.get("labels") or {}), HASH: template_hash}
    selector = spec["selector"]
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH: template_hash}
    name = deployment["metadata"]["name"][: _LONGEST_NAME - 1 - len(template_hash)]
    made_spec: Object = {"replicas": 0, "selector": selector, "template": template}
    if spec.get("minReadySeconds"):
        made_spec["minReadySeconds"] = spec["minReadySeconds"]
    made: Object = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{name}-{template_hash}",
            "namespace": deployment["metadata"]["namespace"],
            "ownerReferences": [owner_reference(deployment)],
            "labels": dict(metadata["labels"]),
        },
        "spec": made_spec,
    }
    made["metadata"]["annotations"] = {
        **annotated(deployment, made, revision),
        **replica_annotations(deployment),
    }
    return made
