"""Services, endpoints, ingresses, network policies and addresses.

Source: Kubernetes `pkg/printers/internalversion/printers.go`.
"""

from __future__ import annotations

from typing import Any

from lab.sim.api.printers.label_text import of_labels, of_selector
from lab.sim.api.printers.printer import (
    AGE,
    NAME,
    NONE,
    UNKNOWN,
    UNSET,
    WIDE,
    Cells,
    Printer,
    age,
    aged,
    column,
    name,
    part,
    shortened,
)
from lab.sim.api.resources import Object


def _load_balancer(obj: Object) -> str:
    ingress = part(part(obj, "status"), "loadBalancer").get("ingress") or ()
    return ",".join(sorted({one.get("ip") or one.get("hostname") or "" for one in ingress} - {""}))


def _external_address(service: Object) -> str:
    spec = part(service, "spec")
    kind, given = spec.get("type"), spec.get("externalIPs") or []
    if kind in ("ClusterIP", "NodePort"):
        return ",".join(given) or NONE
    if kind == "LoadBalancer":
        balanced = _load_balancer(service)
        return ",".join(([balanced] if balanced else []) + given) or "<pending>"
    return str(spec.get("externalName", "")) if kind == "ExternalName" else UNKNOWN


def _port(port: Object) -> str:
    number, node = port.get("port", 0), port.get("nodePort", 0)
    return f"{number}:{node}/{port.get('protocol', '')}" if node else f"{number}/{port.get('protocol', '')}"


def _service(service: Object, now: float) -> Cells:
    spec = part(service, "spec")
    return [
        name(service),
        spec.get("type", ""),
        next(iter(spec.get("clusterIPs") or ()), NONE),
        _external_address(service),
        ",".join(map(_port, spec.get("ports") or ())) or NONE,
        age(service, now),
        of_labels(spec.get("selector")),
    ]


def _endpoints(obj: Object) -> str:
    subsets = obj.get("subsets") or ()
    if not subsets:
        return NONE
    texts: list[str] = []
    for subset in subsets:
        addresses = [one.get("ip", "") for one in subset.get("addresses") or ()]
        ports = subset.get("ports") or ()
        if not ports:
            texts += addresses
        for port in ports:
            texts += [_host_port(address, port.get("port", 0)) for address in addresses]
    return shortened(texts, 3)


def _host_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _slice_ports(obj: Object) -> str:
    ports: list[Any] = obj.get("ports") or []
    texts = [str(one["port"]) if one.get("port") is not None else str(one.get("name", "*")) for one in ports]
    return shortened(texts, 3) or UNSET


def _slice_endpoints(obj: Object) -> str:
    return shortened([one for end in obj.get("endpoints") or () for one in end.get("addresses") or ()], 3) or UNSET


def _hosts(ingress: Object) -> str:
    """Hosts of the rules. Beyond three rules the rest is counted, whether they name hosts or not."""
    rules = part(ingress, "spec").get("rules") or ()
    hosts: list[str] = []
    more = False
    for rule in rules:
        more = more or len(hosts) == 3
        if not more and rule.get("host"):
            hosts.append(rule["host"])
    if not hosts:
        return "*"
    return ",".join(hosts) + (f" + {len(rules) - 3} more..." if more else "")


def _ingress(ingress: Object, now: float) -> Cells:
    spec = part(ingress, "spec")
    return [
        name(ingress),
        NONE if spec.get("ingressClassName") is None else spec["ingressClassName"],
        _hosts(ingress),
        _load_balancer(ingress),
        "80, 443" if spec.get("tls") else "80",
        age(ingress, now),
    ]


def _class_parameters(obj: Object) -> str:
    given = part(obj, "spec").get("parameters")
    if given is None:
        return NONE
    kind, group = given.get("kind", ""), given.get("apiGroup")
    return f"{kind if group is None else f'{kind}.{group}'}/{given.get('name', '')}"


def _parent(obj: Object) -> str:
    given = part(obj, "spec").get("parentRef")
    if given is None:
        return NONE
    group, namespace = given.get("group"), given.get("namespace")
    resource = given.get("resource", "")
    parts = [f"{resource}.{group}".lower() if group else resource.lower(), namespace, given.get("name", "")]
    return "/".join(filter(None, parts))


PRINTERS = {
    "services": Printer(
        [
            NAME,
            column("Type", "How the service is reached."),
            column("Cluster-IP", "Address inside the cluster."),
            column("External-IP", "Addresses from outside the cluster."),
            column("Port(s)", "Ports, with the nodes' port and the protocol."),
            AGE,
            column("Selector", "Labels of the pods behind it.", priority=WIDE),
        ],
        _service,
    ),
    "endpoints": Printer([NAME, column("Endpoints", "Addresses and ports of the pods."), AGE], aged(_endpoints)),
    "endpointslices.discovery.k8s.io": Printer(
        [
            NAME,
            column("AddressType", "Form of the addresses."),
            column("Ports", "Ports that every endpoint has."),
            column("Endpoints", "Addresses."),
            AGE,
        ],
        aged(lambda obj: obj.get("addressType", ""), _slice_ports, _slice_endpoints),
    ),
    "ingresses.networking.k8s.io": Printer(
        [
            NAME,
            column("Class", "IngressClass that serves it."),
            column("Hosts", "Host names its rules are for."),
            column("Address", "Where the load balancer is reached."),
            column("Ports", "Ports that are open."),
            AGE,
        ],
        _ingress,
    ),
    "ingressclasses.networking.k8s.io": Printer(
        [
            NAME,
            column("Controller", "Controller that serves this class."),
            column("Parameters", "Object with the controller's settings."),
            AGE,
        ],
        aged(lambda obj: part(obj, "spec").get("controller", ""), _class_parameters),
    ),
    "networkpolicies.networking.k8s.io": Printer(
        [NAME, column("Pod-Selector", "Labels of the pods the policy is for."), AGE],
        aged(lambda obj: of_selector(part(obj, "spec").get("podSelector")) or NONE),
    ),
    "servicecidrs.networking.k8s.io": Printer(
        [NAME, column("CIDRs", "Ranges that services get addresses from."), AGE],
        aged(lambda obj: ",".join(part(obj, "spec").get("cidrs") or ())),
    ),
    "ipaddresses.networking.k8s.io": Printer(
        [NAME, column("ParentRef", "Object that has the address.")],
        aged(_parent),
    ),
}
