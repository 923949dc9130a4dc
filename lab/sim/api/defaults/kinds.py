"""Defaults of every kind but the pod's own, by storage."""

from __future__ import annotations

from collections.abc import Callable

from lab.sim.api.defaults import network, workloads
from lab.sim.api.defaults.filling import fill, fill_empty, spec_of, status
from lab.sim.api.defaults.pod import VOLUME_SOURCES, pod
from lab.sim.api.defaults.quantities import resource_list, resource_lists, single
from lab.sim.api.resources import Object

Fill = Callable[[Object], None]
_RBAC = "rbac.authorization.k8s.io"


# -- configuration, storage, limits


def _config_map(obj: Object) -> None:
    for name in ("data", "binaryData"):
        if name in obj and not obj[name]:
            del obj[name]


def _secret(obj: Object) -> None:
    fill_empty(obj, type="Opaque")


def _volume(obj: Object) -> None:
    spec = spec_of(obj)
    resource_list(spec.get("capacity"))
    fill_empty(spec, persistentVolumeReclaimPolicy="Retain")
    fill(spec, volumeMode="Filesystem")
    for name, source in spec.items():
        if name in VOLUME_SOURCES and source is not None:
            VOLUME_SOURCES[name](source)
    status(obj)
    fill_empty(obj["status"], phase="Pending")


def _storage_class(obj: Object) -> None:
    fill(obj, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def _csi_driver(obj: Object) -> None:
    spec = spec_of(obj)
    fill(
        spec,
        attachRequired=True,
        podInfoOnMount=False,
        storageCapacity=False,
        fsGroupPolicy="ReadWriteOnceWithFSType",
        requiresRepublish=False,
        seLinuxMount=False,
    )
    fill_empty(spec, volumeLifecycleModes=["Persistent"])


def _csi_capacity(obj: Object) -> None:
    single(obj, "capacity", "maximumVolumeSize")


def _attachment(obj: Object) -> None:
    status(obj)
    fill(obj["status"], attached=False)


def _quota(obj: Object) -> None:
    resource_lists(spec_of(obj), ("hard",))
    status(obj)
    resource_lists(obj["status"], ("hard", "used"))


_LIMITS = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")


def _limit_range(obj: Object) -> None:
    for item in spec_of(obj).get("limits") or ():
        resource_lists(item, _LIMITS)
        if item.get("type") == "Container":
            limits = {**(item.get("max") or {}), **(item.get("default") or {})}
            requests = {**(item.get("min") or {}), **limits, **(item.get("defaultRequest") or {})}
            if limits:
                item["default"] = limits
            if requests:
                item["defaultRequest"] = requests


# -- scaling, policy, scheduling

_SCALE_UP: Object = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ],
}
_SCALE_DOWN: Object = {"selectPolicy": "Max", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]}
_TARGETS = ("resource", "pods", "object", "external", "containerResource")


def _autoscaler(obj: Object) -> None:
    spec = spec_of(obj)
    fill(spec, minReplicas=1)
    if obj.get("apiVersion") == "autoscaling/v1":
        fill(spec, targetCPUUtilizationPercentage=80)
    else:
        if not spec.get("metrics"):
            target = {"type": "Utilization", "averageUtilization": 80}
            spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
        for metric in spec["metrics"]:
            for name in _TARGETS:
                source = metric.get(name)
                if source is not None:
                    single(source.get("target"), "value", "averageValue")
        behavior = spec.get("behavior")
        if behavior is not None:
            behavior["scaleUp"] = _rules(behavior.get("scaleUp"), _SCALE_UP)
            behavior["scaleDown"] = _rules(behavior.get("scaleDown"), _SCALE_DOWN)
    status(obj)
    if obj.get("apiVersion") == "autoscaling/v1":
        fill(obj["status"], currentReplicas=0, desiredReplicas=0)
    else:
        fill(obj["status"], desiredReplicas=0)
        obj["status"].setdefault("currentMetrics", None)


def _rules(given: Object | None, base: Object) -> Object:
    made = {**base, "policies": [dict(one) for one in base["policies"]]}
    made.update((name, value) for name, value in (given or {}).items() if value is not None)
    single(made, "tolerance")
    return made


def _disruption_budget(obj: Object) -> None:
    spec_of(obj)
    status(obj)
    fill(obj["status"], disruptionsAllowed=0, currentHealthy=0, desiredHealthy=0, expectedPods=0)


def _priority_class(obj: Object) -> None:
    fill(obj, preemptionPolicy="PreemptLowerPriority", value=0)


# -- access


def _binding(obj: Object) -> None:
    fill(obj, roleRef={})
    fill_empty(obj["roleRef"], apiGroup=_RBAC)
    for subject in obj.get("subjects") or ():
        if subject.get("kind") in ("User", "Group"):
            fill_empty(subject, apiGroup=_RBAC)


def _role(obj: Object) -> None:
    obj.setdefault("rules", None)


# -- the cluster


def _namespace(obj: Object) -> None:
    spec_of(obj)
    status(obj)
    fill_empty(obj["status"], phase="Active")


def _node(obj: Object) -> None:
    spec_of(obj)
    status(obj)
    found = obj["status"]
    resource_lists(found, ("capacity", "allocatable"))
    if found.get("allocatable") is None and found.get("capacity") is not None:
        found["allocatable"] = dict(found["capacity"])
    fill(found, daemonEndpoints={}, nodeInfo={})
    fill(found["daemonEndpoints"], kubeletEndpoint={"Port": 0})
    fill(found["nodeInfo"], **dict.fromkeys(_NODE_INFO, ""))


_NODE_INFO = (
    "machineID",
    "systemUUID",
    "bootID",
    "kernelVersion",
    "osImage",
    "containerRuntimeVersion",
    "kubeletVersion",
    "kubeProxyVersion",
    "operatingSystem",
    "architecture",
)


def _runtime_class(obj: Object) -> None:
    resource_lists(obj.get("overhead"), ("podFixed",))


def _signing_request(obj: Object) -> None:
    spec_of(obj)
    status(obj)


def _api_service(obj: Object) -> None:
    service = spec_of(obj).get("service")
    if service is not None:
        fill(service, port=443)
    status(obj)


def _event(obj: Object) -> None:
    if obj.get("apiVersion") == "v1":
        fill(obj, reportingComponent="", reportingInstance="", source={})
        for name in ("firstTimestamp", "lastTimestamp", "eventTime"):
            obj.setdefault(name, None)
    else:
        obj.setdefault("eventTime", None)
        fill(obj, deprecatedSource={})
        obj.setdefault("deprecatedFirstTimestamp", None)
        obj.setdefault("deprecatedLastTimestamp", None)


def _lease(obj: Object) -> None:
    spec_of(obj)


# -- extension of the API


def _webhooks(obj: Object) -> None:
    mutating = obj.get("kind") == "MutatingWebhookConfiguration"
    for hook in obj.get("webhooks") or ():
        fill(
            hook,
            failurePolicy="Fail",
            matchPolicy="Equivalent",
            namespaceSelector={},
            objectSelector={},
            timeoutSeconds=10,
        )
        if mutating:
            fill(hook, reinvocationPolicy="Never")
        service = (hook.get("clientConfig") or {}).get("service")
        if service is not None:
            fill(service, port=443)
        for rule in hook.get("rules") or ():
            fill(rule, scope="*")


def _admission_policy(obj: Object) -> None:
    spec = spec_of(obj)
    fill(spec, failurePolicy="Fail")
    _match_resources(spec.get("matchConstraints"))
    status(obj)


def _admission_policy_binding(obj: Object) -> None:
    _match_resources(spec_of(obj).get("matchResources"))


def _match_resources(match: Object | None) -> None:
    if match is not None:
        fill(match, matchPolicy="Equivalent", namespaceSelector={}, objectSelector={})
        for rule in (*(match.get("resourceRules") or ()), *(match.get("excludeResourceRules") or ())):
            fill(rule, scope="*")


def _definition(obj: Object) -> None:
    spec = spec_of(obj)
    fill(spec, names={}, conversion={"strategy": "None"})
    names = spec["names"]
    kind = str(names.get("kind") or "")
    if kind:
        fill_empty(names, singular=kind.lower(), listKind=f"{kind}List")
    hook = (spec["conversion"].get("webhook") or {}).get("clientConfig") or {}
    if hook.get("service") is not None:
        fill(hook["service"], port=443)
    status(obj)
    found = obj["status"]
    if not found.get("storedVersions"):
        found["storedVersions"] = [one.get("name") for one in spec.get("versions") or () if one.get("storage")][:1]
    fill(found, acceptedNames={"plural": "", "kind": ""})
    found.setdefault("conditions", None)
    for version in spec.get("versions") or ():
        for column in version.get("additionalPrinterColumns") or ():
            if "priority" in column and not column["priority"]:
                del column["priority"]


BY_STORAGE: dict[str, Fill] = {
    "pods": pod,
    "podtemplates": workloads.pod_template,
    "replicationcontrollers": workloads.replication_controller,
    "deployments.apps": workloads.deployment,
    "replicasets.apps": workloads.replica_set,
    "statefulsets.apps": workloads.stateful_set,
    "daemonsets.apps": workloads.daemon_set,
    "jobs.batch": workloads.job,
    "cronjobs.batch": workloads.cron_job,
    "services": network.service,
    "endpoints": network.endpoints,
    "endpointslices.discovery.k8s.io": network.endpoint_slice,
    "ingresses.networking.k8s.io": network.ingress,
    "ingressclasses.networking.k8s.io": network.ingress_class,
    "networkpolicies.networking.k8s.io": network.network_policy,
    "servicecidrs.networking.k8s.io": status,
    "configmaps": _config_map,
    "secrets": _secret,
    "persistentvolumeclaims": workloads.claim,
    "persistentvolumes": _volume,
    "storageclasses.storage.k8s.io": _storage_class,
    "csidrivers.storage.k8s.io": _csi_driver,
    "csistoragecapacities.storage.k8s.io": _csi_capacity,
    "volumeattachments.storage.k8s.io": _attachment,
    "resourcequotas": _quota,
    "limitranges": _limit_range,
    "horizontalpodautoscalers.autoscaling": _autoscaler,
    "poddisruptionbudgets.policy": _disruption_budget,
    "priorityclasses.scheduling.k8s.io": _priority_class,
    "rolebindings.rbac.authorization.k8s.io": _binding,
    "clusterrolebindings.rbac.authorization.k8s.io": _binding,
    "roles.rbac.authorization.k8s.io": _role,
    "clusterroles.rbac.authorization.k8s.io": _role,
    "namespaces": _namespace,
    "nodes": _node,
    "runtimeclasses.node.k8s.io": _runtime_class,
    "certificatesigningrequests.certificates.k8s.io": _signing_request,
    "apiservices.apiregistration.k8s.io": _api_service,
    "events": _event,
    "leases.coordination.k8s.io": _lease,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": _webhooks,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": _webhooks,
    "validatingadmissionpolicies.admissionregistration.k8s.io": _admission_policy,
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": _admission_policy_binding,
    "customresourcedefinitions.apiextensions.k8s.io": _definition,
}
"""What fills a kind's defaults, by `Resource.storage`."""
