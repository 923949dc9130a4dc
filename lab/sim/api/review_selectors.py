"""Selectors in access reviews: checked as the server does; RBAC then decides without them.

Source: Kubernetes `pkg/apis/authorization/validation`, `pkg/registry/authorization/util/helpers.go`.
"""

from __future__ import annotations

import re

from lab.sim.api import selectors
from lab.sim.api.resources import Object
from lab.sim.api.status import ApiError, Cause, forbidden_field, invalid_value, required

_TERM = r"(?:[^,\\=!]|\\.|!(?!=))*(?:!=|==?)(?:[^\\,=]|\\[\\,=])*"
_FIELDS = re.compile(rf"(?:{_TERM})?(?:,(?:{_TERM})?)*")
_WITH_VALUES, _WITHOUT = ("In", "NotIn"), ("Exists", "DoesNotExist")
_PATH = "spec.resourceAttributes"


def selector_errors(attributes: Object | None) -> list[Cause]:
    """What is wrong with `fieldSelector` and `labelSelector` of ResourceAttributes."""
    wrong: list[Cause] = []
    for kind in ("fieldSelector", "labelSelector"):
        selector = (attributes or {}).get(kind)
        if selector is None:
            continue
        path = f"{_PATH}.{kind}"
        raw, requirements = selector.get("rawSelector"), selector.get("requirements") or ()
        if raw and requirements:
            wrong.append(
                invalid_value(f"{path}.rawSelector", raw, "may not specified at the same time as requirements")
            )
        if not raw and not requirements:
            why = f"when {path} is specified, requirements or rawSelector is required"
            wrong.append(required(f"{path}.requirements", why))
        for number, one in enumerate(requirements):
            wrong += _requirement_errors(one, f"{path}.requirements[{number}]", kind == "labelSelector")
    return wrong


def _requirement_errors(one: Object, path: str, label: bool) -> list[Cause]:
    wrong: list[Cause] = []
    key, operator, values = one.get("key") or "", one.get("operator"), one.get("values") or ()
    if not label and not key:
        wrong.append(required(f"{path}.key", "must be specified"))
    if operator in _WITH_VALUES and not values:
        wrong.append(required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
    if operator in _WITHOUT and values:
        why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
        wrong.append(forbidden_field(f"{path}.values", why))
    if label:
        wrong += [invalid_value(f"{path}.key", key, why) for why in selectors.key_errors(key)]
        for number, value in enumerate(values):
            wrong += [invalid_value(f"{path}.values[{number}]", value, why) for why in selectors.value_errors(value)]
    return wrong


def ignored(attributes: Object) -> str:
    """Which selectors the server could not make sense of, as `evaluationError` tells it; "" for none."""
    told = []
    for kind in ("fieldSelector", "labelSelector"):
        selector = attributes.get(kind) or {}
        requirements = selector.get("requirements") or ()
        if requirements:
            known = [_known(one, kind == "labelSelector") for one in requirements]
        else:
            known = [_readable(selector.get("rawSelector") or "", kind)]
        if not all(known):
            told.append(f"{_PATH}.{kind} {'partially ' if any(known) else ''}ignored due to parse error")
    return "; ".join(told)


def _known(one: Object, label: bool) -> bool:
    if label:
        return one.get("operator") in (*_WITH_VALUES, *_WITHOUT)
    return one.get("operator") in _WITH_VALUES and len(one.get("values") or ()) == 1


def _readable(raw: str, kind: str) -> bool:
    if kind == "fieldSelector":
        return _FIELDS.fullmatch(raw) is not None
    try:
        selectors.labels(raw)
    except ApiError:
        return False
    return True
