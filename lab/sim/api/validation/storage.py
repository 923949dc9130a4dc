"""PersistentVolumes and claims, storage classes and drivers.

Source: Kubernetes `pkg/apis/core/validation/validation.go`, `pkg/apis/storage/validation/validation.go`.
"""

from __future__ import annotations

from lab.sim.api.resources import Object
from lab.sim.api.validation import names
from lab.sim.api.validation.causes import (
    IMMUTABLE,
    Wrong,
    forbid_change,
    forbidden_field,
    immutable,
    invalid_value,
    named,
    not_supported,
    one_of,
    present,
    required,
    same,
    shown,
    too_long,
)
from lab.sim.api.validation.claims import VOLUME_MODES, access_modes, claim_spec
from lab.sim.api.validation.internal import difference, written
from lab.sim.api.validation.resources import positive, read
from lab.sim.api.validation.scheduling import node_selector
from lab.sim.api.validation.volumes import ONE_TYPE, SOURCES, clean, csi_driver, local

_VOLUMES = (
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "flocker",
    "nfs",
    "rbd",
    "quobyte",
    "cephfs",
    "iscsi",
    "cinder",
    "fc",
    "flexVolume",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "scaleIO",
    "local",
    "storageos",
    "csi",
)
_RECLAIM = ("Delete", "Recycle", "Retain")


def claim(wrong: Wrong, obj: Object) -> None:
    """A PersistentVolumeClaim."""
    claim_spec(wrong, "spec", obj.get("spec") or {})


def changed_claim(wrong: Wrong, new: Object, old: Object) -> None:
    """A claim in place of another: once bound it may grow, else it stays as it is."""
    claim(wrong, new)
    after, before = new.get("spec") or {}, old.get("spec") or {}
    now, was = dict(after), dict(before)
    if not was.get("volumeName"):
        was["volumeName"] = now.get("volumeName")
    if was.get("storageClassName") is None:
        now["storageClassName"] = None
    requests, asked = ((one.get("resources") or {}).get("requests") or {} for one in (after, before))
    if (new.get("status") or {}).get("phase") == "Bound":
        resources = now.get("resources") or {}
        now["resources"] = {**resources, "requests": {**requests, "storage": asked.get("storage")}}
        now["volumeAttributesClassName"] = was.get("volumeAttributesClassName")
    if not same(now, was):
        lead = (
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
        )
        diff = difference("core.PersistentVolumeClaimSpec", was, now)
        wrong.append(forbidden_field("spec", f"{lead}\n{diff}"))
    size, had = read(requests.get("storage", "0")), read(asked.get("storage", "0"))
    real = read(((old.get("status") or {}).get("capacity") or {}).get("storage", "0"))
    if size and had and real and size.nanos < had.nanos and size.nanos <= real.nanos:
        said = "field can not be less than status.capacity"
        wrong.append(forbidden_field("spec.resources.requests.storage", said))
    immutable(wrong, "volumeMode", after.get("volumeMode"), before.get("volumeMode"))


def volume(wrong: Wrong, obj: Object) -> None:
    """A PersistentVolume."""
    spec = obj.get("spec") or {}
    modes = spec.get("accessModes") or []
    present(wrong, "spec.accessModes", modes)
    access_modes(wrong, "spec.accessModes", modes)
    capacity = spec.get("capacity") or {}
    present(wrong, "spec.capacity", capacity)
    if "storage" not in capacity or len(capacity) > 1:
        value = written("{s", capacity)
        wrong.append(shown("spec.capacity", "NotSupported", value, 'supported values: "storage"'))
    for name, value in capacity.items():
        amount = read(value)
        if amount is not None and amount.value < 0:
            wrong.append(invalid_value(f"spec.capacity[{name}]", amount.value, "must be a valid resource quantity"))
        positive(wrong, f"spec.capacity[{name}]", value)
    policy = spec.get("persistentVolumeReclaimPolicy")
    one_of(wrong, "spec.persistentVolumeReclaimPolicy", policy, _RECLAIM)
    placed = (spec.get("nodeAffinity") or {}).get("required")
    if spec.get("nodeAffinity") is not None:
        if placed is None:
            wrong.append(required("spec.nodeAffinity.required", "must specify required node constraints"))
        else:
            node_selector(wrong, "spec.nodeAffinity.required", placed)
    _source(wrong, spec, placed is not None)
    if policy == "Recycle" and clean((spec.get("hostPath") or {}).get("path") or "x") == "/":
        said = "may not be 'recycle' for a hostPath mount of '/'"
        wrong.append(forbidden_field("spec.persistentVolumeReclaimPolicy", said))
    if spec.get("storageClassName"):
        named(wrong, "spec.storageClassName", spec["storageClassName"], names.dns_subdomain)
    one_of(wrong, "spec.volumeMode", spec.get("volumeMode"), VOLUME_MODES)


def _source(wrong: Wrong, spec: Object, placed: bool) -> None:
    given = [name for name in _VOLUMES if spec.get(name) is not None]
    if not given:
        wrong.append(required("spec", "must specify a volume type"))
        return
    name, path = given[0], f"spec.{given[0]}"
    if name == "csi":
        csi_driver(wrong, f"{path}.driver", spec["csi"].get("driver"))
        present(wrong, f"{path}.volumeHandle", spec["csi"].get("volumeHandle"))
    elif name == "local":
        local(wrong, path, spec["local"])
        if not placed:
            wrong.append(required("spec.nodeAffinity", "Local volume requires node affinity"))
    else:
        SOURCES[name](wrong, path, spec[name])
    wrong.extend(forbidden_field(f"spec.{other}", ONE_TYPE) for other in given[1:])


def changed_volume(wrong: Wrong, new: Object, old: Object) -> None:
    """A PersistentVolume keeps the disk it stands for."""
    volume(wrong, new)
    after, before = new.get("spec") or {}, old.get("spec") or {}
    disk, had = ({name: one.get(name) for name in _VOLUMES} for one in (after, before))
    if not same(disk, had):
        diff = difference("core.PersistentVolumeSource", before, after)
        said = f"spec.persistentvolumesource is immutable after creation\n{diff}"
        wrong.append(forbidden_field("spec.persistentvolumesource", said))
    immutable(wrong, "volumeMode", after.get("volumeMode"), before.get("volumeMode"))
    if before.get("nodeAffinity") is not None and not same(after.get("nodeAffinity"), before["nodeAffinity"]):
        value = written("*core.VolumeNodeAffinity", after.get("nodeAffinity"))
        wrong.append(shown("nodeAffinity", "Invalid", value, IMMUTABLE))


def storage_class(wrong: Wrong, obj: Object) -> None:
    """A StorageClass."""
    if present(wrong, "provisioner", obj.get("provisioner")):
        named(wrong, "provisioner", obj["provisioner"].lower(), names.qualified_name)
    parameters = obj.get("parameters") or {}
    if len(parameters) > 512:
        wrong.append(too_long("parameters", 512))
    if "" in parameters:
        wrong.append(invalid_value("parameters", "", "field can not be empty."))
    if sum(len(key) + len(value) for key, value in parameters.items()) > 256 * 1024:
        wrong.append(too_long("parameters", 256 * 1024))
    one_of(wrong, "reclaimPolicy", obj.get("reclaimPolicy"), ("Delete", "Retain"))
    modes = ("Immediate", "WaitForFirstConsumer")
    one_of(wrong, "volumeBindingMode", obj.get("volumeBindingMode"), modes, needed=True)
    for index, term in enumerate(obj.get("allowedTopologies") or ()):
        for place, one in enumerate(term.get("matchLabelExpressions") or ()):
            at = f"allowedTopologies[{index}].matchLabelExpressions[{place}]"
            present(wrong, f"{at}.values", one.get("values"))
            named(wrong, f"{at}.key", one.get("key") or "", names.qualified_name)


def changed_storage_class(wrong: Wrong, new: Object, old: Object) -> None:
    """A StorageClass keeps what its volumes are made by."""
    for field in ("parameters", "provisioner", "reclaimPolicy"):
        forbid_change(wrong, field, new.get(field), old.get(field), f"updates to {field} are forbidden.")
    immutable(wrong, "volumeBindingMode", new.get("volumeBindingMode"), old.get("volumeBindingMode"))


_GROUP_POLICIES = ("File", "None", "ReadWriteOnceWithFSType")


def csi(wrong: Wrong, obj: Object) -> None:
    """A CSIDriver."""
    spec = obj.get("spec") or {}
    for field in ("attachRequired", "podInfoOnMount", "storageCapacity"):
        if spec.get(field) is None:
            wrong.append(required(f"spec.{field}"))
    one_of(wrong, "spec.fsGroupPolicy", spec.get("fsGroupPolicy"), _GROUP_POLICIES, needed=True)
    for mode in spec.get("volumeLifecycleModes") or ():
        if mode not in ("Ephemeral", "Persistent"):
            wrong.append(not_supported("spec.volumeLifecycleModes", mode, ("Persistent", "Ephemeral")))


def changed_csi(wrong: Wrong, new: Object, old: Object) -> None:
    """A CSIDriver keeps how its volumes are attached."""
    csi(wrong, new)
    after, before = new.get("spec") or {}, old.get("spec") or {}
    for field, spelt in (("attachRequired", "attachedRequired"), ("volumeLifecycleModes", "volumeLifecycleModes")):
        immutable(wrong, f"spec.{spelt}", after.get(field), before.get(field))


def attachment(wrong: Wrong, obj: Object) -> None:
    """A VolumeAttachment."""
    spec = obj.get("spec") or {}
    present(wrong, "spec.attacher", spec.get("attacher"))
    source = spec.get("source") or {}
    if (source.get("persistentVolumeName") is None) == (source.get("inlineVolumeSpec") is None):
        said = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
        both = source.get("persistentVolumeName") is not None
        wrong.append(forbidden_field("spec.source", said) if both else required("spec.source", said))
    named(wrong, "spec.nodeName", spec.get("nodeName") or "", names.dns_subdomain)


def changed_attachment(wrong: Wrong, new: Object, old: Object) -> None:
    """A VolumeAttachment's spec stays as it is."""
    attachment(wrong, new)
    if not same(new.get("spec"), old.get("spec")):
        value = written("storage.VolumeAttachmentSpec", new.get("spec"))
        wrong.append(shown("spec", "Invalid", value, IMMUTABLE))
