"""What a pod's status says to the controllers that count pods, and in which order they give pods up.

Source: Kubernetes `pkg/controller/controller_utils.go`, `pkg/api/v1/pod/util.go`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

from lab.sim.api.resources import Object, Objects
from lab.sim.clock import parse_timestamp
from lab.sim.objects import condition

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_PHASE_ORDER = {"Pending": 0, "Unknown": 1, "Running": 2}


def phase(pod: Object) -> str:
    """`status.phase`, or "" before the pod has one."""
    return str(pod.get("status", {}).get("phase", ""))


def is_leaving(pod: Object) -> bool:
    """Whether the pod's deletion has begun."""
    return bool(pod["metadata"].get("deletionTimestamp"))


def is_finished(pod: Object) -> bool:
    """Whether all containers have ended for good."""
    return phase(pod) in ("Succeeded", "Failed")


def is_active(pod: Object) -> bool:
    """Whether the pod counts as a replica: neither finished nor being deleted."""
    return not is_leaving(pod) and not is_finished(pod)


def is_terminating(pod: Object) -> bool:
    """Whether the pod is being deleted and its containers may still run."""
    return is_leaving(pod) and not is_finished(pod)


def is_ready(pod: Object) -> bool:
    """Whether the condition `Ready` is true."""
    found = condition(pod, "Ready")
    return found is not None and found.get("status") == "True"


def ready_since(pod: Object) -> float | None:
    """When the pod became ready, in seconds since 1970; None while it is not or when nobody said."""
    found = condition(pod, "Ready")
    if found is None or found.get("status") != "True":
        return None
    since = found.get("lastTransitionTime")
    return parse_timestamp(since) if since else None


def is_available(pod: Object, min_ready: int, now: float) -> bool:
    """Whether the pod has been ready for `min_ready` seconds at the time `now`."""
    if not is_ready(pod):
        return False
    if not min_ready:
        return True
    since = ready_since(pod)
    return since is not None and since + min_ready <= now


def next_availability(pods: Iterable[Object], min_ready: int, now: float) -> float | None:
    """Seconds until the next ready pod becomes available; None when there is none to wait for."""
    waits = []
    for pod in pods if min_ready else ():
        since = ready_since(pod)
        if since is not None and since + min_ready > now:
            waits.append(since + min_ready - now)
    return min(waits, default=None)


def container_statuses(pod: Object, initial: bool = False) -> list[Any]:
    """`status.containerStatuses`, or with `initial` those of the init containers."""
    return list(pod.get("status", {}).get("initContainerStatuses" if initial else "containerStatuses") or ())


def sidecars(pod: Object) -> set[str]:
    """Names of the init containers that run on beside the others."""
    return {one["name"] for one in pod["spec"].get("initContainers") or () if one.get("restartPolicy") == "Always"}


def restarts(pod: Object) -> tuple[int, int]:
    """The highest restart count among the containers and among the sidecars."""
    regular = max((one.get("restartCount", 0) for one in container_statuses(pod)), default=0)
    beside = sidecars(pod)
    side = max(
        (one.get("restartCount", 0) for one in container_statuses(pod, True) if one["name"] in beside), default=0
    )
    return regular, side


def deletion_order(pods: Iterable[Object], now: float, related: Iterable[Object] = ()) -> Objects:
    """The pods, those first that are given up first.

    `related`: pods of the same service on whose nodes pods are given up sooner, so that the rest is spread. Ages are
    compared on a logarithmic scale; within one step the uid decides.
    """
    crowd = Counter(pod["spec"].get("nodeName", "") for pod in related if is_active(pod))
    return sorted(pods, key=lambda pod: _rank(pod, now, crowd))


def _rank(pod: Object, now: float, crowd: Counter[str]) -> tuple[Any, ...]:
    metadata = pod["metadata"]
    node = pod["spec"].get("nodeName", "")
    ready = is_ready(pod)
    since = ready_since(pod)
    regular, side = restarts(pod)
    return (
        bool(node),
        _PHASE_ORDER.get(phase(pod), 0),
        ready,
        _cost(metadata),
        -crowd[node],
        _age_step(since, now) if since is not None else 0,
        metadata["uid"] if since is not None else "",
        -regular,
        -side,
        _age_step(parse_timestamp(metadata["creationTimestamp"]), now),
        metadata["uid"],
    )


def _cost(metadata: Object) -> int:
    try:
        return int((metadata.get("annotations") or {}).get(DELETION_COST, "0"))
    except ValueError:
        return 0


def _age_step(since: float, now: float) -> int:
    nanoseconds = (now - since) * 1e9
    return int(math.log2(nanoseconds)) if nanoseconds >= 1 else -1
