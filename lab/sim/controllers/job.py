"""Jobs: pods until enough of them have succeeded or too many have failed.

A pod carries a finalizer until its end is counted: it is first noted in `status.uncountedTerminatedPods`, then loses
the finalizer, then is counted, so that none is counted twice or not at all whatever happens in between. Source:
Kubernetes `pkg/controller/job/job_controller.go`, `pkg/controller/ttlafterfinished`.
"""

from __future__ import annotations

from collections.abc import Iterable

from lab.sim.api.resources import Object, Objects
from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.clock import Clock, parse_timestamp
from lab.sim.controllers import completion_index as indexes
from lab.sim.controllers import job_pods, pod_state
from lab.sim.controllers.controller import Informers
from lab.sim.controllers.job_pods import Backoff
from lab.sim.controllers.job_status import finished, holds, made_condition, with_uncounted_settled, written_status
from lab.sim.controllers.job_sync import (
    Sync,
    begun,
    final_condition,
    judge,
    note_ended,
    surplus,
    uid_of,
    wait_of_index,
)
from lab.sim.controllers.pod_control import PodControl
from lab.sim.controllers.workload import WorkloadController, labels_of
from lab.sim.objects import controller_of, evolve, name_of

_MOST_AT_ONCE = 500
_BY_JOB = "job"
_JOB_NAME = "batch.kubernetes.io/job-name"


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
        pods = await self.claim(self.pods, job, finalizer=job_pods.FINALIZER)
        sync = begun(job, pods, self._backoff.get(uid, Backoff()), self.clock.now())
        left = judge(sync)
        if sync.finished is not None:
            error = await self._stop(sync)
        else:
            if left is not None:
                self.enqueue_after(namespace, name, left)
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

    # -- pods

    async def _stop(self, sync: Sync) -> ApiError | None:
        """Delete what still runs; the Job does not end before all of it is on its way out."""
        error = await self._delete(sync, sync.active)
        if error is not None:
            sync.finished = None
        return error

    async def _delete(self, sync: Sync, pods: Objects) -> ApiError | None:
        error = await self._control.delete_many(sync.job, pods)
        if error is None:
            sync.left += len(pods)
            gone = {uid_of(pod) for pod in pods}
            sync.active = [pod for pod in sync.active if uid_of(pod) not in gone]
        return error

    async def _manage(self, sync: Sync) -> ApiError | None:
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

    async def _suspend(self, sync: Sync) -> ApiError | None:
        return await self._delete_and_let_go(sync, sync.active)

    async def _delete_and_let_go(self, sync: Sync, pods: Objects) -> ApiError | None:
        """Delete pods that are not to count as failures."""
        for pod in pods:
            await self._let_go(pod)
        kept = {uid_of(pod) for pod in pods}
        sync.pods = [pod for pod in sync.pods if uid_of(pod) not in kept]
        return await self._delete(sync, pods)

    async def _adjust(self, sync: Sync) -> ApiError | None:
        spec = sync.job["spec"]
        parallel, completions = spec.get("parallelism", 1), spec.get("completions")
        if completions is None:
            wanted = len(sync.active) if sync.succeeded else parallel
        else:
            wanted = max(min(completions - sync.succeeded, parallel), 0)
        more = surplus(sync, len(sync.active) - wanted)
        if more:
            return await self._delete_and_let_go(sync, more[:_MOST_AT_ONCE])
        missing = wanted - len(sync.active)
        if job_pods.replaces_only_failed(sync.job):
            missing -= sum(1 for pod in sync.pods if pod_state.is_terminating(pod))
        return await self._create(sync, min(missing, _MOST_AT_ONCE)) if missing > 0 else None

    async def _create(self, sync: Sync, count: int) -> ApiError | None:
        job, now = sync.job, self.clock.now()
        separate = job_pods.per_index(job) is not None
        wait = 0.0 if separate else sync.backoff.wait(now)
        numbers: list[int | None] = [None] * count
        if sync.indexed:
            taken = sync.done | (sync.given_up or set()) | indexes.indexes_in(sync.active)
            if job_pods.replaces_only_failed(job):
                taken |= indexes.indexes_in(pod for pod in sync.pods if pod_state.is_terminating(pod))
            missing = indexes.first_missing(taken, count, int(job["spec"]["completions"]))
            waits = {index: wait_of_index(sync, index) for index in missing}
            numbers = [index for index in missing if not waits[index]]
            if missing and not numbers:
                wait = min(waits.values())
        if wait > 0:
            self.enqueue_after(job["metadata"]["namespace"], name_of(job), wait)
            return None
        before = {uid_of(pod) for pod in self.owned(self.pods, job)}
        pods = (
            job_pods.new_pod(job, index, sync.delayed.get(index) if index is not None else None) for index in numbers
        )
        error = (await self._control.create_many(job, pods))[1]
        sync.active += [pod for pod in self.owned(self.pods, job) if uid_of(pod) not in before]
        return error

    async def _note_suspension(self, sync: Sync) -> None:
        suspended = bool(sync.job["spec"].get("suspend"))
        conditions = list(sync.status.get("conditions") or ())
        held = next((one for one in conditions if one["type"] == "Suspended"), None)
        if suspended == (held is not None and held["status"] == "True") or (held is None and not suspended):
            return
        reason, text = ("JobSuspended", "Job suspended") if suspended else ("JobResumed", "Job resumed")
        made = made_condition("Suspended", reason, text, self.stamp(), "True" if suspended else "False")
        kept = [made if one is held else one for one in conditions]
        sync.status["conditions"] = kept if held is not None else [*kept, made]
        if not suspended:
            sync.status["startTime"] = self.stamp()
        await self.event(sync.job, "Normal", "Suspended" if suspended else "Resumed", text)

    # -- counting

    async def _track(self, sync: Sync) -> None:
        """Note the pods that ended, take their finalizers, count them, and end the Job if nothing is left of it."""
        status = sync.status
        status["active"] = len(sync.active)
        status["ready"] = sum(1 for pod in sync.active if pod_state.is_ready(pod))
        status["terminating"] = sum(1 for pod in sync.pods if pod_state.is_terminating(pod)) + sync.left
        ended = note_ended(sync)
        if sync.finished is not None and holds(status, sync.finished["type"]) is None:
            status["conditions"] = [*(status.get("conditions") or ()), sync.finished]
        job = await self.write_status(sync.job, written_status(status))
        self._backoff[job["metadata"]["uid"]] = sync.backoff
        for pod in ended:
            fresh = self.pods.get(pod["metadata"]["namespace"], name_of(pod))
            if fresh is not None and uid_of(fresh) == uid_of(pod) and job_pods.is_tracked(fresh):
                await self._let_go(fresh)
        tracked = {uid_of(pod) for pod in self.owned(self.pods, job) if job_pods.is_tracked(pod)}
        status = with_uncounted_settled(status, tracked)
        final = final_condition(sync, status)
        if final is not None:
            status["conditions"] = [*(status.get("conditions") or ()), final]
            if final["type"] == "Complete":
                status["completionTime"] = final["lastTransitionTime"]
        job = await self.write_status(job, written_status(status))
        if final is not None:
            self._backoff.pop(job["metadata"]["uid"], None)
            await self._tell_end(job, final)

    async def _tell_end(self, job: Object, final: Object) -> None:
        if final["type"] == "Failed":
            await self.event(job, "Warning", final["reason"], final["message"])
            return
        completions = job["spec"].get("completions")
        if completions is not None and job["status"].get("succeeded", 0) > completions:
            text = "Too many succeeded pods running after completion count reached"
            await self.event(job, "Warning", "TooManySucceededPods", text)
        await self.event(job, "Normal", "Completed", "Job completed")
