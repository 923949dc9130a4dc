"""Defaults of workloads and of the claims they make.

Source: Kubernetes `pkg/apis/{apps,batch,core}/v1/defaults.go`.
"""

from __future__ import annotations

from lab.sim.api.defaults.filling import fill, fill_empty, spec_of, status
from lab.sim.api.defaults.pod import claim_spec, template
from lab.sim.api.defaults.quantities import resource_lists
from lab.sim.api.resources import Object


def deployment(obj: Object) -> None:
    """Defaults of a Deployment."""
    spec = spec_of(obj)
    template(spec)
    fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600, strategy={})
    strategy = spec["strategy"]
    fill_empty(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill(strategy, rollingUpdate={})
        fill(strategy["rollingUpdate"], maxUnavailable="25%", maxSurge="25%")
    status(obj)


def replica_set(obj: Object) -> None:
    """Defaults of a ReplicaSet."""
    spec = spec_of(obj)
    fill(spec, replicas=1)
    template(spec)
    _replicas(obj)


def _replicas(obj: Object) -> None:
    status(obj)
    fill(obj["status"], replicas=0)


def replication_controller(obj: Object) -> None:
    """Defaults of a ReplicationController."""
    spec = spec_of(obj)
    fill(spec, replicas=1)
    if spec.get("template") is not None:
        template(spec)
        labels = spec["template"]["metadata"].get("labels")
        if labels:
            fill_empty(spec, selector=dict(labels))
            fill_empty(obj["metadata"], labels=dict(labels))
    _replicas(obj)


def stateful_set(obj: Object) -> None:
    """Defaults of a StatefulSet."""
    spec = spec_of(obj)
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
    for one in spec.get("volumeClaimTemplates") or ():
        fill(one, apiVersion="v1", kind="PersistentVolumeClaim", metadata={})
        claim(one)
    _replicas(obj)
    fill(obj["status"], availableReplicas=0)


def daemon_set(obj: Object) -> None:
    """Defaults of a DaemonSet."""
    spec = spec_of(obj)
    template(spec)
    fill(spec, revisionHistoryLimit=10, updateStrategy={})
    strategy = spec["updateStrategy"]
    fill_empty(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill(strategy, rollingUpdate={})
        fill(strategy["rollingUpdate"], maxUnavailable=1, maxSurge=0)
    status(obj)
    fill(obj["status"], currentNumberScheduled=0, numberMisscheduled=0, desiredNumberScheduled=0, numberReady=0)


def job(obj: Object) -> None:
    """Defaults of a Job."""
    spec = spec_of(obj)
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
    status(obj)


def _job_spec_template(spec: Object) -> None:
    template(spec)
    for rule in (spec.get("podFailurePolicy") or {}).get("rules") or ():
        for pattern in rule.get("onPodConditions") or ():
            fill_empty(pattern, status="True")


def cron_job(obj: Object) -> None:
    """Defaults of a CronJob."""
    spec = spec_of(obj)
    fill_empty(spec, concurrencyPolicy="Allow")
    fill(spec, suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1, jobTemplate={})
    inner = spec["jobTemplate"]
    fill(inner, metadata={}, spec={})
    _job_spec_template(inner["spec"])
    status(obj)


def pod_template(obj: Object) -> None:
    """Defaults of a PodTemplate."""
    template(obj)


def claim(obj: Object) -> None:
    """Defaults of a PersistentVolumeClaim."""
    claim_spec(spec_of(obj))
    status(obj)
    fill_empty(obj["status"], phase="Pending")
    resource_lists(obj["status"], ("capacity", "allocatedResources"))
