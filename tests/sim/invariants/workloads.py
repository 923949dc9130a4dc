"""What the numbers of workloads must add up to."""

from __future__ import annotations

from collections import Counter

from lab.sim.api.resources import Object
from tests.sim.invariants.world import (
    Found,
    World,
    active,
    closing,
    conditions,
    holds,
    leaving,
    number,
    over,
    rule,
    rule_at_rest,
    seconds,
    selects,
)

REVISION = "deployment.kubernetes.io/revision"
_SELECTED = ("deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch")
_ORDERED = {
    "deployments.apps": (
        ("availableReplicas", "readyReplicas"),
        ("readyReplicas", "replicas"),
        ("updatedReplicas", "replicas"),
    ),
    "replicasets.apps": (
        ("availableReplicas", "readyReplicas"),
        ("readyReplicas", "replicas"),
        ("fullyLabeledReplicas", "replicas"),
    ),
    "replicationcontrollers": (("availableReplicas", "readyReplicas"), ("readyReplicas", "replicas")),
    "statefulsets.apps": (
        ("availableReplicas", "readyReplicas"),
        ("readyReplicas", "replicas"),
        ("currentReplicas", "replicas"),
        ("updatedReplicas", "replicas"),
    ),
    "daemonsets.apps": (
        ("numberAvailable", "numberReady"),
        ("numberReady", "desiredNumberScheduled"),
        ("currentNumberScheduled", "desiredNumberScheduled"),
        ("updatedNumberScheduled", "desiredNumberScheduled"),
    ),
    "jobs.batch": (("ready", "active"),),
}


@rule
def selectors_choose_the_template(world: World) -> Found:
    for storage in _SELECTED:
        for obj in world.of(storage):
            if not selects(obj["spec"].get("selector"), obj["spec"]["template"].get("metadata", {}).get("labels")):
                yield obj, "its selector does not choose its template's labels"


@rule
def numbers_have_an_order(world: World) -> Found:
    for storage, pairs in _ORDERED.items():
        for obj in world.of(storage):
            for less, more in pairs:
                if not 0 <= number(obj, less) <= number(obj, more):
                    yield obj, f"{less} is {number(obj, less)}, {more} is {number(obj, more)}"


@rule_at_rest
def sets_count_their_pods(world: World) -> Found:
    for storage in ("replicasets.apps", "replicationcontrollers"):
        for obj in world.of(storage):
            if closing(world, obj):
                continue
            pods = active(world.pods_of(obj))
            ready = sum(holds(pod, "Ready") for pod in pods)
            if (number(obj, "replicas"), number(obj, "readyReplicas")) != (len(pods), ready):
                yield (
                    obj,
                    (
                        f"it counts {number(obj, 'replicas')} pods and {number(obj, 'readyReplicas')} ready, "
                        f"there are {len(pods)} and {ready}"
                    ),
                )
            if len(pods) != obj["spec"].get("replicas", 1) and not holds(obj, "ReplicaFailure"):
                yield obj, f"it has {len(pods)} pods, wanted are {obj['spec'].get('replicas', 1)}"


@rule
def deployments_number_their_revisions(world: World) -> Found:
    for obj in world.of("deployments.apps"):
        sets = [one for one in world.owned.get(obj["metadata"]["uid"], ()) if one["kind"] == "ReplicaSet"]
        numbers = Counter(revision for revision in map(_revision, sets) if revision is not None)
        for revision, times in numbers.items():
            if times > 1:
                yield obj, f"{times} ReplicaSets have revision {revision}"
        for one in sets:
            labels = one["metadata"].get("labels") or {}
            if labels.get("pod-template-hash", "") not in one["metadata"]["name"] or "pod-template-hash" not in labels:
                yield one, f"it is not named after its hash: {labels.get('pod-template-hash')}"
        mine = _revision(obj)
        if mine is None and holds(obj, "Available"):
            yield obj, f"its revision is {(obj['metadata'].get('annotations') or {}).get(REVISION)!r}"
        if mine is not None and numbers and mine > max(numbers):
            yield obj, f"its revision is {mine}, the newest of its ReplicaSets {max(numbers)}"


def _revision(obj: Object) -> int | None:
    text = (obj["metadata"].get("annotations") or {}).get(REVISION, "")
    return int(text) if text.isdigit() and int(text) > 0 else None


@rule_at_rest
def deployments_add_up(world: World) -> Found:
    for obj in world.of("deployments.apps"):
        if closing(world, obj):
            continue
        sets = [one for one in world.owned.get(obj["metadata"]["uid"], ()) if one["kind"] == "ReplicaSet"]
        for field in ("replicas", "readyReplicas", "availableReplicas"):
            total = sum(number(one, field) for one in sets)
            if number(obj, field) != total:
                yield obj, f"{field} is {number(obj, field)}, its ReplicaSets' together {total}"
        if sets and _revision(obj) != max(_revision(one) or 0 for one in sets):
            yield obj, f"its revision is {_revision(obj)}, its ReplicaSets' {[_revision(one) for one in sets]}"
        if "Available" not in conditions(obj):
            yield obj, "it has no condition Available"
        wanted = obj["spec"].get("replicas", 1)
        if holds(obj, "Available") and number(obj, "availableReplicas") < wanted - _surplus(obj, wanted):
            yield obj, f"it is Available with {number(obj, 'availableReplicas')} of {wanted}"


def _surplus(obj: Object, wanted: int) -> int:
    """How many may be unavailable."""
    strategy = obj["spec"].get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return 0
    said = (strategy.get("rollingUpdate") or {}).get("maxUnavailable", "25%")
    surge = (strategy.get("rollingUpdate") or {}).get("maxSurge", "25%")
    part = int(said[:-1]) * wanted // 100 if isinstance(said, str) else int(said)
    none_more = surge == 0 or (isinstance(surge, str) and -(-int(surge[:-1]) * wanted // 100) == 0)
    return max(part, 1) if none_more and not part else part


@rule_at_rest
def stateful_sets_are_in_order(world: World) -> Found:
    for obj in world.of("statefulsets.apps"):
        if closing(world, obj):
            continue
        pods = {pod["metadata"]["name"]: pod for pod in world.pods_of(obj)}
        start = (obj["spec"].get("ordinals") or {}).get("start", 0)
        name = obj["metadata"]["name"]
        numbers = sorted(int(one.rpartition("-")[2]) for one in pods)
        if any(f"{name}-{index}" not in pods for index in numbers):
            yield obj, f"its pods are called {sorted(pods)}"
        if obj["spec"].get("podManagementPolicy", "OrderedReady") == "OrderedReady":
            for index in numbers:
                before = world.get("pods", obj["metadata"]["namespace"], f"{name}-{index - 1}")
                if start < index < start + obj["spec"].get("replicas", 1) and before is None:
                    yield obj, f"{name}-{index} is there before {name}-{index - 1}"
        if number(obj, "replicas") != len([pod for pod in pods.values() if not over(pod)]) and not any(
            leaving(pod) for pod in pods.values()
        ):
            yield obj, f"it counts {number(obj, 'replicas')} pods, there are {len(pods)}"
        for field in ("currentRevision", "updateRevision"):
            said = obj.get("status", {}).get(field)
            revision = world.get("controllerrevisions.apps", obj["metadata"]["namespace"], said or "")
            if said and revision is None:
                yield obj, f"{field} {said} does not exist"


@rule_at_rest
def daemon_sets_have_one_pod_a_node(world: World) -> Found:
    for obj in world.of("daemonsets.apps"):
        if closing(world, obj):
            continue
        pods = active(world.pods_of(obj))
        surge = (obj["spec"].get("updateStrategy", {}).get("rollingUpdate") or {}).get("maxSurge", 0)
        for node, times in Counter(pod["spec"].get("nodeName", "") for pod in pods).items():
            if times > 1 and node and not surge:
                yield obj, f"it has {times} pods on {node}"
        ready = sum(holds(pod, "Ready") for pod in world.pods_of(obj))
        if number(obj, "numberReady") > ready:
            yield obj, f"numberReady is {number(obj, 'numberReady')}, ready are {ready}"
        if number(obj, "desiredNumberScheduled") > len(world.of("nodes")):
            yield obj, "it wants more pods than there are nodes"


@rule
def jobs_end_once(world: World) -> Found:
    for obj in world.of("jobs.batch"):
        status = obj.get("status", {})
        if holds(obj, "Complete") and holds(obj, "Failed"):
            yield obj, "it is Complete and Failed"
        if bool(status.get("completionTime")) != holds(obj, "Complete"):
            yield obj, f"completionTime is {status.get('completionTime')!r}, Complete {holds(obj, 'Complete')}"
        ended = holds(obj, "Complete") or holds(obj, "Failed")
        if ended and number(obj, "active"):
            yield obj, f"it has ended with {number(obj, 'active')} active pods"
        begun, done = seconds(status.get("startTime")), seconds(status.get("completionTime"))
        if done is not None and (begun is None or done < begun):
            yield obj, f"from {status.get('startTime')} to {status.get('completionTime')}"
        completions = obj["spec"].get("completions")
        if completions is not None and number(obj, "succeeded") > completions:
            yield obj, f"{number(obj, 'succeeded')} of {completions} have succeeded"
        if holds(obj, "Complete") and completions is not None and number(obj, "succeeded") < completions:
            criteria = obj["spec"].get("successPolicy")
            if not criteria:
                yield obj, f"it is Complete with {number(obj, 'succeeded')} of {completions}"


@rule_at_rest
def jobs_count_their_pods(world: World) -> Found:
    for obj in world.of("jobs.batch"):
        if closing(world, obj):
            continue
        running = active(world.pods_of(obj))
        if number(obj, "active") != len(running):
            yield obj, f"active is {number(obj, 'active')}, there are {len(running)}"
        waiting = obj.get("status", {}).get("uncountedTerminatedPods") or {}
        if any(waiting.values()):
            yield obj, f"not counted yet: {waiting}"
        if len(running) > obj["spec"].get("parallelism", 1):
            yield obj, f"{len(running)} pods run at a time"


@rule_at_rest
def cron_jobs_know_their_jobs(world: World) -> Found:
    for obj in world.of("cronjobs.batch"):
        for one in obj.get("status", {}).get("active") or ():
            job = world.by_uid.get(one.get("uid", ""))
            if job is None or job["kind"] != "Job":
                yield obj, f"its active job {one.get('name')} does not exist"
        last = obj.get("status", {}).get("lastScheduleTime")
        if last and (seconds(last) or 0) > world.now + 1:
            yield obj, f"it ran last at {last}"


@rule_at_rest
def budgets_count_their_pods(world: World) -> Found:
    for obj in world.of("poddisruptionbudgets.policy"):
        pods = [
            pod
            for pod in world.of("pods", obj["metadata"]["namespace"])
            if selects(obj["spec"].get("selector"), pod["metadata"].get("labels"))
            and not leaving(pod)
            and not over(pod)
        ]
        healthy = sum(holds(pod, "Ready") for pod in pods)
        if number(obj, "currentHealthy") != healthy:
            yield obj, f"currentHealthy is {number(obj, 'currentHealthy')}, ready are {healthy}"
        allowed = max(0, number(obj, "currentHealthy") - number(obj, "desiredHealthy"))
        if number(obj, "disruptionsAllowed") > allowed:
            yield obj, f"disruptionsAllowed is {number(obj, 'disruptionsAllowed')}, at most {allowed} are"
