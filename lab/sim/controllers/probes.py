"""Probes of a simulated container: their answers follow from a rule, their timing from the pod.

A healthy container passes every probe, so nothing is scheduled for one that will keep passing. Source of the defaults
and of when probes run: Kubernetes `pkg/apis/core/v1/defaults.go`, `pkg/kubelet/prober/worker.go`.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.sim.api.resources import Object
from lab.sim.controllers.faults import NEVER

STARTUP, READINESS, LIVENESS = "startup", "readiness", "liveness"
_BURST, _REFILL_SECONDS = 25, 300.0


@dataclass(frozen=True, slots=True)
class Health:
    """When a container's probes fail, in seconds after its start."""

    up_at: float = 0.0
    """Every probe fails before."""
    unready_from: float = NEVER
    unready_to: float = NEVER
    dead_from: float = NEVER

    def passes(self, kind: str, age: float) -> bool:
        """Whether a probe of this kind succeeds `age` seconds after the start."""
        if age < self.up_at:
            return False
        if kind == READINESS:
            return not self.unready_from <= age < self.unready_to
        return kind != LIVENESS or age < self.dead_from

    def fails_next(self, kind: str, age: float) -> float:
        """The first age after `age` at which a probe of this kind would fail; NEVER for none."""
        if age < self.up_at:
            return age
        if kind == READINESS and age < self.unready_to:
            return max(self.unready_from, age)
        return max(self.dead_from, age) if kind == LIVENESS else NEVER


HEALTHY = Health()


class Probe:
    """One probe of one run of a container."""

    def __init__(self, kind: str, spec: Object, implied: bool = False) -> None:
        """`implied`: the pod has no such probe, a fault asks for its failure to show."""
        self.kind = kind
        self.spec = spec
        self.implied = implied
        self.delay = float(spec.get("initialDelaySeconds") or 0)
        self.period = float(spec.get("periodSeconds") or 10)
        self.failure_threshold = int(spec.get("failureThreshold") or 3)
        self.success_threshold = int(spec.get("successThreshold") or 1)
        self.failures = 0
        self.successes = 0
        self._told = 0
        self._told_at = 0.0

    def first(self, age: float) -> float:
        """The age of the first probe that is not before `age`."""
        if age <= self.delay:
            return self.delay
        steps = -(-(age - self.delay) // self.period)
        return self.delay + steps * self.period

    def record(self, passed: bool) -> bool | None:
        """Count an outcome; True or False when a threshold is reached, None before."""
        if passed:
            self.failures = 0
            self.successes += 1
            return True if self.successes >= self.success_threshold else None
        self.successes = 0
        self.failures += 1
        return False if self.failures >= self.failure_threshold else None

    def tells(self, now: float) -> bool:
        """Whether this failure becomes an event: 25 at once, then one in 5 min, as event recorders limit them."""
        if self._told < _BURST:
            self._told += 1
            self._told_at = now
            return True
        if now - self._told_at >= _REFILL_SECONDS:
            self._told_at = now
            return True
        return False

    def message(self, address: str) -> str:
        """What the event `Unhealthy` says."""
        return f"{self.kind.capitalize()} probe failed: {self._output(address)}"

    def _output(self, address: str) -> str:
        spec = self.spec
        if "tcpSocket" in spec:
            target = f"{address}:{spec['tcpSocket'].get('port', 0)}"
            return f"dial tcp {target}: connect: connection refused"
        if "exec" in spec:
            return "simulated failure"
        if "grpc" in spec:
            return 'service unhealthy (responded with "NOT_SERVING")'
        return "HTTP probe failed with statuscode: 503"
