"""Where a pod may run: tolerations, affinity, spreading, and the taints of nodes.

Source: Kubernetes `pkg/apis/core/validation/validation.go`.
"""

from __future__ import annotations

from typing import Any

from lab.sim.api.resources import Object
from lab.sim.api.validation import names
from lab.sim.api.validation.causes import (
    POSITIVE,
    Wrong,
    duplicate,
    forbidden_field,
    invalid_value,
    label_selector,
    named,
    not_supported,
    one_of,
    present,
    required,
    requirement,
    shown,
)
from lab.sim.api.validation.internal import written

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def tolerations(wrong: Wrong, path: str, values: list[Object]) -> None:
    """What a pod tolerates."""
    for index, one in enumerate(values):
        at = f"{path}[{index}]"
        key, operator = one.get("key") or "", one.get("operator") or ""
        value, effect = one.get("value") or "", one.get("effect") or ""
        if key:
            named(wrong, f"{at}.key", key, names.qualified_name)
        elif operator != "Exists":
            said = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            wrong.append(invalid_value(f"{at}.operator", operator, said))
        if one.get("tolerationSeconds") is not None and effect != "NoExecute":
            said = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            wrong.append(invalid_value(f"{at}.effect", effect, said))
        if operator in ("Equal", ""):
            messages = names.label_value(value)
            if messages:
                wrong.append(invalid_value(f"{at}.operator", value, ";".join(messages)))
        elif operator == "Exists":
            if value:
                said = "value must be empty when `operator` is 'Exists'"
                wrong.append(invalid_value(f"{at}.operator", value, said))
        else:
            wrong.append(not_supported(f"{at}.operator", operator, ("Equal", "Exists")))
        one_of(wrong, f"{at}.effect", effect, EFFECTS)


def taints(wrong: Wrong, path: str, values: list[Object]) -> None:
    """Taints of a node."""
    seen: set[tuple[str, str]] = set()
    for index, one in enumerate(values):
        at = f"{path}[{index}]"
        key, effect = one.get("key") or "", one.get("effect") or ""
        named(wrong, f"{at}.key", key, names.qualified_name)
        messages = names.label_value(one.get("value") or "")
        if messages:
            wrong.append(invalid_value(f"{at}.value", one["value"], ";".join(messages)))
        one_of(wrong, f"{at}.effect", effect, EFFECTS, needed=True)
        if (key, effect) in seen:
            said = "taints must be unique by key and effect pair"
            wrong.append(shown(at, "Duplicate", written("core.Taint", one), said))
        seen.add((key, effect))


def affinity(wrong: Wrong, path: str, value: Object) -> None:
    """`affinity` of a pod."""
    near = value.get("nodeAffinity")
    if near is not None:
        if near.get(_REQUIRED) is not None:
            node_selector(wrong, f"{path}.nodeAffinity.{_REQUIRED}", near[_REQUIRED])
        for index, one in enumerate(near.get(_PREFERRED) or ()):
            at = f"{path}.nodeAffinity.{_PREFERRED}[{index}]"
            _weight(wrong, at, one)
            _node_term(wrong, f"{at}.preference", one.get("preference") or {}, checked=False)
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = value.get(kind) or {}
        for index, one in enumerate(terms.get(_REQUIRED) or ()):
            _pod_term(wrong, f"{path}.{kind}.{_REQUIRED}[{index}]", one)
        for index, one in enumerate(terms.get(_PREFERRED) or ()):
            at = f"{path}.{kind}.{_PREFERRED}[{index}]"
            _weight(wrong, at, one)
            _pod_term(wrong, f"{at}.podAffinityTerm", one.get("podAffinityTerm") or {})


def _weight(wrong: Wrong, path: str, one: Object) -> None:
    weight = one.get("weight") or 0
    if not 0 < weight <= 100:
        wrong.append(invalid_value(f"{path}.weight", weight, "must be in the range 1-100"))


def node_selector(wrong: Wrong, path: str, value: Object) -> None:
    """A `v1.NodeSelector`."""
    terms = value.get("nodeSelectorTerms") or ()
    present(wrong, f"{path}.nodeSelectorTerms", terms, "must have at least one node selector term")
    for index, one in enumerate(terms):
        _node_term(wrong, f"{path}.nodeSelectorTerms[{index}]", one)


def _node_term(wrong: Wrong, path: str, term: Object, *, checked: bool = True) -> None:
    for index, one in enumerate(term.get("matchExpressions") or ()):
        found: Wrong = []
        requirement(found, f"{path}.matchExpressions[{index}]", one, bounds=True)
        values = f"{path}.matchExpressions[{index}].values["
        wrong.extend(each for each in found if checked or not each.field.startswith(values))
    for index, one in enumerate(term.get("matchFields") or ()):
        _field_term(wrong, f"{path}.matchFields[{index}]", one)


def _field_term(wrong: Wrong, path: str, one: Object) -> None:
    operator, values = one.get("operator") or "", one.get("values") or ()
    if operator in ("In", "NotIn"):
        if len(values) != 1:
            said = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
            wrong.append(required(f"{path}.values", said))
    else:
        wrong.append(invalid_value(f"{path}.operator", operator, "not a valid selector operator"))
    key = one.get("key") or ""
    if key != "metadata.name":
        wrong.append(invalid_value(f"{path}.key", key, "not a valid field selector key"))
        return
    for index, value in enumerate(values):
        named(wrong, f"{path}.values[{index}]", value, names.dns_subdomain)


def _pod_term(wrong: Wrong, path: str, term: Object) -> None:
    label_selector(wrong, f"{path}.labelSelector", term.get("labelSelector"))
    label_selector(wrong, f"{path}.namespaceSelector", term.get("namespaceSelector"))
    for name in term.get("namespaces") or ():
        named(wrong, f"{path}.namespace", name, names.dns_label)
    _label_keys(wrong, path, term, ("matchLabelKeys", "mismatchLabelKeys"))
    key = term.get("topologyKey") or ""
    present(wrong, f"{path}.topologyKey", key, "can not be empty")
    named(wrong, f"{path}.topologyKey", key, names.qualified_name)


def _label_keys(wrong: Wrong, path: str, term: Object, fields: tuple[str, ...]) -> None:
    selector = term.get("labelSelector")
    for field in fields:
        keys = term.get(field) or ()
        if keys and selector is None:
            wrong.append(forbidden_field(f"{path}.{field}", "must not be specified when labelSelector is not set"))
            continue
        for index, key in enumerate(keys):
            named(wrong, f"{path}.{field}[{index}]", key, names.qualified_name)
    other = term.get("mismatchLabelKeys") or ()
    for index, key in enumerate(term.get("matchLabelKeys") or ()):
        if key in other:
            said = "exists in both matchLabelKeys and mismatchLabelKeys"
            wrong.append(invalid_value(f"{path}.matchLabelKeys[{index}]", key, said))


def spreading(wrong: Wrong, path: str, values: list[Object]) -> None:
    """`topologySpreadConstraints` of a pod."""
    for index, one in enumerate(values):
        at = f"{path}[{index}]"
        skew, key, action = one.get("maxSkew") or 0, one.get("topologyKey") or "", one.get("whenUnsatisfiable") or ""
        if skew <= 0:
            wrong.append(invalid_value(f"{at}.maxSkew", skew, POSITIVE))
        present(wrong, f"{at}.topologyKey", key, "can not be empty")
        if action not in ("DoNotSchedule", "ScheduleAnyway"):
            wrong.append(not_supported(f"{at}.whenUnsatisfiable", action, ("DoNotSchedule", "ScheduleAnyway")))
        if any(_place(other) == (key, action) for other in values[index + 1 :]):
            wrong.append(duplicate(f"{at}.{{topologyKey, whenUnsatisfiable}}", f"{{{key}, {action}}}"))
        least = one.get("minDomains")
        if least is not None:
            if least <= 0:
                wrong.append(invalid_value(f"{at}.minDomains", least, POSITIVE))
            if action != "DoNotSchedule":
                said = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
                wrong.append(invalid_value(f"{at}.minDomains", least, said))
        for field in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            one_of(wrong, f"{at}.{field}", one.get(field), ("Honor", "Ignore"))
        _label_keys(wrong, at, one, ("matchLabelKeys",))
        label_selector(wrong, f"{at}.labelSelector", one.get("labelSelector"))


def _place(one: dict[str, Any]) -> tuple[str, str]:
    return one.get("topologyKey") or "", one.get("whenUnsatisfiable") or ""
