"""DefaultStorageClass and DefaultIngressClass: what names no class gets the one marked as default.

Source: Kubernetes `plugin/pkg/admission/storage/storageclass/setdefault`,
`plugin/pkg/admission/network/defaultingressclass`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.sim.api.admission.write import Write
from lab.sim.api.resources import Object

if TYPE_CHECKING:
    from lab.sim.api.rest import Rest

_STORAGE = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
_INGRESS = ("ingressclass.kubernetes.io/is-default-class",)


def storage_class(rest: Rest, write: Write) -> None:
    """Name the default class in a new claim that names none, not even ""."""
    spec = _unnamed(write, "storageClassName", "volume.beta.kubernetes.io/storage-class")
    if spec is not None:
        _name(rest, spec, "storageClassName", "storageclasses.storage.k8s.io", _STORAGE)


def ingress_class(rest: Rest, write: Write) -> None:
    """Name the default class in a new ingress that names none."""
    spec = _unnamed(write, "ingressClassName", "kubernetes.io/ingress.class")
    if spec is not None:
        _name(rest, spec, "ingressClassName", "ingressclasses.networking.k8s.io", _INGRESS)


def _unnamed(write: Write, field: str, annotation: str) -> Object | None:
    """The spec of a new object that says nothing about its class, or None."""
    new = write.new
    if new is None or write.operation != "CREATE" or not isinstance(new.get("spec"), dict):
        return None
    spec: Object = new["spec"]
    named = spec.get(field) is not None or annotation in (new["metadata"].get("annotations") or {})
    return None if named else spec


def _name(rest: Rest, spec: Object, field: str, storage: str, marks: tuple[str, ...]) -> None:
    """Of several defaults the newest counts, of those of one moment the first by name."""
    classes = [
        one["metadata"]
        for one in rest.store.scan(storage)
        if any((one["metadata"].get("annotations") or {}).get(mark) == "true" for mark in marks)
    ]
    if classes:
        newest = max(one["creationTimestamp"] for one in classes)
        spec[field] = min(one["name"] for one in classes if one["creationTimestamp"] == newest)
