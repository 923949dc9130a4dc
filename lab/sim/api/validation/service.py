"""Services.

Source: Kubernetes `pkg/apis/core/validation/validation.go`, `pkg/api/service/util.go`.
"""

from __future__ import annotations

from lab.sim.api.resources import Object
from lab.sim.api.validation import names
from lab.sim.api.validation.causes import (
    Wrong,
    cidr,
    duplicate,
    forbidden_field,
    invalid_value,
    ip,
    labels,
    named,
    needs_name,
    not_supported,
    one_of,
    outside_address,
    port,
    required,
    shown,
)
from lab.sim.api.validation.containers import PROTOCOLS
from lab.sim.api.validation.internal import written

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_FAMILIES = ("IPv4", "IPv6")
_FAMILY_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
_TRAFFIC = ("Cluster", "Local")
_SPREAD = ("PreferClose", "PreferSameZone", "PreferSameNode")
_DAY = 86400
_CHANGE = "may not change once set"


def headless(spec: Object) -> bool:
    """Whether a Service has no address of its own."""
    return spec.get("clusterIPs") == ["None"]


def addresses(spec: Object) -> Object:
    """The spec with `clusterIPs` filled in from `clusterIP`, as the registry does before validation."""
    if spec.get("clusterIP") and not spec.get("clusterIPs"):
        return {**spec, "clusterIPs": [spec["clusterIP"]]}
    return spec


def allocatable(wrong: Wrong, new: Object, old: Object | None) -> None:
    """Its addresses must go together before anything else is looked at, for the server hands them out first."""
    after = new.get("spec") or {}
    if after.get("type") != "ExternalName":
        _cluster_ips(wrong, addresses(after) if old is None else _normal(after, old.get("spec") or {}))


def service(wrong: Wrong, obj: Object) -> None:
    """A Service to be created."""
    _service(wrong, addresses(obj.get("spec") or {}))


def _service(wrong: Wrong, spec: Object) -> None:
    kind, ports = spec.get("type") or "", spec.get("ports") or []
    bodiless = headless(spec)
    if not ports and not bodiless and kind != "ExternalName":
        wrong.append(required("spec.ports"))
    if bodiless and kind in ("LoadBalancer", "NodePort"):
        said = f"may not be set to 'None' for {kind} services"
        wrong.append(invalid_value("spec.clusterIPs[0]", "None", said))
    if kind == "ExternalName":
        _external_name(wrong, spec)
    seen: set[str] = set()
    for index, one in enumerate(ports):
        _port(wrong, f"spec.ports[{index}]", one, seen, needs=len(ports) > 1)
    if spec.get("selector"):
        labels(wrong, "spec.selector", spec["selector"])
    _affinity(wrong, spec)
    if kind != "ExternalName":
        _cluster_ips(wrong, spec)
    for index, one in enumerate(spec.get("externalIPs") or ()):
        if ip(wrong, f"spec.externalIPs[{index}]", one):
            outside_address(wrong, f"spec.externalIPs[{index}]", one)
    one_of(wrong, "spec.type", kind, _TYPES, needed=True)
    _port_numbers(wrong, ports, kind)
    _balancer(wrong, spec, kind)
    _traffic(wrong, spec, kind)


def _external_name(wrong: Wrong, spec: Object) -> None:
    for field in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if spec.get(field):
            wrong.append(forbidden_field(f"spec.{field}", "may not be set for ExternalName services"))
    needs_name(wrong, "spec.externalName", (spec.get("externalName") or "").removesuffix("."), names.dns_subdomain)


def _port(wrong: Wrong, path: str, one: Object, seen: set[str], *, needs: bool) -> None:
    name = one.get("name") or ""
    if needs and not name:
        wrong.append(required(f"{path}.name"))
    elif name:
        named(wrong, f"{path}.name", name, names.dns_label)
        if name in seen:
            wrong.append(duplicate(f"{path}.name", name))
        seen.add(name)
    port(wrong, f"{path}.port", one.get("port"))
    one_of(wrong, f"{path}.protocol", one.get("protocol"), PROTOCOLS, needed=True)
    port(wrong, f"{path}.targetPort", one.get("targetPort"))
    if one.get("appProtocol") is not None:
        named(wrong, f"{path}.appProtocol", one["appProtocol"], names.qualified_name)


def _affinity(wrong: Wrong, spec: Object) -> None:
    kind, config = spec.get("sessionAffinity"), spec.get("sessionAffinityConfig")
    one_of(wrong, "spec.sessionAffinity", kind, ("ClientIP", "None"), needed=True)
    if kind == "ClientIP":
        path = "spec.sessionAffinityConfig.clientIP.timeoutSeconds"
        seconds = ((config or {}).get("clientIP") or {}).get("timeoutSeconds")
        if seconds is None:
            wrong.append(required(path, "when session affinity type is ClientIP"))
        elif not 0 < seconds <= _DAY:
            wrong.append(invalid_value(path, seconds, f"must be greater than 0 and less than {_DAY}"))
    elif kind == "None" and config is not None:
        wrong.append(forbidden_field("spec.sessionAffinityConfig", "must not be set when session affinity is None"))


def _cluster_ips(wrong: Wrong, spec: Object) -> None:
    first, every = spec.get("clusterIP") or "", spec.get("clusterIPs") or []
    path = "spec.clusterIPs"
    if first and every and every[0] != first:
        wrong.append(invalid_value(path, every, "first value must match `clusterIP`"))
    if not first and every:
        wrong.append(invalid_value(path, every, "must be empty when `clusterIP` is not specified"))
    families = spec.get("ipFamilies") or []
    for index, one in enumerate(families):
        one_of(wrong, f"spec.ipFamilies[{index}]", one, _FAMILIES, needed=True)
        if one in families[:index]:
            wrong.append(duplicate(f"spec.ipFamilies[{index}]", one))
    one_of(wrong, "spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), _FAMILY_POLICIES)
    before = len(wrong)
    for index, one in enumerate(every):
        if one == "None" and index == 0:
            if len(every) > 1:
                wrong.append(invalid_value(path, every, "'None' must be the first and only value"))
            continue
        ip(wrong, f"{path}[{index}]", one)
    if len(every) > 2:
        wrong.append(invalid_value(path, every, "may only hold up to 2 values"))
    if len(wrong) > before or headless(spec):
        return
    versions = [":" in one for one in every]
    if len(every) == 2 and versions[0] == versions[1]:
        wrong.append(invalid_value(path, every, "may specify no more than one IP for each IP family"))
    for index, (one, family) in enumerate(zip(every, families, strict=False)):
        if versions[index] != (family == "IPv6"):
            said = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
            wrong.append(invalid_value(f"{path}[{index}]", one, said))


def _port_numbers(wrong: Wrong, ports: list[Object], kind: str) -> None:
    if kind == "ClusterIP":
        for index, one in enumerate(ports):
            if one.get("nodePort"):
                said = "may not be used when `type` is 'ClusterIP'"
                wrong.append(forbidden_field(f"spec.ports[{index}].nodePort", said))
    nodes: set[tuple[str, int]] = set()
    for index, one in enumerate(ports):
        key = (one.get("protocol") or "", one.get("nodePort") or 0)
        if key[1] and key in nodes:
            wrong.append(duplicate(f"spec.ports[{index}].nodePort", key[1]))
        nodes.add(key)
    seen: set[tuple[str, int]] = set()
    for index, one in enumerate(ports):
        key = (one.get("protocol") or "", one.get("port") or 0)
        if key in seen:
            value = written("core.ServicePort", {"protocol": key[0], "port": key[1]})
            wrong.append(shown(f"spec.ports[{index}]", "Duplicate", value))
        seen.add(key)


def _balancer(wrong: Wrong, spec: Object, kind: str) -> None:
    only = "may only be used when `type` is 'LoadBalancer'"
    balanced = kind == "LoadBalancer"
    ranges = spec.get("loadBalancerSourceRanges") or []
    if ranges and not balanced:
        wrong.append(forbidden_field("spec.LoadBalancerSourceRanges", only))
    for index, one in enumerate(ranges):
        cidr(wrong, f"spec.LoadBalancerSourceRanges[{index}]", one.strip())
    if spec.get("allocateLoadBalancerNodePorts") is not None and not balanced:
        wrong.append(forbidden_field("spec.allocateLoadBalancerNodePorts", only))
    kind_of = spec.get("loadBalancerClass")
    if kind_of is not None:
        if balanced:
            named(wrong, "spec.loadBalancerClass", kind_of, names.qualified_name)
        else:
            wrong.append(forbidden_field("spec.loadBalancerClass", only))


def _traffic(wrong: Wrong, spec: Object, kind: str) -> None:
    outside = kind in ("LoadBalancer", "NodePort") or (kind == "ClusterIP" and bool(spec.get("externalIPs")))
    policy = spec.get("externalTrafficPolicy") or ""
    if not outside and policy:
        said = "may only be set for externally-accessible services"
        wrong.append(invalid_value("spec.externalTrafficPolicy", policy, said))
    if outside:
        one_of(wrong, "spec.externalTrafficPolicy", policy, _TRAFFIC, needed=True)
    checked = kind == "LoadBalancer" and policy == "Local"
    if spec.get("healthCheckNodePort") and not checked:
        said = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        wrong.append(invalid_value("spec.healthCheckNodePort", spec["healthCheckNodePort"], said))
    elif spec.get("healthCheckNodePort"):
        port(wrong, "spec.healthCheckNodePort", spec["healthCheckNodePort"])
    policy = spec.get("internalTrafficPolicy")
    if policy is None and kind in ("ClusterIP", "NodePort", "LoadBalancer"):
        wrong.append(required("spec.internalTrafficPolicy"))
    if policy is not None and policy not in _TRAFFIC:
        wrong.append(not_supported("spec.internalTrafficPolicy", policy, _TRAFFIC))
    if spec.get("trafficDistribution") is not None and spec["trafficDistribution"] not in _SPREAD:
        wrong.append(not_supported("spec.trafficDistribution", spec["trafficDistribution"], _SPREAD))


def changed_service(wrong: Wrong, new: Object, old: Object) -> None:
    """A Service in place of another: its addresses stay."""
    after, before = _normal(new.get("spec") or {}, old.get("spec") or {}), old.get("spec") or {}
    named_only = "ExternalName" in (after.get("type"), before.get("type"))
    if not named_only and not (headless(after) and headless(before)):
        _same_addresses(wrong, after, before)
    if not named_only and headless(after) == headless(before) and not headless(after):
        now, was = after.get("ipFamilies") or [], before.get("ipFamilies") or []
        if now and was and (now[0] != was[0] or (len(now) == len(was) and now != was)):
            wrong.append(invalid_value("spec.ipFamilies[0]", now, _CHANGE))
    kind_of, was = after.get("loadBalancerClass"), before.get("loadBalancerClass")
    if after.get("type") == before.get("type") == "LoadBalancer" and kind_of != was:
        wrong.append(invalid_value("spec.loadBalancerClass", kind_of, _CHANGE))
    _service(wrong, after)


def _normal(after: Object, before: Object) -> Object:
    """`clusterIPs` follows a `clusterIP` that was changed alone. Source: `pkg/registry/core/service/strategy.go`."""
    first, every = after.get("clusterIP") or "", after.get("clusterIPs") or []
    if first != (before.get("clusterIP") or "") and every == (before.get("clusterIPs") or []):
        return {**after, "clusterIPs": [first] if first else []}
    return addresses(after)


def _same_addresses(wrong: Wrong, after: Object, before: Object) -> None:
    now, was = after.get("clusterIPs") or [], before.get("clusterIPs") or []
    if len(now) == len(was):
        for index, (one, other) in enumerate(zip(now, was, strict=True)):
            if one != other:
                wrong.append(invalid_value(f"spec.clusterIPs[{index}]", now, _CHANGE))
    elif not now:
        wrong.append(invalid_value("spec.clusterIPs[0]", now, "primary clusterIP can not be unset"))
    elif was and now[0] != was[0]:
        wrong.append(invalid_value("spec.clusterIPs[0]", now, _CHANGE))
