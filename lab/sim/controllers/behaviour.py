"""What a simulated container does, worked out before it starts: from its fault, its command line and its owner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.sim.api.resources import Object
from lab.sim.controllers import commands
from lab.sim.controllers.faults import NEVER, Fault
from lab.sim.controllers.probes import HEALTHY, Health
from lab.sim.controllers.timing import Timing
from lab.sim.objects import controller_of


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A healthy container that runs until it is stopped, unless told otherwise. Times in seconds after its start."""

    no_image: bool = False
    pull_seconds: float = 0.0
    start_error: str = ""
    """What the runtime says when it cannot start the command; "" for a command that starts."""
    ends_after: float | None = None
    """None: runs until it is stopped."""
    code: int = 0
    reason: str = "Completed"
    once: bool = False
    """It ends only the first time."""
    health: Health = HEALTHY
    ignores_stop: bool = False
    output: tuple[tuple[float, str], ...] = ()
    grace: float = 30.0
    """Seconds between SIGTERM and SIGKILL when a probe has it killed."""


def behaviour_of(
    pod: Object, argv: Sequence[str], fault: Fault | None, timing: Timing, init: bool, program: bool
) -> Behaviour:
    """What a container will do. `init`: an init container, which is to end; `program`: a registered program runs."""
    grace = float(pod["spec"].get("terminationGracePeriodSeconds") or 30)
    if fault is not None:
        return _faulty(fault, argv, timing, grace, init or ends_by_itself(pod, argv))
    if program:
        return Behaviour(grace=grace)
    script = commands.read(argv)
    if script is not None:
        reason = "Completed" if script.code == 0 else "Error"
        ends = script.seconds if script.seconds or script.code or not argv else timing.command
        return Behaviour(ends_after=ends, code=script.code, reason=reason, output=script.output, grace=grace)
    if init or ends_by_itself(pod, argv):
        return Behaviour(ends_after=timing.command, grace=grace)
    return Behaviour(grace=grace)


def ends_by_itself(pod: Object, argv: Sequence[str]) -> bool:
    """Whether a container whose command says nothing is taken to end: a Job's, and a command that is not restarted."""
    owner = controller_of(pod)
    if owner is not None and owner["kind"] == "Job":
        return True
    return bool(argv) and pod["spec"].get("restartPolicy", "Always") != "Always"


def _faulty(fault: Fault, argv: Sequence[str], timing: Timing, grace: float, ends: bool) -> Behaviour:
    name = fault.name
    after = fault.number("after", timing.crash)
    ends_after = timing.command if ends else None
    if name in ("crash", "exit"):
        code = int(fault.number("code", 1)) & 255
        reason = "Completed" if code == 0 else "Error"
        return Behaviour(ends_after=after, code=code, reason=reason, once=name == "exit", grace=grace)
    if name == "oom":
        return Behaviour(ends_after=after, code=137, reason="OOMKilled", grace=grace)
    if name == "image-not-found":
        return Behaviour(no_image=True, grace=grace)
    if name == "slow-pull":
        return Behaviour(pull_seconds=fault.number("seconds"), ends_after=ends_after, grace=grace)
    if name == "bad-command":
        command = argv[0] if argv else "/entrypoint"
        error = (
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create "
            f'failed: unable to start container process: error during container init: exec: "{command}": '
            f"stat {command}: no such file or directory"
        )
        return Behaviour(start_error=error, grace=grace)
    if name == "slow-start":
        return Behaviour(health=Health(up_at=fault.number("seconds")), ends_after=ends_after, grace=grace)
    if name == "failing-readiness":
        begin, lasts = fault.number("after"), fault.number("for", NEVER)
        return Behaviour(
            health=Health(unready_from=begin, unready_to=begin + lasts), ends_after=ends_after, grace=grace
        )
    if name == "failing-liveness":
        return Behaviour(health=Health(dead_from=fault.number("after")), ends_after=ends_after, grace=grace)
    return Behaviour(ignores_stop=True, ends_after=ends_after, grace=grace)
