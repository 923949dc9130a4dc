"""CronJobs: a Job at every time of a schedule.

Source: Kubernetes `pkg/controller/cronjob/{cronjob_controllerv2,utils}.go`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from lab.sim.api.resources import Object, Objects
from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.clock import Clock, parse_timestamp, timestamp
from lab.sim.controllers.controller import Informers
from lab.sim.controllers.job_status import finished
from lab.sim.controllers.pod_control import namespace_is_ending
from lab.sim.controllers.workload import WorkloadController, compact, controller_uid
from lab.sim.cron import Schedule, parse, zone_of
from lab.sim.objects import name_of, owner_reference, thaw

SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_JOBS = "jobs.batch"
_LATE_SECONDS = 0.1
"""A Job is looked for this long after its time, so that the time has surely come."""
_MANY = 100


@dataclass(slots=True)
class _Sync:
    """One reconcile: the CronJob, its Jobs, and the status as it is going to be."""

    cron: Object
    jobs: Objects
    active: Objects = field(default_factory=list)
    last: float | None = None
    succeeded: str | None = None


class CronJobController(WorkloadController):
    """Makes the Jobs of every CronJob and clears the old ones away."""

    name = "cronjob-controller"
    resource = "cronjobs.batch"
    kind = "CronJob"
    api_version = "batch/v1"

    def __init__(self, client: Client, clock: Clock, informers: Informers) -> None:
        """As `Controller`."""
        super().__init__(client, clock, informers)
        self.jobs = self.children(_JOBS)

    def _orphan_changed(self, orphan: Object) -> None:
        """A CronJob has no selector and adopts nothing."""

    async def reconcile(self, namespace: str, name: str) -> None:
        """Note what became of the Jobs, make the one that is due, and come back in time for the next."""
        cron = self.objects.get(namespace, name)
        if cron is None:
            return
        status = cron.get("status", {})
        last = status.get("lastScheduleTime")
        sync = _Sync(
            cron,
            self.owned(self.jobs, cron),
            list(status.get("active") or ()),
            parse_timestamp(last) if last else None,
            status.get("lastSuccessfulTime"),
        )
        try:
            await self._observe(sync)
            await self._schedule(sync)
            await self._clean_up(sync)
        finally:
            made = {
                "active": sync.active,
                "lastScheduleTime": None if sync.last is None else timestamp(sync.last),
                "lastSuccessfulTime": sync.succeeded,
            }
            await self._write(cron, compact(made))

    async def _write(self, cron: Object, status: Object) -> None:
        """Write the status; a change of something else meanwhile does not matter, a Job that is forgotten would."""
        try:
            await self.write_status(cron, status)
        except ApiError as error:
            if error.reason != "Conflict":
                raise
            metadata = cron["metadata"]
            fresh = await self.client.get(self.resource, metadata["namespace"], metadata["name"])
            if fresh["metadata"]["uid"] == metadata["uid"]:
                await self.write_status(fresh, status)

    async def _observe(self, sync: _Sync) -> None:
        """Bring `active` and `lastSuccessfulTime` up to date with the Jobs there are."""
        known = {one["uid"] for one in sync.active}
        for job in sync.jobs:
            uid, ended = job["metadata"]["uid"], finished(job)
            if ended is None:
                if uid not in known:
                    text = f"Saw a job that the controller did not create or forgot: {name_of(job)}"
                    await self.event(sync.cron, "Warning", "UnexpectedJob", text)
                continue
            if uid in known:
                sync.active = [one for one in sync.active if one["uid"] != uid]
                text = f"Saw completed job: {name_of(job)}, condition: {ended['type']}"
                await self.event(sync.cron, "Normal", "SawCompletedJob", text)
            at = job["status"].get("completionTime")
            if ended["type"] == "Complete" and at and (sync.succeeded is None or at > sync.succeeded):
                sync.succeeded = at
        there = {job["metadata"]["uid"] for job in sync.jobs}
        for one in list(sync.active):
            if one["uid"] not in there and await self._job(one["namespace"], one["name"]) is None:
                await self.event(sync.cron, "Normal", "MissingJob", f"Active job went missing: {one['name']}")
                sync.active.remove(one)

    async def _job(self, namespace: str, name: str) -> Object | None:
        try:
            return await self.client.get(_JOBS, namespace, name)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def _schedule(self, sync: _Sync) -> None:
        cron, spec = sync.cron, sync.cron["spec"]
        zone = spec.get("timeZone")
        if cron["metadata"].get("deletionTimestamp"):
            return
        try:
            zone_of(zone or "")
        except ValueError as error:
            await self.event(cron, "Warning", "UnknownTimeZone", f'invalid timeZone: "{zone}": {error}')
            return
        if spec.get("suspend"):
            return
        text = spec["schedule"]
        if "TZ" in text:
            why = (
                f'CRON_TZ or TZ used in schedule "{text}" is not officially supported, see '
                "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
            )
            await self.event(cron, "Warning", "UnsupportedSchedule", why)
        try:
            schedule = parse(text, zone or "")
        except ValueError as error:
            await self.event(cron, "Warning", "UnparseableSchedule", f'unparseable schedule: "{text}" : {error}')
            return
        await self._start_due(sync, schedule)
        now, earliest = self.clock.now(), self._earliest(sync)
        past = latest(schedule, earliest, now)[0]
        following = schedule.after(earliest if past is None else past)
        if following is not None:
            metadata = cron["metadata"]
            self.enqueue_after(metadata["namespace"], metadata["name"], following - now + _LATE_SECONDS)

    def _earliest(self, sync: _Sync) -> float:
        if sync.last is not None:
            return sync.last
        return parse_timestamp(sync.cron["metadata"]["creationTimestamp"])

    async def _start_due(self, sync: _Sync, schedule: Schedule) -> None:
        cron, spec, now = sync.cron, sync.cron["spec"], self.clock.now()
        earliest = self._earliest(sync)
        deadline = spec.get("startingDeadlineSeconds")
        if deadline is not None:
            earliest = max(earliest, now - deadline)
        due, missed = latest(schedule, earliest, now)
        if missed > _MANY:
            text = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
            await self.event(cron, "Warning", "TooManyMissedTimes", text)
        if due is None:
            return
        if deadline is not None and due + deadline < now:
            said = time.strftime("%a, %d %b %Y %H:%M:%S UTC", time.gmtime(due))
            await self.event(cron, "Warning", "MissSchedule", f"Missed scheduled time to start a job: {said}")
            return
        name = f"{name_of(cron)}-{int(due) // 60}"
        if any(one["name"] == name for one in sync.active) or sync.last == due:
            return
        policy = spec.get("concurrencyPolicy", "Allow")
        if policy == "Forbid" and sync.active:
            text = "Not starting job because prior execution is running and concurrency policy is Forbid"
            await self.event(cron, "Normal", "JobAlreadyActive", text)
            return
        if policy == "Replace":
            for one in list(sync.active):
                await self._delete(sync, one["namespace"], one["name"], one["uid"])
        await self._create(sync, name, due)

    async def _create(self, sync: _Sync, name: str, due: float) -> None:
        cron = sync.cron
        try:
            made = await self.client.create(_JOBS, _new_job(cron, name, due))
        except ApiError as error:
            if error.reason == "AlreadyExists":
                there = await self._job(cron["metadata"]["namespace"], name)
                if there is None or controller_uid(there) != cron["metadata"]["uid"]:
                    return
                made = there
            else:
                if not namespace_is_ending(error):
                    await self.event(cron, "Warning", "FailedCreate", f"Error creating job: {error.message}")
                raise
        else:
            await self.event(cron, "Normal", "SuccessfulCreate", f"Created job {name}")
        await self.jobs.reached(made)
        metadata = made["metadata"]
        reference = {
            "kind": "Job",
            "namespace": metadata["namespace"],
            "name": name,
            "uid": metadata["uid"],
            "apiVersion": "batch/v1",
            "resourceVersion": metadata["resourceVersion"],
        }
        sync.active = [*sync.active, reference]
        sync.last = due

    async def _delete(self, sync: _Sync, namespace: str, name: str, uid: str) -> None:
        try:
            await self.client.delete(_JOBS, namespace, name, "Background", uid)
        except ApiError as error:
            if error.code != 404:
                await self.event(sync.cron, "Warning", "FailedDelete", f"Deleted job: {error.message}")
                raise
        sync.active = [one for one in sync.active if one["uid"] != uid]
        await self.event(sync.cron, "Normal", "SuccessfulDelete", f"Deleted job {name}")

    async def _clean_up(self, sync: _Sync) -> None:
        """Delete the oldest finished Jobs beyond the history limits."""
        spec = sync.cron["spec"]
        for kind, limit in (("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")):
            if spec.get(limit) is None:
                continue
            ended = [job for job in sync.jobs if (finished(job) or {}).get("type") == kind]
            for job in _oldest_first(ended)[: max(len(ended) - spec[limit], 0)]:
                metadata = job["metadata"]
                if not metadata.get("deletionTimestamp"):
                    await self._delete(sync, metadata["namespace"], metadata["name"], metadata["uid"])


def _oldest_first(jobs: Iterable[Object]) -> Objects:
    return sorted(jobs, key=lambda job: (job["status"].get("startTime", "~"), name_of(job)))


def _new_job(cron: Object, name: str, due: float) -> Object:
    template = thaw(cron["spec"]["jobTemplate"])
    metadata = template.get("metadata") or {}
    at = datetime.fromtimestamp(due, zone_of(cron["spec"].get("timeZone") or "")).isoformat()
    made: Object = {
        "name": name,
        "namespace": cron["metadata"]["namespace"],
        "annotations": {**(metadata.get("annotations") or {}), SCHEDULED: at.replace("+00:00", "Z")},
        "ownerReferences": [owner_reference(cron)],
    }
    if metadata.get("labels"):
        made["labels"] = metadata["labels"]
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": made, "spec": template["spec"]}


def latest(schedule: Schedule, earliest: float, now: float) -> tuple[float | None, int]:
    """The last time of a schedule in (`earliest`, `now`], and about how many there were."""
    first = schedule.after(earliest)
    if first is None or first > now:
        return None, 0
    second = schedule.after(first)
    if second is None or second > now:
        return first, 1
    between = second - first
    count = int((now - first) // between) + 1
    found = None
    following = schedule.after(first + (count - 2) * between)
    while following is not None and following <= now:
        found = following
        following = schedule.after(following)
    return found, count
