"""Rolling syncs: which Application of an ApplicationSet may change now, one step after the other.

Everything here is a function of the ApplicationSet, its Applications and the time. Source: Argo CD 3.6.1
`applicationset/progressivesync/progressive_sync.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lab.sim.argocd.applicationset.rollout_issues import RolloutIssues, max_update_of
from lab.sim.argocd.applicationset.rollout_operations import without_automation
from lab.sim.argocd.applicationset.rollout_spec import (
    HEALTHY,
    PENDING,
    PROGRESSING,
    WAITING,
    is_rolling,
    statuses_of,
    steps_of,
)
from lab.sim.clock import parse_timestamp, timestamp
from lab.sim.objects import Object, name_of

_BOTH_CHANGED = "Application has pending changes (revision and spec differ), setting status to Waiting"
_REVISION_CHANGED = "Application has pending changes, setting status to Waiting"
_SPEC_CHANGED = "Application has pending changes (spec differs), setting status to Waiting"
_CHANGED = frozenset((_BOTH_CHANGED, _REVISION_CHANGED, _SPEC_CHANGED))
_REFRESH = "argocd.argoproj.io/refresh"
_BLOCKING = frozenset(("InvalidSpecError", "UnknownError"))
_COMPLETED = frozenset(("Failed", "Error", "Succeeded"))

SameSpec = Callable[[Object, Object], bool]
"""Whether a live Application already is what a generated one asks for, differences to be ignored left out."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Which Applications belong to which step."""

    members: list[list[str]]
    """Names by step, in order of the Applications; one that two steps select stands in both."""
    first: dict[str, int]
    """The first step of each Application, counted from 0."""
    issues: RolloutIssues

    def label(self, name: str) -> str:
        """`status.applicationStatus[].step`: counted from 1, `-1` for an Application in no step."""
        return str(self.first[name] + 1 if name in self.first else -1)


def select_steps(application_set: Object, applications: Sequence[Object]) -> Steps:
    """Assign Applications to steps by their labels.

    All expressions of a step must hold, a step without any takes everything; a label that is missing fails `In` and
    passes `NotIn`.
    """
    steps = steps_of(application_set)
    issues = RolloutIssues()
    members: list[list[str]] = [[] for _ in steps]
    first: dict[str, int] = {}
    for application in applications:
        name = name_of(application)
        labels = application.get("metadata", {}).get("labels") or {}
        for place, step in enumerate(steps):
            if not _selects(step, labels, place, issues):
                continue
            members[place].append(name)
            if name in first:
                issues.selected_twice(name, first[name], place)
            else:
                first[name] = place
    issues.empty_steps = [place for place, names in enumerate(members) if not names]
    return Steps(members, first, issues)


def _selects(step: Object, labels: Mapping[str, str], place: int, issues: RolloutIssues) -> bool:
    for one in step.get("matchExpressions") or ():
        operator, held = one.get("operator", ""), labels.get(one.get("key"))
        if held is None:
            if operator == "In":
                return False
            continue
        if operator not in ("In", "NotIn"):
            issues.invalid_operator(place, operator)
            return False
        if (held in (one.get("values") or ())) != (operator == "In"):
            return False
    return True


def update_statuses(
    application_set: Object,
    applications: Sequence[Object],
    desired: Sequence[Object],
    steps: Steps,
    now: float,
    same_spec: SameSpec,
) -> list[Object]:
    """The new `status.applicationStatus`, from what the Applications have become.

    New ones wait; a new revision or a spec that differs makes one wait again; one that waits and is Synced goes on by
    itself; a Pending one becomes Progressing when its sync has begun, a Progressing one Healthy when it is Healthy and
    Synced. `now` in seconds since 1970.
    """
    held = {one["application"]: one for one in statuses_of(application_set)}
    wanted = {name_of(one): one for one in desired}
    made = []
    for application in applications:
        name = name_of(application)
        status = held.get(name) or {
            "application": name,
            "targetRevisions": revisions_of(application),
            "lastTransitionTime": timestamp(now),
            "message": "No Application status found, defaulting status to Waiting",
            "status": WAITING,
        }
        status = {**status, "step": steps.label(name)}
        goal = wanted.get(name)
        differs = goal is not None and not same_spec(application, without_automation(goal))
        made.append(_moved(status, application, differs, now))
    return made


def _moved(status: Object, application: Object, differs: bool, now: float) -> Object:
    def to(code: str, message: str, **more: object) -> Object:
        return {**status, "status": code, "message": message, "lastTransitionTime": timestamp(now), **more}

    before = status["status"]
    revisions = revisions_of(application)
    revised = list(status.get("targetRevisions") or ()) != revisions
    if revised or differs:
        message = _BOTH_CHANGED if revised and differs else _REVISION_CHANGED if revised else _SPEC_CHANGED
        status = to(WAITING, message, targetRevisions=revisions)
    health, synced = _state(application)
    if status["status"] == WAITING:
        if not synced:
            return status
        code = HEALTHY if health == "Healthy" else PROGRESSING
        return to(code, f"Application resource has synced, updating status to {code}")
    if before == PENDING:
        message = _started(status, application)
        return to(PROGRESSING, message) if message else status
    if before == PROGRESSING and health == "Healthy" and synced:
        return to(HEALTHY, "Application resource became Healthy, updating status from Progressing to Healthy")
    return status


def _started(status: Object, application: Object) -> str:
    """Why a Pending Application counts as Progressing; "" while it does not."""
    state = application.get("status") or {}
    since = _time(status.get("lastTransitionTime"))
    reconciled = _time(state.get("reconciledAt"))
    if reconciled is not None and (since is None or reconciled <= since):
        return ""
    operation = state.get("operationState")
    started = _time((operation or {}).get("startedAt"))
    if operation is not None and started is not None and started > (since or 0):
        phase = operation.get("phase")
        if phase == "Succeeded":
            return "Application resource completed a sync successfully, updating status from Pending to Progressing"
        if phase in _COMPLETED:
            return "Application resource completed a sync, updating status from Pending to Progressing"
        return "Application resource became Progressing, updating status from Pending to Progressing"
    if any(one.get("type") in _BLOCKING for one in state.get("conditions") or ()):
        return "Application resource has error and cannot sync, updating status to Progressing"
    return ""


def applications_to_sync(application_set: Object, steps: Steps, applications: Sequence[Object]) -> set[str]:
    """The Applications of all steps up to the first one that is not finished.

    A step is finished when each of its Applications exists and is Healthy in `status.applicationStatus`.
    """
    live = {name_of(one) for one in applications}
    codes = {one["application"]: one["status"] for one in statuses_of(application_set)}
    allowed: set[str] = set()
    for names in steps.members:
        allowed.update(names)
        if any(name not in live or codes.get(name) != HEALTHY for name in names):
            break
    return allowed


def release(application_set: Object, allowed: set[str], steps: Steps, now: float) -> list[Object]:
    """The new `status.applicationStatus` with waiting Applications moved to Pending, as far as `maxUpdate` lets them.

    Pending and Progressing ones count. An amount that cannot be read is noted in `steps.issues` and counts as 0, or as
    1 for a text. Without steps nothing is kept.
    """
    rollout = steps_of(application_set)
    if not rollout:
        return []
    statuses = statuses_of(application_set)
    place_of = {one["application"]: steps.first.get(one["application"], 0) for one in statuses}
    totals, busy = [0] * len(rollout), [0] * len(rollout)
    for one in statuses:
        totals[place_of[one["application"]]] += 1
        busy[place_of[one["application"]]] += one["status"] in (PENDING, PROGRESSING)
    made = []
    for one in statuses:
        place = place_of[one["application"]]
        most = max_update_of(rollout[place].get("maxUpdate"), totals[place], place, steps.issues)
        fits = most is None or busy[place] < most
        if one["status"] == WAITING and one["application"] in allowed and fits:
            busy[place] += 1
            one = {
                **one,
                "status": PENDING,
                "message": "Application moved to Pending status, watching for the Application resource to start "
                "Progressing",
                "lastTransitionTime": timestamp(now),
            }
        made.append(one)
    return made


def latest_change(application_set: Object) -> float | None:
    """When the last Application began to wait for a change, in seconds since 1970; new Applications do not count."""
    times = [
        at
        for one in statuses_of(application_set)
        if one.get("status") == WAITING and one.get("message") in _CHANGED
        and (at := _time(one.get("lastTransitionTime"))) is not None
    ]  # fmt: skip
    return max(times, default=None)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Whether all Applications have been compared since a change, and which are to be refreshed for that."""

    done: bool
    refresh: list[str]


def reconciled_since(applications: Sequence[Object], since: float | None, now: float, grace: float = 0.0) -> Reconciled:
    """Whether a rollout may go on after a change at `since`; None goes on at once.

    Within `grace` seconds nothing is asked for. Those not yet compared get the refresh annotation, unless they have it.
    """
    if since is None:
        return Reconciled(True, [])
    if grace > 0 and now - since < grace:
        return Reconciled(False, [])
    late = [one for one in applications if (_reconciled_at(one) or 0.0) < since]
    asked = [name_of(one) for one in late if not (one["metadata"].get("annotations") or {}).get(_REFRESH)]
    return Reconciled(not late, asked)


def _reconciled_at(application: Object) -> float | None:
    return _time((application.get("status") or {}).get("reconciledAt"))


def conditions(application_set: Object, issues: RolloutIssues) -> list[Object]:
    """RolloutProgressing and InvalidRolloutConfig, without time; [] when the strategy is not RollingSync."""
    if not is_rolling(application_set):
        return []
    return [issues.condition(), _progress(application_set)]


def _progress(application_set: Object) -> Object:
    finished: dict[str, bool] = {}
    for one in statuses_of(application_set):
        step = str(one.get("step", ""))
        finished[step] = finished.get(step, True) and one.get("status") == HEALTHY
    for place in range(1, len(steps_of(application_set)) + 1):
        if not finished.get(str(place), True):
            return {
                "type": "RolloutProgressing",
                "status": "True",
                "message": f"ApplicationSet is performing rollout of step {place}",
                "reason": "ApplicationSetModified",
            }
    return {
        "type": "RolloutProgressing",
        "status": "False",
        "message": "ApplicationSet Rollout has completed",
        "reason": "ApplicationSetRolloutComplete",
    }


def deletion_order(application_set: Object, applications: Sequence[Object]) -> list[str]:
    """Names in the order in which they are deleted one by one, the last step first."""
    last = len(steps_of(application_set)) - 1
    order = select_steps(application_set, applications).first
    return sorted(order, key=lambda name: (last - order[name], name))


def revisions_of(application: Object) -> list[str]:
    """What `status.sync` was compared with: `revisions`, or the one `revision`."""
    sync = (application.get("status") or {}).get("sync") or {}
    if sync.get("revisions"):
        return list(sync["revisions"])
    return [sync["revision"]] if sync.get("revision") else []


def _state(application: Object) -> tuple[str, bool]:
    status = application.get("status") or {}
    return str((status.get("health") or {}).get("status") or ""), (status.get("sync") or {}).get("status") == "Synced"


def _time(text: str | None) -> float | None:
    return parse_timestamp(text) if text else None
