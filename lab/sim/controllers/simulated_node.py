"""What a simulated node looks like, and how a simulated node and its pods are told from real ones.

Source: Kubernetes `pkg/kubelet/nodestatus/setters.go`.
"""

from __future__ import annotations

import uuid

from lab.sim.api.resources import Object
from lab.sim.clock import timestamp

SIMULATED = "gitops-lab.io/simulated"
"""Label of simulated nodes, annotation of the pods on them."""
HEARTBEAT = "gitops-lab.io/heartbeat"
FAULT = "sim.gitops-lab.io/fault"
"""Annotation of a node: `stopped` makes its kubelet stop."""

HEALTHY = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


def make_node(
    cluster: str,
    minor: int,
    now: float,
    number: int = 0,
    control_plane: bool = True,
    cpu: str = "8",
    memory: str = "16Gi",
    pods: int = 110,
) -> Object:
    """A node as a kubelet registers it: `CLUSTER-control-plane`, or `CLUSTER-worker`, `CLUSTER-worker2` ….

    `number`: 0 for the first node of a cluster; gives its addresses. `now`: seconds since 1970.
    """
    worker = "worker" if number <= 1 else f"worker{number}"
    name = f"{cluster}-{'control-plane' if control_plane else worker}"
    labels = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        SIMULATED: "true",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
    }
    if control_plane:
        labels["node-role.kubernetes.io/control-plane"] = ""
    size = {
        "cpu": cpu,
        "ephemeral-storage": "100Gi",
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
        "memory": memory,
        "pods": str(pods),
    }
    network = f"10.244.{number}.0/24"
    identity = uuid.uuid5(uuid.NAMESPACE_DNS, name)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": labels,
            "annotations": {
                SIMULATED: "This node exists in the simulator only: no container runs on it.",
                HEARTBEAT: "none; conditions and lease are written when they change",
                "node.alpha.kubernetes.io/ttl": "0",
                "volumes.kubernetes.io/controller-managed-attach-detach": "true",
            },
        },
        "spec": {"podCIDR": network, "podCIDRs": [network], "providerID": f"simulated://{cluster}/{name}"},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": f"172.18.0.{number + 2}"},
                {"type": "Hostname", "address": name},
            ],
            "allocatable": size,
            "capacity": size,
            "conditions": healthy(now),
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "images": [],
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": str(identity),
                "containerRuntimeVersion": "simulated://1",
                "kernelVersion": "simulated",
                "kubeProxyVersion": "",
                "kubeletVersion": f"v1.{minor}.0+sim",
                "machineID": identity.hex,
                "operatingSystem": "linux",
                "osImage": "GitOps Lab simulator",
                "systemUUID": str(identity),
            },
        },
    }


def healthy(now: float, old: list[Object] | None = None) -> list[Object]:
    """The conditions of a node whose kubelet is well; a time moves only where the status differs from `old`."""
    known = {one["type"]: one for one in old or ()}
    made = []
    for kind, status, reason, message in HEALTHY:
        before = known.get(kind, {})
        same = before.get("status") == status
        made.append(
            {
                "type": kind,
                "status": status,
                "lastHeartbeatTime": timestamp(now),
                "lastTransitionTime": before["lastTransitionTime"] if same else timestamp(now),
                "reason": reason,
                "message": message,
            }
        )
    return made


def internal_address(node: Object) -> str:
    """The node's InternalIP, or ""."""
    for one in (node.get("status") or {}).get("addresses") or ():
        if one["type"] == "InternalIP":
            return str(one["address"])
    return ""


def is_simulated(node: Object) -> bool:
    """Whether the node exists in the simulator only."""
    return (node["metadata"].get("labels") or {}).get(SIMULATED) == "true"


def mark_simulated(pod: Object, node: Object | None) -> None:
    """Note on the caller's own copy of a pod that nothing runs in it, if its node is simulated."""
    if node is not None and is_simulated(node):
        metadata = pod["metadata"]
        metadata["annotations"] = {**(metadata.get("annotations") or {}), SIMULATED: "true"}


def is_stopped(node: Object) -> bool:
    """Whether a fault keeps this node's kubelet from working."""
    return (node["metadata"].get("annotations") or {}).get(FAULT) == "stopped"
