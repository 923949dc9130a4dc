"""Ingresses, NetworkPolicies, Endpoints and slices, and the addresses of a cluster.

Source: Kubernetes `pkg/apis/networking/validation/validation.go`, `pkg/apis/discovery/validation/validation.go`,
`pkg/apis/core/validation/validation.go`.
"""

from __future__ import annotations

import ipaddress

from lab.sim.api.resources import Object
from lab.sim.api.validation import names
from lab.sim.api.validation.causes import (
    Wrong,
    cidr,
    domain_prefixed_path,
    duplicate,
    forbidden_field,
    immutable,
    invalid_value,
    ip,
    label_selector,
    named,
    needs_name,
    not_supported,
    one_of,
    outside_address,
    port,
    present,
    required,
    too_many,
)
from lab.sim.api.validation.containers import PROTOCOLS

_PATHS = ("Exact", "ImplementationSpecific", "Prefix")
_CLASS = "kubernetes.io/ingress.class"
_SEQUENCES = ("//", "/./", "/../", "%2f", "%2F")


def ingress(wrong: Wrong, obj: Object) -> None:
    """An Ingress."""
    spec = obj.get("spec") or {}
    rules, backend = spec.get("rules") or [], spec.get("defaultBackend")
    if not rules and backend is None:
        wrong.append(invalid_value("spec", None, "either `defaultBackend` or `rules` must be specified"))
    if backend is not None:
        _backend(wrong, "spec.defaultBackend", backend)
    for index, one in enumerate(rules):
        _rule(wrong, f"spec.rules[{index}]", one)
    for index, one in enumerate(spec.get("tls") or ()):
        for place, host in enumerate(one.get("hosts") or ()):
            named(wrong, f"spec.tls[{index}].hosts[{place}]", host, _host_rule(host))
        if one.get("secretName"):
            named(wrong, f"spec.tls[{index}].secretName", one["secretName"], names.dns_subdomain)
    if spec.get("ingressClassName") is not None:
        named(wrong, "spec.ingressClassName", spec["ingressClassName"], names.dns_subdomain)


def new_ingress(wrong: Wrong, obj: Object) -> None:
    """An Ingress to be created may not name two classes."""
    ingress(wrong, obj)
    said = (obj["metadata"].get("annotations") or {}).get(_CLASS)
    wanted = (obj.get("spec") or {}).get("ingressClassName")
    if said is not None and wanted is not None and said != wanted:
        detail = "must match `ingressClassName` when both are specified"
        wrong.append(invalid_value(f"annotations.{_CLASS}", said, detail))


def _host_rule(host: str) -> names.NameRule:
    return names.dns_wildcard if "*" in host else names.dns_subdomain


def _rule(wrong: Wrong, path: str, one: Object) -> None:
    host = one.get("host") or ""
    if host:
        if names.address(host) is not None:
            wrong.append(invalid_value(f"{path}.host", host, "must be a DNS name, not an IP address"))
        named(wrong, f"{path}.host", host, _host_rule(host))
    http = one.get("http")
    if http is not None:
        present(wrong, f"{path}.http.paths", http.get("paths"))
        for index, each in enumerate(http.get("paths") or ()):
            _path(wrong, f"{path}.http.paths[{index}]", each)


def _path(wrong: Wrong, path: str, one: Object) -> None:
    kind, text = one.get("pathType"), one.get("path") or ""
    if kind is None:
        wrong.append(required(f"{path}.pathType", "pathType must be specified"))
        return
    if kind not in _PATHS:
        wrong.append(not_supported(f"{path}.pathType", kind, _PATHS))
    elif not text.startswith("/") and (text or kind != "ImplementationSpecific"):
        wrong.append(invalid_value(f"{path}.path", text, "must be an absolute path"))
    if kind in ("Exact", "Prefix"):
        for part in _SEQUENCES:
            if part in text:
                wrong.append(invalid_value(f"{path}.path", text, f"must not contain '{part}'"))
        for part in ("/..", "/."):
            if text.endswith(part):
                wrong.append(invalid_value(f"{path}.path", text, f"cannot end with '{part}'"))
    _backend(wrong, f"{path}.backend", one.get("backend") or {})


def _backend(wrong: Wrong, path: str, backend: Object) -> None:
    resource, service = backend.get("resource"), backend.get("service")
    if resource is not None and service is not None:
        wrong.append(invalid_value(path, "", "cannot set both resource and service backends"))
    elif resource is not None:
        _reference(wrong, f"{path}.resource", resource)
    elif service is not None:
        needs_name(wrong, f"{path}.service.name", service.get("name"), names.dns_1035)
        said = service.get("port") or {}
        name, number = said.get("name") or "", said.get("number") or 0
        if name and number:
            wrong.append(invalid_value(path, "", "cannot set both port name & port number"))
        elif name:
            port(wrong, f"{path}.service.port.name", name)
        elif number:
            port(wrong, f"{path}.service.port.number", number)
        else:
            wrong.append(required(path, "port name or number is required"))
    else:
        wrong.append(invalid_value(path, "", "resource or service backend is required"))


def _reference(wrong: Wrong, path: str, one: Object) -> None:
    if one.get("apiGroup") is not None:
        named(wrong, f"{path}.apiGroup", one["apiGroup"], names.dns_subdomain)
    needs_name(wrong, f"{path}.kind", one.get("kind"), names.path_segment)
    needs_name(wrong, f"{path}.name", one.get("name"), names.path_segment)


def ingress_class(wrong: Wrong, obj: Object) -> None:
    """An IngressClass."""
    spec = obj.get("spec") or {}
    domain_prefixed_path(wrong, "spec.controller", spec.get("controller"))
    parameters, path = spec.get("parameters"), "spec.parameters"
    if parameters is None:
        return
    _reference(wrong, path, parameters)
    scope, namespace = parameters.get("scope"), parameters.get("namespace")
    one_of(wrong, f"{path}.scope", scope, ("Cluster", "Namespace"), needed=True)
    if scope == "Namespace":
        if namespace is None:
            wrong.append(required(f"{path}.namespace", "`parameters.scope` is set to 'Namespace'"))
        else:
            named(wrong, f"{path}.namespace", namespace, names.dns_label)
    elif scope == "Cluster" and namespace is not None:
        wrong.append(forbidden_field(f"{path}.namespace", "`parameters.scope` is set to 'Cluster'"))


def changed_ingress_class(wrong: Wrong, new: Object, old: Object) -> None:
    """An IngressClass keeps its controller."""
    after, before = new.get("spec") or {}, old.get("spec") or {}
    immutable(wrong, "spec.controller", after.get("controller"), before.get("controller"))
    ingress_class(wrong, new)


def network_policy(wrong: Wrong, obj: Object) -> None:
    """A NetworkPolicy."""
    spec = obj.get("spec") or {}
    label_selector(wrong, "spec.podSelector", spec.get("podSelector"))
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(direction) or ()):
            path = f"spec.{direction}[{index}]"
            for place, one in enumerate(rule.get("ports") or ()):
                _policy_port(wrong, f"{path}.ports[{place}]", one)
            for place, one in enumerate(rule.get(peers) or ()):
                _peer(wrong, f"{path}.{peers}[{place}]", one)
    types = spec.get("policyTypes") or []
    if len(types) > 2:
        wrong.append(invalid_value("spec.policyTypes", types, "may not specify more than two policyTypes"))
    for index, one in enumerate(types):
        one_of(wrong, f"spec.policyTypes[{index}]", one, ("Ingress", "Egress"))


def _policy_port(wrong: Wrong, path: str, one: Object) -> None:
    number, end = one.get("port"), one.get("endPort")
    one_of(wrong, f"{path}.protocol", one.get("protocol"), ("TCP", "UDP", "SCTP"))
    if number is None:
        if end is not None:
            wrong.append(invalid_value(f"{path}.endPort", end, "may not be specified when `port` is not specified"))
    elif isinstance(number, str):
        if end is not None:
            wrong.append(invalid_value(f"{path}.endPort", end, "may not be specified when `port` is non-numeric"))
        port(wrong, f"{path}.port", number)
    else:
        port(wrong, f"{path}.port", number)
        if end is not None:
            if end < number:
                wrong.append(invalid_value(f"{path}.endPort", number, "must be greater than or equal to `port`"))
            port(wrong, f"{path}.endPort", end)


def _peer(wrong: Wrong, path: str, one: Object) -> None:
    given = [name for name in ("podSelector", "namespaceSelector", "ipBlock") if one.get(name) is not None]
    for name in given:
        if name == "ipBlock":
            _block(wrong, f"{path}.ipBlock", one["ipBlock"])
        else:
            label_selector(wrong, f"{path}.{name}", one[name])
    if not given:
        wrong.append(required(path, "must specify a peer"))
    elif len(given) > 1 and "ipBlock" in given:
        wrong.append(forbidden_field(path, "may not specify both ipBlock and another peer"))


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _block(wrong: Wrong, path: str, block: Object) -> None:
    said = block.get("cidr") or ""
    if not present(wrong, f"{path}.cidr", said) or not cidr(wrong, f"{path}.cidr", said):
        return
    outer = names.network(said)
    for index, one in enumerate(block.get("except") or ()):
        if cidr(wrong, f"{path}.except[{index}]", one):
            inner = names.network(one)
            if inner is None or outer is None or not _inside(inner.network, outer.network):
                wrong.append(invalid_value(f"{path}.except[{index}]", one, "must be a strict subset of `cidr`"))


def _inside(inner: Network, outer: Network) -> bool:
    if inner.version != outer.version or inner.prefixlen <= outer.prefixlen:
        return False
    return inner.subnet_of(outer)  # type: ignore[arg-type]


def endpoints(wrong: Wrong, obj: Object) -> None:
    """Endpoints."""
    for index, subset in enumerate(obj.get("subsets") or ()):
        path = f"subsets[{index}]"
        ready, waiting = subset.get("addresses") or (), subset.get("notReadyAddresses") or ()
        if not ready and not waiting:
            wrong.append(required(path, "must specify `addresses` or `notReadyAddresses`"))
        for field, values in (("addresses", ready), ("notReadyAddresses", waiting)):
            for place, one in enumerate(values):
                _endpoint_address(wrong, f"{path}.{field}[{place}]", one)
        ports = subset.get("ports") or ()
        for place, one in enumerate(ports):
            at, name = f"{path}.ports[{place}]", one.get("name")
            if len(ports) > 1 and not name:
                wrong.append(required(f"{at}.name"))
            elif name:
                named(wrong, f"{at}.name", name, names.dns_label)
            port(wrong, f"{at}.port", one.get("port"))
            one_of(wrong, f"{at}.protocol", one.get("protocol"), PROTOCOLS, needed=True)


def _endpoint_address(wrong: Wrong, path: str, one: Object) -> None:
    text = one.get("ip") or ""
    ip(wrong, f"{path}.ip", text)
    if one.get("hostname"):
        named(wrong, f"{path}.hostname", one["hostname"], names.dns_label)
    if one.get("nodeName") is not None:
        named(wrong, f"{path}.nodeName", one["nodeName"], names.dns_subdomain)
    outside_address(wrong, f"{path}.ip", text)


def endpoint_slice(wrong: Wrong, obj: Object) -> None:
    """An EndpointSlice."""
    kind = obj.get("addressType") or ""
    one_of(wrong, "addressType", kind, ("FQDN", "IPv4", "IPv6"), needed=True)
    seen: set[str] = set()
    for index, one in enumerate(obj.get("ports") or ()):
        name = one.get("name") or ""
        if name:
            named(wrong, f"ports[{index}].name", name, names.dns_label)
        if name in seen:
            wrong.append(duplicate(f"ports[{index}].name", name))
        seen.add(name)
        one_of(wrong, f"ports[{index}].protocol", one.get("protocol"), PROTOCOLS, needed=True)
        if one.get("appProtocol") is not None:
            named(wrong, f"ports[{index}].appProtocol", one["appProtocol"], names.qualified_name)
    values = obj.get("endpoints") or []
    if len(values) > 1000:
        wrong.append(too_many("endpoints", len(values), 1000))
    for index, one in enumerate(values):
        _slice_endpoint(wrong, f"endpoints[{index}]", one, kind)


def _slice_endpoint(wrong: Wrong, path: str, one: Object, kind: str) -> None:
    found, at = one.get("addresses") or [], f"{path}.addresses"
    present(wrong, at, found, "must contain at least 1 address")
    if len(found) > 100:
        wrong.append(too_many(at, len(found), 100))
    for index, text in enumerate(found):
        if kind == "FQDN":
            named(wrong, f"{at}[{index}]", text.removesuffix("."), names.dns_subdomain)
        elif kind in ("IPv4", "IPv6") and ip(wrong, f"{at}[{index}]", text):
            if (":" in text) != (kind == "IPv6"):
                wrong.append(invalid_value(at, text, f"must be an {kind} address"))
            outside_address(wrong, f"{at}[{index}]", text)
    if one.get("nodeName") is not None:
        named(wrong, f"{path}.nodeName", one["nodeName"], names.dns_subdomain)
    if one.get("hostname") is not None:
        named(wrong, f"{path}.hostname", one["hostname"], names.dns_label)


def changed_slice(wrong: Wrong, new: Object, old: Object) -> None:
    """An EndpointSlice keeps its address type."""
    endpoint_slice(wrong, new)
    immutable(wrong, "addressType", new.get("addressType"), old.get("addressType"))


def ip_address(wrong: Wrong, obj: Object) -> None:
    """An IPAddress."""
    parent, path = (obj.get("spec") or {}).get("parentRef"), "spec.parentRef"
    if not present(wrong, path, parent) or parent is None:
        return
    needs_name(wrong, f"{path}.resource", parent.get("resource"), names.path_segment)
    needs_name(wrong, f"{path}.name", parent.get("name"), names.path_segment)


def service_cidr(wrong: Wrong, obj: Object) -> None:
    """A ServiceCIDR."""
    found = (obj.get("spec") or {}).get("cidrs") or []
    if present(wrong, "spec.cidrs", found, "at least one CIDR required"):
        for index, one in enumerate(found):
            cidr(wrong, f"spec.cidrs[{index}]", one)
