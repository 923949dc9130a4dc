"""ResourceQuotas and LimitRanges.

Source: Kubernetes `pkg/apis/core/validation/validation.go`, `pkg/apis/core/helper/helpers.go`.
"""

from __future__ import annotations

from lab.sim.api.resources import Object
from lab.sim.api.validation import names
from lab.sim.api.validation.causes import (
    IMMUTABLE,
    Wrong,
    duplicate,
    forbidden_field,
    invalid_value,
    required,
    shown,
)
from lab.sim.api.validation.internal import written
from lab.sim.api.validation.resources import (
    QUOTA,
    amount_of,
    container_resource,
    overcommitted,
    quota_resource,
    read,
    resource_name,
)
from lab.sim.quantity import NANO, Quantity

_PODS = frozenset({"pods"})
_COMPUTE = frozenset(f"{lead}{name}" for lead in ("", "limits.", "requests.") for name in ("cpu", "memory")) | _PODS
_CLAIMS = frozenset({"persistentvolumeclaims", "requests.storage"})
_SCOPES = {
    "Terminating": _COMPUTE,
    "NotTerminating": _COMPUTE,
    "NotBestEffort": _COMPUTE,
    "PriorityClass": _COMPUTE,
    "CrossNamespacePodAffinity": _COMPUTE,
    "BestEffort": _PODS,
    "VolumeAttributesClass": _CLAIMS,
}
_PAIRS = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))
_EXISTS = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
    "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)


def quota(wrong: Wrong, obj: Object) -> None:
    """A ResourceQuota."""
    spec = obj.get("spec") or {}
    hard = spec.get("hard") or {}
    _amounts(wrong, "spec.hard", hard)
    scopes = spec.get("scopes") or []
    for scope in scopes:
        if scope not in _SCOPES:
            wrong.append(invalid_value("spec.scopes", scopes, "unsupported scope"))
        for name in _unfit(scope, hard):
            wrong.append(invalid_value("spec.scopes", scopes, f"unsupported scope applied to resource{name}"))
    if any(set(pair) <= set(scopes) for pair in _PAIRS):
        wrong.append(invalid_value("spec.scopes", scopes, "conflicting scopes"))
    if spec.get("scopeSelector") is not None:
        _selector(wrong, "spec.scopeSelector.matchExpressions", spec, hard)


def quota_status(wrong: Wrong, obj: Object) -> None:
    """What a quota's status says is used."""
    for field in ("hard", "used"):
        _amounts(wrong, f"status.{field}", (obj.get("status") or {}).get(field) or {})


def _amounts(wrong: Wrong, path: str, values: Object) -> None:
    for name, value in values.items():
        quota_resource(wrong, f"{path}[{name}]", name)
        amount = read(value)
        if amount is not None:
            amount_of(wrong, f"{path}[{name}]", name, amount)


def _unfit(scope: str, hard: Object) -> list[str]:
    """One empty text for each limited resource that a scope does not go with."""
    fit = _SCOPES.get(scope)
    return [] if fit is None else ["" for name in sorted(hard) if name in QUOTA and name not in fit]


def _selector(wrong: Wrong, path: str, spec: Object, hard: Object) -> None:
    for one in spec["scopeSelector"].get("matchExpressions") or ():
        scope, operator, values = one.get("scopeName") or "", one.get("operator") or "", one.get("values") or []
        if scope not in _SCOPES:
            wrong.append(invalid_value(f"{path}.scopeName", scope, "unsupported scope"))
        for _ in _unfit(scope, hard):
            value = written("core.ScopeSelector", spec["scopeSelector"])
            wrong.append(shown(path, "Invalid", value, "unsupported scope applied to resource"))
        if scope in _SCOPES and scope not in ("PriorityClass", "VolumeAttributesClass") and operator != "Exists":
            wrong.append(invalid_value(f"{path}.operator", operator, _EXISTS))
        if operator in ("In", "NotIn"):
            if not values:
                said = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
                wrong.append(required(f"{path}.values", said))
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                said = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
                wrong.append(invalid_value(f"{path}.values", values, said))
        else:
            wrong.append(invalid_value(f"{path}.operator", operator, "not a valid selector operator"))


def changed_quota(wrong: Wrong, new: Object, old: Object) -> None:
    """A ResourceQuota keeps its scopes."""
    quota(wrong, new)
    after, before = ((one.get("spec") or {}).get("scopes") or [] for one in (new, old))
    if set(after) != set(before):
        wrong.append(invalid_value("spec.scopes", after, IMMUTABLE))


_TYPES = ("Pod", "Container", "PersistentVolumeClaim")
_FIELDS = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")


def limit_range(wrong: Wrong, obj: Object) -> None:
    """A LimitRange."""
    seen: set[str] = set()
    for index, item in enumerate((obj.get("spec") or {}).get("limits") or ()):
        path, kind = f"spec.limits[{index}]", item.get("type") or ""
        messages = names.qualified_name(kind)
        wrong.extend(invalid_value(f"{path}.type", kind, message) for message in messages)
        if not messages and "/" not in kind and kind not in _TYPES:
            said = "must be a standard limit type or fully qualified"
            wrong.append(invalid_value(f"{path}.type", kind, said))
        if kind in seen:
            wrong.append(duplicate(f"{path}.type", kind))
        seen.add(kind)
        _item(wrong, path, kind, item)


def _item(wrong: Wrong, path: str, kind: str, item: Object) -> None:
    check = container_resource if kind in ("Pod", "Container") else resource_name
    found: dict[str, dict[str, Quantity]] = {}
    for field in _FIELDS:
        values = item.get(field) or {}
        unbound = not any("storage" in (item.get(bound) or {}) for bound in ("min", "max"))
        if field == "maxLimitRequestRatio" and kind == "PersistentVolumeClaim" and unbound:
            said = "either minimum or maximum storage value is required, but neither was provided"
            wrong.append(required(f"{path}.limits", said))
        if kind == "Pod" and field in ("default", "defaultRequest"):
            if values:
                wrong.append(forbidden_field(f"{path}.{field}", "may not be specified when `type` is 'Pod'"))
            continue
        for name, value in values.items():
            check(wrong, f"{path}.{field}[{name}]", name)
            amount = read(value)
            if amount is not None:
                found.setdefault(name, {})[field] = amount
    for name, amounts in found.items():
        _bounds(wrong, path, name, amounts)


_ORDER = (
    # The field that is blamed, the lower field, the higher field, their names, and the value shown.
    ("min", "min", "max", "min value {} is greater than max value {}", "min"),
    (
        "defaultRequest",
        "min",
        "defaultRequest",
        "min value {} is greater than default request value {}",
        "defaultRequest",
    ),
    (
        "defaultRequest",
        "defaultRequest",
        "max",
        "default request value {} is greater than max value {}",
        "defaultRequest",
    ),
    (
        "defaultRequest",
        "defaultRequest",
        "default",
        "default request value {} is greater than default limit value {}",
        "defaultRequest",
    ),
    ("default", "min", "default", "min value {} is greater than default value {}", "min"),
    ("default", "default", "max", "default value {} is greater than max value {}", "max"),
)


def _bounds(wrong: Wrong, path: str, name: str, amounts: dict[str, Quantity]) -> None:
    for blamed, low, high, text, value in _ORDER:
        if low in amounts and high in amounts and amounts[low].nanos > amounts[high].nanos:
            said = text.format(amounts[low], amounts[high])
            wrong.append(invalid_value(f"{path}.{blamed}[{name}]", str(amounts[value]), said))
    ratio = amounts.get("maxLimitRequestRatio")
    at = f"{path}.maxLimitRequestRatio[{name}]"
    if ratio is not None and ratio.nanos < NANO:
        wrong.append(invalid_value(at, str(ratio), f"ratio {ratio} is less than 1"))
    if ratio is not None and "min" in amounts and "max" in amounts and amounts["min"].nanos > 0:
        most = amounts["max"].nanos / amounts["min"].nanos
        if ratio.nanos / NANO > most:
            wrong.append(invalid_value(at, str(ratio), f"ratio {ratio} is greater than max/min = {most:f}"))
    default, request = amounts.get("default"), amounts.get("defaultRequest")
    if default and request and default.nanos != request.nanos and not overcommitted(name):
        said = f"default value {default} must equal to defaultRequest value {request} in {name}"
        wrong.append(invalid_value(f"{path}.defaultRequest[{name}]", str(request), said))
