"""`kubectl get`'s columns: objects as a `meta.k8s.io/v1` Table.

Source: Kubernetes `pkg/printers/internalversion/printers.go`, apiserver `pkg/endpoints/handlers/response.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from lab.sim.api.conversion import canonical
from lab.sim.api.printers import PLAIN, PRINTERS
from lab.sim.api.printers.custom import printer as custom_printer
from lab.sim.api.printers.printer import Printer
from lab.sim.api.printers.workloads import SCALE
from lab.sim.api.resources import Object, Resource

META = "meta.k8s.io/v1"
_ALTERNATES = frozenset([("events.k8s.io", "v1", "events"), ("autoscaling", "v1", "horizontalpodautoscalers")])
"""Resources whose printer reads the version they are stored in."""

_custom: WeakKeyDictionary[Resource, Printer] = WeakKeyDictionary()


def columns(resource: Resource) -> list[Object]:
    """`columnDefinitions`."""
    return _printer(resource).columns


def row(resource: Resource, obj: Object, now: float, include: str = "Metadata") -> Object:
    """One row of cells and its `object`; `include` is `None`, `Metadata` or `Object`; `now` in seconds since 1970."""
    return _row(_printer(resource, obj), resource, obj, now, include)


def table(
    resource: Resource,
    objects: Sequence[Object],
    list_metadata: Object,
    now: float,
    include: str = "Metadata",
    with_columns: bool = True,
) -> Object:
    """The whole Table.

    `list_metadata`: the list's or the one object's `resourceVersion`, `continue` …; `with_columns`: False for all but
    the first event of a watch.
    """
    printer = _printer(resource, objects[0] if objects else None)
    return {
        "kind": "Table",
        "apiVersion": META,
        "metadata": list_metadata,
        "columnDefinitions": printer.columns if with_columns else None,
        "rows": [_row(printer, resource, obj, now, include) for obj in objects],
    }


def _printer(resource: Resource, obj: Object | None = None) -> Printer:
    if obj is not None and obj.get("kind") == "Scale" and obj.get("apiVersion") == "autoscaling/v1":
        return SCALE
    if resource.custom is None:
        return PRINTERS.get(resource.storage, PLAIN)
    found = _custom.get(resource)
    if found is None:
        found = _custom[resource] = custom_printer(resource.custom)
    return found


def _row(printer: Printer, resource: Resource, obj: Object, now: float, include: str) -> Object:
    read = obj
    if (resource.group, resource.version, resource.plural) in _ALTERNATES and printer is not SCALE:
        read = canonical(obj, resource)
    made: Object = {"cells": printer.cells(read, now)}
    if printer.conditions is not None:
        conditions = printer.conditions(read)
        if conditions:
            made["conditions"] = conditions
    if include == "Object":
        made["object"] = obj
    elif include == "None":
        made["object"] = None
    else:
        made["object"] = {"kind": "PartialObjectMetadata", "apiVersion": META, "metadata": obj["metadata"]}
    return made
