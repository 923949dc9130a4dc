"""Jobs and CronJobs.

Source: Kubernetes `pkg/apis/batch/validation/validation.go`.
"""

from __future__ import annotations

import re
import zoneinfo
from functools import partial

from lab.sim.api.resources import Object
from lab.sim.api.validation import names
from lab.sim.api.validation.causes import (
    Wrong,
    bare,
    domain_prefixed_path,
    duplicate,
    immutable,
    invalid_value,
    label_selector,
    named,
    none_negative,
    not_negative,
    not_supported,
    one_of,
    required,
    same,
    selects,
    shown,
    shown_selector,
    too_many,
)
from lab.sim.api.validation.internal import written
from lab.sim.api.validation.pod import template
from lab.sim.api.validation.workloads import MISMATCH, same_selector, spec_of, template_labels
from lab.sim.cron import problem

_COUNTS = (
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
)
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_INDEXES = 100_000
_is_zone_part = re.compile(r"[A-Za-z.\-_0-9+]{1,14}", re.ASCII).fullmatch


def job(wrong: Wrong, obj: Object) -> None:
    """A Job whose generated selector and labels are in place."""
    spec, meta = spec_of(obj), obj["metadata"]
    if not spec.get("manualSelector") and spec.get("selector") is not None:
        _generated(wrong, meta, spec)
    _whole_job(wrong, spec)
    count = spec.get("completions") or 0
    if spec.get("completionMode") == "Indexed" and count > 0:
        host = f"{meta.get('name') or ''}-{count - 1}"
        if names.dns_label(host):
            said = f"will not able to create pod with invalid DNS label: {host}"
            wrong.append(invalid_value("metadata.name", meta.get("name") or "", said))


def _whole_job(wrong: Wrong, spec: Object) -> None:
    _job_spec(wrong, "spec", spec)
    selector = spec.get("selector")
    if selector is None:
        wrong.append(required("spec.selector"))
    label_selector(wrong, "spec.selector", selector)
    found = template_labels(spec.get("template"))
    if selects(selector, found) is False:
        wrong.append(invalid_value("spec.template.metadata.labels", found or None, MISMATCH))


_LABELS = (
    ("controller-uid", "uid"),
    ("job-name", "name"),
    ("batch.kubernetes.io/controller-uid", "uid"),
    ("batch.kubernetes.io/job-name", "name"),
)


def _generated(wrong: Wrong, meta: Object, spec: Object) -> None:
    found = template_labels(spec.get("template"))
    expected = {label: str(meta.get(field) or "") for label, field in _LABELS}
    for label, value in expected.items():
        path = "spec.template.metadata.labels"
        if label not in found:
            wrong.append(required(f"{path}[{label}]", f"must be '{value}'"))
        elif found[label] != value:
            wrong.append(invalid_value(f"{path}[{label}]", found, f"must be '{value}'"))
    if selects(spec["selector"], expected) is False:
        wrong.append(invalid_value("spec.selector", shown_selector(spec["selector"]), "`selector` not auto-generated"))


def _job_spec(wrong: Wrong, path: str, spec: Object) -> None:
    none_negative(wrong, path, spec, _COUNTS)
    failed, per_index = spec.get("maxFailedIndexes"), spec.get("backoffLimitPerIndex")
    if failed is not None and per_index is None:
        wrong.append(required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified"))
    if spec.get("managedBy") is not None:
        domain_prefixed_path(wrong, f"{path}.managedBy", spec["managedBy"])
    mode = spec.get("completionMode")
    one_of(wrong, f"{path}.completionMode", mode, ("NonIndexed", "Indexed"))
    if mode == "Indexed":
        _indexed(wrong, path, spec)
    if mode in (None, "NonIndexed"):
        for field in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if spec.get(field) is not None:
                wrong.append(invalid_value(f"{path}.{field}", spec[field], "requires indexed completion mode"))
    if spec.get("podFailurePolicy") is not None:
        _failure_policy(wrong, f"{path}.podFailurePolicy.rules", spec)
    policy = spec.get("successPolicy")
    if policy is not None and mode != "Indexed":
        value = written("batch.SuccessPolicy", policy)
        wrong.append(shown(f"{path}.successPolicy", "Invalid", value, "requires indexed completion mode"))
    elif policy is not None:
        _success_policy(wrong, f"{path}.successPolicy.rules", policy, spec)
    allowed = ("Failed", "TerminatingOrFailed") if spec.get("podFailurePolicy") is None else ("Failed",)
    one_of(wrong, f"{path}.podReplacementPolicy", spec.get("podReplacementPolicy"), allowed)
    template(wrong, f"{path}.template", spec.get("template"))
    _restart(wrong, f"{path}.template.spec.restartPolicy", spec)


def _restart(wrong: Wrong, path: str, spec: Object) -> None:
    policy = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy") or ""
    if policy in ("Always", ""):
        wrong.append(required(path, 'valid values: "OnFailure", "Never"'))
    elif policy not in ("OnFailure", "Never"):
        wrong.append(not_supported(path, policy, ("OnFailure", "Never")))
    elif spec.get("podFailurePolicy") is not None and policy != "Never":
        said = 'only "Never" is supported when podFailurePolicy is specified'
        wrong.append(invalid_value(path, policy, said))


def _indexed(wrong: Wrong, path: str, spec: Object) -> None:
    count, at_once, failed = (spec.get(name) for name in ("completions", "parallelism", "maxFailedIndexes"))
    if count is None:
        wrong.append(required(f"{path}.completions", "when completion mode is Indexed"))
    if at_once is not None and at_once > _INDEXES:
        said = f"must be less than or equal to {_INDEXES} when completion mode is Indexed"
        wrong.append(invalid_value(f"{path}.parallelism", at_once, said))
    if failed is not None and count is not None and failed > count:
        wrong.append(invalid_value(f"{path}.maxFailedIndexes", failed, "must be less than or equal to completions"))
    if failed is not None and failed > _INDEXES:
        wrong.append(invalid_value(f"{path}.maxFailedIndexes", failed, f"must be less than or equal to {_INDEXES}"))


def _failure_policy(wrong: Wrong, path: str, spec: Object) -> None:
    pod = (spec.get("template") or {}).get("spec") or {}
    known = {one.get("name") for group in ("containers", "initContainers") for one in pod.get(group) or ()}
    rules = spec["podFailurePolicy"].get("rules") or []
    if len(rules) > 20:
        wrong.append(too_many(path, len(rules), 20))
    for index, rule in enumerate(rules):
        at, action = f"{path}[{index}]", rule.get("action") or ""
        if not action:
            listed = " ".join(f'"{one}"' for one in _ACTIONS)
            wrong.append(required(f"{at}.action", f"valid values: [{listed}]"))
        elif action == "FailIndex" and spec.get("backoffLimitPerIndex") is None:
            said = "requires the backoffLimitPerIndex to be set"
            wrong.append(invalid_value(f"{at}.action", action, said))
        elif action not in _ACTIONS:
            wrong.append(not_supported(f"{at}.action", action, _ACTIONS))
        codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions")
        if codes is not None:
            _exit_codes(wrong, f"{at}.onExitCodes", codes, known)
        for place, one in enumerate(conditions or ()):
            named(wrong, f"{at}.onPodConditions[{place}].type", one.get("type") or "", names.qualified_name)
            one_of(wrong, f"{at}.onPodConditions[{place}].status", one.get("status"), ("False", "True", "Unknown"))
        if codes is not None and conditions:
            wrong.append(bare(at, "specifying both OnExitCodes and OnPodConditions is not supported"))
        if codes is None and not conditions:
            wrong.append(bare(at, "specifying one of OnExitCodes and OnPodConditions is required"))


def _exit_codes(wrong: Wrong, path: str, codes: Object, known: set[str | None]) -> None:
    operator, values = codes.get("operator") or "", codes.get("values") or []
    if not operator:
        wrong.append(required(f"{path}.operator", 'valid values: ["In" "NotIn"]'))
    one_of(wrong, f"{path}.operator", operator, ("In", "NotIn"))
    container = codes.get("containerName")
    if container is not None and container not in known:
        said = "must be one of the container or initContainer names in the pod template"
        wrong.append(invalid_value(f"{path}.containerName", container, said))
    if not values:
        wrong.append(invalid_value(f"{path}.values", values, "at least one value is required"))
    elif len(values) > 255:
        wrong.append(too_many(f"{path}.values", len(values), 255))
    for index, value in enumerate(values):
        if operator == "In" and value == 0:
            wrong.append(invalid_value(f"{path}.values[{index}]", value, "must not be 0 for the In operator"))
        if value in values[:index]:
            wrong.append(duplicate(f"{path}.values[{index}]", value))
    if values != sorted(values):
        wrong.append(invalid_value(f"{path}.values", values, "must be ordered"))


def _success_policy(wrong: Wrong, path: str, policy: Object, spec: Object) -> None:
    rules, total = policy.get("rules") or [], spec.get("completions") or 0
    if not rules:
        wrong.append(required(path, "at least one rules must be specified when the successPolicy is specified"))
    if len(rules) > 20:
        wrong.append(too_many(path, len(rules), 20))
    for index, rule in enumerate(rules):
        count = rule.get("succeededCount")
        if count is None and rule.get("succeededIndexes") is None:
            said = "at least one of succeededCount or succeededIndexes must be specified"
            wrong.append(required(f"{path}[{index}]", said))
        not_negative(wrong, f"{path}[{index}].succeededCount", count)
        if count is not None and count > total:
            said = f"must be less than or equal to {total} (the number of specified completions)"
            wrong.append(invalid_value(f"{path}[{index}].succeededCount", count, said))


_FIXED = (
    # Fields that never change, with the internal type of those that are printed whole.
    ("completionMode", ""),
    ("podFailurePolicy", "*batch.PodFailurePolicy"),
    ("backoffLimitPerIndex", ""),
    ("managedBy", ""),
    ("successPolicy", "*batch.SuccessPolicy"),
)


def changed_job(wrong: Wrong, new: Object, old: Object) -> None:
    """A Job in place of another: what its pods are made of stays."""
    after, before = spec_of(new), spec_of(old)
    _whole_job(wrong, after)
    count, at_once = after.get("completions"), after.get("parallelism")
    if after.get("completionMode") != "Indexed":
        immutable(wrong, "spec.completions", count, before.get("completions"))
    elif count != before.get("completions") and count is not None and count != at_once:
        said = "can only be modified in tandem with spec.parallelism"
        wrong.append(invalid_value("spec.completions", count, said))
    same_selector(wrong, new, old)
    _same_template(wrong, after, before, old)
    for field, kind in _FIXED:
        immutable(wrong, f"spec.{field}", after.get(field), before.get(field), partial(written, kind) if kind else None)


def _same_template(wrong: Wrong, after: Object, before: Object, old: Object) -> None:
    new, was = after.get("template") or {}, before.get("template") or {}
    started = (old.get("status") or {}).get("startTime")
    if before.get("suspend") and not started:
        pod, had = new.get("spec") or {}, dict(was.get("spec") or {})
        for field in ("nodeSelector", "tolerations", "schedulingGates"):
            had[field] = pod.get(field)
        affinity = {**(had.get("affinity") or {}), "nodeAffinity": (pod.get("affinity") or {}).get("nodeAffinity")}
        had["affinity"] = affinity if any(affinity.values()) else None
        meta = {field: (new.get("metadata") or {}).get(field) for field in ("labels", "annotations")}
        was = {**was, "spec": had, "metadata": {**(was.get("metadata") or {}), **meta}}
    if not same(new, was):
        value = written("core.PodTemplateSpec", new)
        wrong.append(shown("spec.template", "Invalid", value, "field is immutable"))


def cron_job(wrong: Wrong, obj: Object) -> None:
    """A CronJob."""
    _cron(wrong, spec_of(obj), None)
    name = obj["metadata"].get("name") or ""
    if len(name) > 52:
        wrong.append(invalid_value("metadata.name", name, "must be no more than 52 characters"))


def changed_cron_job(wrong: Wrong, new: Object, old: Object) -> None:
    """A CronJob in place of another."""
    _cron(wrong, spec_of(new), spec_of(old))


def _cron(wrong: Wrong, spec: Object, old: Object | None) -> None:
    schedule, zone = spec.get("schedule") or "", spec.get("timeZone")
    if not schedule:
        wrong.append(required("spec.schedule"))
    else:
        said = problem(schedule)
        if said:
            wrong.append(invalid_value("spec.schedule", schedule, said))
        if "TZ" in schedule:
            if "TZ" not in ((old or {}).get("schedule") or ""):
                said = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
                wrong.append(invalid_value("spec.schedule", schedule, said))
            elif zone is not None:
                said = "cannot use both timeZone field and TZ or CRON_TZ in schedule"
                wrong.append(invalid_value("spec.schedule", schedule, said))
    not_negative(wrong, "spec.startingDeadlineSeconds", spec.get("startingDeadlineSeconds"))
    if zone is not None and zone != (old or {}).get("timeZone"):
        _zone(wrong, "spec.timeZone", zone)
    one_of(wrong, "spec.concurrencyPolicy", spec.get("concurrencyPolicy"), ("Allow", "Forbid", "Replace"), needed=True)
    inner = (spec.get("jobTemplate") or {}).get("spec") or {}
    path = "spec.jobTemplate.spec"
    _job_spec(wrong, path, inner)
    if inner.get("selector") is not None:
        wrong.append(
            invalid_value(f"{path}.selector", shown_selector(inner["selector"]), "`selector` will be auto-generated")
        )
    if inner.get("manualSelector"):
        wrong.append(not_supported(f"{path}.manualSelector", True, ("nil", "false")))
    none_negative(wrong, "spec", spec, ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"))


def _zone(wrong: Wrong, path: str, zone: str) -> None:
    if not zone:
        wrong.append(invalid_value(path, zone, "timeZone must be nil or non-empty string"))
        return
    for part in zone.split("/"):
        if part in (".", "..") or part.startswith("-") or not _is_zone_part(part):
            wrong.append(invalid_value(path, zone, f"unknown time zone {zone}"))
            return
    if zone.lower() == "local":
        said = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        wrong.append(invalid_value(path, zone, said))
        return
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        wrong.append(invalid_value(path, zone, f"unknown time zone {zone}"))
