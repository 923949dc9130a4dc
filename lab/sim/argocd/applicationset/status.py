"""`status` of an ApplicationSet: conditions, health, and its Applications.

Source: Argo CD 3.6.1 `pkg/apis/application/v1alpha1/applicationset_types.go`,
`applicationset/status/resource_status.go`, `applicationset/controllers/applicationset_controller.go`
(setApplicationSetStatusCondition).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lab.sim.argocd.applicationset.rollout_spec import is_rolling
from lab.sim.clock import timestamp
from lab.sim.objects import Object, name_of, namespace_of

PARAMETERS_GENERATED = "ParametersGenerated"
ERROR_OCCURRED = "ErrorOccurred"
UP_TO_DATE = "ResourcesUpToDate"
ROLLOUT_PROGRESSING = "RolloutProgressing"
INVALID_ROLLOUT = "InvalidRolloutConfig"
_ROLLOUT = (ROLLOUT_PROGRESSING, INVALID_ROLLOUT)
_TOLD = ("type", "status", "reason", "message")


def condition(kind: str, message: str, reason: str, *, status: bool = True) -> Object:
    """A condition without its time."""
    return {"type": kind, "status": "True" if status else "False", "reason": reason, "message": message}


def failure(message: str, reason: str) -> Object:
    """That an error occurred."""
    return condition(ERROR_OCCURRED, message, reason)


def success() -> Object:
    """That everything was generated."""
    return condition(UP_TO_DATE, "All applications have been generated successfully", "ApplicationSetUpToDate")


def with_conditions(application_set: Object, told: Sequence[Object], *, generated: bool, now: float) -> Object:
    """The status with conditions that were found out now, and what follows from them; its health with them.

    A success takes back an error and the reverse; what a reconcile says nothing about stays, but a rollout's conditions
    go when there is none. `generated`: whether parameters were; `now`: seconds since 1970.
    """
    status = application_set.get("status") or {}
    rolling = is_rolling(application_set)
    evaluated = {PARAMETERS_GENERATED} | (set() if rolling else set(_ROLLOUT))
    message = next((one["message"] for one in told if one["type"] == ERROR_OCCURRED), "progressive sync")
    new = [_parameters(message, generated)]
    for one in told:
        if one["type"] in _ROLLOUT and not rolling:
            continue
        new += [one, *_following(one)]
    evaluated |= {one["type"] for one in new}
    held = {one["type"]: one for one in status.get("conditions") or ()}
    kept = [one for kind, one in held.items() if kind not in evaluated]
    made = kept + [_with_time(one, held.get(one["type"]), now) for one in new]
    made.sort(key=lambda one: [str(one.get(key, "")) for key in _TOLD])
    return {**status, "conditions": made, "health": health(made)}


def _parameters(message: str, generated: bool) -> Object:
    if generated:
        return condition(PARAMETERS_GENERATED, "All parameters have been generated successfully", PARAMETERS_GENERATED)
    return condition(PARAMETERS_GENERATED, message, ERROR_OCCURRED, status=False)


def _following(one: Object) -> list[Object]:
    if one["status"] != "True":
        return []
    if one["type"] == UP_TO_DATE:
        return [condition(ERROR_OCCURRED, one["message"], one["reason"], status=False)]
    if one["type"] == ERROR_OCCURRED:
        return [condition(UP_TO_DATE, one["message"], ERROR_OCCURRED, status=False)]
    return []


def _with_time(one: Object, before: Object | None, now: float) -> Object:
    if before is not None and all(before.get(key) == one[key] for key in _TOLD):
        return before
    return {**one, "lastTransitionTime": timestamp(now)}


def same_conditions(one: Object, other: Object) -> bool:
    """Whether two statuses tell the same conditions, times left out."""
    left, right = (
        [[each.get(key) for key in _TOLD] for each in status.get("conditions") or ()] for status in (one, other)
    )
    return left == right


def health(conditions: Iterable[Object]) -> Object:
    """What `status.health` says of conditions: the worst of them counts."""
    true = {one["type"]: one.get("message", "") for one in conditions if one.get("status") == "True"}
    for kind, said in ((ERROR_OCCURRED, "Degraded"), (ROLLOUT_PROGRESSING, "Progressing"), (UP_TO_DATE, "Healthy")):
        if kind in true:
            return {"status": said, "message": true[kind]}
    return {"status": "Unknown", "message": "Waiting for health status to be determined"}


def resources(applications: Iterable[Object], most: int) -> Object:
    """`resources` and `resourcesCount`: all Applications by name, at most `most` of them listed (0: every one).

    None for what is left out of a status.
    """
    listed = sorted((_resource(one) for one in applications), key=lambda one: str(one["name"]))
    return {"resources": (listed[:most] if most else listed) or None, "resourcesCount": len(listed) or None}


def _resource(application: Object) -> Object:
    status = application.get("status") or {}
    group, _, version = str(application.get("apiVersion", "argoproj.io/v1alpha1")).partition("/")
    made: Object = {
        "group": group,
        "version": version,
        "kind": application.get("kind", "Application"),
        "namespace": namespace_of(application),
        "name": name_of(application),
        "health": {},
    }
    synced = (status.get("sync") or {}).get("status")
    if synced:
        made["status"] = synced
    healthy = (status.get("health") or {}).get("status")
    if healthy:
        made["health"] = {"status": healthy}
    return made
