"""The checks of the Pod Security Standards `baseline` and `restricted`.

Each gives the reason and the detail by which a pod falls short, or None. Policies older than v1.25 are checked as
v1.25.
Source: k8s.io/pod-security-admission `policy/check_*.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from lab.sim.api.resources import Object

Violation = tuple[str, str]
Check = Callable[[int, Object, Object], Violation | None]

_CAPABILITIES = frozenset(
    [
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    ]
)
_SYSCTLS = {
    "kernel.shm_rmid_forced": 0,
    "net.ipv4.ip_local_port_range": 0,
    "net.ipv4.tcp_syncookies": 0,
    "net.ipv4.ping_group_range": 0,
    "net.ipv4.ip_unprivileged_port_start": 0,
    "net.ipv4.ip_local_reserved_ports": 27,
    "net.ipv4.tcp_keepalive_time": 29,
    "net.ipv4.tcp_fin_timeout": 29,
    "net.ipv4.tcp_keepalive_intvl": 29,
    "net.ipv4.tcp_keepalive_probes": 29,
    "net.ipv4.tcp_rmem": 32,
    "net.ipv4.tcp_wmem": 32,
}
"""Sysctls a pod may set, and the minor from which on."""
_VOLUMES = frozenset(
    [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ]
)
_SELINUX_TYPES = {"": 0, "container_t": 0, "container_init_t": 0, "container_kvm_t": 0, "container_engine_t": 31}
_PROFILES = ("RuntimeDefault", "Localhost")
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_HOST_PROBES_SINCE = 34


def violations(level: str, minor: int, metadata: Object, spec: Object) -> list[Violation]:
    """How a pod falls short of `baseline` or `restricted` of Kubernetes 1.`minor`: reasons and details."""
    checks = _BASELINE if level == "baseline" else _RESTRICTED
    return [found for check in checks if (found := check(minor, metadata, spec)) is not None]


def _containers(spec: Object) -> Iterable[Object]:
    for group in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(group) or ()


def _security(holder: Object) -> Object:
    return holder.get("securityContext") or {}


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _plural(word: str, many: Iterable[Any]) -> str:
    return word if len(list(many)) == 1 else f"{word}s"


def _named(names: list[str]) -> str:
    return f"{_plural('container', names)} {_quoted(names)}"


def _setters(pod: bool, names: list[str]) -> str:
    return " and ".join((["pod"] if pod else []) + ([_named(names)] if names else []))


def _bad(spec: Object, test: Callable[[Object], bool]) -> list[str]:
    return [one.get("name", "") for one in _containers(spec) if test(one)]


def _windows(spec: Object) -> bool:
    return bool((spec.get("os") or {}).get("name") == "windows")


# -- baseline


def _app_armor(_: int, metadata: Object, spec: Object) -> Violation | None:
    def kind(holder: Object) -> str | None:
        profile = _security(holder).get("appArmorProfile")
        return None if profile is None or profile.get("type") in _PROFILES else str(profile.get("type"))

    names = _bad(spec, lambda one: kind(one) is not None)
    values = sorted({found for one in (spec, *_containers(spec)) if (found := kind(one)) is not None})
    notes = sorted(
        f'{key}="{value}"'
        for key, value in (metadata.get("annotations") or {}).items()
        if key.startswith(_APPARMOR) and value and value != "runtime/default" and not value.startswith("localhost/")
    )
    setters = _setters(kind(spec) is not None, names)
    if notes:
        setters = " and ".join(one for one in (setters, _plural("annotation", notes)) if one)
    values += notes
    if not values:
        return None
    detail = f"{setters} must not set AppArmor profile type to {_quoted(values)}"
    return _plural("forbidden AppArmor profile", values), detail


def _added(container: Object) -> list[str]:
    return (_security(container).get("capabilities") or {}).get("add") or []


def _capabilities(_: int, __: Object, spec: Object) -> Violation | None:
    names = _bad(spec, lambda one: not _CAPABILITIES.issuperset(_added(one)))
    if not names:
        return None
    extra = sorted({one for container in _containers(spec) for one in _added(container)} - _CAPABILITIES)
    detail = f"{_named(names)} must not include {_quoted(extra)} in securityContext.capabilities.add"
    return "non-default capabilities", detail


def _host_namespaces(_: int, __: Object, spec: Object) -> Violation | None:
    shared = [f"{field}=true" for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field)]
    return ("host namespaces", ", ".join(shared)) if shared else None


def _host_path(_: int, __: Object, spec: Object) -> Violation | None:
    names = [one["name"] for one in spec.get("volumes") or () if one.get("hostPath") is not None]
    return ("hostPath volumes", f"{_plural('volume', names)} {_quoted(names)}") if names else None


def _host_ports(_: int, __: Object, spec: Object) -> Violation | None:
    names = _bad(spec, lambda one: any(port.get("hostPort") for port in one.get("ports") or ()))
    if not names:
        return None
    ports = sorted(
        {str(port["hostPort"]) for one in _containers(spec) for port in one.get("ports") or () if port.get("hostPort")}
    )
    verb = "uses" if len(names) == 1 else "use"
    return "hostPort", f"{_named(names)} {verb} {_plural('hostPort', ports)} {', '.join(ports)}"


def _hosts(container: Object) -> list[str]:
    life = container.get("lifecycle") or {}
    handlers = [container.get(field) for field in ("livenessProbe", "readinessProbe", "startupProbe")]
    handlers += [life.get("postStart"), life.get("preStop")]
    return [
        host
        for handler in handlers
        if handler
        for action in ("httpGet", "tcpSocket")
        if (host := (handler.get(action) or {}).get("host"))
    ]


def _host_probes(minor: int, _: Object, spec: Object) -> Violation | None:
    names = sorted(_bad(spec, lambda one: bool(_hosts(one))))
    if not names or minor < _HOST_PROBES_SINCE:
        return None
    hosts = sorted({host for one in _containers(spec) for host in _hosts(one)})
    verb = "uses" if len(names) == 1 else "use"
    return (
        "probe or lifecycle host",
        f"{_named(names)} {verb} {_plural('probe or lifecycle host', hosts)} {_quoted(hosts)}",
    )


def _privileged(_: int, __: Object, spec: Object) -> Violation | None:
    names = _bad(spec, lambda one: bool(_security(one).get("privileged")))
    return ("privileged", f"{_named(names)} must not set securityContext.privileged=true") if names else None


def _proc_mount(_: int, __: Object, spec: Object) -> Violation | None:
    def kind(container: Object) -> str:
        return _security(container).get("procMount") or "Default"

    names = _bad(spec, lambda one: kind(one) != "Default")
    if not names:
        return None
    kinds = sorted({kind(one) for one in _containers(spec)} - {"Default"})
    return "procMount", f"{_named(names)} must not set securityContext.procMount to {_quoted(kinds)}"


def _selinux(minor: int, _: Object, spec: Object) -> Violation | None:
    types: set[str] = set()
    fields: set[str] = set()

    def bad(holder: Object) -> bool:
        options = _security(holder).get("seLinuxOptions") or {}
        kind = options.get("type") or ""
        wrong_type = _SELINUX_TYPES.get(kind, minor + 1) > minor
        if wrong_type:
            types.add(kind)
        wrong = {field for field in ("user", "role") if options.get(field)}
        fields.update(wrong)
        return wrong_type or bool(wrong)

    pod = bad(spec)
    names = _bad(spec, bad)
    if not pod and not names:
        return None
    data = [f"{_plural('type', types)} {_quoted(sorted(types))}"] if types else []
    data += [f"{field} may not be set" for field in ("user", "role") if field in fields]
    return "seLinuxOptions", f"{_setters(pod, names)} set forbidden securityContext.seLinuxOptions: {'; '.join(data)}"


def _seccomp_kind(holder: Object) -> str | None:
    profile = _security(holder).get("seccompProfile")
    return None if profile is None else str(profile.get("type", ""))


def _seccomp(_: int, __: Object, spec: Object) -> Violation | None:
    def bad(holder: Object) -> bool:
        kind = _seccomp_kind(holder)
        return kind is not None and kind not in _PROFILES

    names, pod = _bad(spec, bad), bad(spec)
    if not names and not pod:
        return None
    values = sorted({str(_seccomp_kind(one)) for one in (spec, *_containers(spec)) if bad(one)})
    detail = f"{_setters(pod, names)} must not set securityContext.seccompProfile.type to {_quoted(values)}"
    return "seccompProfile", detail


def _sysctls(minor: int, _: Object, spec: Object) -> Violation | None:
    said = [one.get("name", "") for one in _security(spec).get("sysctls") or ()]
    names = [one for one in said if _SYSCTLS.get(one, minor + 1) > minor]
    return ("forbidden sysctls", ", ".join(names)) if names else None


def _host_process(_: int, __: Object, spec: Object) -> Violation | None:
    def bad(holder: Object) -> bool:
        return bool((_security(holder).get("windowsOptions") or {}).get("hostProcess"))

    names, pod = _bad(spec, bad), bad(spec)
    if not names and not pod:
        return None
    return "hostProcess", f"{_setters(pod, names)} must not set securityContext.windowsOptions.hostProcess=true"


# -- restricted


def _escalation(_: int, __: Object, spec: Object) -> Violation | None:
    if _windows(spec):
        return None
    names = _bad(spec, lambda one: _security(one).get("allowPrivilegeEscalation") is not False)
    detail = f"{_named(names)} must set securityContext.allowPrivilegeEscalation=false"
    return ("allowPrivilegeEscalation != false", detail) if names else None


def _no_capabilities(_: int, __: Object, spec: Object) -> Violation | None:
    if _windows(spec):
        return None
    kept = _bad(spec, lambda one: "ALL" not in ((_security(one).get("capabilities") or {}).get("drop") or ()))
    details = []
    if kept:
        details.append(f'{_named(kept)} must set securityContext.capabilities.drop=["ALL"]')
    adding = _bad(spec, lambda one: not {"NET_BIND_SERVICE"}.issuperset(_added(one)))
    if adding:
        extra = sorted({one for container in _containers(spec) for one in _added(container)} - {"NET_BIND_SERVICE"})
        details.append(f"{_named(adding)} must not include {_quoted(extra)} in securityContext.capabilities.add")
    return ("unrestricted capabilities", "; ".join(details)) if details else None


def _volumes(_: int, __: Object, spec: Object) -> Violation | None:
    bad = {
        one["name"]: next((kind for kind in one if kind != "name"), "unknown")
        for one in spec.get("volumes") or ()
        if not _VOLUMES.intersection(one)
    }
    if not bad:
        return None
    kinds = sorted(set(bad.values()))
    verb = "uses" if len(bad) == 1 else "use"
    detail = (
        f"{_plural('volume', bad)} {_quoted(bad)} {verb} {_plural('restricted volume type', kinds)} {_quoted(kinds)}"
    )
    return "restricted volume types", detail


def _non_root(_: int, __: Object, spec: Object) -> Violation | None:
    said = _security(spec).get("runAsNonRoot")
    names = _bad(spec, lambda one: _security(one).get("runAsNonRoot") is False)
    if names or said is False:
        detail = f"{_setters(said is False, names)} must not set securityContext.runAsNonRoot=false"
        return "runAsNonRoot != true", detail
    names = [] if said else _bad(spec, lambda one: _security(one).get("runAsNonRoot") is None)
    detail = f"pod or {_named(names)} must set securityContext.runAsNonRoot=true"
    return ("runAsNonRoot != true", detail) if names else None


def _not_user_zero(_: int, __: Object, spec: Object) -> Violation | None:
    def bad(holder: Object) -> bool:
        return bool(_security(holder).get("runAsUser") == 0)

    names, pod = _bad(spec, bad), bad(spec)
    return ("runAsUser=0", f"{_setters(pod, names)} must not set runAsUser=0") if names or pod else None


def _seccomp_required(minor: int, metadata: Object, spec: Object) -> Violation | None:
    if _windows(spec):
        return None
    found = _seccomp(minor, metadata, spec)
    if found is not None or _seccomp_kind(spec) is not None:
        return found
    names = _bad(spec, lambda one: _seccomp_kind(one) is None)
    detail = f'pod or {_named(names)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return ("seccompProfile", detail) if names else None


_BOTH: tuple[Check, ...] = (_host_ports, _host_probes, _privileged, _proc_mount, _selinux)
_BASELINE: tuple[Check, ...] = (
    _app_armor,
    _capabilities,
    _host_namespaces,
    _host_path,
    *_BOTH,
    _seccomp,
    _sysctls,
    _host_process,
)
_RESTRICTED: tuple[Check, ...] = (
    _app_armor,
    _host_namespaces,
    *_BOTH,
    _sysctls,
    _host_process,
    _escalation,
    _no_capabilities,
    _volumes,
    _non_root,
    _not_user_zero,
    _seccomp_required,
)
