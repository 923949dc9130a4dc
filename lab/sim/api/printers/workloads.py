"""Controllers of pods that run on: replica sets, deployments, stateful and daemon sets, and their autoscalers.

Source: Kubernetes `pkg/printers/internalversion/printers.go`.
"""

from __future__ import annotations

from typing import Any

from lab.sim.api.printers.label_text import of_labels, of_selector
from lab.sim.api.printers.printer import (
    AGE,
    CONTAINERS,
    IMAGES,
    NAME,
    NONE,
    SELECTOR,
    UNKNOWN,
    UNSET,
    Cells,
    Printer,
    age,
    aged,
    column,
    containers,
    name,
    part,
    shortened,
)
from lab.sim.api.resources import Object
from lab.sim.objects import controller_of

_DESIRED = column("Desired", "Number of pods that are wanted.", "integer")
_CURRENT = column("Current", "Number of pods there are.", "integer")
_READY = column("Ready", "Number of pods that are ready.", "integer")
_READY_OF = column("Ready", "Pods that are ready, of those wanted.")


def _replicas(obj: Object, now: float) -> Cells:
    spec, status = part(obj, "spec"), part(obj, "status")
    return [
        name(obj),
        spec.get("replicas") or 0,
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
        age(obj, now),
        *containers(part(spec, "template")),
    ]


def _replication_controller(obj: Object, now: float) -> Cells:
    return [*_replicas(obj, now), of_labels(part(obj, "spec").get("selector"))]


def _replica_set(obj: Object, now: float) -> Cells:
    return [*_replicas(obj, now), of_selector(part(obj, "spec").get("selector")) or NONE]


def _ready(obj: Object) -> str:
    return f"{part(obj, 'status').get('readyReplicas', 0)}/{part(obj, 'spec').get('replicas') or 0}"


def _deployment(obj: Object, now: float) -> Cells:
    spec, status = part(obj, "spec"), part(obj, "status")
    return [
        name(obj),
        _ready(obj),
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        age(obj, now),
        *containers(part(spec, "template")),
        of_selector(spec.get("selector")),
    ]


def _stateful_set(obj: Object, now: float) -> Cells:
    return [name(obj), _ready(obj), age(obj, now), *containers(part(part(obj, "spec"), "template"))]


_COUNTS = (
    "desiredNumberScheduled",
    "currentNumberScheduled",
    "numberReady",
    "updatedNumberScheduled",
    "numberAvailable",
)


def _daemon_set(obj: Object, now: float) -> Cells:
    spec, status = part(obj, "spec"), part(obj, "status")
    template = part(spec, "template")
    return [
        name(obj),
        *(status.get(field, 0) for field in _COUNTS),
        of_labels(part(template, "spec").get("nodeSelector")),
        age(obj, now),
        *containers(template),
        of_selector(spec.get("selector")) or NONE,
    ]


def _owner(obj: Object) -> str:
    owner = controller_of(obj)
    if owner is None:
        return NONE
    group = owner["apiVersion"].rpartition("/")[0]
    kind = f"{owner['kind']}.{group}" if group else owner["kind"]
    return f"{kind.lower()}/{owner['name']}"


_SOURCES = {
    "External": "external",
    "Pods": "pods",
    "Object": "object",
    "Resource": "resource",
    "ContainerResource": "containerResource",
}


def _percent(value: int | None, missing: str) -> str:
    return missing if value is None else f"{value}%"


def _target(spec: Object, status: Object | None) -> str:
    """One metric: what it is at, and what it is to be at."""
    kind = spec.get("type", "")
    field = _SOURCES.get(kind)
    if field is None:
        return "<unknown type>"
    wanted = part(spec, field)
    target: dict[str, Any] = part(wanted, "target")
    at = part(part(status, field), "current") if status and status.get(field) else None
    if kind in ("Resource", "ContainerResource"):
        if "averageValue" in target:
            current = UNKNOWN if at is None else at.get("averageValue", "<nil>")
            text = f"{current}/{target['averageValue']}"
        else:
            current = _percent((at or {}).get("averageUtilization"), UNKNOWN)
            text = f"{current}/{_percent(target.get('averageUtilization'), '<auto>')}"
        return f"{wanted.get('name', '')}: {text}"
    if kind == "Pods":
        return f"{UNKNOWN if at is None else at.get('averageValue', '<nil>')}/{target.get('averageValue', '<nil>')}"
    if "averageValue" in target:
        return f"{(at or {}).get('averageValue', UNKNOWN)}/{target['averageValue']} (avg)"
    return f"{UNKNOWN if at is None else at.get('value', '<nil>')}/{target.get('value', '<nil>')}"


def _targets(obj: Object) -> str:
    wanted = part(obj, "spec").get("metrics") or ()
    found: list[Object | None] = list(part(obj, "status").get("currentMetrics") or ())
    found += [None] * len(wanted)
    texts = [_target(spec, status) for spec, status in zip(wanted, found, strict=False)]
    return shortened(texts, 2, ", ") or NONE


def _autoscaler(obj: Object, now: float) -> Cells:
    spec = part(obj, "spec")
    scaled = part(spec, "scaleTargetRef")
    least = spec.get("minReplicas")
    return [
        name(obj),
        f"{scaled.get('kind', '')}/{scaled.get('name', '')}",
        _targets(obj),
        UNSET if least is None else str(least),
        spec.get("maxReplicas", 0),
        part(obj, "status").get("currentReplicas", 0),
        age(obj, now),
    ]


SCALE = Printer(
    [
        column("Name", "Name of the object that is scaled."),
        _DESIRED,
        column("Available", "Number of pods there are.", "integer"),
        AGE,
    ],
    aged(lambda obj: part(obj, "spec").get("replicas", 0), lambda obj: part(obj, "status").get("replicas", 0)),
)
"""Of the `autoscaling/v1` Scale, which subresources give."""

_REPLICAS = [NAME, _DESIRED, _CURRENT, _READY, AGE, CONTAINERS, IMAGES, SELECTOR]

PRINTERS = {
    "replicationcontrollers": Printer(_REPLICAS, _replication_controller),
    "replicasets.apps": Printer(_REPLICAS, _replica_set),
    "deployments.apps": Printer(
        [
            NAME,
            _READY_OF,
            column("Up-to-date", "Number of pods made from the newest template."),
            column("Available", "Number of pods that have been ready long enough."),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
        _deployment,
    ),
    "statefulsets.apps": Printer([NAME, _READY_OF, AGE, CONTAINERS, IMAGES], _stateful_set),
    "daemonsets.apps": Printer(
        [
            NAME,
            column("Desired", "Number of nodes that are to run the pod.", "integer"),
            column("Current", "Number of nodes that run the pod.", "integer"),
            _READY,
            column("Up-to-date", "Number of nodes that run the newest template.", "integer"),
            column("Available", "Number of nodes whose pod has been ready long enough.", "integer"),
            column("Node Selector", "Labels of the nodes that are to run the pod."),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
        _daemon_set,
    ),
    "controllerrevisions.apps": Printer(
        [NAME, column("Controller", "Object whose history this is part of."), column("Revision", "Its number."), AGE],
        aged(_owner, lambda obj: obj.get("revision", 0)),
    ),
    "horizontalpodautoscalers.autoscaling": Printer(
        [
            NAME,
            column("Reference", "Object that is scaled."),
            column("Targets", "Metrics: where each is, and where it is to be."),
            column("MinPods", "Fewest pods."),
            column("MaxPods", "Most pods."),
            column("Replicas", "Number of pods there are."),
            AGE,
        ],
        _autoscaler,
    ),
}
