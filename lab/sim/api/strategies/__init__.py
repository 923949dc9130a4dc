"""What the API server itself does to objects of certain kinds as they are written and deleted.

Source: Kubernetes `pkg/registry/*/*/strategy.go` and `storage.go`, apiextensions `pkg/registry/customresource`.
"""

from __future__ import annotations

from lab.sim.api.resources import Object, Resource
from lab.sim.api.strategies.certificates import CertificateSigningRequests
from lab.sim.api.strategies.cluster import CustomResourceDefinitions, Events, Namespaces, Secrets
from lab.sim.api.strategies.pods import Pods
from lab.sim.api.strategies.services import Services
from lab.sim.api.strategies.storage import PersistentVolumeClaims, PersistentVolumes
from lab.sim.api.strategies.strategy import EVERYTHING, Strategy
from lab.sim.api.strategies.workloads import DaemonSets, Deployments, EndpointSlices, Jobs

__all__ = ["Strategy", "strategy"]


class _Custom(Strategy):
    """Custom resources: a write through `status` leaves everything else alone, and a PUT names its resourceVersion."""

    unconditional_update = False
    status_keeps = EVERYTHING

    def generation_moves(self, new: Object, old: Object) -> bool:
        """On any change beside the metadata, and beside the status where that is a subresource."""
        return _beside_metadata(new) != _beside_metadata(old)


def _beside_metadata(obj: Object) -> Object:
    return {field: value for field, value in obj.items() if field != "metadata"}


class _CreatedByPut(Strategy):
    create_on_update = True


class _Conditional(Strategy):
    unconditional_update = False


class _ConditionalCreatedByPut(_CreatedByPut, _Conditional):
    pass


class _SeparateStatus(Strategy):
    status_keeps = EVERYTHING


class _OrphanedByDefault(Strategy):
    default_propagation = "Orphan"


class _Node(Strategy):
    """Nodes register with a status, so a creation keeps it."""

    def prepare_create(self, *_: object) -> None:
        """Leave the status as the kubelet sent it."""


DEFAULT = Strategy({})
CUSTOM = _Custom()
_NO_PODS = {"currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0}
_NO_BUDGET = {"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0}

BY_STORAGE: dict[str, Strategy] = {
    "certificatesigningrequests.certificates.k8s.io": CertificateSigningRequests({}),
    "clusterrolebindings.rbac.authorization.k8s.io": _CreatedByPut(),
    "clusterroles.rbac.authorization.k8s.io": _CreatedByPut(),
    "csidrivers.storage.k8s.io": _Conditional(),
    "csinodes.storage.k8s.io": _Conditional(),
    "csistoragecapacities.storage.k8s.io": _Conditional(),
    "customresourcedefinitions.apiextensions.k8s.io": CustomResourceDefinitions(),
    "daemonsets.apps": DaemonSets(_NO_PODS),
    "deployments.apps": Deployments({}),
    "endpoints": _CreatedByPut(),
    "endpointslices.discovery.k8s.io": EndpointSlices(),
    "events": Events(),
    "horizontalpodautoscalers.autoscaling": Strategy({"currentMetrics": None, "desiredReplicas": 0}),
    "ingresses.networking.k8s.io": Strategy({"loadBalancer": {}}),
    "jobs.batch": Jobs({}),
    "leases.coordination.k8s.io": _ConditionalCreatedByPut(),
    "limitranges": _CreatedByPut(),
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": _Conditional(),
    "namespaces": Namespaces(),
    "nodes": _Node(),
    "persistentvolumeclaims": PersistentVolumeClaims(),
    "persistentvolumes": PersistentVolumes(),
    "poddisruptionbudgets.policy": _Conditional(_NO_BUDGET),
    "pods": Pods(),
    "replicasets.apps": Strategy({"replicas": 0}),
    "replicationcontrollers": _OrphanedByDefault({"replicas": 0}),
    "rolebindings.rbac.authorization.k8s.io": _CreatedByPut(),
    "roles.rbac.authorization.k8s.io": _CreatedByPut(),
    "runtimeclasses.node.k8s.io": _ConditionalCreatedByPut(),
    "secrets": Secrets(),
    "services": Services({"loadBalancer": {}}),
    "servicecidrs.networking.k8s.io": _SeparateStatus({}),
    "statefulsets.apps": Strategy({"availableReplicas": 0, "replicas": 0}),
    "validatingadmissionpolicies.admissionregistration.k8s.io": _SeparateStatus({}),
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": _Conditional(),
    "validatingwebhookconfigurations.admissionregistration.k8s.io": _Conditional(),
    "volumeattachments.storage.k8s.io": _SeparateStatus({"attached": False}),
    "apiservices.apiregistration.k8s.io": _SeparateStatus({}),
}
"""Kinds with rules of their own, by `Resource.storage`."""


def strategy(resource: Resource) -> Strategy:
    """The rules of a kind."""
    if resource.custom is not None:
        return CUSTOM
    return BY_STORAGE.get(resource.storage, DEFAULT)
