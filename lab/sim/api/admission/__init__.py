"""Admission: what may be written although it is valid, and what is added to it on the way in.

The plugins and their order are those a kube-apiserver runs unless told otherwise. Left out: webhooks and policies,
which are accepted with a warning; TaintNodesByCondition, because simulated nodes join ready.
Source: Kubernetes `pkg/kubeapiserver/options/plugins.go`, `plugin/pkg/admission/*`, apiserver
`pkg/admission/plugin/namespace/lifecycle`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lab.sim.api.admission import default_classes, limits, namespaces, pod_security, pods, quota, storage, unsimulated
from lab.sim.api.admission.write import Write

if TYPE_CHECKING:
    from lab.sim.api.rest import Rest

__all__ = ["Write", "mutate", "validate"]

Plugin = Callable[["Rest", Write], None]

_MUTATING: dict[str, tuple[Plugin, ...]] = {
    "pods": (limits.fill_in, pods.service_account, pods.priority, pods.tolerations, pods.runtime_class),
    "persistentvolumeclaims": (default_classes.storage_class, storage.protect),
    "persistentvolumes": (storage.protect,),
    "volumeattributesclasses.storage.k8s.io": (storage.protect,),
    "ingresses.networking.k8s.io": (default_classes.ingress_class,),
}
_WORKLOADS = (
    "daemonsets.apps",
    "deployments.apps",
    "replicasets.apps",
    "statefulsets.apps",
    "replicationcontrollers",
    "podtemplates",
    "jobs.batch",
    "cronjobs.batch",
)
_VALIDATING: dict[str, tuple[Plugin, ...]] = {
    "pods": (limits.check, pod_security.check),
    "namespaces": (namespaces.protect, pod_security.check_namespace),
    "persistentvolumeclaims": (limits.check, storage.resize),
    "priorityclasses.scheduling.k8s.io": (pods.one_default,),
    **dict.fromkeys(_WORKLOADS, (pod_security.warn,)),
    **dict.fromkeys(unsimulated.STORAGES, (unsimulated.warn,)),
}


def mutate(rest: Rest, write: Write) -> None:
    """Add what admission adds; before validation. May raise ApiError."""
    if write.namespace:
        namespaces.check(rest, write)
    plugins = _MUTATING.get(write.resource.storage)
    if plugins is not None and not write.subresource:
        for plugin in plugins:
            plugin(rest, write)


def validate(rest: Rest, write: Write) -> None:
    """Refuse what may not be; after validation, as the last thing before the write. May raise ApiError."""
    if rest.guard is not None and write.resource.group == "rbac.authorization.k8s.io":
        rest.guard(write)
    plugins = _VALIDATING.get(write.resource.storage)
    if plugins is not None and not write.subresource:
        for plugin in plugins:
            plugin(rest, write)
    if write.namespace and write.operation != "DELETE" and not write.subresource:
        quota.check(rest, write)
