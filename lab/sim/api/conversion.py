"""Resources that are served in two versions and stored in one: core and events.k8s.io events, autoscaling v1 and v2.

What autoscaling/v1 has no fields for stands in annotations there, as on a real server.
Source: Kubernetes `pkg/apis/events/v1/conversion.go`, `pkg/apis/autoscaling/v1/conversion.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from lab.sim.api.resources import Object, Objects, Resource

_EVENT_NAMES = (
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
)
"""Fields of an event in core/v1 and in events.k8s.io/v1; all others have one name."""
_TO_NEW = dict(_EVENT_NAMES)
_TO_CORE = {new: core for core, new in _EVENT_NAMES}
_EVENT_ALWAYS: Object = {"eventTime": None, "firstTimestamp": None, "lastTimestamp": None, "source": {}}
"""Fields a server shows even when nobody set them."""

_ANNOTATION = "autoscaling.alpha.kubernetes.io/"
_METRICS, _CURRENT = f"{_ANNOTATION}metrics", f"{_ANNOTATION}current-metrics"
_BEHAVIOR, _CONDITIONS = f"{_ANNOTATION}behavior", f"{_ANNOTATION}conditions"
_DEFAULT_UTILIZATION = 80


def converted(obj: Object, resource: Resource) -> Object:
    """A stored object in the version of `resource`."""
    if resource.plural == "events":
        return _renamed(obj, resource.api_version, _TO_NEW)
    return _first_version(obj)


def canonical(obj: Object, resource: Resource) -> Object:
    """An object in the version it is stored in: core events, autoscaling/v2."""
    if resource.plural == "events":
        if obj["apiVersion"] != "v1":
            obj = _renamed(obj, "v1", _TO_CORE)
        return {**_EVENT_ALWAYS, **obj}
    return obj if obj["apiVersion"] == "autoscaling/v2" else _second_version(obj)


def _renamed(event: Object, api_version: str, names: dict[str, str]) -> Object:
    return {**{names.get(field, field): value for field, value in event.items()}, "apiVersion": api_version}


# -- autoscaling


def _is_cpu(metric: Object) -> bool:
    resource = metric.get("resource") or {}
    target = resource.get("target") or {}
    return (
        metric.get("type") == "Resource"
        and resource.get("name") == "cpu"
        and target.get("averageUtilization") is not None
    )


def _first_version(obj: Object) -> Object:
    """autoscaling/v2 as autoscaling/v1."""
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    metrics = spec.pop("metrics", None) or []
    behavior = spec.pop("behavior", None)
    current = status.pop("currentMetrics", None) or []
    conditions = status.pop("conditions", None) or []
    cpu = [one["resource"]["target"]["averageUtilization"] for one in metrics if _is_cpu(one)]
    if cpu:
        spec["targetCPUUtilizationPercentage"] = cpu[0]
    for one in current:
        resource = one.get("resource") or {}
        used = (resource.get("current") or {}).get("averageUtilization")
        if one.get("type") == "Resource" and resource.get("name") == "cpu" and used is not None:
            status["currentCPUUtilizationPercentage"] = used
    status.setdefault("currentReplicas", 0)
    status.setdefault("desiredReplicas", 0)
    notes: list[tuple[str, Any]] = [
        (_METRICS, [_flat(one, "target") for one in metrics if not _is_cpu(one)]),
        (_CURRENT, [_flat(one, "current") for one in current]),
        (_BEHAVIOR, _cased(behavior, _upper) if behavior else None),
        (_CONDITIONS, conditions),
    ]
    annotations = {name: orjson.dumps(value).decode() for name, value in notes if value}
    return _made(obj, "autoscaling/v1", annotations, spec, status)


def _second_version(obj: Object) -> Object:
    """autoscaling/v1 as autoscaling/v2."""
    held = obj["metadata"].get("annotations") or {}
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    metrics = [_nested(one, "target") for one in _listed(held.get(_METRICS))]
    percentage = spec.pop("targetCPUUtilizationPercentage", None)
    if percentage is None and not metrics:
        percentage = _DEFAULT_UTILIZATION
    if percentage is not None:
        target = {"type": "Utilization", "averageUtilization": percentage}
        metrics.append({"type": "Resource", "resource": {"name": "cpu", "target": target}})
    spec["metrics"] = metrics
    behavior = _read(held.get(_BEHAVIOR))
    if isinstance(behavior, dict) and behavior:
        spec["behavior"] = _cased(behavior, _lower)
    used = status.pop("currentCPUUtilizationPercentage", None)
    current = [_nested(one, "current") for one in _listed(held.get(_CURRENT))]
    if used is not None and not current:
        current = [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": used}}}]
    status["currentMetrics"] = current or None
    status.setdefault("desiredReplicas", 0)
    conditions = _listed(held.get(_CONDITIONS))
    if conditions:
        status["conditions"] = conditions
    return _made(obj, "autoscaling/v2", {}, spec, status)


def _made(obj: Object, api_version: str, notes: dict[str, str], spec: Object, status: Object) -> Object:
    metadata = dict(obj["metadata"])
    annotations = {
        name: value
        for name, value in (metadata.get("annotations") or {}).items()
        if name not in (_METRICS, _CURRENT, _BEHAVIOR, _CONDITIONS)
    }
    annotations.update(notes)
    if annotations:
        metadata["annotations"] = annotations
    else:
        metadata.pop("annotations", None)
    return {**obj, "apiVersion": api_version, "metadata": metadata, "spec": spec, "status": status}


def _read(text: str | None) -> Any:
    try:
        return orjson.loads(text) if text else None
    except ValueError:
        return None


def _listed(text: str | None) -> Objects:
    found = _read(text)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _upper(name: str) -> str:
    return name[:1].upper() + name[1:]


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _cased(value: Any, case: Callable[[str], str]) -> Any:
    """Behaviour as the annotation has it: with the names of Go's fields."""
    if isinstance(value, dict):
        return {case(name): _cased(one, case) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_cased(one, case) for one in value]
    return value


_AMOUNTS = (("averageUtilization", "AverageUtilization"), ("averageValue", "AverageValue"), ("value", "Value"))
_SELECTORS = {"external": "metricSelector"}


def _field(metric: Object) -> str:
    """The field that holds the metric's source: `resource` for a `Resource`."""
    return _lower(str(metric.get("type", "")))


def _flat(metric: Object, role: str) -> Object:
    """A metric of v2 as v1's annotation writes it: amounts beside the name. `role`: `target` or `current`."""
    field = _field(metric)
    source = dict(metric.get(field) or {})
    made: Object = {}
    if "describedObject" in source:
        made["target"] = source["describedObject"]
    named = source.get("metric")
    if named is not None:
        made["metricName"] = named.get("name", "")
        if named.get("selector") is not None:
            made[_SELECTORS.get(field, "selector")] = named["selector"]
    else:
        made["name"] = source.get("name", "")
        if source.get("container"):
            made["container"] = source["container"]
    amounts = source.get(role) or {}
    for name, suffix in _AMOUNTS:
        if amounts.get(name) is not None:
            made["averageValue" if field == "object" and name == "averageValue" else role + suffix] = amounts[name]
    return {"type": metric.get("type", ""), field: made}


def _nested(metric: Object, role: str) -> Object:
    """The opposite of `_flat`."""
    field = _field(metric)
    source = metric.get(field)
    source = source if isinstance(source, dict) else {}
    made: Object = {}
    if field == "object" and isinstance(source.get("target"), dict):
        made["describedObject"] = source["target"]
    if "metricName" in source:
        named: Object = {"name": source["metricName"]}
        selector = source.get(_SELECTORS.get(field, "selector"))
        if selector is not None:
            named["selector"] = selector
        made["metric"] = named
    else:
        made["name"] = source.get("name", "")
        if source.get("container"):
            made["container"] = source["container"]
    amounts: Object = {}
    for name, suffix in _AMOUNTS:
        said = source.get("averageValue" if field == "object" and name == "averageValue" else role + suffix)
        if said is not None:
            amounts[name] = said
    if role == "target":
        kinds = {"averageUtilization": "Utilization", "averageValue": "AverageValue", "value": "Value"}
        amounts = {"type": next((kinds[name] for name in amounts), "Value"), **amounts}
    made[role] = amounts
    return {"type": metric.get("type", ""), field: made}
