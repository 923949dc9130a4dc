"""Defaults of Services, endpoints, Ingresses and NetworkPolicies.

Source: Kubernetes `pkg/apis/{core,discovery,networking}/v1/defaults.go`.
"""

from __future__ import annotations

from lab.sim.api.defaults.filling import fill, fill_empty, spec_of, status
from lab.sim.api.resources import Object


def service(obj: Object) -> None:
    """Defaults of a Service."""
    spec = spec_of(obj)
    fill_empty(spec, sessionAffinity="None", type="ClusterIP")
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        client = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
        if client.get("timeoutSeconds") is None:
            spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": 10800}}
    for port in spec.get("ports") or ():
        fill_empty(port, protocol="TCP")
        if not port.get("targetPort"):
            port["targetPort"] = port.get("port") or 0
    kind = spec["type"]
    if kind in ("NodePort", "LoadBalancer") or (kind == "ClusterIP" and spec.get("externalIPs")):
        fill_empty(spec, externalTrafficPolicy="Cluster")
    if kind != "ExternalName" and kind in ("ClusterIP", "NodePort", "LoadBalancer"):
        fill(spec, internalTrafficPolicy="Cluster")
    status = obj.get("status")
    if status is None:
        status = obj["status"] = {}
    fill(status, loadBalancer={})
    if kind == "LoadBalancer":
        fill(spec, allocateLoadBalancerNodePorts=True)
        for one in status["loadBalancer"].get("ingress") or ():
            if one.get("ip"):
                fill(one, ipMode="VIP")


def endpoints(obj: Object) -> None:
    """Defaults of Endpoints."""
    for subset in obj.get("subsets") or ():
        for port in subset.get("ports") or ():
            fill_empty(port, protocol="TCP")


def endpoint_slice(obj: Object) -> None:
    """Defaults of an EndpointSlice."""
    obj.setdefault("endpoints", None)
    obj.setdefault("ports", None)
    for endpoint in obj["endpoints"] or ():
        fill(endpoint, conditions={})
    for port in obj["ports"] or ():
        fill(port, name="", protocol="TCP")


def ingress(obj: Object) -> None:
    """Defaults of an Ingress."""
    spec_of(obj)
    status(obj)
    fill(obj["status"], loadBalancer={})


def ingress_class(obj: Object) -> None:
    """Defaults of an IngressClass."""
    parameters = spec_of(obj).get("parameters")
    if parameters is not None:
        fill(parameters, scope="Cluster")


def network_policy(obj: Object) -> None:
    """Defaults of a NetworkPolicy."""
    spec = spec_of(obj)
    fill(spec, podSelector={})
    for rule in (*(spec.get("ingress") or ()), *(spec.get("egress") or ())):
        for port in rule.get("ports") or ():
            fill(port, protocol="TCP")
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
