"""Autoscalers and disruption budgets.

Source: Kubernetes `pkg/apis/autoscaling/validation/validation.go`, `pkg/apis/policy/validation/validation.go`.
"""

from __future__ import annotations

from typing import Any

from lab.sim.api.resources import Object
from lab.sim.api.validation import names
from lab.sim.api.validation.causes import (
    POSITIVE,
    Wrong,
    at_most_whole,
    forbidden_field,
    int_or_percent,
    invalid_value,
    label_selector,
    needs_name,
    not_supported,
    one_of,
    present,
    required,
    shown,
    sign,
)
from lab.sim.api.validation.internal import written
from lab.sim.api.validation.resources import container_resource

_SOURCES = ("object", "external", "pods", "resource", "containerResource")
_TYPES = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_HOUR, _HALF_HOUR = 3600, 1800


def autoscaler(wrong: Wrong, obj: Object) -> None:
    """A HorizontalPodAutoscaler in either of its versions."""
    _autoscaler(wrong, obj.get("spec") or {})


def changed_autoscaler(wrong: Wrong, new: Object, old: Object) -> None:
    """A HorizontalPodAutoscaler in place of another; one that names no group may go on without."""
    had = ((old.get("spec") or {}).get("scaleTargetRef") or {}).get("apiVersion") or ""
    _autoscaler(wrong, new.get("spec") or {}, grouped="/" in had)


def _autoscaler(wrong: Wrong, spec: Object, *, grouped: bool = True) -> None:
    least, most = spec.get("minReplicas"), spec.get("maxReplicas") or 0
    if least is not None and least < 1:
        wrong.append(invalid_value("spec.minReplicas", least, "must be greater than or equal to 1"))
    if most < 1:
        wrong.append(invalid_value("spec.maxReplicas", most, "must be greater than 0"))
    if least is not None and most < least:
        said = "must be greater than or equal to `minReplicas`"
        wrong.append(invalid_value("spec.maxReplicas", most, said))
    _reference(wrong, "spec.scaleTargetRef", spec.get("scaleTargetRef") or {}, grouped=grouped)
    metrics = spec.get("metrics") or []
    for index, one in enumerate(metrics):
        _metric(wrong, f"spec.metrics[{index}]", one)
    if least == 0 and not any(one.get("type") in ("Object", "External") for one in metrics):
        said = "must specify at least one Object or External metric to support scaling to zero replicas"
        wrong.append(forbidden_field("spec.metrics", said))
    behavior = spec.get("behavior") or {}
    for name in ("scaleUp", "scaleDown"):
        if behavior.get(name) is not None:
            _rules(wrong, f"spec.behavior.{name}", behavior[name])


def _reference(wrong: Wrong, path: str, one: Object, *, grouped: bool = False) -> None:
    needs_name(wrong, f"{path}.kind", one.get("kind"), names.path_segment)
    needs_name(wrong, f"{path}.name", one.get("name"), names.path_segment)
    version = one.get("apiVersion") or ""
    if version.count("/") > 1:
        wrong.append(invalid_value(f"{path}.apiVersion", version, f"unexpected GroupVersion string: {version}"))
    elif grouped and not version.rpartition("/")[0]:
        wrong.append(invalid_value(f"{path}.apiVersion", version, "apiVersion must specify API group"))


def _metric(wrong: Wrong, path: str, one: Object) -> None:
    kind = one.get("type") or ""
    if not kind:
        wrong.append(required(f"{path}.type", "must specify a metric source type"))
    if kind not in _TYPES:
        wrong.append(not_supported(f"{path}.type", kind, tuple(_TYPES)))
    given = [name for name in _SOURCES if one.get(name) is not None]
    if given:
        _source(wrong, f"{path}.{given[0]}", given[0], one[given[0]])
    expected = _TYPES.get(kind)
    if expected is None:
        wrong.append(not_supported(f"{path}.type", kind, tuple(_TYPES)))
    elif expected not in given:
        wrong.append(required(f"{path}.{expected}", "must populate information for the given metric source"))
    if len(given) != 1:
        for name in given:
            if name != expected:
                wrong.append(forbidden_field(f"{path}.{name}", "must populate the given metric source only"))


def _source(wrong: Wrong, path: str, kind: str, source: Object) -> None:
    target = source.get("target") or {}
    if kind in ("resource", "containerResource"):
        name = source.get("name") or ""
        if present(wrong, f"{path}.name", name, "must specify a resource name") and kind == "containerResource":
            container_resource(wrong, f"{path}.name", name)
        if kind == "containerResource" and not source.get("container"):
            wrong.append(required(f"{path}.container", "must specify a container"))
    else:
        if kind == "object":
            _reference(wrong, f"{path}.describedObject", source.get("describedObject") or {})
        name = (source.get("metric") or {}).get("name") or ""
        if present(wrong, f"{path}.metric.name", name, "must specify a metric name"):
            wrong.extend(invalid_value(f"{path}.metric.name", name, one) for one in names.path_segment(name))
    _target(wrong, f"{path}.target", target)
    _chosen(wrong, f"{path}.target", kind, target)


def _target(wrong: Wrong, path: str, target: Object) -> None:
    kind = target.get("type") or ""
    if not kind:
        wrong.append(required(f"{path}.type", "must specify a metric target type"))
    if kind not in ("Utilization", "Value", "AverageValue"):
        wrong.append(invalid_value(f"{path}.type", kind, "must be either Utilization, Value, or AverageValue"))
    for field in ("value", "averageValue"):
        if target.get(field) is not None and sign(target[field]) <= 0:
            wrong.append(invalid_value(f"{path}.{field}", target[field], "must be positive"))
    share = target.get("averageUtilization")
    if share is not None and share < 1:
        wrong.append(invalid_value(f"{path}.averageUtilization", share, "must be greater than 0"))


_CHOICE: dict[str, tuple[tuple[str, str], str, str, str, str]] = {
    "resource": (
        ("averageUtilization", "averageValue"),
        "averageUtilization",
        "must set either a target raw value or a target utilization",
        "averageValue",
        "may not set both a target raw value and a target utilization",
    ),
    "external": (
        ("value", "averageValue"),
        "averageValue",
        "must set either a target value for metric or a per-pod target",
        "value",
        "may not set both a target value for metric and a per-pod target",
    ),
    "object": (("value", "averageValue"), "averageValue", "must set either a target value or averageValue", "", ""),
    "pods": (("averageValue", "averageValue"), "averageValue", "must specify a positive target averageValue", "", ""),
}
_CHOICE["containerResource"] = _CHOICE["resource"]


def _chosen(wrong: Wrong, path: str, kind: str, target: Object) -> None:
    (one, other), missing, none_said, extra, both_said = _CHOICE[kind]
    if target.get(one) is None and target.get(other) is None:
        wrong.append(required(f"{path}.{missing}", none_said))
    if extra and target.get(one) is not None and target.get(other) is not None:
        wrong.append(forbidden_field(f"{path}.{extra}", both_said))


def _rules(wrong: Wrong, path: str, rules: Object) -> None:
    window = rules.get("stabilizationWindowSeconds")
    if window is not None and window < 0:
        said = "must be greater than or equal to zero"
        wrong.append(invalid_value(f"{path}.stabilizationWindowSeconds", window, said))
    if window is not None and window > _HOUR:
        said = f"must be less than or equal to {_HOUR}"
        wrong.append(invalid_value(f"{path}.stabilizationWindowSeconds", window, said))
    one_of(wrong, f"{path}.selectPolicy", rules.get("selectPolicy"), ("Disabled", "Max", "Min"))
    present(wrong, f"{path}.policies", rules.get("policies"), "must specify at least one Policy")
    for index, one in enumerate(rules.get("policies") or ()):
        at = f"{path}.policies[{index}]"
        if one.get("type") not in ("Percent", "Pods"):
            wrong.append(not_supported(f"{at}.type", one.get("type") or "", ("Percent", "Pods")))
        for field in ("value", "periodSeconds"):
            if (one.get(field) or 0) <= 0:
                wrong.append(invalid_value(f"{at}.{field}", one.get(field) or 0, POSITIVE))
        if (one.get("periodSeconds") or 0) > _HALF_HOUR:
            said = f"must be less than or equal to {_HALF_HOUR}"
            wrong.append(invalid_value(f"{at}.periodSeconds", one["periodSeconds"], said))


def disruption_budget(wrong: Wrong, obj: Object) -> None:
    """A PodDisruptionBudget."""
    spec: dict[str, Any] = obj.get("spec") or {}
    fields = ("minAvailable", "maxUnavailable")
    if all(spec.get(field) is not None for field in fields):
        value = written("policy.PodDisruptionBudgetSpec", spec)
        wrong.append(shown("spec", "Invalid", value, "minAvailable and maxUnavailable cannot be both set"))
    for field in fields:
        if spec.get(field) is not None:
            int_or_percent(wrong, f"spec.{field}", spec[field])
            at_most_whole(wrong, f"spec.{field}", spec[field])
    label_selector(wrong, "spec.selector", spec.get("selector"))
    policies = ("AlwaysAllow", "IfHealthyBudget")
    one_of(wrong, "spec.unhealthyPodEvictionPolicy", spec.get("unhealthyPodEvictionPolicy"), policies)
