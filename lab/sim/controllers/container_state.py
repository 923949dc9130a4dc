"""What a pod's status says of one container: `v1.ContainerState`, written and read."""

from __future__ import annotations

from dataclasses import dataclass

from lab.sim.api.resources import Object
from lab.sim.clock import parse_timestamp, timestamp

WAITING, RUNNING, TERMINATED = "waiting", "running", "terminated"


@dataclass(slots=True)
class State:
    """What `kubectl` shows of a container."""

    kind: str = WAITING
    reason: str = "ContainerCreating"
    message: str = ""
    since: float = 0.0
    until: float = 0.0
    code: int = 0
    run: str = ""
    """The run's identity; of a container that is running or has ended."""

    def status(self) -> Object:
        """As `v1.ContainerState`."""
        if self.kind == WAITING:
            return {WAITING: {"reason": self.reason, **({"message": self.message} if self.message else {})}}
        if self.kind == RUNNING:
            return {RUNNING: {"startedAt": timestamp(self.since)}}
        return {
            TERMINATED: {
                "exitCode": self.code,
                "reason": self.reason,
                **({"message": self.message} if self.message else {}),
                "startedAt": timestamp(self.since) if self.until else None,
                "finishedAt": timestamp(self.until) if self.until else None,
                **({"containerID": self.run} if self.run else {}),
            }
        }

    @classmethod
    def ended(cls, state: Object) -> State | None:
        """The end that a `v1.ContainerState` tells; None when it tells none."""
        said = state.get(TERMINATED)
        if not said:
            return None
        began, until = (parse_timestamp(said[key]) if said.get(key) else 0.0 for key in ("startedAt", "finishedAt"))
        reason, message = said.get("reason", ""), said.get("message", "")
        return cls(TERMINATED, reason, message, began, until, said["exitCode"], said.get("containerID", ""))
