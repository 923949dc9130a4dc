"""What a sync did so far: one result for each resource and phase, in the order they came up.

Source: Argo CD 3.6.1 `gitops-engine/pkg/sync/sync_context.go` (setResourceResult),
`gitops-engine/pkg/utils/kube/kube.go` (GetResourceImages).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lab.sim.argocd.live.key import ResourceKey
from lab.sim.argocd.sync.records import SYNC_FAILED, ResourceResult
from lab.sim.argocd.sync.task import Task
from lab.sim.objects import Object

_CONTAINERS = (
    ("spec", "containers"),
    ("spec", "template", "spec", "containers"),
    ("spec", "jobTemplate", "spec", "template", "spec", "containers"),
)


class Ledger:
    """The results of one operation."""

    def __init__(self, results: Iterable[ResourceResult]) -> None:
        self._results: dict[tuple[ResourceKey, str], ResourceResult] = {
            (one.key, one.sync_phase): one for one in results
        }

    @property
    def begun(self) -> bool:
        """Whether anything was done."""
        return bool(self._results)

    def record(self, task: Task, status: str, state: str, message: str = "") -> None:
        """Say what became of a task; "" for the message keeps what was said before."""
        task.status, task.operation_state = status, state
        if message:
            task.message = message
        held = self._results.get(task.result_key)
        if held is not None:
            made = replace(held, status=status, hook_phase=state, message=task.message)
        else:
            made = ResourceResult(
                key=task.key,
                version=task.version,
                status=status,
                message=task.message,
                hook_type=task.phase if task.is_hook else "",
                hook_phase=state,
                sync_phase=task.phase,
                images=images(task.obj),
            )
        self._results[task.result_key] = made

    def remember(self, task: Task) -> None:
        """Tell a task what became of it in earlier passes."""
        held = self._results.get(task.result_key)
        if held is not None:
            task.status, task.operation_state, task.message = held.status, held.hook_phase, held.message

    def failures(self) -> list[str]:
        """What went wrong, each text once and in order."""
        return sorted({one.message for one in self._results.values() if one.status == SYNC_FAILED and one.message})

    def results(self) -> list[ResourceResult]:
        """All results."""
        return list(self._results.values())


def images(obj: Object) -> tuple[str, ...]:
    """The images of a workload's containers; () for what has none."""
    for path in _CONTAINERS:
        found: object = obj
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        if isinstance(found, list):
            return tuple(one["image"] for one in found if isinstance(one, dict) and isinstance(one.get("image"), str))
    return ()
