"""References to a pod's own fields and resources, as environment variables and files show them.

Source: Kubernetes `pkg/apis/core/validation/validation.go`, `pkg/apis/core/pods/helpers.go`, `pkg/fieldpath`.
"""

from __future__ import annotations

import re

from lab.sim.api.resources import Object
from lab.sim.api.validation import names
from lab.sim.api.validation.causes import Wrong, invalid_value, named, not_supported, present, required, sign
from lab.sim.quantity import NotAQuantity, canonical

ENV_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
FILE_FIELDS = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
_RESOURCES = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)
_KNOWN = frozenset(
    {
        "metadata.annotations",
        "metadata.labels",
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.serviceAccountName",
        "spec.schedulerName",
        "status.phase",
        "status.hostIP",
        "status.hostIPs",
        "status.podIP",
        "status.podIPs",
        "spec.host",
    }
)
_SUBSCRIPT = re.compile(r"(?P<path>.*?)\['(?P<key>.*)'\]", re.DOTALL)
_SUBSCRIPTED = ("metadata.annotations", "metadata.labels")
_HUGE = ("limits.hugepages-", "requests.hugepages-")
_BYTES = ("1", *(f"1{unit}" for unit in ("k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")))
_DIVISORS = {"cpu": ("1m", "1"), "memory": _BYTES, "local ephemeral storage": _BYTES, "hugepages": _BYTES}
_MEASURED = {"cpu": "cpu", "memory": "memory", "ephemeral-storage": "local ephemeral storage"}


def field_reference(wrong: Wrong, path: str, reference: Object, allowed: tuple[str, ...]) -> None:
    """A `fieldRef`; `allowed` lists the fields that may be named without a subscript."""
    said = reference.get("fieldPath") or ""
    if not present(wrong, f"{path}.apiVersion", reference.get("apiVersion")):
        return
    if not present(wrong, f"{path}.fieldPath", said):
        return
    read = _SUBSCRIPT.fullmatch(said)
    if (read is None and said not in _KNOWN) or (read is not None and read["path"] not in _SUBSCRIPTED):
        if read is not None and read["path"] in _KNOWN:
            wrong.append(invalid_value(path, read["path"], "does not support subscript"))
            return
        detail = f"error converting fieldPath: field label not supported: {said}"
        wrong.append(invalid_value(f"{path}.fieldPath", said, detail))
        return
    if read is not None:
        key = read["key"].lower() if read["path"] == "metadata.annotations" else read["key"]
        named(wrong, path, key, names.qualified_name)
    elif said not in allowed:
        wrong.append(not_supported(f"{path}.fieldPath", "spec.nodeName" if said == "spec.host" else said, allowed))


def resource_reference(wrong: Wrong, path: str, reference: Object, *, volume: bool) -> None:
    """A `resourceFieldRef`; in a volume it must name its container."""
    said = reference.get("resource") or ""
    if volume and not reference.get("containerName"):
        wrong.append(required(f"{path}.containerName"))
    elif not said:
        wrong.append(required(f"{path}.resource"))
    elif said not in _RESOURCES and not said.startswith(_HUGE):
        wrong.append(not_supported(f"{path}.resource", said, _RESOURCES))
    divisor = reference.get("divisor")
    if divisor is None or sign(divisor) == 0:
        return
    measured = "hugepages" if said.startswith(_HUGE) else _MEASURED.get(said.partition(".")[2], "")
    allowed = _DIVISORS.get(measured)
    try:
        fits = allowed is None or canonical(divisor) in allowed
    except NotAQuantity:
        fits = False
    if not fits and allowed is not None:
        listed = " and ".join(allowed) if measured == "cpu" else ", ".join(allowed)
        detail = f"only divisor's values {listed} are supported with the {measured} resource"
        wrong.append(invalid_value(f"{path}.divisor", said, detail))
