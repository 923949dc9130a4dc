"""A Job's pods: how they are made, when they failed and what their failure means.

Source: Kubernetes `pkg/controller/job/{job_controller,indexed_job_utils,pod_failure_policy,backoff_utils}.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lab.sim.api.resources import Object, Objects
from lab.sim.clock import parse_timestamp
from lab.sim.controllers import completion_index as indexes
from lab.sim.controllers import pod_state
from lab.sim.controllers.pod_control import LONGEST_PREFIX, pod_from_template
from lab.sim.controllers.workload import annotations_of
from lab.sim.objects import condition, name_of

FINALIZER = "batch.kubernetes.io/job-tracking"
FAILURES = "batch.kubernetes.io/job-index-failure-count"
IGNORED_FAILURES = "batch.kubernetes.io/job-index-ignored-failure-count"
_FIRST_BACKOFF_SECONDS = 10.0
_LONGEST_BACKOFF_SECONDS = 600.0


def is_indexed(job: Object) -> bool:
    """Whether each pod stands for one index."""
    return bool(job["spec"].get("completionMode") == "Indexed")


def per_index(job: Object) -> int | None:
    """`spec.backoffLimitPerIndex`."""
    limit = job["spec"].get("backoffLimitPerIndex")
    return None if limit is None else int(limit)


def replaces_only_failed(job: Object) -> bool:
    """Whether a pod that is being deleted is replaced only once it has ended."""
    return job["spec"].get("podReplacementPolicy") == "Failed" or job["spec"].get("podFailurePolicy") is not None


def is_tracked(pod: Object) -> bool:
    """Whether the pod's end has yet to be counted."""
    return FINALIZER in pod["metadata"].get("finalizers", ())


def has_failed(job: Object, pod: Object) -> bool:
    """Whether the pod counts as failed; one that is being deleted does unless the Job waits for its end."""
    if pod_state.phase(pod) == "Failed":
        return True
    if replaces_only_failed(job):
        return False
    return pod_state.is_leaving(pod) and pod_state.phase(pod) != "Succeeded"


def counts(job: Object, pod: Object) -> bool:
    """Whether the pod belongs to the Job's work: for an Indexed Job, whether its index is one of the Job's."""
    if not is_indexed(job):
        return True
    index = indexes.index_of(pod)
    return index is not None and index < int(job["spec"]["completions"])


def finished_at(pod: Object) -> float:
    """When the pod ended, as well as can be told, in seconds since 1970."""
    beside = pod_state.sidecars(pod)
    statuses = pod_state.container_statuses(pod)
    statuses += [one for one in pod_state.container_statuses(pod, initial=True) if one["name"] in beside]
    ends = [((one.get("state") or {}).get("terminated") or {}).get("finishedAt") for one in statuses]
    known = [parse_timestamp(end) for end in ends if end]
    if known and len(known) == len(ends):
        return max(known)
    ready = condition(pod, "Ready")
    if ready is not None and ready.get("status") == "False" and ready.get("lastTransitionTime"):
        return parse_timestamp(ready["lastTransitionTime"])
    metadata = pod["metadata"]
    if metadata.get("deletionTimestamp"):
        grace = float(metadata.get("deletionGracePeriodSeconds", 0))
        return parse_timestamp(metadata["deletionTimestamp"]) - grace
    return parse_timestamp(metadata["creationTimestamp"])


# -- new pods


def new_pod(job: Object, index: int | None, replaced: Object | None = None) -> Object:
    """A pod of the Job. `index`: its completion index; `replaced`: the failed pod of this index it comes after."""
    pod = pod_from_template(job["spec"]["template"], job)
    metadata, spec = pod["metadata"], pod["spec"]
    metadata["finalizers"] = [*(one for one in metadata.get("finalizers", ()) if one != FINALIZER), FINALIZER]
    if index is None:
        return pod
    text = str(index)
    annotations = metadata.setdefault("annotations", {})
    annotations[indexes.ANNOTATION] = text
    metadata.setdefault("labels", {})[indexes.ANNOTATION] = text
    for container in [*(spec.get("initContainers") or ()), *spec["containers"]]:
        environment = container.setdefault("env", [])
        if not any(one["name"] == indexes.ENVIRONMENT for one in environment):
            field = {"fieldPath": f"metadata.labels['{indexes.ANNOTATION}']"}
            environment.append({"name": indexes.ENVIRONMENT, "valueFrom": {"fieldRef": field}})
    spec["hostname"] = f"{name_of(job)}-{text}"
    ending = f"-{text}-"
    metadata["generateName"] = name_of(job)[: LONGEST_PREFIX - len(ending)] + ending
    if per_index(job) is not None:
        failures, ignored = _failures_after(job, replaced)
        annotations[FAILURES] = str(failures)
        if ignored:
            annotations[IGNORED_FAILURES] = str(ignored)
    return pod


def _number(pod: Object, annotation: str) -> int:
    text = annotations_of(pod).get(annotation, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def counted_failures(pod: Object) -> int:
    """Failures of this index before this pod that count towards its limit."""
    return _number(pod, FAILURES)


def failures_of(pod: Object) -> int:
    """Failures of this index before this pod, ignored ones among them."""
    return _number(pod, FAILURES) + _number(pod, IGNORED_FAILURES)


def _failures_after(job: Object, replaced: Object | None) -> tuple[int, int]:
    if replaced is None:
        return 0, 0
    failures, ignored = _number(replaced, FAILURES), _number(replaced, IGNORED_FAILURES)
    if verdict(job, replaced).counted:
        return failures + 1, ignored
    return failures, ignored + 1


# -- what a failure means


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `podFailurePolicy` says of a failed pod."""

    counted: bool = True
    """Whether the failure counts towards `backoffLimit`."""
    fails_index: bool = False
    fails_job: str = ""
    """Why the whole Job fails, or ""."""


def verdict(job: Object, pod: Object) -> Verdict:
    """The first rule of `podFailurePolicy` that matches; a failure that none matches counts."""
    rules = (job["spec"].get("podFailurePolicy") or {}).get("rules") or ()
    where = f"{pod['metadata']['namespace']}/{name_of(pod)}"
    for number, rule in enumerate(rules):
        action = rule["action"]
        if rule.get("onExitCodes") is not None:
            matched = _matching_container(pod, rule["onExitCodes"])
            if matched is None:
                continue
            code = matched["state"]["terminated"]["exitCode"]
            subject = f"Container {matched['name']} for pod {where} failed with exit code {code}"
        else:
            kind = _matching_condition(pod, rule.get("onPodConditions") or ())
            if kind is None:
                continue
            subject = f"Pod {where} has condition {kind}"
        if action == "FailJob":
            return Verdict(fails_job=f"{subject} matching {action} rule at index {number}")
        return Verdict(counted=action != "Ignore", fails_index=action == "FailIndex")
    return Verdict()


def _matching_container(pod: Object, rule: Object) -> Any:
    statuses = pod_state.container_statuses(pod) + pod_state.container_statuses(pod, initial=True)
    for one in statuses:
        ended = (one.get("state") or {}).get("terminated")
        if not ended or not ended.get("exitCode"):
            continue
        if rule.get("containerName") not in (None, one["name"]):
            continue
        if (ended["exitCode"] in rule["values"]) == (rule["operator"] == "In"):
            return one
    return None


def _matching_condition(pod: Object, patterns: Iterable[Object]) -> str | None:
    for held in pod.get("status", {}).get("conditions") or ():
        for pattern in patterns:
            if held["type"] == pattern["type"] and held["status"] == pattern.get("status", "True"):
                return str(held["type"])
    return None


# -- back-off


@dataclass(frozen=True, slots=True)
class Backoff:
    """Failures in a row and when the last one was."""

    failures: int = 0
    last: float = 0.0

    def after(self, succeeded: Objects, failed: Objects) -> Backoff:
        """What it is after pods ended."""
        if not succeeded:
            if not failed:
                return self
            return Backoff(self.failures + len(failed), max(finished_at(pod) for pod in failed))
        success = max(finished_at(pod) for pod in succeeded)
        later = [end for pod in failed if (end := finished_at(pod)) > success]
        return Backoff(len(later), max(later, default=0.0))

    def wait(self, now: float) -> float:
        """Seconds until the next pod may be made: 10, 20, 40 … up to ten minutes after the last failure."""
        if not self.failures:
            return 0.0
        delay = min(_FIRST_BACKOFF_SECONDS * 2.0 ** min(self.failures - 1, 10), _LONGEST_BACKOFF_SECONDS)
        return max(self.last + delay - now, 0.0)
