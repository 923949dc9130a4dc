"""Stop and start a lab's containers without losing anything."""

from collections.abc import Sequence

from lab import engine, plan
from lab.errors import LabError, as_lab_error
from lab.events import ClusterChanged, StepInfo
from lab.results import RunResult
from lab.session import Lab
from lab.steps.pause import PauseCluster, PauseGit


def pause(lab: Lab, clusters: Sequence[str] = ()) -> RunResult:
    """Stop some clusters, or the whole lab with its git server.

    :raises LabError: `cluster-unknown`, `lab-busy`
    """
    chosen = _chosen(lab, clusters)
    with lab.folder.lock("pause"):
        steps = tuple(PauseCluster(cluster=name) for name in chosen)
        every: plan.Plan = steps if clusters else (*steps, PauseGit(needs=tuple(step.id for step in steps)))
        return _run(lab, "pause", every)


def resume(lab: Lab, clusters: Sequence[str] = ()) -> RunResult:
    """Start what is stopped, in order, and verify every link again; only what changed is registered anew.

    :raises LabError: `cluster-unknown`, `lab-busy`
    """
    chosen = set(_chosen(lab, clusters))
    with lab.folder.lock("resume"):
        steps = plan.make(lab.scenario, lab.settings, able=lab.provider.capabilities)
        running = {node.cluster for node in lab.provider.nodes() if node.state == "running"}
        steps = plan.only(steps, chosen | running) if clusters else steps
        return _run(lab, "resume", steps)


def _run(lab: Lab, command: str, steps: plan.Plan) -> RunResult:
    started = lab.clock.monotonic()
    infos: tuple[StepInfo, ...] = tuple(step.info for step in steps)
    with lab.recording(command, infos) as recording:
        try:
            engine.run(steps, lab, f"lab {command}")
        except Exception as error:
            lab.finish(recording, started, as_lab_error(error, f"lab {command}"))
            raise
        for cluster in {name for step in steps for name in step.clusters}:
            lab.sink(ClusterChanged(cluster=cluster, state="paused" if command == "pause" else "ready"))
        return lab.finish(recording, started)


def _chosen(lab: Lab, clusters: Sequence[str]) -> list[str]:
    known = [cluster.name for cluster in lab.scenario.clusters]
    for name in clusters:
        if name not in known:
            raise LabError("cluster-unknown", name=name, known=", ".join(known))
    return list(clusters) or known
