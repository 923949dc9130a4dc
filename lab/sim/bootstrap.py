"""What is in a cluster before anyone has written to it: namespaces, roles, the API's own Service, classes.

Source: kubeadm, apiserver `pkg/controlplane`, kind's default StorageClass. System pods are left out: nothing runs here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from lab.sim.api import bootstrap_policy
from lab.sim.api.resources import Object
from lab.sim.controllers import root_ca
from lab.sim.objects import new_uid

_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_SERVICE_ADDRESS = "10.96.0.1"
_NODE_ADDRESS = "172.18.0.2"
"""Of the first node (`simulated_node.make_node`)."""


Seed = tuple[str, str, str, Object]


def objects(now: str, certificate: bytes) -> Iterator[Seed]:
    """(storage, namespace, name, object) of everything an empty cluster begins with.

    `now`: their creation time; `certificate`: the cluster's CA, PEM.
    """
    yield from _roles(now)
    data = {"ca.crt": certificate.decode()}
    owners = [
        {
            "apiVersion": "v1",
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:data": {".": {}, "f:ca.crt": {}},
                "f:metadata": {"f:annotations": {".": {}, f"f:{root_ca.DESCRIPTION}": {}}},
            },
            "manager": "kube-controller-manager",
            "operation": "Update",
            "time": now,
        }
    ]
    for name in _NAMESPACES:
        body = {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
        yield _made("namespaces", "v1", "Namespace", "", name, now, body, labels={"kubernetes.io/metadata.name": name})
        yield _made("serviceaccounts", "v1", "ServiceAccount", name, "default", now, {})
        storage, namespace, published, obj = _made(
            "configmaps", "v1", "ConfigMap", name, root_ca.NAME, now, {"data": data}, annotations=root_ca.ANNOTATIONS
        )
        obj["metadata"]["managedFields"] = owners
        yield storage, namespace, published, obj
    yield _made("services", "v1", "Service", "default", "kubernetes", now, _service(), labels=_COMPONENT)
    ports = [{"name": "https", "port": 6443, "protocol": "TCP"}]
    body = {"subsets": [{"addresses": [{"ip": _NODE_ADDRESS}], "ports": ports}]}
    yield _made("endpoints", "v1", "Endpoints", "default", "kubernetes", now, body, labels=_MIRRORED)
    body = {
        "addressType": "IPv4",
        "endpoints": [{"addresses": [_NODE_ADDRESS], "conditions": {"ready": True}}],
        "ports": ports,
    }
    slices, labels = "endpointslices.discovery.k8s.io", {"kubernetes.io/service-name": "kubernetes"}
    yield _made(slices, "discovery.k8s.io/v1", "EndpointSlice", "default", "kubernetes", now, body, labels=labels)
    for name, value, text in _PRIORITIES:
        body = {"value": value, "description": text, "preemptionPolicy": "PreemptLowerPriority"}
        yield _made("priorityclasses.scheduling.k8s.io", "scheduling.k8s.io/v1", "PriorityClass", "", name, now, body)
    body = {
        "provisioner": "rancher.io/local-path",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    yield _made(
        "storageclasses.storage.k8s.io", "storage.k8s.io/v1", "StorageClass", "", "standard", now, body, None, default
    )


@lru_cache(maxsize=2)
def _roles(now: str) -> tuple[Seed, ...]:
    """The default roles and bindings, most of an empty cluster: shared by clusters made in the same second."""
    made = []
    for storage, obj in bootstrap_policy.objects():
        metadata = {**obj["metadata"], "uid": new_uid(), "creationTimestamp": now}
        made.append((storage, metadata.get("namespace", ""), metadata["name"], {**obj, "metadata": metadata}))
    return tuple(made)


_COMPONENT = {"component": "apiserver", "provider": "kubernetes"}
_MIRRORED = {"endpointslice.kubernetes.io/skip-mirror": "true"}
_PRIORITIES = (
    ("system-cluster-critical", 2_000_000_000, "Used for system critical pods that must run in the cluster."),
    ("system-node-critical", 2_000_001_000, "Used for system critical pods that must not be moved from their node."),
)

_WITH_GENERATION = ("priorityclasses.scheduling.k8s.io", "endpointslices.discovery.k8s.io")


def _made(
    storage: str,
    api_version: str,
    kind: str,
    namespace: str,
    name: str,
    now: str,
    body: Object,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
) -> Seed:
    metadata: Object = {"name": name, "uid": new_uid(), "creationTimestamp": now}
    if storage in _WITH_GENERATION:
        metadata["generation"] = 1
    if namespace:
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = labels
    if annotations:
        metadata["annotations"] = annotations
    return storage, namespace, name, {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


def _service() -> Object:
    return {
        "spec": {
            "clusterIP": _SERVICE_ADDRESS,
            "clusterIPs": [_SERVICE_ADDRESS],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
            "sessionAffinity": "None",
            "type": "ClusterIP",
        },
        "status": {"loadBalancer": {}},
    }
