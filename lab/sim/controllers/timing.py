"""How long things take on a simulated node: two profiles, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations in seconds. Probes, back-offs and grace periods are not among them: those count as the pod says."""

    sandbox: float
    """From binding to the pod having an address."""
    pull: float
    """To fetch an image this node has not used yet."""
    create: float
    """To create and start a container whose image is there."""
    command: float
    """That a command runs which is known to end and does not say when, such as a Job's."""
    crash: float
    """That a container lives whose fault is to crash."""
    stop: float
    """From SIGTERM to the exit of a container that obeys it."""
    notice: float
    """From a container's exit, or a failed pull, to the kubelet acting on it."""


INSTANT = Timing(sandbox=0, pull=0, create=0, command=0, crash=0, stop=0, notice=0)
"""Everything at once: for tests, and for learners who do not want to wait."""
REALISTIC = Timing(sandbox=0.4, pull=0.9, create=0.3, command=2, crash=1, stop=1, notice=1)
"""About the pace of a small cluster with a registry nearby."""
