"""Eviction: a deletion of a pod that disruption budgets may refuse.

Source: Kubernetes `pkg/registry/core/pod/storage/eviction.go`.
"""

from __future__ import annotations

from lab.sim.api.context import Context, DeleteOptions
from lab.sim.api.resources import Object, Resource
from lab.sim.api.rest import Rest
from lab.sim.api.selectors import matches
from lab.sim.api.status import ApiError, bad_request, forbidden, too_many_requests
from lab.sim.clock import timestamp
from lab.sim.objects import condition

_BUDGETS = ("policy", "v1", "poddisruptionbudgets")
_MOST_DISRUPTED = 2000
_VIOLATED = "Cannot evict pod as it would violate the pod's disruption budget."
SUCCESS: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def evict(rest: Rest, resource: Resource, namespace: str, name: str, body: Object, context: Context) -> Object:
    """Delete a pod if its disruption budget lets it go; answers a Status. Raises ApiError 400, 404, 409, 429, 500."""
    if (body.get("metadata") or {}).get("name") != name:
        raise bad_request("name in URL does not match name in Eviction object")
    options = _options(body.get("deleteOptions") or {})
    if (body.get("deleteOptions") or {}).get("dryRun"):
        context.dry_run = True
    pod = rest.get(resource, namespace, name)
    if not _free(pod):
        _ask_budget(rest, namespace, pod, context)
    if not context.dry_run:
        before = pod["metadata"]["resourceVersion"]
        pod = rest.transform(resource, namespace, name, lambda obj: _note(rest, obj))
        if options.resource_version == before:
            changed = pod["metadata"]["resourceVersion"]
            options = DeleteOptions(options.propagation, options.grace, options.uid, changed)
    rest.delete(resource, namespace, name, options, context)
    return SUCCESS


def _options(said: Object) -> DeleteOptions:
    preconditions = said.get("preconditions") or {}
    return DeleteOptions(
        propagation=said.get("propagationPolicy") or "",
        grace=said.get("gracePeriodSeconds"),
        uid=preconditions.get("uid") or "",
        resource_version=preconditions.get("resourceVersion") or "",
    )


def _free(pod: Object) -> bool:
    """Whether no budget counts this pod: it does not run yet, has ended, or is going."""
    phase = pod.get("status", {}).get("phase")
    return phase in ("Succeeded", "Failed", "Pending") or bool(pod["metadata"].get("deletionTimestamp"))


def _note(rest: Rest, pod: Object) -> None:
    """Say on the pod why it goes."""
    conditions = pod.setdefault("status", {}).setdefault("conditions", [])
    known = next((one for one in conditions if one.get("type") == "DisruptionTarget"), None)
    made = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
        "lastProbeTime": None,
        "lastTransitionTime": timestamp(rest.clock.now()),
    }
    if known is None:
        conditions.append(made)
    elif known.get("status") != "True":
        known.update(made)


def _ask_budget(rest: Rest, namespace: str, pod: Object, context: Context) -> None:
    row = rest.registry.find(*_BUDGETS)
    if row is None:
        return
    labels = pod["metadata"].get("labels") or {}
    budgets = [one for one in rest.store.scan(row.storage, namespace) if matches(one["spec"].get("selector"), labels)]
    if not budgets:
        return
    if len(budgets) > 1:
        text = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        raise ApiError(500, "", text)
    budget = budgets[0]
    spec, status = budget["spec"], budget.get("status", {})
    ready = condition(pod, "Ready")
    if ready is None or ready.get("status") != "True":
        desired = status.get("desiredHealthy", 0)
        enough = desired > 0 and status.get("currentHealthy", 0) >= desired
        if enough or spec.get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
            return
    _check(budget)
    if not context.dry_run:
        now, name = timestamp(rest.clock.now()), pod["metadata"]["name"]
        rest.transform(row, namespace, budget["metadata"]["name"], lambda obj: _take(obj, name, now))


def _check(budget: Object) -> None:
    metadata, status = budget["metadata"], budget.get("status", {})
    name = metadata["name"]
    if status.get("observedGeneration", 0) < metadata.get("generation", 0):
        raise _violated(f"The disruption budget {name} is still being processed by the server.", 10)
    allowed = status.get("disruptionsAllowed", 0)
    if allowed < 0:
        raise forbidden("policy", "poddisruptionbudget", name, "pdb disruptions allowed is negative")
    if len(status.get("disruptedPods") or ()) > _MOST_DISRUPTED:
        why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        raise forbidden("policy", "poddisruptionbudget", name, why)
    if allowed == 0:
        raise _violated(
            f"The disruption budget {name} needs {status.get('desiredHealthy', 0)} healthy pods "
            f"and has {status.get('currentHealthy', 0)} currently",
            0,
        )


def _violated(message: str, seconds: int) -> ApiError:
    error = too_many_requests(_VIOLATED, seconds)
    error.details = {**(error.details or {}), "causes": [{"reason": "DisruptionBudget", "message": message}]}
    return error


def _take(budget: Object, pod: str, now: str) -> None:
    """Use up one disruption."""
    status = budget["status"]
    status["disruptionsAllowed"] -= 1
    status["disruptedPods"] = {**(status.get("disruptedPods") or {}), pod: now}
    if status["disruptionsAllowed"] == 0:
        for one in status.get("conditions") or ():
            if one.get("type") == "DisruptionAllowed" and one.get("status") != "False":
                one.update(status="False", reason="InsufficientPods", lastTransitionTime=now)
