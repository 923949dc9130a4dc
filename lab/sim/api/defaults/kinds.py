"""Defaults of every kind but the pod's own, by storage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.sim.api.defaults.pod import VOLUME_SOURCES, claim_spec, pod, template
from lab.sim.api.defaults.quantities import resource_list, resource_lists, single
from lab.sim.api.resources import Object

Fill = Callable[[Object], None]
_RBAC = "rbac.authorization.k8s.io"


def fill(holder: Object, **values: Any) -> None:
    """Set the fields that are missing or null."""
    for name, value in values.items():
        if holder.get(name) is None:
            holder[name] = value


def fill_empty(holder: Object, **values: Any) -> None:
    """Set the fields that are missing, null or empty."""
    for name, value in values.items():
        if not holder.get(name):
            holder[name] = value


def _spec(obj: Object) -> Object:
    spec = obj.get("spec")
    if spec is None:
        spec = obj["spec"] = {}
    return spec


def _status(obj: Object) -> None:
    if obj.get("status") is None:
        obj["status"] = {}


# -- workloads


def _deployment(obj: Object) -> None:
    spec = _spec(obj)
    template(spec)
    fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600, strategy={})
    strategy = spec["strategy"]
    fill_empty(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill(strategy, rollingUpdate={})
        fill(strategy["rollingUpdate"], maxUnavailable="25%", maxSurge="25%")
    _status(obj)


def _replica_set(obj: Object) -> None:
    spec = _spec(obj)
    fill(spec, replicas=1)
    template(spec)
    _replicas(obj)


def _replicas(obj: Object) -> None:
    _status(obj)
    fill(obj["status"], replicas=0)


def _replication_controller(obj: Object) -> None:
    spec = _spec(obj)
    fill(spec, replicas=1)
    if spec.get("template") is not None:
        template(spec)
        labels = spec["template"]["metadata"].get("labels")
        if labels:
            fill_empty(spec, selector=dict(labels))
            fill_empty(obj["metadata"], labels=dict(labels))
    _replicas(obj)


def _stateful_set(obj: Object) -> None:
    spec = _spec(obj)
    template(spec)
    fill(
        spec,
        replicas=1,
        revisionHistoryLimit=10,
        updateStrategy={},
        persistentVolumeClaimRetentionPolicy={},
        serviceName="",
    )
    fill_empty(spec, podManagementPolicy="OrderedReady")
    fill_empty(spec["persistentVolumeClaimRetentionPolicy"], whenDeleted="Retain", whenScaled="Retain")
    strategy = spec["updateStrategy"]
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
        fill(strategy, rollingUpdate={})
    if strategy["type"] == "RollingUpdate" and strategy.get("rollingUpdate") is not None:
        fill(strategy["rollingUpdate"], partition=0)
    for claim in spec.get("volumeClaimTemplates") or ():
        claim.setdefault("apiVersion", "v1")
        claim.setdefault("kind", "PersistentVolumeClaim")
        claim.setdefault("metadata", {})
        _claim(claim)
    _replicas(obj)
    fill(obj["status"], availableReplicas=0)


def _daemon_set(obj: Object) -> None:
    spec = _spec(obj)
    template(spec)
    fill(spec, revisionHistoryLimit=10, updateStrategy={})
    strategy = spec["updateStrategy"]
    fill_empty(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill(strategy, rollingUpdate={})
        fill(strategy["rollingUpdate"], maxUnavailable=1, maxSurge=0)
    _status(obj)
    fill(obj["status"], currentNumberScheduled=0, numberMisscheduled=0, desiredNumberScheduled=0, numberReady=0)


def _job(obj: Object) -> None:
    spec = _spec(obj)
    _job_spec_template(spec)
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    policy = spec.get("podFailurePolicy")
    fill(
        spec,
        parallelism=1,
        backoffLimit=6 if spec.get("backoffLimitPerIndex") is None else 2**31 - 1,
        completionMode="NonIndexed",
        suspend=False,
        podReplacementPolicy="TerminatingOrFailed" if policy is None else "Failed",
        manualSelector=False,
    )
    labels = spec["template"]["metadata"].get("labels")
    if labels:
        fill_empty(obj["metadata"], labels=dict(labels))
    _status(obj)


def _job_spec_template(spec: Object) -> None:
    template(spec)
    for rule in (spec.get("podFailurePolicy") or {}).get("rules") or ():
        for pattern in rule.get("onPodConditions") or ():
            fill_empty(pattern, status="True")


def _cron_job(obj: Object) -> None:
    spec = _spec(obj)
    fill_empty(spec, concurrencyPolicy="Allow")
    fill(spec, suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1, jobTemplate={})
    inner = spec["jobTemplate"]
    fill(inner, metadata={}, spec={})
    _job_spec_template(inner["spec"])
    _status(obj)


def _pod_template(obj: Object) -> None:
    template(obj)


# -- services and the network


def _service(obj: Object) -> None:
    spec = _spec(obj)
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


def _endpoints(obj: Object) -> None:
    for subset in obj.get("subsets") or ():
        for port in subset.get("ports") or ():
            fill_empty(port, protocol="TCP")


def _endpoint_slice(obj: Object) -> None:
    obj.setdefault("endpoints", None)
    obj.setdefault("ports", None)
    for endpoint in obj["endpoints"] or ():
        fill(endpoint, conditions={})
    for port in obj["ports"] or ():
        fill(port, name="", protocol="TCP")


def _ingress(obj: Object) -> None:
    _spec(obj)
    _status(obj)
    fill(obj["status"], loadBalancer={})


def _ingress_class(obj: Object) -> None:
    parameters = _spec(obj).get("parameters")
    if parameters is not None:
        fill(parameters, scope="Cluster")


def _network_policy(obj: Object) -> None:
    spec = _spec(obj)
    fill(spec, podSelector={})
    for rule in (*(spec.get("ingress") or ()), *(spec.get("egress") or ())):
        for port in rule.get("ports") or ():
            fill(port, protocol="TCP")
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


# -- configuration, storage, limits


def _config_map(obj: Object) -> None:
    for name in ("data", "binaryData"):
        if name in obj and not obj[name]:
            del obj[name]


def _secret(obj: Object) -> None:
    fill_empty(obj, type="Opaque")


def _claim(obj: Object) -> None:
    claim_spec(_spec(obj))
    _status(obj)
    fill_empty(obj["status"], phase="Pending")
    resource_lists(obj["status"], ("capacity", "allocatedResources"))


def _volume(obj: Object) -> None:
    spec = _spec(obj)
    resource_list(spec.get("capacity"))
    fill_empty(spec, persistentVolumeReclaimPolicy="Retain")
    fill(spec, volumeMode="Filesystem")
    for name, source in spec.items():
        if name in VOLUME_SOURCES and source is not None:
            VOLUME_SOURCES[name](source)
    _status(obj)
    fill_empty(obj["status"], phase="Pending")


def _storage_class(obj: Object) -> None:
    fill(obj, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def _csi_driver(obj: Object) -> None:
    spec = _spec(obj)
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
    _status(obj)
    fill(obj["status"], attached=False)


def _quota(obj: Object) -> None:
    resource_lists(_spec(obj), ("hard",))
    _status(obj)
    resource_lists(obj["status"], ("hard", "used"))


_LIMITS = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")


def _limit_range(obj: Object) -> None:
    for item in _spec(obj).get("limits") or ():
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
    spec = _spec(obj)
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
    _status(obj)
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
    _spec(obj)
    _status(obj)
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
    _spec(obj)
    _status(obj)
    fill_empty(obj["status"], phase="Active")


def _node(obj: Object) -> None:
    _spec(obj)
    _status(obj)
    status = obj["status"]
    resource_lists(status, ("capacity", "allocatable"))
    if status.get("allocatable") is None and status.get("capacity") is not None:
        status["allocatable"] = dict(status["capacity"])
    fill(status, daemonEndpoints={}, nodeInfo={})
    fill(status["daemonEndpoints"], kubeletEndpoint={"Port": 0})
    fill(status["nodeInfo"], **dict.fromkeys(_NODE_INFO, ""))


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
    _spec(obj)
    _status(obj)


def _api_service(obj: Object) -> None:
    service = _spec(obj).get("service")
    if service is not None:
        fill(service, port=443)
    _status(obj)


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
    _spec(obj)


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
    spec = _spec(obj)
    fill(spec, failurePolicy="Fail")
    _match_resources(spec.get("matchConstraints"))
    _status(obj)


def _admission_policy_binding(obj: Object) -> None:
    _match_resources(_spec(obj).get("matchResources"))


def _match_resources(match: Object | None) -> None:
    if match is not None:
        fill(match, matchPolicy="Equivalent", namespaceSelector={}, objectSelector={})
        for rule in (*(match.get("resourceRules") or ()), *(match.get("excludeResourceRules") or ())):
            fill(rule, scope="*")


def _definition(obj: Object) -> None:
    spec = _spec(obj)
    fill(spec, names={}, conversion={"strategy": "None"})
    names = spec["names"]
    kind = str(names.get("kind") or "")
    if kind:
        fill_empty(names, singular=kind.lower(), listKind=f"{kind}List")
    hook = (spec["conversion"].get("webhook") or {}).get("clientConfig") or {}
    if hook.get("service") is not None:
        fill(hook["service"], port=443)
    _status(obj)
    status = obj["status"]
    if not status.get("storedVersions"):
        status["storedVersions"] = [one.get("name") for one in spec.get("versions") or () if one.get("storage")][:1]
    fill(status, acceptedNames={"plural": "", "kind": ""})
    status.setdefault("conditions", None)
    for version in spec.get("versions") or ():
        for column in version.get("additionalPrinterColumns") or ():
            if "priority" in column and not column["priority"]:
                del column["priority"]


BY_STORAGE: dict[str, Fill] = {
    "pods": pod,
    "podtemplates": _pod_template,
    "replicationcontrollers": _replication_controller,
    "deployments.apps": _deployment,
    "replicasets.apps": _replica_set,
    "statefulsets.apps": _stateful_set,
    "daemonsets.apps": _daemon_set,
    "jobs.batch": _job,
    "cronjobs.batch": _cron_job,
    "services": _service,
    "endpoints": _endpoints,
    "endpointslices.discovery.k8s.io": _endpoint_slice,
    "ingresses.networking.k8s.io": _ingress,
    "ingressclasses.networking.k8s.io": _ingress_class,
    "networkpolicies.networking.k8s.io": _network_policy,
    "servicecidrs.networking.k8s.io": _status,
    "configmaps": _config_map,
    "secrets": _secret,
    "persistentvolumeclaims": _claim,
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
