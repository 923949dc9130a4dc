"""Take a lab down and leave nothing."""

import contextlib
from dataclasses import replace

from lab import engine, git_workspace, plan
from lab.errors import LabError, as_lab_error
from lab.results import RunResult
from lab.session import Lab


def down(lab: Lab, discard: bool = False) -> RunResult:
    """Applications, registrations, clusters, git server, network, folder, in this order.

    :param discard: whether work that is only in the workspace may go too
    :raises LabError: `lab-busy`; `unpushed-work` before anything is touched; the first error of the run at its end
    """
    with lab.folder.lock("down"):
        if not discard:
            only_there = git_workspace.unpushed(lab.shell, lab.workspace)
            if only_there:
                raise LabError("unpushed-work", what="; ".join(only_there), path=lab.workspace)
        steps = plan.reverse(plan.make(lab.scenario, lab.settings, able=lab.provider.capabilities))
        started = lab.clock.monotonic()
        infos = tuple(replace(step.info, title=step.undo_title) for step in steps)
        with lab.recording("down", infos) as recording:
            with contextlib.suppress(LabError):  # the disk is full, and this is what makes room
                lab.mark_complete(False)
            try:
                engine.undo(steps, lab)
            except Exception as error:
                lab.finish(recording, started, as_lab_error(error, "lab down"))
                raise
            result = lab.finish(recording, started)
        lab.folder.remove()
        return result
