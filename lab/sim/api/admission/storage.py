"""StorageObjectInUseProtection and PersistentVolumeClaimResize.

Source: Kubernetes `plugin/pkg/admission/storage`, `pkg/volume/util/storageclass.go`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.sim.api.admission.write import Write
from lab.sim.quantity import compare

if TYPE_CHECKING:
    from lab.sim.api.rest import Rest

_CLASS = "volume.beta.kubernetes.io/storage-class"
_FINALIZERS = {
    "persistentvolumeclaims": "kubernetes.io/pvc-protection",
    "persistentvolumes": "kubernetes.io/pv-protection",
    "volumeattributesclasses.storage.k8s.io": "kubernetes.io/vac-protection",
}


def protect(_: Rest, write: Write) -> None:
    """Hold a new volume or claim until nothing uses it any more."""
    if write.new is None or write.operation != "CREATE":
        return
    metadata, finalizer = write.new["metadata"], _FINALIZERS[write.resource.storage]
    finalizers = metadata.get("finalizers") or []
    if finalizer not in finalizers:
        metadata["finalizers"] = [*finalizers, finalizer]


def resize(rest: Rest, write: Write) -> None:
    """A bound claim grows only where its class says that it may. Raises ApiError 403."""
    new, old = write.new, write.old
    if new is None or old is None or old.get("status", {}).get("phase") != "Bound":
        return
    wanted = new["spec"].get("resources", {}).get("requests", {}).get("storage", "0")
    had = old["spec"].get("resources", {}).get("requests", {}).get("storage", "0")
    if wanted == had or compare(wanted, had) <= 0:
        return
    name = (new["metadata"].get("annotations") or {}).get(_CLASS) or new["spec"].get("storageClassName") or ""
    found = rest.store.get("storageclasses.storage.k8s.io", "", name)
    if found is None or not found.get("allowVolumeExpansion"):
        raise write.forbidden(
            "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support "
            "resize"
        )
