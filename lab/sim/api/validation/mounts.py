"""Where the volumes of a pod appear in a container.

Source: Kubernetes `pkg/apis/core/validation/validation.go`.
"""

from __future__ import annotations

from lab.sim.api.resources import Object
from lab.sim.api.validation.causes import (
    Wrong,
    forbidden_field,
    invalid_value,
    not_found,
    not_supported,
    required,
)
from lab.sim.api.validation.volumes import Sources, local_path, no_backsteps


def mounts(
    wrong: Wrong, path: str, values: list[Object], blocked: list[Object], volumes: Sources, container: Object
) -> None:
    """`volumeMounts` of a container, with its devices and the volumes of its pod."""
    seen: set[str] = set()
    blocks = {one.get("name"): one.get("devicePath") for one in blocked}
    for index, one in enumerate(values):
        at = f"{path}[{index}]"
        name, where = one.get("name") or "", one.get("mountPath") or ""
        if not name:
            wrong.append(required(f"{at}.name"))
        if name not in volumes:
            wrong.append(not_found(f"{at}.name", name))
        if not where:
            wrong.append(required(f"{at}.mountPath"))
        if where in seen:
            wrong.append(invalid_value(f"{at}.mountPath", where, "must be unique"))
        seen.add(where)
        if blocks:
            if name in blocks:
                wrong.append(invalid_value(f"{at}.name", name, "must not already exist in volumeDevices"))
            if where in blocks.values():
                said = "must not already exist as a path in volumeDevices"
                wrong.append(invalid_value(f"{at}.mountPath", where, said))
        if one.get("subPath"):
            local_path(wrong, f"{path}.subPath", one["subPath"])
        if one.get("subPathExpr"):
            if one.get("subPath"):
                said = "subPathExpr and subPath are mutually exclusive"
                wrong.append(invalid_value(f"{at}.subPathExpr", one["subPathExpr"], said))
            local_path(wrong, f"{path}.subPathExpr", one["subPathExpr"])
        if one.get("mountPropagation") is not None:
            _propagation(wrong, f"{path}.mountPropagation", one["mountPropagation"], container)
        if one.get("recursiveReadOnly") is not None:
            _recursive(wrong, f"{path}.recursiveReadOnly", one)


def _propagation(wrong: Wrong, path: str, value: str, container: Object) -> None:
    allowed = ("Bidirectional", "HostToContainer", "None")
    if value not in allowed:
        wrong.append(not_supported(path, value, allowed))
    elif value == "Bidirectional" and not (container.get("securityContext") or {}).get("privileged"):
        said = "Bidirectional mount propagation is available only to privileged containers"
        wrong.append(forbidden_field(path, said))


def _recursive(wrong: Wrong, path: str, mount: Object) -> None:
    value = mount["recursiveReadOnly"]
    if value in ("Enabled", "IfPossible"):
        if not mount.get("readOnly"):
            wrong.append(forbidden_field(path, "may only be specified when readOnly is true"))
        if mount.get("mountPropagation") not in (None, "None"):
            said = "may only be specified when mountPropagation is None or not specified"
            wrong.append(forbidden_field(path, said))
    elif value != "Disabled":
        wrong.append(not_supported(path, value, ("Disabled", "Enabled", "IfPossible")))


def devices(wrong: Wrong, path: str, values: list[Object], others: list[Object], volumes: Sources) -> None:
    """`volumeDevices` of a container, with its mounts and the volumes of its pod."""
    paths: set[str] = set()
    seen: set[str] = set()
    mounted = {one.get("name"): one.get("mountPath") for one in others}
    for index, one in enumerate(values):
        at = f"{path}[{index}]"
        name, where = one.get("name") or "", one.get("devicePath") or ""
        source = volumes.get(name)
        if not name:
            wrong.append(required(f"{at}.name"))
        if name in seen:
            wrong.append(invalid_value(f"{at}.name", name, "must be unique"))
        if source is None:
            wrong.append(not_found(f"{at}.name", name))
        elif source.get("persistentVolumeClaim") is None and source.get("ephemeral") is None:
            said = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
            wrong.append(invalid_value(f"{at}.name", name, said))
        if not where:
            wrong.append(required(f"{at}.devicePath"))
        if where in paths:
            wrong.append(invalid_value(f"{at}.devicePath", where, "must be unique"))
        up: Wrong = []
        no_backsteps(up, "", where)
        if up:
            wrong.append(invalid_value(f"{at}.devicePath", where, "can not contain backsteps ('..')"))
        else:
            paths.add(where)
        if name in mounted:
            wrong.append(invalid_value(f"{at}.name", name, "must not already exist in volumeMounts"))
        if where in mounted.values():
            said = "must not already exist as a path in volumeMounts"
            wrong.append(invalid_value(f"{at}.devicePath", where, said))
        if name:
            seen.add(name)
