"""Volumes, claims, storage classes and storage drivers.

Source: Kubernetes `pkg/printers/internalversion/printers.go`, `pkg/apis/core/helper/helpers.go`.
"""

from __future__ import annotations

from typing import Any

from lab.sim.api.printers.printer import (
    AGE,
    NAME,
    NONE,
    UNSET,
    WIDE,
    Cells,
    Printer,
    age,
    aged,
    column,
    name,
    part,
)
from lab.sim.api.resources import Object

_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
_DEFAULT_ANNOTATIONS = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)


def _access(modes: Any) -> str:
    return ",".join(short for mode, short in _MODES.items() if mode in (modes or ()))


def _class(obj: Object) -> str:
    annotations = part(obj["metadata"], "annotations")
    if _CLASS_ANNOTATION in annotations:
        return str(annotations[_CLASS_ANNOTATION])
    return str(part(obj, "spec").get("storageClassName") or "")


def _phase(obj: Object) -> str:
    return "Terminating" if obj["metadata"].get("deletionTimestamp") else str(part(obj, "status").get("phase", ""))


def _given(obj: Object, field: str) -> str:
    value = part(obj, "spec").get(field)
    return UNSET if value is None else str(value)


def _volume(obj: Object, now: float) -> Cells:
    spec = part(obj, "spec")
    claim = spec.get("claimRef")
    return [
        name(obj),
        part(spec, "capacity").get("storage", "0"),
        _access(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy", ""),
        _phase(obj),
        f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim is not None else "",
        _class(obj),
        _given(obj, "volumeAttributesClassName"),
        part(obj, "status").get("reason", ""),
        age(obj, now),
        _given(obj, "volumeMode"),
    ]


def _claim(obj: Object, now: float) -> Cells:
    spec, status = part(obj, "spec"), part(obj, "status")
    volume = spec.get("volumeName", "")
    return [
        name(obj),
        _phase(obj),
        volume,
        part(status, "capacity").get("storage", "0") if volume else "",
        _access(status.get("accessModes")) if volume else "",
        _class(obj),
        _given(obj, "volumeAttributesClassName"),
        age(obj, now),
        _given(obj, "volumeMode"),
    ]


def _storage_class(obj: Object, now: float) -> Cells:
    annotations = part(obj["metadata"], "annotations")
    default = any(annotations.get(one) == "true" for one in _DEFAULT_ANNOTATIONS)
    return [
        f"{name(obj)} (default)" if default else name(obj),
        obj.get("provisioner", ""),
        obj.get("reclaimPolicy") or "Delete",
        obj.get("volumeBindingMode") or "Immediate",
        bool(obj.get("allowVolumeExpansion")),
        age(obj, now),
    ]


def _driver(obj: Object, now: float) -> Cells:
    spec = part(obj, "spec")
    tokens = spec.get("tokenRequests")
    return [
        name(obj),
        spec.get("attachRequired") is not False,
        bool(spec.get("podInfoOnMount")),
        bool(spec.get("storageCapacity")),
        UNSET if tokens is None else ",".join(one.get("audience", "") for one in tokens),
        bool(spec.get("requiresRepublish")),
        ",".join(spec.get("volumeLifecycleModes") or ()) or NONE,
        age(obj, now),
    ]


def _attachment(obj: Object, now: float) -> Cells:
    spec = part(obj, "spec")
    return [
        name(obj),
        spec.get("attacher", ""),
        part(spec, "source").get("persistentVolumeName") or "",
        spec.get("nodeName", ""),
        bool(part(obj, "status").get("attached")),
        age(obj, now),
    ]


_STORAGE_CLASS = column("StorageClass", "Its storage class.")
_ATTRIBUTES_CLASS = column("VolumeAttributesClass", "Its volume attributes class.")
_VOLUME_MODE = column("VolumeMode", "Whether it is a file system or a block device.", priority=WIDE)

PRINTERS = {
    "persistentvolumes": Printer(
        [
            NAME,
            column("Capacity", "Size of the volume."),
            column("Access Modes", "Ways in which it can be mounted."),
            column("Reclaim Policy", "What becomes of it when its claim is gone."),
            column("Status", "Phase of the volume."),
            column("Claim", "Claim that has the volume."),
            _STORAGE_CLASS,
            _ATTRIBUTES_CLASS,
            column("Reason", "Why the volume failed."),
            AGE,
            _VOLUME_MODE,
        ],
        _volume,
    ),
    "persistentvolumeclaims": Printer(
        [
            NAME,
            column("Status", "Phase of the claim."),
            column("Volume", "Volume the claim is bound to."),
            column("Capacity", "Size of that volume."),
            column("Access Modes", "Ways in which that volume can be mounted."),
            _STORAGE_CLASS,
            _ATTRIBUTES_CLASS,
            AGE,
            _VOLUME_MODE,
        ],
        _claim,
    ),
    "storageclasses.storage.k8s.io": Printer(
        [
            NAME,
            column("Provisioner", "What makes the volumes."),
            column("ReclaimPolicy", "What becomes of a volume when its claim is gone."),
            column("VolumeBindingMode", "When a claim gets its volume."),
            column("AllowVolumeExpansion", "Whether volumes may grow."),
            AGE,
        ],
        _storage_class,
    ),
    "volumeattributesclasses.storage.k8s.io": Printer(
        [NAME, column("DriverName", "Driver the attributes are for."), AGE],
        aged(lambda obj: obj.get("driverName", "")),
    ),
    "volumeattachments.storage.k8s.io": Printer(
        [
            NAME,
            column("Attacher", "Driver that attaches the volume.", form="name"),
            column("PV", "Volume."),
            column("Node", "Node it is attached to."),
            column("Attached", "Whether it is attached.", "boolean"),
            AGE,
        ],
        _attachment,
    ),
    "csinodes.storage.k8s.io": Printer(
        [NAME, column("Drivers", "Number of storage drivers on the node.", "integer"), AGE],
        aged(lambda obj: len(part(obj, "spec").get("drivers") or ())),
    ),
    "csidrivers.storage.k8s.io": Printer(
        [
            NAME,
            column("AttachRequired", "Whether volumes are attached before they are mounted.", "boolean"),
            column("PodInfoOnMount", "Whether the driver is told which pod a mount is for.", "boolean"),
            column("StorageCapacity", "Whether the driver publishes its capacity.", "boolean"),
            column("TokenRequests", "Audiences of the tokens the driver gets."),
            column("RequiresRepublish", "Whether mounts are renewed from time to time.", "boolean"),
            column("Modes", "Kinds of volumes the driver has."),
            AGE,
        ],
        _driver,
    ),
}
