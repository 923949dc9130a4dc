"""Nodes and other things of the cluster as a whole: leases, classes, certificates and API services.

Source: Kubernetes `pkg/printers/internalversion/printers.go`, kube-aggregator `pkg/registry/apiservice/etcd/etcd.go`.
"""

from __future__ import annotations

from lab.sim.api.printers.age import human
from lab.sim.api.printers.printer import (
    AGE,
    NAME,
    NONE,
    UNKNOWN,
    WIDE,
    Cells,
    Printer,
    age,
    aged,
    column,
    name,
    part,
)
from lab.sim.api.resources import Object
from lab.sim.objects import condition

_ROLE_PREFIX, _ROLE_LABEL = "node-role.kubernetes.io/", "kubernetes.io/role"


def _node_state(node: Object) -> str:
    ready = condition(node, "Ready")
    state = "Unknown" if ready is None else "Ready" if ready.get("status") == "True" else "NotReady"
    return f"{state},SchedulingDisabled" if part(node, "spec").get("unschedulable") else state


def _roles(node: Object) -> str:
    labels = part(node["metadata"], "labels")
    roles = {key.removeprefix(_ROLE_PREFIX) for key in labels if key.startswith(_ROLE_PREFIX)}
    roles.add(labels.get(_ROLE_LABEL, ""))
    return ",".join(sorted(roles - {""})) or NONE


def _node(node: Object, now: float) -> Cells:
    status = part(node, "status")
    info, addresses = part(status, "nodeInfo"), status.get("addresses") or ()

    def address(kind: str) -> str:
        return next((one.get("address", "") for one in addresses if one.get("type") == kind), NONE)

    return [
        name(node),
        _node_state(node),
        _roles(node),
        age(node, now),
        info.get("kubeletVersion", ""),
        address("InternalIP"),
        address("ExternalIP"),
        info.get("osImage") or UNKNOWN,
        info.get("kernelVersion") or UNKNOWN,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def _csr_state(obj: Object) -> str:
    status = part(obj, "status")
    kinds = {one.get("type") for one in status.get("conditions") or ()}
    state = "Denied" if "Denied" in kinds else "Approved" if "Approved" in kinds else "Pending"
    if "Failed" in kinds:
        state += ",Failed"
    return f"{state},Issued" if status.get("certificate") else state


def _csr(obj: Object, now: float) -> Cells:
    spec = part(obj, "spec")
    seconds = spec.get("expirationSeconds")
    return [
        name(obj),
        age(obj, now),
        spec.get("signerName") or NONE,
        spec.get("username", ""),
        NONE if seconds is None else human(seconds),
        _csr_state(obj),
    ]


def _priority_class(obj: Object, now: float) -> Cells:
    return [
        name(obj),
        obj.get("value", 0),
        bool(obj.get("globalDefault")),
        age(obj, now),
        obj.get("preemptionPolicy") or "",
    ]


def _backend(obj: Object) -> str:
    service = part(obj, "spec").get("service")
    return "Local" if service is None else f"{service.get('namespace', '')}/{service.get('name', '')}"


def _available(obj: Object) -> str:
    found = condition(obj, "Available")
    if found is None:
        return "Unknown"
    status, reason = str(found.get("status", "")), found.get("reason")
    return f"{status} ({reason})" if status != "True" and reason else status


PRINTERS = {
    "nodes": Printer(
        [
            NAME,
            column("Status", "Whether the node is ready and takes pods."),
            column("Roles", "Roles of the node."),
            AGE,
            column("Version", "Version of its kubelet."),
            column("Internal-IP", "Address inside the cluster.", priority=WIDE),
            column("External-IP", "Address from outside.", priority=WIDE),
            column("OS-Image", "Operating system.", priority=WIDE),
            column("Kernel-Version", "Version of the kernel.", priority=WIDE),
            column("Container-Runtime", "What runs the containers, and its version.", priority=WIDE),
        ],
        _node,
    ),
    "leases.coordination.k8s.io": Printer(
        [NAME, column("Holder", "Who holds the lease."), AGE],
        aged(lambda obj: part(obj, "spec").get("holderIdentity") or ""),
    ),
    "priorityclasses.scheduling.k8s.io": Printer(
        [
            NAME,
            column("Value", "Priority of the pods.", "integer"),
            column("Global-Default", "Whether pods without a class get this one.", "boolean"),
            AGE,
            column("PreemptionPolicy", "Whether the pods may displace others."),
        ],
        _priority_class,
    ),
    "runtimeclasses.node.k8s.io": Printer(
        [NAME, column("Handler", "Runtime that runs the pods."), AGE],
        aged(lambda obj: obj.get("handler", "")),
    ),
    "certificatesigningrequests.certificates.k8s.io": Printer(
        [
            NAME,
            AGE,
            column("SignerName", "Who is to sign."),
            column("Requestor", "Who asked."),
            column("RequestedDuration", "How long the certificate is to last."),
            column("Condition", "How far the request has come."),
        ],
        _csr,
    ),
    "apiservices.apiregistration.k8s.io": Printer(
        [
            NAME,
            column("Service", "Service that answers for the group version."),
            column("Available", "Whether it answers."),
            AGE,
        ],
        aged(_backend, _available),
    ),
}
