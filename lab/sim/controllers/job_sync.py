"""Where a Job stands at one moment: what its pods have done, whether it has to end, and what is to be counted.

Nothing here writes to the cluster. Source: Kubernetes `pkg/controller/job/job_controller.go` (`syncJob`,
`trackJobStatusAndRemoveFinalizers`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.sim.api.resources import Object, Objects
from lab.sim.clock import parse_timestamp, timestamp
from lab.sim.controllers import completion_index as indexes
from lab.sim.controllers import job_pods, pod_state
from lab.sim.controllers.job_pods import Backoff
from lab.sim.controllers.job_status import holds, made_condition, restarted_too_often, success_policy_met


@dataclass(slots=True)
class Sync:
    """One reconcile: what is known and what is found out on the way."""

    job: Object
    pods: Objects
    now: float
    """Seconds since 1970."""
    status: Object
    """The status as it is going to be written."""
    active: Objects
    finished: Object | None = None
    """The condition with which the Job is going to end."""
    succeeded: int = 0
    failed: int = 0
    done: set[int] = field(default_factory=set)
    """Indexes that have succeeded."""
    given_up: set[int] | None = None
    """Indexes that have failed for good; None where indexes have no limit of their own."""
    delayed: dict[int, Object] = field(default_factory=dict)
    """By index, the failed pod whose replacement waits for its back-off."""
    backoff: Backoff = field(default_factory=Backoff)
    left: int = 0
    """Pods deleted in this reconcile."""

    @property
    def indexed(self) -> bool:
        """Whether each pod stands for one index."""
        return job_pods.is_indexed(self.job)

    @property
    def stamp(self) -> str:
        """The time now, as objects hold it."""
        return timestamp(self.now)


def uid_of(pod: Object) -> str:
    """`metadata.uid`."""
    return str(pod["metadata"]["uid"])


def begun(job: Object, pods: Objects, backoff: Backoff, now: float) -> Sync:
    """What the pods' states say, on top of what was counted before."""
    status = dict(job.get("status", {}))
    status["uncountedTerminatedPods"] = dict(status.get("uncountedTerminatedPods") or {})
    sync = Sync(job, pods, now, status, [pod for pod in pods if pod_state.is_active(pod)])
    if not status.get("startTime") and not job["spec"].get("suspend"):
        status["startTime"] = sync.stamp
    uncounted = status["uncountedTerminatedPods"]
    noted_good, noted_bad = uncounted.get("succeeded") or [], uncounted.get("failed") or []
    fresh = [pod for pod in pods if job_pods.is_tracked(pod) and job_pods.counts(job, pod)]
    good = [pod for pod in fresh if pod_state.phase(pod) == "Succeeded" and uid_of(pod) not in noted_good]
    bad = [pod for pod in fresh if job_pods.has_failed(job, pod) and uid_of(pod) not in noted_bad]
    counted = sum(1 for pod in bad if job_pods.verdict(job, pod).counted)
    sync.succeeded = status.get("succeeded", 0) + len(good) + len(noted_good)
    sync.failed = status.get("failed", 0) + counted + len(noted_bad)
    sync.backoff = backoff.after(good, bad)
    if sync.indexed:
        _index(sync, fresh)
    return sync


def _index(sync: Sync, fresh: Objects) -> None:
    job, completions = sync.job, int(sync.job["spec"]["completions"])
    sync.done = indexes.read(sync.status.get("completedIndexes", ""), completions)
    sync.done |= indexes.indexes_in(pod for pod in fresh if pod_state.phase(pod) == "Succeeded")
    sync.succeeded = len(sync.done)
    limit = job_pods.per_index(job)
    if limit is None:
        return
    failed = [pod for pod in fresh if job_pods.has_failed(job, pod)]
    sync.given_up = indexes.read(sync.status.get("failedIndexes") or "", completions)
    for pod in failed:
        found = job_pods.verdict(job, pod)
        if found.fails_index or (found.counted and job_pods.counted_failures(pod) >= limit):
            sync.given_up |= indexes.indexes_in([pod])
    over = sync.done | sync.given_up | indexes.indexes_in(sync.active)
    for pod in sorted(failed, key=lambda pod: (job_pods.failures_of(pod), job_pods.finished_at(pod))):
        index = indexes.index_of(pod)
        if index is not None and index not in over:
            sync.delayed[index] = pod


def judge(sync: Sync) -> float | None:
    """Set `finished` if the Job has to end. Returns the seconds left to its active deadline, None for no deadline."""
    job, spec = sync.job, sync.job["spec"]
    met, target = holds(sync.status, "SuccessCriteriaMet"), holds(sync.status, "FailureTarget")
    if met is not None or target is not None:
        sync.finished = dict(met or target or {})
        return None
    for pod in sync.pods:
        why = job_pods.verdict(job, pod).fails_job if job_pods.has_failed(job, pod) else ""
        if why:
            _fail(sync, "PodFailurePolicy", why)
            return None
    limit = spec.get("backoffLimit", 6)
    left = None
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and sync.status.get("startTime") and not spec.get("suspend"):
        left = parse_timestamp(sync.status["startTime"]) + deadline - sync.now
    if sync.failed > limit or restarted_too_often(job, sync.pods, limit):
        _fail(sync, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    elif left is not None and left <= 0:
        _fail(sync, "DeadlineExceeded", "Job was active longer than specified deadline")
    elif sync.indexed:
        _judge_indexes(sync)
    return left


def _judge_indexes(sync: Sync) -> None:
    spec = sync.job["spec"]
    given_up = sync.given_up or set()
    most = spec.get("maxFailedIndexes")
    if most is not None and len(given_up) > most:
        _fail(sync, "MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes")
    elif given_up and len(given_up) + len(sync.done) >= int(spec["completions"]):
        _fail(sync, "FailedIndexes", "Job has failed indexes")
    else:
        text = success_policy_met(spec, sync.done)
        if text:
            sync.finished = made_condition("SuccessCriteriaMet", "SuccessPolicy", text, sync.stamp)


def _fail(sync: Sync, reason: str, message: str) -> None:
    sync.finished = made_condition("FailureTarget", reason, message, sync.stamp)


def surplus(sync: Sync, least: int) -> Objects:
    """Active pods to delete: `least` of them, and of an Indexed Job those that share an index or have none."""
    order = pod_state.deletion_order(sync.active, sync.now)
    if not sync.indexed:
        return order[: max(least, 0)]
    kept: dict[int, Object] = {}
    found = []
    for pod in reversed(order):
        index = indexes.index_of(pod)
        if index is None or not job_pods.counts(sync.job, pod) or index in kept:
            found.append(pod)
        else:
            kept[index] = pod
    staying = {uid_of(pod) for pod in kept.values()}
    more = [pod for pod in order if uid_of(pod) in staying]
    return found + more[: max(least - len(found), 0)]


def wait_of_index(sync: Sync, index: int) -> float:
    """Seconds until an index with a limit of its own may have its next pod."""
    last = sync.delayed.get(index)
    if last is None:
        return 0.0
    return Backoff(job_pods.failures_of(last) + 1, job_pods.finished_at(last)).wait(sync.now)


def note_ended(sync: Sync) -> Objects:
    """Write pods that ended into the status as yet uncounted; returns those that may lose their finalizer."""
    job, status = sync.job, sync.status
    uncounted = status["uncountedTerminatedPods"]
    good, bad = list(uncounted.get("succeeded") or ()), list(uncounted.get("failed") or ())
    success = sync.finished is not None and sync.finished["type"] == "SuccessCriteriaMet"
    over = bool(job["metadata"].get("deletionTimestamp")) or sync.finished is not None
    ended = []
    for pod in sync.pods:
        succeeded, failed = pod_state.phase(pod) == "Succeeded", job_pods.has_failed(job, pod)
        index = indexes.index_of(pod)
        held_back = failed and index is not None and sync.delayed.get(index) is pod
        if not job_pods.is_tracked(pod) or not (over or succeeded or (failed and not held_back)):
            continue
        ended.append(pod)
        if succeeded and uid_of(pod) not in bad:
            if not sync.indexed and uid_of(pod) not in good:
                good.append(uid_of(pod))
        elif (failed or (sync.finished is not None and not success)) and uid_of(pod) not in bad:
            counted = job_pods.counts(job, pod) and job_pods.verdict(job, pod).counted
            bad += [uid_of(pod)] if counted else []
    noted = {"succeeded": good, "failed": bad}
    status["uncountedTerminatedPods"] = {field: uids for field, uids in noted.items() if uids}
    if sync.indexed:
        status["completedIndexes"] = indexes.written(sync.done)
        status["succeeded"] = len(sync.done)
        if sync.given_up is not None:
            status["failedIndexes"] = indexes.written(sync.given_up)
    return ended


def final_condition(sync: Sync, status: Object) -> Object | None:
    """The condition `Complete` or `Failed`, once every pod has stopped and been counted."""
    how = sync.finished
    if how is None or status["terminating"] or any(status["uncountedTerminatedPods"].values()):
        return None
    kind = "Complete" if how["type"] == "SuccessCriteriaMet" else "Failed"
    return made_condition(kind, how["reason"], how["message"], sync.stamp)
