"""The annotation of client-side apply, while `kubectl apply --server-side` takes over.

Source: apimachinery `pkg/util/managedfields/internal/lastapplied{manager,updater}.go`.
"""

from __future__ import annotations

from typing import Any

import orjson

from lab.sim.api import typed
from lab.sim.api.managed_fields.fieldset import Fields, difference, encoded
from lab.sim.api.managed_fields.ownership import compared, owned
from lab.sim.api.managed_fields.shape import BadItem, Shape
from lab.sim.api.resources import Object

ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"
MANAGER = "kubectl"
"""The only manager for which the annotation counts."""

_MAX_BYTES = 256 * 1024


def _annotation(obj: Object) -> str:
    value = (obj.get("metadata", {}).get("annotations") or {}).get(ANNOTATION)
    return value if isinstance(value, str) else ""


def unchanged(live: Object, api_version: str, shape: Shape) -> Fields:
    """What client-side apply last set and nobody has changed since; the empty set where that is not known."""
    try:
        last: Any = orjson.loads(_annotation(live))
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(last, dict) or last.get("apiVersion") != api_version:
        return {}
    if typed.errors(shape.type, last) or typed.errors(shape.type, live):
        return {}
    try:
        changed, removed = compared(last, live, shape)
        return difference(difference(owned(last, shape), changed), removed)
    except BadItem:
        return {}


def renewed(obj: Object, applied: Object) -> Object:
    """`obj` with the annotation, if it has one, telling of `applied`."""
    if not _annotation(obj):
        return obj
    told = {**applied, "metadata": dict(applied.get("metadata") or {})}
    if told["metadata"].get("annotations") is not None:
        kept = {key: value for key, value in told["metadata"]["annotations"].items() if key != ANNOTATION}
        told["metadata"]["annotations"] = kept
    text = encoded(_sorted(told)) + "\n"
    metadata = obj["metadata"]
    annotations = {**metadata["annotations"], ANNOTATION: text}
    if sum(len(key.encode()) + len(str(value).encode()) for key, value in annotations.items()) > _MAX_BYTES:
        del annotations[ANNOTATION]
    return {**obj, "metadata": {**metadata, "annotations": annotations}}


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(one) for one in value] if isinstance(value, list) else value
