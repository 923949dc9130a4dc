"""Which rules hold for which kind: one row a storage.

Source: Kubernetes `pkg/registry/*/*/strategy.go`, which say what is validated when.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lab.sim.api.resources import Object
from lab.sim.api.validation import (
    autoscaling,
    batch,
    certificates,
    config,
    definitions,
    names,
    network,
    pod,
    podupdate,
    quota,
    rbac,
    service,
    storage,
    webhooks,
    workloads,
)
from lab.sim.api.validation.causes import Wrong
from lab.sim.api.validation.names import FINE, Messages, NameRule

Check = Callable[[Wrong, Object], None]
Change = Callable[[Wrong, Object, Object], None]


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for one kind."""

    create: Check | None = None
    """For a new object, beyond its metadata."""
    update: Change | None = None
    """For an object in place of another; None: `create` holds again."""
    name: NameRule = names.dns_subdomain
    """For `metadata.name`."""
    qualified: bool = True
    """Whether finalizers must have a domain or be Kubernetes' own."""
    first: Callable[[Wrong, Object, Object | None], None] | None = None
    """For new (no old one) and changed objects; what this finds is all that is told."""
    afresh: bool = False
    """Whether an update is also checked as if the object were new."""
    rechecks: bool = False
    """Whether an update checks the whole metadata again."""
    late_metadata: bool = False
    """Whether metadata is looked at only when the rest is fine."""
    through: Mapping[str, Change] = field(default_factory=dict)
    """For updates through subresources, by name."""


def _status(check: Check) -> Mapping[str, Change]:
    return {"status": lambda wrong, new, _old: check(wrong, new)}


def _both(*changes: Change) -> Change:
    def every(wrong: Wrong, new: Object, old: Object) -> None:
        for change in changes:
            change(wrong, new, old)

    return every


def _again(check: Check) -> Change:
    return lambda wrong, new, _old: check(wrong, new)


def _nothing(_wrong: Wrong, _new: Object, _old: Object) -> None:
    """Nothing to check."""


def _any_name(_text: str) -> Messages:
    return FINE


def _ip_name(text: str) -> Messages:
    found = names.address(text)
    if found is None:
        return ("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",)
    return FINE if str(found) == text else (f'must be in canonical form ("{found}")',)


ANY = Rules(name=names.dns_subdomain, qualified=False)
"""For custom resources."""

_selector = workloads.same_selector
_counts = _status(workloads.status)

BY_STORAGE: dict[str, Rules] = {
    "pods": Rules(
        pod.new_pod,
        podupdate.changed_pod,
        rechecks=True,
        through={
            "status": podupdate.changed_status,
            "ephemeralcontainers": podupdate.changed_attachments,
            "resize": _again(pod.pod),
        },
    ),
    "podtemplates": Rules(workloads.pod_template),
    "replicationcontrollers": Rules(workloads.replication_controller, through=_counts, afresh=True),
    "deployments.apps": Rules(workloads.deployment, _both(_again(workloads.deployment), _selector), through=_counts),
    "replicasets.apps": Rules(workloads.replica_set, _both(_again(workloads.replica_set), _selector), through=_counts),
    "daemonsets.apps": Rules(workloads.daemon_set, _both(_selector, _again(workloads.daemon_set))),
    "statefulsets.apps": Rules(
        workloads.stateful_set, workloads.changed_stateful_set, name=names.dns_label, through=_counts
    ),
    "controllerrevisions.apps": Rules(workloads.new_revision, workloads.changed_revision, rechecks=True),
    "jobs.batch": Rules(batch.job, batch.changed_job, afresh=True),
    "cronjobs.batch": Rules(batch.cron_job, batch.changed_cron_job),
    "services": Rules(service.service, service.changed_service, name=names.dns_1035, first=service.allocatable),
    "endpoints": Rules(network.endpoints, rechecks=True),
    "endpointslices.discovery.k8s.io": Rules(network.endpoint_slice, network.changed_slice, rechecks=True),
    "ingresses.networking.k8s.io": Rules(network.new_ingress, _again(network.ingress), rechecks=True),
    "ingressclasses.networking.k8s.io": Rules(network.ingress_class, network.changed_ingress_class, rechecks=True),
    "networkpolicies.networking.k8s.io": Rules(network.network_policy, afresh=True),
    "ipaddresses.networking.k8s.io": Rules(network.ip_address, name=_ip_name, afresh=True),
    "servicecidrs.networking.k8s.io": Rules(network.service_cidr),
    "configmaps": Rules(config.config_map, _both(config.changed_config_map, _again(config.config_map)), rechecks=True),
    "secrets": Rules(config.secret, _both(config.changed_secret, _again(config.secret)), rechecks=True),
    "serviceaccounts": Rules(rechecks=True),
    "namespaces": Rules(
        config.namespace,
        _nothing,
        name=names.dns_label,
        through={"status": _again(config.namespace_status), "finalize": _again(config.finalized_namespace)},
        afresh=True,
    ),
    "nodes": Rules(config.node, config.changed_node, afresh=True),
    "resourcequotas": Rules(quota.quota, quota.changed_quota, through=_status(quota.quota_status)),
    "limitranges": Rules(quota.limit_range, rechecks=True),
    "events": Rules(config.new_event, config.changed_event, qualified=False),
    "persistentvolumeclaims": Rules(storage.claim, storage.changed_claim, rechecks=True, afresh=True),
    "persistentvolumes": Rules(storage.volume, storage.changed_volume, rechecks=True, afresh=True),
    "storageclasses.storage.k8s.io": Rules(storage.storage_class, storage.changed_storage_class, afresh=True),
    "csidrivers.storage.k8s.io": Rules(storage.csi, storage.changed_csi),
    "csinodes.storage.k8s.io": Rules(afresh=True),
    "csistoragecapacities.storage.k8s.io": Rules(afresh=True),
    "volumeattachments.storage.k8s.io": Rules(storage.attachment, storage.changed_attachment, afresh=True),
    "volumeattributesclasses.storage.k8s.io": Rules(afresh=True),
    "horizontalpodautoscalers.autoscaling": Rules(autoscaling.autoscaler, autoscaling.changed_autoscaler),
    "poddisruptionbudgets.policy": Rules(
        autoscaling.disruption_budget, name=names.path_segment, qualified=False, late_metadata=True
    ),
    "priorityclasses.scheduling.k8s.io": Rules(config.priority_class, config.changed_priority_class),
    "leases.coordination.k8s.io": Rules(config.lease, qualified=False),
    "runtimeclasses.node.k8s.io": Rules(
        config.runtime_class, config.changed_runtime_class, qualified=False, afresh=True
    ),
    "roles.rbac.authorization.k8s.io": Rules(rbac.role, name=names.path_segment, rechecks=True, afresh=True),
    "clusterroles.rbac.authorization.k8s.io": Rules(
        rbac.cluster_role, name=names.path_segment, rechecks=True, afresh=True
    ),
    "rolebindings.rbac.authorization.k8s.io": Rules(
        rbac.role_binding,
        _both(_again(rbac.role_binding), rbac.same_role),
        name=names.path_segment,
        rechecks=True,
        afresh=True,
    ),
    "clusterrolebindings.rbac.authorization.k8s.io": Rules(
        rbac.cluster_role_binding,
        _both(_again(rbac.cluster_role_binding), rbac.same_role),
        name=names.path_segment,
        rechecks=True,
        afresh=True,
    ),
    "certificatesigningrequests.certificates.k8s.io": Rules(
        certificates.request,
        certificates.changed_request,
        name=_any_name,
        through={
            name: lambda wrong, new, old, _name=name: certificates.changed_request(wrong, new, old, _name)  # type: ignore[misc]
            for name in ("status", "approval")
        },
    ),
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": Rules(webhooks.webhooks, qualified=False),
    "validatingwebhookconfigurations.admissionregistration.k8s.io": Rules(webhooks.webhooks, qualified=False),
    "validatingadmissionpolicies.admissionregistration.k8s.io": Rules(webhooks.policy, qualified=False),
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": Rules(webhooks.policy_binding, qualified=False),
    "apiservices.apiregistration.k8s.io": Rules(webhooks.api_service, name=names.path_segment, qualified=False),
    "customresourcedefinitions.apiextensions.k8s.io": Rules(
        definitions.new_definition, definitions.changed_definition, qualified=False
    ),
}
"""Rules of every built-in kind that is stored, by `Resource.storage`."""
