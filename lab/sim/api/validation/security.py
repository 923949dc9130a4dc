"""Security contexts of pods and containers.

Source: Kubernetes `pkg/apis/core/validation/validation.go`.
"""

from __future__ import annotations

import re

from lab.sim.api.resources import Object
from lab.sim.api.validation import names
from lab.sim.api.validation.causes import (
    LARGEST,
    Wrong,
    duplicate,
    forbidden_field,
    invalid_value,
    not_supported,
    one_of,
    required,
    shown,
)
from lab.sim.api.validation.internal import written
from lab.sim.api.validation.names import FINE, Messages

_PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")
_SYSCTL = r"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"
_is_sysctl = re.compile(_SYSCTL[1:-1], re.ASCII).fullmatch


def _id(wrong: Wrong, path: str, value: int | None) -> None:
    if value is not None and not 0 <= value <= LARGEST:
        wrong.append(invalid_value(path, value, names.between(0, LARGEST)))


def pod_security(wrong: Wrong, path: str, context: Object, spec: Object) -> None:
    """`securityContext` of a pod whose other fields stand in `spec`."""
    for field in ("fsGroup", "runAsUser", "runAsGroup"):
        _id(wrong, f"{path}.{field}", context.get(field))
    for index, value in enumerate(context.get("supplementalGroups") or ()):
        _id(wrong, f"{path}.supplementalGroups[{index}]", value)
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        said = "ShareProcessNamespace and HostPID cannot both be enabled"
        wrong.append(invalid_value(f"{path}.shareProcessNamespace", True, said))
    if context.get("sysctls"):
        _sysctls(wrong, f"{path}.sysctls", context["sysctls"], spec)
    one_of(wrong, f"{path}.fsGroupChangePolicy", context.get("fsGroupChangePolicy"), ("Always", "OnRootMismatch"))
    _profiles(wrong, path, context)
    one_of(wrong, f"{path}.supplementalGroupsPolicy", context.get("supplementalGroupsPolicy"), ("Merge", "Strict"))
    one_of(wrong, f"{path}.seLinuxChangePolicy", context.get("seLinuxChangePolicy"), ("MountOption", "Recursive"))


def container_security(wrong: Wrong, path: str, context: Object, host_users: bool) -> None:
    """`securityContext` of a container; `host_users`: whether the pod shares the node's users."""
    _id(wrong, f"{path}.runAsUser", context.get("runAsUser"))
    _id(wrong, f"{path}.runAsGroup", context.get("runAsGroup"))
    mount = context.get("procMount")
    if mount is not None:
        one_of(wrong, f"{path}.procMount", mount, ("Default", "Unmasked"))
        if host_users and mount == "Unmasked":
            said = "`hostUsers` must be false to use `Unmasked`"
            wrong.append(invalid_value(f"{path}.procMount", mount, said))
    _seccomp(wrong, f"{path}.seccompProfile", context.get("seccompProfile"))
    if context.get("allowPrivilegeEscalation") is False:
        if context.get("privileged"):
            _whole(wrong, path, context, "`privileged` to true")
        if "CAP_SYS_ADMIN" in ((context.get("capabilities") or {}).get("add") or ()):
            _whole(wrong, path, context, "`capabilities.Add` CAP_SYS_ADMIN")
    _armor(wrong, f"{path}.appArmorProfile", context.get("appArmorProfile"))


def _whole(wrong: Wrong, path: str, context: Object, clash: str) -> None:
    said = f"cannot set `allowPrivilegeEscalation` to false and {clash}"
    wrong.append(shown(path, "Invalid", written("core.SecurityContext", context), said))


def _profiles(wrong: Wrong, path: str, context: Object) -> None:
    _seccomp(wrong, f"{path}.seccompProfile", context.get("seccompProfile"))
    _armor(wrong, f"{path}.appArmorProfile", context.get("appArmorProfile"))


def _seccomp(wrong: Wrong, path: str, profile: Object | None) -> None:
    if profile is None:
        return
    kind, local = profile.get("type"), profile.get("localhostProfile")
    if not kind:
        wrong.append(required(f"{path}.type", "type is required when seccompProfile is set"))
    elif kind not in _PROFILES:
        wrong.append(not_supported(f"{path}.type", kind, _PROFILES))
    if kind == "Localhost":
        if local is None:
            wrong.append(required(f"{path}.localhostProfile", "must be set when seccomp type is Localhost"))
        else:
            for message in _relative(local):
                wrong.append(invalid_value(f"{path}.localhostProfile", local, message))
    elif local is not None:
        said = "can only be set when seccomp type is Localhost"
        wrong.append(shown(f"{path}.localhostProfile", "Invalid", written("core.SeccompProfile", profile), said))


def _relative(text: str) -> Messages:
    found = ("must be a relative path",) if text.startswith("/") else FINE
    return (*found, "must not contain '..'") if ".." in text.split("/") else found


def _armor(wrong: Wrong, path: str, profile: Object | None) -> None:
    if profile is None:
        return
    kind, local = profile.get("type"), profile.get("localhostProfile")
    said: str = local or ""
    if kind == "Localhost":
        if not said.strip():
            wrong.append(required(f"{path}.localhostProfile", "must be set when AppArmor type is Localhost"))
        elif said != said.strip():
            wrong.append(invalid_value(f"{path}.localhostProfile", local, "must not be padded with whitespace"))
    elif kind in _PROFILES:
        if local is not None:
            said = "can only be set when AppArmor type is Localhost"
            wrong.append(invalid_value(f"{path}.localhostProfile", local, said))
    elif not kind:
        wrong.append(required(f"{path}.type", "type is required when appArmorProfile is set"))
    else:
        wrong.append(not_supported(f"{path}.type", kind, _PROFILES))


_NAMESPACES = (
    ("kernel.sem", "ipc"),
    ("kernel.shm", "ipc"),
    ("kernel.msg", "ipc"),
    ("fs.mqueue.", "ipc"),
    ("net.", "net"),
)


def _sysctls(wrong: Wrong, path: str, values: list[Object], spec: Object) -> None:
    seen: set[str] = set()
    for index, one in enumerate(values):
        at, name = f"{path}[{index}].name", one.get("name") or ""
        if not name:
            wrong.append(required(at))
        elif len(name) > 253 or not _is_sysctl(name):
            wrong.append(invalid_value(at, name, f"must have at most 253 characters and match regex {_SYSCTL}"))
        elif name in seen:
            wrong.append(duplicate(at, name))
        seen.add(name)
        dotted = name.replace("/", ".")
        space = next((owner for lead, owner in _NAMESPACES if dotted.startswith(lead)), "")
        if space == "net" and spec.get("hostNetwork"):
            wrong.append(invalid_value(at, name, "may not be specified when 'hostNetwork' is true"))
        if space == "ipc" and spec.get("hostIPC"):
            wrong.append(invalid_value(at, name, "may not be specified when 'hostIPC' is true"))


def host_users(wrong: Wrong, path: str, spec: Object) -> None:
    """What a pod with users of its own may not share with the node."""
    if spec.get("hostUsers") is False:
        for field, spelt in (("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")):
            if spec.get(field):
                wrong.append(forbidden_field(f"{path}.{spelt}", "when `hostUsers` is false"))


_OF_LINUX = ("appArmorProfile", "seLinuxOptions", "seccompProfile")
_OF_LINUX_PODS = (
    *_OF_LINUX,
    "fsGroup",
    "fsGroupChangePolicy",
    "sysctls",
    "runAsUser",
    "runAsGroup",
    "supplementalGroups",
    "supplementalGroupsPolicy",
    "seLinuxChangePolicy",
)
_OF_LINUX_CONTAINERS = (
    *_OF_LINUX,
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
)


def operating_system(wrong: Wrong, path: str, spec: Object) -> None:
    """`os` of a pod, and what does not fit it."""
    name = spec["os"].get("name") or ""
    if not name:
        wrong.append(required(f"{path}.os.name"))
        return
    if name not in ("linux", "windows"):
        wrong.append(not_supported(f"{path}.os", name, ("linux", "windows")))
        return
    wide: tuple[str, ...] = ("windowsOptions",) if name == "linux" else _OF_LINUX_PODS
    narrow: tuple[str, ...] = ("windowsOptions",) if name == "linux" else _OF_LINUX_CONTAINERS
    said = "windows options cannot be set for a linux pod" if name == "linux" else "cannot be set for a windows pod"
    _unset(wrong, f"{path}.securityContext", spec.get("securityContext"), wide, said)
    if name == "windows":
        _unset(wrong, path, spec, ("hostUsers", "hostPID", "hostIPC", "shareProcessNamespace"), said)
    for group in ("initContainers", "containers", "ephemeralContainers"):
        for index, one in enumerate(spec.get(group) or ()):
            _unset(wrong, f"{path}.{group}[{index}].securityContext", one.get("securityContext"), narrow, said)


def _unset(wrong: Wrong, path: str, holder: Object | None, fields: tuple[str, ...], said: str) -> None:
    for field in fields:
        if (holder or {}).get(field) is not None:
            wrong.append(forbidden_field(f"{path}.{field}", said))
