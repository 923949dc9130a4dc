"""The numbers a custom resource's `scale` subresource reads: where its definition says, and of the type it needs.

Source: apiextensions `pkg/registry/customresource/validator.go`, apimachinery `unstructured.NestedFieldNoCopy`.
"""

from __future__ import annotations

from typing import Any

from lab.sim.api.golang import printed, type_of
from lab.sim.api.resources import Custom, Object
from lab.sim.api.status import Cause, invalid_value

_MOST = 2**31 - 1


class _Unfit(ValueError):
    """The value at a path has another type; the text is the server's."""


def problems(custom: Custom, obj: Object, *, spec: bool) -> list[Cause]:
    """What is wrong at the scale's path into the spec, or at those into the status."""
    scale = custom.scale
    if not scale:
        return []
    if spec:
        return _number(obj, scale.get("specReplicasPath", ""))
    wrong = _number(obj, scale.get("statusReplicasPath", ""))
    path = scale.get("labelSelectorPath", "")
    if path:
        try:
            _at(obj, path, str, "string")
        except _Unfit as error:
            wrong.append(invalid_value(path, "", str(error)))
    return wrong


def _number(obj: Object, path: str) -> list[Cause]:
    if not path:
        return []
    try:
        found = _at(obj, path, int, "int64")
    except _Unfit as error:
        return [invalid_value(path, 0, str(error))]
    if found is None:
        return []
    if found < 0:
        return [invalid_value(path, found, "should be a non-negative integer")]
    if found > _MOST:
        return [invalid_value(path, found, f"should be less than or equal to {_MOST}")]
    return []


def _at(obj: Object, path: str, kind: type, named: str) -> Any:
    """The value at a path, None where there is none. Raises _Unfit."""
    value: Any = obj
    for name in path.strip(".").split("."):
        if value is None:
            return None
        if not isinstance(value, dict):
            raise _Unfit(f"{path} accessor error: {printed(value)} is of the type {_type(value)}, expected {_MAP}")
        if name not in value:
            return None
        value = value[name]
    if type(value) is not kind:
        raise _Unfit(f"{path} accessor error: {printed(value)} is of the type {_type(value)}, expected {named}")
    return value


_MAP = "map[string]interface{}"


def _type(value: Any) -> str:
    return "<nil>" if value is None else type_of(value)
