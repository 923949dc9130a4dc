"""Pods and pod templates.

Source: Kubernetes `pkg/printers/internalversion/printers.go`, `printPod`.
"""

from __future__ import annotations

from typing import Any

from lab.sim.api.printers.age import since
from lab.sim.api.printers.label_text import of_labels
from lab.sim.api.printers.printer import AGE, NAME, NONE, WIDE, Cells, Printer, age, column, containers, name, part
from lab.sim.api.resources import Object

_ENDED = {
    "Succeeded": "The pod has completed successfully.",
    "Failed": "The pod failed.",
}


class _Restarts:
    """How often containers were restarted, and when last."""

    __slots__ = ("count", "last")

    def __init__(self) -> None:
        self.count = 0
        self.last = ""

    def add(self, status: Object) -> None:
        self.count += status.get("restartCount", 0)
        ended = part(part(status, "lastState"), "terminated").get("finishedAt") or ""
        self.last = max(self.last, ended)

    def text(self, now: float) -> str:
        if self.count and self.last:
            return f"{self.count} ({since(self.last, now)} ago)"
        return str(self.count)


def _ended(terminated: Object) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


class _Summary:
    """What the columns Ready, Status and Restarts say of a pod."""

    def __init__(self, pod: Object) -> None:
        self.spec, self.status = part(pod, "spec"), part(pod, "status")
        self.conditions = {one.get("type"): one for one in self.status.get("conditions") or ()}
        self.sidecars = {
            one.get("name") for one in self.spec.get("initContainers") or () if one.get("restartPolicy") == "Always"
        }
        self.total = len(self.spec.get("containers") or ()) + len(self.sidecars)
        self.ready = 0
        phase = self.status.get("phase", "")
        self.reason = self.status.get("reason") or phase
        if self.conditions.get("PodScheduled", {}).get("reason") == "SchedulingGated":
            self.reason = "SchedulingGated"
        self.restarts = _Restarts()
        sidecar_restarts = _Restarts()
        if not self._initializing(sidecar_restarts) or self._true("Initialized"):
            self.restarts = sidecar_restarts
            self._containers()
        if pod["metadata"].get("deletionTimestamp"):
            if self.status.get("reason") == "NodeLost":
                self.reason = "Unknown"
            elif phase not in _ENDED:
                self.reason = "Terminating"

    def _true(self, condition: str) -> bool:
        return bool(self.conditions.get(condition, {}).get("status") == "True")

    def _initializing(self, sidecar_restarts: _Restarts) -> bool:
        """Whether an init container is still to end or has failed; that one's state is the pod's reason."""
        for index, status in enumerate(self.status.get("initContainerStatuses") or ()):
            sidecar = status.get("name") in self.sidecars
            self.restarts.add(status)
            if sidecar:
                sidecar_restarts.add(status)
            state = part(status, "state")
            terminated, waiting = state.get("terminated"), part(state, "waiting").get("reason")
            if terminated is not None and not terminated.get("exitCode"):
                continue
            if sidecar and status.get("started"):
                self.ready += bool(status.get("ready"))
                continue
            if terminated is not None:
                self.reason = f"Init:{_ended(terminated)}"
            elif waiting and waiting != "PodInitializing":
                self.reason = f"Init:{waiting}"
            else:
                self.reason = f"Init:{index}/{len(self.spec.get('initContainers') or ())}"
            return True
        return False

    def _containers(self) -> None:
        running = False
        for status in reversed(self.status.get("containerStatuses") or ()):
            self.restarts.add(status)
            state = part(status, "state")
            waiting, terminated = part(state, "waiting").get("reason"), state.get("terminated")
            if waiting:
                self.reason = waiting
            elif terminated is not None:
                self.reason = _ended(terminated)
            elif status.get("ready") and state.get("running") is not None:
                running = True
                self.ready += 1
        if self.reason == "Completed" and running:
            self.reason = "Running" if self._true("Ready") else "NotReady"

    def gates(self) -> str:
        gates = self.spec.get("readinessGates") or ()
        if not gates:
            return NONE
        return f"{sum(self._true(one.get('conditionType', '')) for one in gates)}/{len(gates)}"


def _pod(pod: Object, now: float) -> Cells:
    found = _Summary(pod)
    addresses: list[Any] = found.status.get("podIPs") or [{}]
    return [
        name(pod),
        f"{found.ready}/{found.total}",
        found.reason,
        found.restarts.text(now),
        age(pod, now),
        addresses[0].get("ip") or NONE,
        found.spec.get("nodeName") or NONE,
        found.status.get("nominatedNodeName") or NONE,
        found.gates(),
    ]


def _conditions(pod: Object) -> list[Object]:
    phase = part(pod, "status").get("phase", "")
    if phase not in _ENDED:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": _ENDED[phase]}]


def _pod_template(obj: Object, _now: float) -> Cells:
    template = part(obj, "template")
    return [name(obj), *containers(template), of_labels(part(template, "metadata").get("labels"))]


PRINTERS = {
    "pods": Printer(
        [
            NAME,
            column("Ready", "Containers that are ready, of all."),
            column("Status", "What its containers' states come to."),
            column("Restarts", "How often containers were restarted, and when last."),
            AGE,
            column("IP", "Address of the pod.", priority=WIDE),
            column("Node", "Node the pod runs on.", priority=WIDE),
            column("Nominated Node", "Node where room is being made for the pod.", priority=WIDE),
            column("Readiness Gates", "Further conditions of readiness that are true, of all.", priority=WIDE),
        ],
        _pod,
        _conditions,
    ),
    "podtemplates": Printer(
        [
            NAME,
            column("Containers", "Names of the containers in the template."),
            column("Images", "Images of the containers in the template."),
            column("Pod Labels", "Labels of the template."),
        ],
        _pod_template,
    ),
}
