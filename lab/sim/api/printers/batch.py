"""Jobs and cron jobs.

Source: Kubernetes `pkg/printers/internalversion/printers.go`, `printJob`, `printCronJob`.
"""

from __future__ import annotations

from lab.sim.api.printers.age import human, since
from lab.sim.api.printers.label_text import of_selector
from lab.sim.api.printers.printer import (
    AGE,
    CONTAINERS,
    IMAGES,
    NAME,
    NONE,
    SELECTOR,
    UNSET,
    Cells,
    Printer,
    age,
    column,
    containers,
    name,
    part,
)
from lab.sim.api.resources import Object
from lab.sim.clock import parse_timestamp

_STATES = (
    ("Complete", "Complete"),
    ("Failed", "Failed"),
    ("", "Terminating"),
    ("Suspended", "Suspended"),
    ("FailureTarget", "FailureTarget"),
    ("SuccessCriteriaMet", "SuccessCriteriaMet"),
)
"""Conditions in order of precedence and what each shows; "" is that the job is being deleted."""


def _state(job: Object) -> str:
    first: dict[str, str] = {}
    for one in part(job, "status").get("conditions") or ():
        first.setdefault(one.get("type", ""), one.get("status", ""))
    first[""] = "True" if job["metadata"].get("deletionTimestamp") else "False"
    return next((shown for kind, shown in _STATES if first.get(kind) == "True"), "Running")


def _completions(job: Object) -> str:
    spec = part(job, "spec")
    done, wanted, parallel = (
        part(job, "status").get("succeeded", 0),
        spec.get("completions"),
        spec.get("parallelism") or 0,
    )
    if wanted is not None:
        return f"{done}/{wanted}"
    return f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"


def _duration(job: Object, now: float) -> str:
    status = part(job, "status")
    begun, ended = status.get("startTime"), status.get("completionTime")
    if not begun:
        return ""
    return human((parse_timestamp(ended) if ended else now) - parse_timestamp(begun))


def _job(job: Object, now: float) -> Cells:
    spec = part(job, "spec")
    return [
        name(job),
        _state(job),
        _completions(job),
        _duration(job, now),
        age(job, now),
        *containers(part(spec, "template")),
        of_selector(spec.get("selector")) or NONE,
    ]


def _cron_job(obj: Object, now: float) -> Cells:
    spec, status = part(obj, "spec"), part(obj, "status")
    job = part(part(spec, "jobTemplate"), "spec")
    last, suspended = status.get("lastScheduleTime"), spec.get("suspend")
    return [
        name(obj),
        spec.get("schedule", ""),
        NONE if spec.get("timeZone") is None else spec["timeZone"],
        UNSET if suspended is None else str(suspended),
        len(status.get("active") or ()),
        since(last, now) if last else NONE,
        age(obj, now),
        *containers(part(job, "template")),
        of_selector(job.get("selector")) or NONE,
    ]


PRINTERS = {
    "jobs.batch": Printer(
        [
            NAME,
            column("Status", "State of the job."),
            column("Completions", "Pods that have succeeded, of those wanted."),
            column("Duration", "Time the job took, or has taken so far."),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
        _job,
    ),
    "cronjobs.batch": Printer(
        [
            NAME,
            column("Schedule", "When jobs are started, in cron's form."),
            column("Timezone", "Time zone of the schedule."),
            column("Suspend", "Whether no further jobs are started.", "boolean"),
            column("Active", "Number of jobs that run.", "integer"),
            column("Last Schedule", "Time since a job was last started."),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
        _cron_job,
    ),
}
