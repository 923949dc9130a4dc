"""What reading an object does to some kinds beyond their schema, so that ownership is noted of the outcome.

Source: Kubernetes `pkg/apis/core/v1/conversion.go`, `pkg/apis/apps/v1/conversion.go`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from lab.sim.api.resources import Object, Resource

_TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"


def converted(resource: Resource, obj: Object) -> Object:
    """The object as a server holds it after reading; `obj` itself stays as it is."""
    rule = _RULES.get(resource.storage)
    return rule(obj) if rule is not None else obj


def _secret(obj: Object) -> Object:
    plain = obj.get("stringData")
    if not plain:
        return obj
    data = dict(obj.get("data") or {})
    for key, value in plain.items():
        data[key] = base64.b64encode(str(value).encode()).decode()
    made = {**obj, "data": data}
    del made["stringData"]
    return made


def _daemon_set(obj: Object) -> Object:
    metadata = obj["metadata"]
    annotations = metadata.get("annotations") or {}
    if _TEMPLATE_GENERATION in annotations:
        return obj
    return {**obj, "metadata": {**metadata, "annotations": {**annotations, _TEMPLATE_GENERATION: "0"}}}


_RULES: dict[str, Callable[[Object], Object]] = {"daemonsets.apps": _daemon_set, "secrets": _secret}
