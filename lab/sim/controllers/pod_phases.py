"""A pod's status as the kubelet writes it: phase, conditions and container statuses, from the state of its containers.

Source: Kubernetes `pkg/kubelet/kubelet_pods.go` (`getPhase`, `convertToAPIContainerStatuses`),
`pkg/kubelet/status/generate.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lab.sim.api.resources import Object
from lab.sim.clock import timestamp
from lab.sim.controllers import images
from lab.sim.controllers.container_state import RUNNING, TERMINATED, WAITING
from lab.sim.controllers.containers import INIT, MAIN, SIDECAR, Container

PENDING, RUNNING_PHASE, SUCCEEDED, FAILED = "Pending", "Running", "Succeeded", "Failed"
TERMINAL = frozenset([SUCCEEDED, FAILED])
_KUBELET_CONDITIONS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady")


def phase(containers: Sequence[Container], terminal: bool) -> str:
    """The pod's phase; `terminal`: the pod is over and only its containers' end is waited for."""
    mains = [one for one in containers if one.role == MAIN]
    if terminal and all(one.finished for one in containers if one.begun):
        return FAILED if any(_code(one) for one in mains if one.begun) else SUCCEEDED
    inits = [one for one in containers if one.role == INIT]
    if any(one.finished and _code(one) for one in inits):
        return FAILED
    if not all(one.finished for one in inits):
        return PENDING
    if any(one.role == SIDECAR and not one.started and one.last is None for one in containers):
        return PENDING
    if all(one.finished for one in mains):
        if any(one.role == SIDECAR and one.state.kind == RUNNING for one in containers):
            return RUNNING_PHASE
        return FAILED if any(_code(one) for one in mains) else SUCCEEDED
    waiting = any(one.state.kind == WAITING and one.last is None for one in mains)
    return PENDING if waiting else RUNNING_PHASE


def _code(container: Container) -> int:
    return container.state.code if container.state.kind == TERMINATED else 0


def container_statuses(containers: Iterable[Container], initializing: bool) -> list[Object]:
    """`v1.ContainerStatus` of each; `initializing`: init containers are still at work."""
    return [_container_status(one, initializing) for one in containers]


def _container_status(container: Container, initializing: bool) -> Object:
    state = container.state.status()
    if not container.begun and not container.finished:
        state = {WAITING: {"reason": "PodInitializing" if initializing else "ContainerCreating"}}
    ran = bool(container.run_id)
    image = container.spec.get("image", "")
    made: Object = {
        "name": container.name,
        "state": state,
        "lastState": container.last.status() if container.last is not None else {},
        "ready": container.ready,
        "restartCount": container.restarts,
        "image": images.familiar(image) if ran else image,
        "imageID": images.image_id(image) if ran else "",
        "started": container.started,
    }
    if ran:
        made["containerID"] = container.run_id
        resources = container.spec.get("resources") or {}
        if resources.get("requests"):
            made["allocatedResources"] = resources["requests"]
        made["resources"] = resources
    mounts = [_mount(one) for one in container.spec.get("volumeMounts") or ()]
    if mounts:
        made["volumeMounts"] = mounts
    return made


def _mount(mount: Object) -> Object:
    made: Object = {"name": mount["name"], "mountPath": mount["mountPath"]}
    if mount.get("readOnly"):
        made["readOnly"] = True
        made["recursiveReadOnly"] = mount.get("recursiveReadOnly", "Disabled")
    return made


def conditions(
    pod: Object, containers: Sequence[Container], networked: bool, phase_now: str, now: float
) -> list[Object]:
    """The kubelet's conditions in its order, and behind them those of others; times move only with the status."""
    old = {one["type"]: one for one in (pod.get("status") or {}).get("conditions") or ()}
    generation = pod["metadata"].get("generation")
    inits = [one for one in containers if one.role != MAIN]
    incomplete = [one.name for one in inits if not (one.started if one.role == SIDECAR else one.ready)]
    unready = [one.name for one in containers if one.role != INIT and not one.ready]
    started = any(one.role == MAIN and one.run_id for one in containers)

    made = [_condition("PodReadyToStartContainers", networked)]
    if phase_now == SUCCEEDED:
        made.append(_condition("Initialized", True, "PodCompleted"))
    elif incomplete and not started:
        message = f"containers with incomplete status: [{' '.join(incomplete)}]"
        made.append(_condition("Initialized", False, "ContainersNotInitialized", message))
    else:
        made.append(_condition("Initialized", True))
    if phase_now in TERMINAL:
        ready = (False, "PodCompleted" if phase_now == SUCCEEDED else "PodFailed", "")
    elif unready:
        ready = (False, "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]")
    else:
        ready = (True, "", "")
    made.append(_condition("Ready", *(_gated(pod, old) if ready[0] else ready)))
    made.append(_condition("ContainersReady", *ready))
    for one in made:
        _carry_over(one, old.get(one["type"]), generation, now)
    return [*made, *(one for kind, one in old.items() if kind not in _KUBELET_CONDITIONS)]


def _gated(pod: Object, old: dict[str, Object]) -> tuple[bool, str, str]:
    wrong = []
    for gate in pod["spec"].get("readinessGates") or ():
        kind = gate["conditionType"]
        found = old.get(kind)
        if found is None:
            wrong.append(f'corresponding condition of pod readiness gate "{kind}" does not exist.')
        elif found["status"] != "True":
            wrong.append(f'the status of pod readiness gate "{kind}" is not "True", but {found["status"]}')
    return (False, "ReadinessGatesNotReady", ", ".join(wrong)) if wrong else (True, "", "")


def _condition(kind: str, status: bool, reason: str = "", message: str = "") -> Object:
    made: Object = {"type": kind, "status": "True" if status else "False", "lastProbeTime": None}
    if reason:
        made["reason"] = reason
    if message:
        made["message"] = message
    return made


def _carry_over(made: Object, old: Object | None, generation: Any, now: float) -> None:
    same = old is not None and old.get("status") == made["status"]
    made["lastTransitionTime"] = old.get("lastTransitionTime") if same and old is not None else timestamp(now)
    if generation:
        made["observedGeneration"] = generation
