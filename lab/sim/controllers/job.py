"""Jobs: pods until enough of them have succeeded or too many have failed.

A pod carries a finalizer until its end is counted: it is first noted in `status.uncountedTerminatedPods`, then loses
the finalizer, then is counted, so that none is counted twice or not at all whatever happens in between. Source:
Kubernetes `pkg/controller/job/job_controller.go`, `pkg/controller/ttlafterfinished`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.sim.api.resources import Object, Objects
from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.clock import Clock, parse_timestamp
from lab.sim.controllers import completion_index as indexes
from lab.sim.controllers import job_pods, pod_state
from lab.sim.controllers.controller import Informers
from lab.sim.controllers.job_pods import Backoff
from lab.sim.controllers.job_status import (
    finished,
    holds,
    made_condition,
    restarted_too_often,
    success_policy_met,
    with_uncounted_settled,
    written_status,
)
from lab.sim.controllers.pod_control import PodControl
from lab.sim.controllers.workload import WorkloadController, labels_of
from lab.sim.objects import controller_of, evolve, name_of

_MOST_AT_ONCE = 500
_BY_JOB = "job"
_JOB_NAME = "batch.kubernetes.io/job-name"


@dataclass(slots=True)
class _Sync:
    """One reconcile: what is known and what is found out on the way."""

    job: Object
    pods: Objects
    status: Object
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
        return job_pods.is_indexed(self.job)


def _by_job(pod: Object) -> Iterable[str]:
    if not job_pods.is_tracked(pod):
        return ()
    owner = controller_of(pod)
    name = labels_of(pod).get(_JOB_NAME, "")
    if owner is not None:
        name = owner["name"] if owner["kind"] == "Job" else ""
    return (f"{pod['metadata']['namespace']}/{name}",) if name else ()


class JobController(WorkloadController):
    """Runs every Job to its end, and deletes it `ttlSecondsAfterFinished` later."""

    name = "job-controller"
    resource = "jobs.batch"
    kind = "Job"
    api_version = "batch/v1"

    def __init__(self, client: Client, clock: Clock, informers: Informers) -> None:
        """As `Controller`."""
        super().__init__(client, clock, informers)
        self.pods = self.children("pods")
        self.pods.index(_BY_JOB, _by_job)
        self.pods.handle(self._tracked_pod_changed)
        self._control = PodControl(client, self.name, self.pods)
        self._backoff: dict[str, Backoff] = {}

    def _tracked_pod_changed(self, _: Object | None, new: Object | None) -> None:
        """A tracked pod that lost its Job is let go, so the Job's name is looked at again."""
        for key in _by_job(new) if new is not None else ():
            self.enqueue(*key.split("/", 1))

    async def reconcile(self, namespace: str, name: str) -> None:
        """Count the pods that ended, create or delete pods, and end the Job when its time has come."""
        job = self.objects.get(namespace, name)
        await self._let_strangers_go(namespace, name, job)
        if job is None:
            return
        uid = job["metadata"]["uid"]
        if job["spec"].get("managedBy") not in (None, "kubernetes.io/job-controller"):
            return
        if finished(job) is not None:
            self._backoff.pop(uid, None)
            await self._expire(job)
            return
        sync = await self._begun(job)
        self._judge(sync)
        error = None
        if sync.finished is not None:
            error = await self._stop(sync)
        else:
            error = await self._manage(sync)
        await self._track(sync)
        if error is not None:
            raise error

    async def _let_strangers_go(self, namespace: str, name: str, job: Object | None) -> None:
        """Take the finalizer from pods whose Job is gone."""
        for pod in self.pods.by(_BY_JOB, f"{namespace}/{name}"):
            owner = controller_of(pod)
            if job is None or (owner is not None and owner["uid"] != job["metadata"]["uid"]):
                await self._let_go(pod)

    async def _let_go(self, pod: Object) -> None:
        kept = [one for one in pod["metadata"].get("finalizers", ()) if one != job_pods.FINALIZER]
        try:
            written = await self.client.update("pods", evolve(pod, metadata={"finalizers": kept}))
        except ApiError as error:
            if error.code != 404:
                raise
            return
        await self.pods.reached(written)

    async def _expire(self, job: Object) -> None:
        limit = job["spec"].get("ttlSecondsAfterFinished")
        ended = finished(job)
        if limit is None or ended is None or job["metadata"].get("deletionTimestamp"):
            return
        left = parse_timestamp(ended["lastTransitionTime"]) + limit - self.clock.now()
        metadata = job["metadata"]
        if left > 0:
            self.enqueue_after(metadata["namespace"], metadata["name"], left)
            return
        await self.client.delete(self.resource, metadata["namespace"], metadata["name"], "Foreground", metadata["uid"])

    # -- where the Job stands

    async def _begun(self, job: Object) -> _Sync:
        pods = await self.claim(self.pods, job, finalizer=job_pods.FINALIZER)
        status = dict(job.get("status", {}))
        status["uncountedTerminatedPods"] = dict(status.get("uncountedTerminatedPods") or {})
        if not status.get("startTime") and not job["spec"].get("suspend"):
            status["startTime"] = self.stamp()
        sync = _Sync(job, pods, status, [pod for pod in pods if pod_state.is_active(pod)])
        uncounted = status["uncountedTerminatedPods"]
        noted_good, noted_bad = uncounted.get("succeeded") or [], uncounted.get("failed") or []
        fresh = [pod for pod in pods if job_pods.is_tracked(pod) and job_pods.counts(job, pod)]
        good = [pod for pod in fresh if pod_state.phase(pod) == "Succeeded" and _uid(pod) not in noted_good]
        bad = [pod for pod in fresh if job_pods.has_failed(job, pod) and _uid(pod) not in noted_bad]
        sync.succeeded = status.get("succeeded", 0) + len(good) + len(noted_good)
        counted = sum(1 for pod in bad if job_pods.verdict(job, pod).counted)
        sync.failed = status.get("failed", 0) + counted + len(noted_bad)
        sync.backoff = self._backoff.get(job["metadata"]["uid"], Backoff()).after(good, bad)
        if sync.indexed:
            self._index(sync, fresh)
        return sync

    def _index(self, sync: _Sync, fresh: Objects) -> None:
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
            if found.fails_index or (found.counted and job_pods.failures_of(pod) >= limit):
                sync.given_up |= indexes.indexes_in([pod])
        over = sync.done | sync.given_up | indexes.indexes_in(sync.active)
        for pod in sorted(failed, key=lambda pod: (job_pods.failures_of(pod), job_pods.finished_at(pod))):
            index = indexes.index_of(pod)
            if index is not None and index not in over:
                sync.delayed[index] = pod

    def _judge(self, sync: _Sync) -> None:
        """Whether the Job has to end, and why."""
        job, spec = sync.job, sync.job["spec"]
        met, target = holds(sync.status, "SuccessCriteriaMet"), holds(sync.status, "FailureTarget")
        if met is not None or target is not None:
            sync.finished = dict(met or target or {})
            return
        for pod in sync.pods:
            if spec.get("podFailurePolicy") and job_pods.has_failed(job, pod):
                why = job_pods.verdict(job, pod).fails_job
                if why:
                    sync.finished = self._failure("PodFailurePolicy", why)
                    return
        limit = spec.get("backoffLimit", 6)
        if sync.failed > limit or restarted_too_often(job, sync.pods, limit):
            sync.finished = self._failure("BackoffLimitExceeded", "Job has reached the specified backoff limit")
            return
        deadline = spec.get("activeDeadlineSeconds")
        if deadline is not None and sync.status.get("startTime") and not spec.get("suspend"):
            left = parse_timestamp(sync.status["startTime"]) + deadline - self.clock.now()
            if left <= 0:
                text = "Job was active longer than specified deadline"
                sync.finished = self._failure("DeadlineExceeded", text)
                return
            self.enqueue_after(job["metadata"]["namespace"], name_of(job), left)
        if sync.indexed:
            self._judge_indexes(sync)

    def _judge_indexes(self, sync: _Sync) -> None:
        spec = sync.job["spec"]
        given_up = sync.given_up or set()
        most = spec.get("maxFailedIndexes")
        if sync.given_up is not None and most is not None and len(given_up) > most:
            text = "Job has exceeded the specified maximal number of failed indexes"
            sync.finished = self._failure("MaxFailedIndexesExceeded", text)
        elif given_up and len(given_up) + len(sync.done) >= int(spec["completions"]):
            sync.finished = self._failure("FailedIndexes", "Job has failed indexes")
        else:
            text = success_policy_met(spec, sync.done)
            if text:
                sync.finished = made_condition("SuccessCriteriaMet", "SuccessPolicy", text, self.stamp())

    def _failure(self, reason: str, message: str) -> Object:
        return made_condition("FailureTarget", reason, message, self.stamp())

    # -- pods

    async def _stop(self, sync: _Sync) -> ApiError | None:
        """Delete what still runs; the Job does not end before all of it is on its way out."""
        error = await self._delete(sync, sync.active)
        if error is not None:
            sync.finished = None
        return error

    async def _delete(self, sync: _Sync, pods: Objects) -> ApiError | None:
        error = await self._control.delete_many(sync.job, pods)
        if error is None:
            sync.left += len(pods)
            gone = {_uid(pod) for pod in pods}
            sync.active = [pod for pod in sync.active if _uid(pod) not in gone]
        return error

    async def _manage(self, sync: _Sync) -> ApiError | None:
        """Have as many pods at work as there should be; end the Job when it has what it wants."""
        job, spec = sync.job, sync.job["spec"]
        leaving = bool(job["metadata"].get("deletionTimestamp"))
        error = None
        if not leaving:
            error = await (self._suspend(sync) if spec.get("suspend") else self._adjust(sync))
        completions = spec.get("completions")
        wanted = sync.succeeded > 0 if completions is None else sync.succeeded >= completions
        if wanted and not sync.active:
            text = "Reached expected number of succeeded pods"
            sync.finished = made_condition("SuccessCriteriaMet", "CompletionsReached", text, self.stamp())
        elif not leaving:
            await self._note_suspension(sync)
        return error

    async def _suspend(self, sync: _Sync) -> ApiError | None:
        return await self._delete_and_let_go(sync, sync.active)

    async def _delete_and_let_go(self, sync: _Sync, pods: Objects) -> ApiError | None:
        """Delete pods that are not to count as failures."""
        for pod in pods:
            await self._let_go(pod)
        kept = {_uid(pod) for pod in pods}
        sync.pods = [pod for pod in sync.pods if _uid(pod) not in kept]
        return await self._delete(sync, pods)

    async def _adjust(self, sync: _Sync) -> ApiError | None:
        spec = sync.job["spec"]
        parallel, completions = spec.get("parallelism", 1), spec.get("completions")
        if completions is None:
            wanted = len(sync.active) if sync.succeeded else parallel
        else:
            wanted = max(min(completions - sync.succeeded, parallel), 0)
        surplus = self._surplus(sync, len(sync.active) - wanted)
        if surplus:
            return await self._delete_and_let_go(sync, surplus[:_MOST_AT_ONCE])
        missing = wanted - len(sync.active)
        if job_pods.replaces_only_failed(sync.job):
            missing -= sum(1 for pod in sync.pods if pod_state.is_terminating(pod))
        return await self._create(sync, min(missing, _MOST_AT_ONCE)) if missing > 0 else None

    def _surplus(self, sync: _Sync, least: int) -> Objects:
        order = pod_state.deletion_order(sync.active, self.clock.now())
        if not sync.indexed:
            return order[: max(least, 0)]
        kept: dict[int, Object] = {}
        surplus = []
        for pod in reversed(order):
            index = indexes.index_of(pod)
            if index is None or not job_pods.counts(sync.job, pod) or index in kept:
                surplus.append(pod)
            else:
                kept[index] = pod
        more = [pod for pod in order if pod in kept.values()]
        return surplus + more[: max(least - len(surplus), 0)]

    async def _create(self, sync: _Sync, count: int) -> ApiError | None:
        job, now = sync.job, self.clock.now()
        separate = job_pods.per_index(job) is not None
        wait = 0.0 if separate else sync.backoff.wait(now)
        numbers: list[int | None] = [None] * count
        if sync.indexed:
            taken = sync.done | (sync.given_up or set()) | indexes.indexes_in(sync.active)
            if job_pods.replaces_only_failed(job):
                taken |= indexes.indexes_in(pod for pod in sync.pods if pod_state.is_terminating(pod))
            missing = indexes.first_missing(taken, count, int(job["spec"]["completions"]))
            waits = {index: self._index_wait(sync, index) for index in missing}
            numbers = [index for index in missing if not waits[index]]
            if missing and not numbers:
                wait = min(waits.values())
        if wait > 0:
            self.enqueue_after(job["metadata"]["namespace"], name_of(job), wait)
            return None
        before = {_uid(pod) for pod in self.owned(self.pods, job)}
        pods = (
            job_pods.new_pod(job, index, sync.delayed.get(index) if index is not None else None) for index in numbers
        )
        error = (await self._control.create_many(job, pods))[1]
        sync.active += [pod for pod in self.owned(self.pods, job) if _uid(pod) not in before]
        return error

    def _index_wait(self, sync: _Sync, index: int) -> float:
        last = sync.delayed.get(index)
        if last is None:
            return 0.0
        return Backoff(job_pods.failures_of(last) + 1, job_pods.finished_at(last)).wait(self.clock.now())

    async def _note_suspension(self, sync: _Sync) -> None:
        suspended = bool(sync.job["spec"].get("suspend"))
        conditions = list(sync.status.get("conditions") or ())
        held = next((one for one in conditions if one["type"] == "Suspended"), None)
        if suspended == (held is not None and held["status"] == "True") or (held is None and not suspended):
            return
        reason, text = ("JobSuspended", "Job suspended") if suspended else ("JobResumed", "Job resumed")
        made = made_condition("Suspended", reason, text, self.stamp(), "True" if suspended else "False")
        sync.status["conditions"] = [one for one in conditions if one["type"] != "Suspended"] + [made]
        if not suspended:
            sync.status["startTime"] = self.stamp()
        await self.event(sync.job, "Normal", "Suspended" if suspended else "Resumed", text)

    # -- counting

    async def _track(self, sync: _Sync) -> None:
        """Note the pods that ended, take their finalizers, count them, and end the Job if nothing is left of it."""
        status = sync.status
        status["active"] = len(sync.active)
        status["ready"] = sum(1 for pod in sync.active if pod_state.is_ready(pod))
        terminating = sum(1 for pod in sync.pods if pod_state.is_terminating(pod)) + sync.left
        status["terminating"] = terminating
        ended = self._note_ended(sync)
        if sync.finished is not None and holds(status, sync.finished["type"]) is None:
            status["conditions"] = [*(status.get("conditions") or ()), sync.finished]
        job = await self.write_status(sync.job, written_status(status))
        self._backoff[job["metadata"]["uid"]] = sync.backoff
        for pod in ended:
            fresh = self.pods.get(pod["metadata"]["namespace"], name_of(pod))
            if fresh is not None and _uid(fresh) == _uid(pod) and job_pods.is_tracked(fresh):
                await self._let_go(fresh)
        tracked = {_uid(pod) for pod in self.owned(self.pods, job) if job_pods.is_tracked(pod)}
        status = with_uncounted_settled(status, tracked)
        final = self._ended(sync.finished, status, terminating)
        if final is not None:
            status["conditions"] = [*(status.get("conditions") or ()), final]
            if final["type"] == "Complete":
                status["completionTime"] = final["lastTransitionTime"]
        job = await self.write_status(job, written_status(status))
        if final is not None:
            self._backoff.pop(job["metadata"]["uid"], None)
            await self._tell_end(job, final)

    def _note_ended(self, sync: _Sync) -> Objects:
        """Write pods that ended into the status as yet uncounted; returns those that may lose their finalizer."""
        job, status = sync.job, sync.status
        uncounted = status["uncountedTerminatedPods"]
        good, bad = list(uncounted.get("succeeded") or ()), list(uncounted.get("failed") or ())
        success = sync.finished is not None and sync.finished["type"] == "SuccessCriteriaMet"
        ended = []
        for pod in sync.pods:
            succeeded, failed = pod_state.phase(pod) == "Succeeded", job_pods.has_failed(job, pod)
            over = bool(job["metadata"].get("deletionTimestamp")) or sync.finished is not None
            index = indexes.index_of(pod)
            held_back = failed and index is not None and sync.delayed.get(index) is pod
            if not job_pods.is_tracked(pod) or not (over or succeeded or (failed and not held_back)):
                continue
            ended.append(pod)
            if succeeded and _uid(pod) not in bad:
                if not sync.indexed and _uid(pod) not in good:
                    good.append(_uid(pod))
            elif (failed or (sync.finished is not None and not success)) and _uid(pod) not in bad:
                counted = job_pods.counts(job, pod) and job_pods.verdict(job, pod).counted
                bad += [_uid(pod)] if counted else []
        status["uncountedTerminatedPods"] = {
            key: value for key, value in (("succeeded", good), ("failed", bad)) if value
        }
        if sync.indexed:
            status["completedIndexes"] = indexes.written(sync.done)
            status["succeeded"] = len(sync.done)
            if sync.given_up is not None:
                status["failedIndexes"] = indexes.written(sync.given_up)
        return ended

    def _ended(self, how: Mapping[str, Any] | None, status: Object, terminating: int) -> Object | None:
        """The condition `Complete` or `Failed`, once every pod has stopped and been counted."""
        if how is None or terminating or any(status["uncountedTerminatedPods"].values()):
            return None
        kind = "Complete" if how["type"] == "SuccessCriteriaMet" else "Failed"
        return made_condition(kind, how["reason"], how["message"], self.stamp())

    async def _tell_end(self, job: Object, final: Object) -> None:
        if final["type"] == "Failed":
            await self.event(job, "Warning", final["reason"], final["message"])
            return
        completions = job["spec"].get("completions")
        if completions is not None and job["status"].get("succeeded", 0) > completions:
            text = "Too many succeeded pods running after completion count reached"
            await self.event(job, "Warning", "TooManySucceededPods", text)
        await self.event(job, "Normal", "Completed", "Job completed")


def _uid(pod: Object) -> str:
    return str(pod["metadata"]["uid"])
