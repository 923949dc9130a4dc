"""One container of a simulated pod as the kubelet sees it: from its image to its end, restarts and back-offs included.

A machine driven by time: `advance(now)` does what is due, `due` says when there is more to do. It knows nothing of the
API; what it tells goes through `Surroundings`. Source of the rules: Kubernetes
`pkg/kubelet/kuberuntime/kuberuntime_manager.go` (`computePodActions`, `doBackOff`), client-go
`util/flowcontrol/backoff.go`.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Protocol

from lab.sim.api.resources import Object
from lab.sim.clock import parse_timestamp
from lab.sim.controllers import images
from lab.sim.controllers.backoff import FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS, go_duration, longer
from lab.sim.controllers.behaviour import Behaviour
from lab.sim.controllers.container_state import RUNNING, TERMINATED, WAITING, State
from lab.sim.controllers.probes import LIVENESS, READINESS, STARTUP, Probe
from lab.sim.controllers.timing import Timing

INIT, SIDECAR, MAIN = "init", "sidecar", "main"
_FORGIVEN_AFTER = 2 * LONGEST_BACKOFF_SECONDS
_SIGKILL = 137


class Surroundings(Protocol):
    """What a container needs of its pod and node."""

    timing: Timing

    def tell(self, container: Container, kind: str, reason: str, message: str) -> None:
        """An event about the container; `kind` is `Normal` or `Warning`."""

    def log(self, container: Container, text: str) -> None:
        """A line for the container's log."""

    def missing(self, container: Container) -> str:
        """What keeps the container from being created, such as a ConfigMap that is not there; "" for nothing."""

    def has_image(self, image: str) -> bool:
        """Whether the node has the image already."""

    def got_image(self, image: str) -> None:
        """The node has the image now."""

    def address(self) -> str:
        """The pod's address."""

    def described(self) -> str:
        """The pod as messages name it: `NAME_NAMESPACE(UID)`."""

    def restarts_on(self, container: Container, code: int) -> bool:
        """Whether the container is started again after it ended with `code`."""

    def container_id(self, container: Container, restart: int) -> str:
        """An identity for one run."""

    def began(self, container: Container) -> None:
        """A run has begun."""

    def ended(self, container: Container) -> None:
        """A run has ended."""


class Container:
    """One container of one pod."""

    def __init__(self, spec: Object, role: str, behaviour: Behaviour, around: Surroundings) -> None:
        self.spec = spec
        self.name: str = spec["name"]
        self.role = role
        self.behaviour = behaviour
        self.state = State()
        self.last: State | None = None
        self.restarts = 0
        self.ready = False
        self.started = False
        self.begun = False
        """Whether the pod has let it start."""
        self.finished = False
        """Whether it has ended and is not started again."""
        self.run_id = ""
        self._around = around
        self._ended = State()
        self.stopping = False
        """Whether it is being stopped for good."""
        self._failed_probe = ""
        self._restart_backoff = 0.0
        self._restart_backoff_set = 0.0
        self._pull_backoff = 0.0
        self._timers: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = itertools.count()

    # -- time

    @property
    def due(self) -> float | None:
        """When there is something to do, in seconds since 1970; None for never."""
        return self._timers[0][0] if self._timers else None

    def advance(self, now: float) -> None:
        """Do everything that is due."""
        while self._timers and self._timers[0][0] <= now:
            at, _, call = heapq.heappop(self._timers)
            call(at)

    def _at(self, when: float, call: Callable[[float], None]) -> None:
        heapq.heappush(self._timers, (when, next(self._order), call))

    def _wait(self, reason: str, message: str = "") -> None:
        self.state = State(WAITING, reason, message)
        self._timers.clear()

    # -- image

    def begin(self, at: float) -> None:
        """The pod lets the container start: see to its image first."""
        self.begun = True
        image = self.spec.get("image", "")
        around = self._around
        unparsable = images.unparsable(image)
        if unparsable:
            self._wait("InvalidImageName", unparsable)
            around.tell(self, "Warning", "InspectFailed", unparsable)
            around.tell(self, "Warning", "Failed", "Error: InvalidImageName")
            return
        policy = self.spec.get("imagePullPolicy") or "IfNotPresent"
        known = around.has_image(image) and not self.behaviour.no_image
        if policy == "Never" and self.behaviour.no_image:
            message = f'Container image "{image}" is not present with pull policy of Never'
            self._wait("ErrImageNeverPull", message)
            around.tell(self, "Warning", "ErrImageNeverPull", message)
            around.tell(self, "Warning", "Failed", "Error: ErrImageNeverPull")
        elif policy == "Never" or (known and policy != "Always"):
            around.tell(self, "Normal", "Pulled", f'Container image "{image}" already present on machine')
            self._create(at)
        else:
            self._pull(at)

    def _pull(self, at: float) -> None:
        image, around = self.spec["image"], self._around
        self._timers.clear()
        around.tell(self, "Normal", "Pulling", f'Pulling image "{image}"')
        if self.behaviour.no_image:
            self._at(at + around.timing.pull, self._not_pulled)
            return
        seconds = 0.0 if around.has_image(image) else around.timing.pull
        seconds = max(seconds, self.behaviour.pull_seconds)
        self._at(at + seconds, lambda then: self._pulled(then, seconds))

    def _pulled(self, at: float, seconds: float) -> None:
        image, took = self.spec["image"], go_duration(seconds)
        self._around.got_image(image)
        text = f'Successfully pulled image "{image}" in {took} ({took} including waiting). Image size: 0 bytes.'
        self._around.tell(self, "Normal", "Pulled", text)
        self._pull_backoff = 0.0
        self._create(at)

    def _not_pulled(self, at: float) -> None:
        image = self.spec["image"]
        error = images.not_found(image)
        self._wait("ErrImagePull", error)
        self._around.tell(self, "Warning", "Failed", f'Failed to pull image "{image}": {error}')
        self._around.tell(self, "Warning", "Failed", "Error: ErrImagePull")
        self._pull_backoff = longer(self._pull_backoff)
        again = at + self._pull_backoff
        self._at(at + self._around.timing.notice, lambda _: self._pull_waits(again))

    def _pull_waits(self, again: float) -> None:
        text = f'Back-off pulling image "{self.spec["image"]}"'
        self._wait("ImagePullBackOff", f"{text}: ErrImagePull: {images.not_found(self.spec['image'])}")
        self._around.tell(self, "Normal", "BackOff", text)
        self._around.tell(self, "Warning", "Failed", "Error: ImagePullBackOff")
        self._at(again, self._pull)

    # -- start

    def retry(self, at: float) -> None:
        """Something the pod refers to has changed: try again if that was what was missing."""
        if self.state.kind == WAITING and self.state.reason == "CreateContainerConfigError":
            self._create(at)

    def _create(self, at: float) -> None:
        around = self._around
        missing = around.missing(self)
        if missing:
            if (self.state.reason, self.state.message) != ("CreateContainerConfigError", missing):
                self._wait("CreateContainerConfigError", missing)
                around.tell(self, "Warning", "Failed", f"Error: {missing}")
            return
        if self.state.reason in ("CreateContainerConfigError", "ErrImagePull", "ImagePullBackOff"):
            self.state = State()
        self._timers.clear()
        self._at(at + around.timing.create, self._start)

    def _start(self, at: float) -> None:
        around, behaviour = self._around, self.behaviour
        if self.last is not None:
            self.restarts += 1
        self.run_id = around.container_id(self, self.restarts)
        around.tell(self, "Normal", "Created", f"Created container: {self.name}")
        if behaviour.start_error:
            around.tell(self, "Warning", "Failed", f"Error: {behaviour.start_error}")
            self._exited(at, 128, "StartError", behaviour.start_error, since=0.0)
            if not self.finished:
                self.last = self._ended
                self.state = State(WAITING, "RunContainerError", behaviour.start_error)
            return
        self._timers.clear()
        self.state = State(RUNNING, since=at, run=self.run_id)
        around.tell(self, "Normal", "Started", f"Started container {self.name}")
        around.began(self)
        self._runs(at, at)

    def _runs(self, since: float, now: float) -> None:
        """Set the timers of a run that began at `since`."""
        behaviour = self.behaviour
        for seconds, text in behaviour.output:
            if since + seconds >= now:
                self._at(since + seconds, lambda _, text=text: self._around.log(self, text))  # type: ignore[misc]
        if behaviour.ends_after is not None and not (behaviour.once and self.restarts):
            code, reason = behaviour.code, behaviour.reason
            self._at(max(since + behaviour.ends_after, now), lambda at: self._exited(at, code, reason))
        startup = self._probe_of(STARTUP)
        if startup is not None and not self.started:
            self._probe_at(startup, since, now)
        else:
            self._up(now, since)

    def _up(self, at: float, since: float) -> None:
        """The startup probe has passed, or there is none."""
        self.started = True
        if self.role == INIT:
            return
        readiness, liveness = self._probe_of(READINESS), self._probe_of(LIVENESS)
        if readiness is None:
            self.ready = True
        else:
            self._probe_at(readiness, since, at)
        if liveness is not None:
            self._probe_at(liveness, since, at)

    # -- probes

    def _probe_of(self, kind: str) -> Probe | None:
        spec = self.spec.get(f"{kind}Probe")
        if spec:
            return Probe(kind, spec)
        health = self.behaviour.health
        if self.role != INIT and kind != STARTUP and health.fails_next(kind, 0.0) != float("inf"):
            if kind == LIVENESS and health.dead_from == float("inf"):
                return None
            return Probe(kind, {"periodSeconds": min(10.0, health.up_at or 10.0)}, implied=True)
        return None

    def _probe_at(self, probe: Probe, since: float, now: float) -> None:
        """Ask again when the answer can change anything: the next probe, or the first that will fail."""
        age = now - since
        known = self.ready if probe.kind == READINESS else probe.kind == LIVENESS
        if known and probe.failures == 0:
            age = self.behaviour.health.fails_next(probe.kind, age)
            if age == float("inf"):
                return
        self._at(since + probe.first(age), lambda at: self._probed(probe, since, at))

    def _probed(self, probe: Probe, since: float, at: float) -> None:
        passed = self.behaviour.health.passes(probe.kind, at - since)
        if not passed and probe.tells(at):
            self._around.tell(self, "Warning", "Unhealthy", probe.message(self._around.address()))
        outcome = probe.record(passed)
        if probe.kind == READINESS and outcome is not None:
            self.ready = outcome
        if probe.kind == STARTUP and outcome:
            self._up(at, since)
            return
        if probe.kind != READINESS and outcome is False:
            self._failed_probe = probe.kind
            self._stop(at, f"Container {self.name} failed {probe.kind} probe, will be restarted", self.behaviour.grace)
            return
        passing = passed and (probe.kind == LIVENESS or self.ready)
        if passing:
            self._probe_at(probe, since, at)
        else:
            self._at(at + probe.period, lambda then: self._probed(probe, since, then))

    # -- end

    def stop(self, at: float, grace: float) -> None:
        """The pod is to end: SIGTERM, and SIGKILL after `grace` seconds. The container is not started again."""
        if self.finished or self.stopping:
            return
        self.stopping = True
        if self.state.kind == RUNNING:
            self._stop(at, f"Stopping container {self.name}", grace)
            return
        self._timers.clear()
        self.finished = True
        if self.last is not None:
            self.state, self.last = self.last, None
        elif self.state.kind == WAITING:
            text = "The container could not be located when the pod was terminated"
            self.state = State(TERMINATED, "ContainerStatusUnknown", text, code=_SIGKILL)

    def _stop(self, at: float, why: str, grace: float) -> None:
        self._around.tell(self, "Normal", "Killing", why)
        self._timers.clear()
        if self.behaviour.ignores_stop:
            self._at(at + grace, lambda then: self._exited(then, _SIGKILL, "Error"))
        else:
            self._at(at + min(self._around.timing.stop, grace), lambda then: self._exited(then, 0, "Completed"))

    def exits(self, at: float, code: int) -> None:
        """What runs in the container has ended by itself."""
        if self.state.kind == RUNNING:
            self._exited(at, code, "Completed" if code == 0 else "Error")

    def _exited(self, at: float, code: int, reason: str, message: str = "", since: float | None = None) -> None:
        began = self.state.since if since is None else since
        self._timers.clear()
        self.ready = self.started = False
        self.state = self._ended = State(TERMINATED, reason, message, began, at, code, self.run_id)
        self._around.ended(self)
        if self.stopping or not self._around.restarts_on(self, code):
            self.finished = True
            self.ready = self.role == INIT and code == 0
            self._failed_probe = ""
            return
        self._at(at + self._around.timing.notice, self._again)

    def _again(self, at: float) -> None:
        """Start once more, now or when the back-off is over."""
        ended = self.last = self._ended
        free, self._failed_probe = self._failed_probe, ""
        if free and not self.restarts:
            # The kubelet looks for an exited container before it has killed this one, finds none and does not wait.
            self.begin(at)
            return
        if self._restart_backoff and ended.until - self._restart_backoff_set > _FORGIVEN_AFTER:
            self._restart_backoff = 0.0
        over = ended.until + self._restart_backoff
        if self._restart_backoff and over > at:
            shown = go_duration(self._restart_backoff)
            pod = self._around.described()
            self._wait("CrashLoopBackOff", f"back-off {shown} restarting failed container={self.name} pod={pod}")
            text = f"Back-off restarting failed container {self.name} in pod {pod}"
            self._around.tell(self, "Warning", "BackOff", text)
            self._at(over, self._restart)
        else:
            self._restart(at)

    def _restart(self, at: float) -> None:
        self._restart_backoff = longer(self._restart_backoff)
        self._restart_backoff_set = at
        self.begin(at)

    # -- after a restart of the simulator

    def resume(self, status: Object, now: float) -> None:
        """Carry on from what the pod's status says of this container."""
        self.restarts = int(status.get("restartCount") or 0)
        self.run_id = status.get("containerID", "")
        self.last = State.ended(status.get("lastState") or {})
        if status.get("imageID"):
            self._around.got_image(self.spec.get("image", ""))
        if self.restarts:
            self._restart_backoff = min(FIRST_BACKOFF_SECONDS * 2 ** min(self.restarts - 1, 9), LONGEST_BACKOFF_SECONDS)
            self._restart_backoff_set = self.last.until if self.last else now
        state = status.get("state") or {}
        ended = State.ended(state)
        if RUNNING in state:
            self.begun = True
            since = parse_timestamp(state[RUNNING]["startedAt"])
            self.state = State(RUNNING, since=since, run=self.run_id)
            self.started, self.ready = bool(status.get("started")), bool(status.get("ready"))
            self._around.began(self)
            self._runs(since, now)
        elif ended is not None:
            self.begun = True
            self.state = self._ended = ended
            self.finished = not self._around.restarts_on(self, ended.code)
            self.ready = self.finished and self.role == INIT and ended.code == 0
            if not self.finished:
                self._at(now, self._again)
        elif (state.get(WAITING) or {}).get("reason") == "CrashLoopBackOff" and self.last is not None:
            self.begun = True
            waiting = state[WAITING]
            self.state = State(WAITING, waiting["reason"], waiting.get("message", ""))
            self._at(max(self.last.until + self._restart_backoff, now), self._restart)
