"""Which pods of a DaemonSet a rolling update may replace at this moment.

Source: Kubernetes `pkg/controller/daemon/update.go` (`rollingUpdate`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from lab.sim.api.resources import Object, Objects
from lab.sim.controllers import pod_state
from lab.sim.controllers.daemonset_pod import is_updated, update_limits

PodsByNode = dict[str, Objects]


@dataclass(slots=True)
class Step:
    """Pods to delete and nodes to give another pod."""

    delete: Objects = field(default_factory=list)
    create: list[str] = field(default_factory=list)


def step(
    owner: Object, by_node: PodsByNode, wanted: set[str], mark: str, is_available: Callable[[Object], bool]
) -> Step:
    """The next step of an update. `wanted`: the nodes that should run a pod; `mark`: the newest revision's hash."""
    surge, unavailable = update_limits(owner, len(wanted))
    places: PodsByNode = {**{node: [] for node in sorted(wanted)}, **by_node}
    if surge:
        return _surging(owner, places, wanted, mark, surge, is_available)
    return _replacing(owner, places, mark, unavailable, is_available)


def _split(owner: Object, pods: Objects, mark: str) -> tuple[Object | None, Object | None] | None:
    """The updated and the outdated pod of a node; None when there is more than one of either."""
    staying = [pod for pod in pods if not pod_state.is_leaving(pod)]
    new = [pod for pod in staying if is_updated(owner, pod, mark)]
    old = [pod for pod in staying if not is_updated(owner, pod, mark)]
    if len(new) > 1 or len(old) > 1:
        return None
    return (new[0] if new else None), (old[0] if old else None)


def _replacing(owner: Object, places: PodsByNode, mark: str, most: int, is_available: Callable[[Object], bool]) -> Step:
    missing = 0
    broken: Objects = []
    candidates: Objects = []
    for pods in places.values():
        found = _split(owner, pods, mark)
        new, old = found if found is not None else (None, None)
        if (new is None) == (old is None):
            missing += 1
        elif new is not None:
            missing += not is_available(new)
        elif old is not None and not is_available(old):
            broken.append(old)
            missing += 1
        elif old is not None:
            candidates.append(old)
    return Step(broken + candidates[: max(most - missing, 0)])


def _surging(
    owner: Object,
    places: PodsByNode,
    wanted: set[str],
    mark: str,
    most: int,
    is_available: Callable[[Object], bool],
) -> Step:
    made = Step()
    surging = available = 0
    candidates: list[str] = []
    unwanted: Objects = []
    for node, pods in places.items():
        found = _split(owner, pods, mark)
        if found is None:
            surging += 1
            continue
        new, old = found
        counted = old or new
        available += counted is not None and is_available(counted)
        if old is None:
            continue
        if new is not None:
            if is_available(new):
                made.delete.append(old)
            else:
                surging += 1
        elif not is_available(old):
            if node in wanted:
                made.create.append(node)
            else:
                made.delete.append(old)
        elif node in wanted:
            candidates.append(node)
        else:
            unwanted.append(old)
    made.delete += unwanted[: max(available - len(wanted), 0)]
    made.create += candidates[: max(most - surging, 0)]
    return made
