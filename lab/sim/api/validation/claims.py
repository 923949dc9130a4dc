"""Specs of PersistentVolumeClaims, alone and in templates.

Source: Kubernetes `pkg/apis/core/validation/validation.go`.
"""

from __future__ import annotations

from lab.sim.api.resources import Object
from lab.sim.api.validation import names
from lab.sim.api.validation.causes import (
    Wrong,
    forbidden_field,
    invalid_value,
    label_selector,
    named,
    not_supported,
    one_of,
    present,
    required,
)
from lab.sim.api.validation.resources import positive

ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES = ("Block", "Filesystem")


def access_modes(wrong: Wrong, path: str, modes: list[str]) -> None:
    """How a volume may be mounted."""
    for mode in modes:
        if mode not in ACCESS_MODES:
            wrong.append(not_supported(path, mode, ACCESS_MODES))
    if "ReadWriteOncePod" in modes and any(mode in ACCESS_MODES[:3] for mode in modes):
        wrong.append(forbidden_field(path, "may not use ReadWriteOncePod with other access modes"))


def claim_spec(wrong: Wrong, path: str, spec: Object) -> None:
    """What a claim asks for."""
    modes = spec.get("accessModes") or []
    present(wrong, f"{path}.accessModes", modes, "at least 1 access mode is required")
    label_selector(wrong, f"{path}.selector", spec.get("selector"))
    access_modes(wrong, f"{path}.accessModes", modes)
    requests = (spec.get("resources") or {}).get("requests") or {}
    if "storage" not in requests:
        wrong.append(required(f"{path}.resources[storage]"))
    else:
        positive(wrong, f"{path}.resources[storage]", requests["storage"])
    for field in ("storageClassName", "volumeAttributesClassName"):
        if field == "volumeAttributesClassName":
            one_of(wrong, f"{path}.volumeMode", spec.get("volumeMode"), VOLUME_MODES)
            for source in ("dataSource", "dataSourceRef"):
                _source(wrong, f"{path}.{source}", spec.get(source))
        if spec.get(field):
            named(wrong, f"{path}.{field}", spec[field], names.dns_subdomain)


def _source(wrong: Wrong, path: str, source: Object | None) -> None:
    if source is None:
        return
    present(wrong, f"{path}.name", source.get("name"))
    present(wrong, f"{path}.kind", source.get("kind"))
    group = source.get("apiGroup") or ""
    if not group and source.get("kind") != "PersistentVolumeClaim":
        said = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        wrong.append(invalid_value(path, source.get("kind") or "", said))
    if group:
        named(wrong, f"{path}.apiGroup", group, names.dns_subdomain)
