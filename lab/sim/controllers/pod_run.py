"""One pod on a simulated node: its sandbox, the order of its containers, its end; and what of it goes into its status.

Source: Kubernetes `pkg/kubelet/kuberuntime/kuberuntime_manager.go`, `pkg/kubelet/kubelet.go` (`SyncPod`,
`SyncTerminatingPod`).
"""

from __future__ import annotations

import hashlib
from typing import Protocol

from lab.sim.api.resources import Object
from lab.sim.clock import parse_timestamp, timestamp
from lab.sim.controllers import pod_inputs, pod_phases
from lab.sim.controllers.behaviour import Behaviour
from lab.sim.controllers.container_state import RUNNING
from lab.sim.controllers.containers import INIT, MAIN, SIDECAR, Container
from lab.sim.controllers.timing import Timing
from lab.sim.objects import name_of, namespace_of

Told = tuple[str, str, str, str]
"""An event: the field of the pod it is about or "", `Normal` or `Warning`, reason, message."""


class Host(Protocol):
    """What a pod needs of its node."""

    timing: Timing

    def sources(self) -> pod_inputs.Sources:
        """Where ConfigMaps and Secrets are looked up."""

    def behaviour(self, pod: Object, container: Object, init: bool) -> Behaviour:
        """What a container will do."""

    def has_image(self, node: str, image: str) -> bool:
        """Whether a node has an image."""

    def got_image(self, node: str, image: str) -> None:
        """A node has an image now."""

    def addresses(self, pod: Object) -> tuple[str, str]:
        """The node's address and one for the pod."""

    def log(self, run: PodRun, container: Container, text: str) -> None:
        """A line for a container's log."""

    def began(self, run: PodRun, container: Container) -> None:
        """A container runs."""

    def ended(self, run: PodRun, container: Container) -> None:
        """A container runs no longer."""


class PodRun:
    """A pod bound to a simulated node, from its start to its end. Driven like its containers: `advance`, `due`."""

    def __init__(self, pod: Object, host: Host, now: float) -> None:
        self.pod = pod
        self.uid: str = pod["metadata"]["uid"]
        self.node: str = pod["spec"]["nodeName"]
        self.timing = host.timing
        self.told: list[Told] = []
        """Events not yet recorded."""
        self.gone = False
        """Every container has ended after the pod's deletion: the pod itself may go."""
        self.written = ""
        """resourceVersion of the status written last."""
        self.poked = False
        """Whether something it refers to has changed since it was last looked at."""
        self.networked = False
        self.reason = ""
        self.message = ""
        self._host = host
        self._terminal = False
        self._unmounted = ""
        spec = pod["spec"]
        self.containers: list[Container] = []
        for one in spec.get("initContainers") or ():
            role = SIDECAR if one.get("restartPolicy") == "Always" else INIT
            self.containers.append(self._container(one, role))
        self.containers += [self._container(one, MAIN) for one in spec["containers"]]
        status = pod.get("status") or {}
        self.started_at = parse_timestamp(status["startTime"]) if status.get("startTime") else now
        self.host_ip: str = status.get("hostIP", "")
        self.pod_ip: str = status.get("podIP", "")
        self._sandbox_at: float | None = now + self.timing.sandbox
        if status.get("containerStatuses"):
            self._resume(status, now)

    def _container(self, spec: Object, role: str) -> Container:
        return Container(spec, role, self._host.behaviour(self.pod, spec, role == INIT), self)

    def _resume(self, status: Object, now: float) -> None:
        if self.pod_ip:
            self._sandbox_at, self.networked = None, True
        found = {
            one["name"]: one for key in ("initContainerStatuses", "containerStatuses") for one in status.get(key) or ()
        }
        for one in self.containers:
            if one.name in found:
                one.resume(found[one.name], now)

    # -- time

    @property
    def due(self) -> float | None:
        """When there is something to do, in seconds since 1970; None for never."""
        times = [one.due for one in self.containers if one.due is not None]
        if self._sandbox_at is not None:
            times.append(self._sandbox_at)
        deadline = self._deadline()
        if deadline is not None and not self._terminal:
            times.append(deadline)
        return min(times, default=None)

    def advance(self, pod: Object, now: float) -> None:
        """Do everything that is due; `pod` is the object as it is now."""
        self.pod = pod
        metadata = pod["metadata"]
        if metadata.get("deletionTimestamp"):
            self._end(now, float(metadata.get("deletionGracePeriodSeconds") or 0))
        while True:
            due = self.due
            at = due if due is not None and due <= now else None
            if at is not None:
                self._step(at)
            elif not self._order(now):
                break
        self.gone = bool(metadata.get("deletionTimestamp")) and all(one.finished for one in self.containers)

    def _step(self, at: float) -> None:
        if self._sandbox_at is not None and self._sandbox_at <= at:
            self._open()
        deadline = self._deadline()
        if deadline is not None and deadline <= at and not self._terminal:
            self.reason = "DeadlineExceeded"
            self.message = "Pod was active on the node longer than the specified deadline"
            text = "Pod was active on the node longer than specified deadline"
            self.told.append(("", "Normal", "DeadlineExceeded", text))
            self._end(at, float(self.pod["spec"].get("terminationGracePeriodSeconds") or 0))
        for one in self.containers:
            one.advance(at)
        self._order(at)

    def _deadline(self) -> float | None:
        seconds = self.pod["spec"].get("activeDeadlineSeconds")
        return self.started_at + float(seconds) if seconds else None

    def _open(self) -> None:
        """Mount the volumes and make the sandbox."""
        self._sandbox_at = None
        missing = pod_inputs.missing_volume(self.pod, self._host.sources())
        if missing:
            if missing != self._unmounted:
                self.told.append(("", "Warning", "FailedMount", missing))
            self._unmounted = missing
            return
        self._unmounted = ""
        self.host_ip, self.pod_ip = self._host.addresses(self.pod)
        self.networked = True

    @property
    def waits(self) -> bool:
        """Whether something it refers to is missing."""
        if self._unmounted:
            return True
        return any(one.state.reason == "CreateContainerConfigError" for one in self.containers)

    def retry(self, now: float) -> None:
        """Something the pod refers to has changed."""
        if self._unmounted:
            self._sandbox_at = now
        for one in self.containers:
            one.retry(now)

    def _order(self, at: float) -> bool:
        """Let containers begin whose turn it is, and end sidecars behind the last of the others; True for any."""
        if not self.networked:
            return False
        moved = False
        if not self._terminal:
            for one in self.containers:
                if one.role == MAIN:
                    continue
                if not one.begun:
                    one.begin(at)
                    moved = True
                if not (one.started or one.last is not None if one.role == SIDECAR else one.ready):
                    return moved
            for one in self.containers:
                if not one.begun:
                    one.begin(at)
                    moved = True
        if all(one.finished for one in self.containers if one.role == MAIN):
            for one in reversed(self.containers):
                if one.role == SIDECAR and one.state.kind == RUNNING and not one.stopping:
                    one.stop(at, float(self.pod["spec"].get("terminationGracePeriodSeconds") or 30))
                    moved = True
        return moved

    def _end(self, at: float, grace: float) -> None:
        """The pod is over: stop what runs; sidecars come last."""
        self._terminal = True
        self._sandbox_at = None
        for one in self.containers:
            if one.role != SIDECAR or one.state.kind != RUNNING:
                one.stop(at, grace)
        self._order(at)
        if not self.networked:
            for one in self.containers:
                one.stop(at, grace)

    @property
    def over(self) -> bool:
        """Whether the pod has ended by itself or by its deadline."""
        return self.phase in pod_phases.TERMINAL

    @property
    def phase(self) -> str:
        """The pod's phase."""
        if self.reason:
            return pod_phases.FAILED if all(one.finished for one in self.containers) else pod_phases.RUNNING_PHASE
        return pod_phases.phase(self.containers, self._terminal)

    # -- status

    def status(self, pod: Object, now: float) -> Object:
        """The status `pod` is to have: the kubelet's part new, the rest as it is."""
        phase = self.phase
        over = phase in pod_phases.TERMINAL
        networked = self.networked and not over
        inits = [one for one in self.containers if one.role != MAIN]
        initializing = any(not (one.started if one.role == SIDECAR else one.ready) for one in inits)
        made: Object = dict(pod.get("status") or {})
        generation = pod["metadata"].get("generation")
        if generation:
            made["observedGeneration"] = generation
        made["phase"] = phase
        made["conditions"] = pod_phases.conditions(pod, self.containers, networked, phase, now)
        for key, value in (("reason", self.reason), ("message", self.message)):
            if value:
                made[key] = value
        if self.host_ip:
            made["hostIP"], made["hostIPs"] = self.host_ip, [{"ip": self.host_ip}]
        if self.pod_ip:
            made["podIP"], made["podIPs"] = self.pod_ip, [{"ip": self.pod_ip}]
        made["startTime"] = timestamp(self.started_at)
        if inits:
            made["initContainerStatuses"] = pod_phases.container_statuses(inits, True)
        mains = sorted((one for one in self.containers if one.role == MAIN), key=lambda one: one.name)
        made["containerStatuses"] = pod_phases.container_statuses(mains, initializing)
        return made

    # -- what its containers need

    def tell(self, container: Container, kind: str, reason: str, message: str) -> None:
        """An event about a container."""
        within = "containers" if container.role == MAIN else "initContainers"
        self.told.append((f"spec.{within}{{{container.name}}}", kind, reason, message))

    def log(self, container: Container, text: str) -> None:
        """A line for the container's log."""
        self._host.log(self, container, text)

    def missing(self, container: Container) -> str:
        """What the container's environment lacks."""
        try:
            pod_inputs.environment(self.pod, container.spec, self._host.sources())
        except pod_inputs.Missing as why:
            return str(why)
        return ""

    def has_image(self, image: str) -> bool:
        """Whether the node has the image."""
        return self._host.has_image(self.node, image)

    def got_image(self, image: str) -> None:
        """The node has the image now."""
        self._host.got_image(self.node, image)

    def address(self) -> str:
        """The pod's address."""
        return self.pod_ip

    def described(self) -> str:
        """The pod as messages name it."""
        return f"{name_of(self.pod)}_{namespace_of(self.pod)}({self.uid})"

    def restarts_on(self, container: Container, code: int) -> bool:
        """By the pod's restart policy; a sidecar always, an init container until it succeeds."""
        if self._terminal:
            return False
        if container.role == SIDECAR:
            return True
        policy = str(self.pod["spec"].get("restartPolicy", "Always"))
        if container.role == INIT:
            return code != 0 and policy != "Never"
        return policy == "Always" or (policy == "OnFailure" and code != 0)

    def container_id(self, container: Container, restart: int) -> str:
        """`simulated://` and a digest that differs for every run."""
        told = f"{self.uid}/{container.name}/{restart}"
        return f"simulated://{hashlib.sha256(told.encode()).hexdigest()}"

    def began(self, container: Container) -> None:
        """A container runs."""
        self._host.began(self, container)

    def ended(self, container: Container) -> None:
        """A container runs no longer."""
        self._host.ended(self, container)
