"""In which order a sync does its tasks.

Source: Argo CD 3.6.1 `gitops-engine/pkg/sync/sync_tasks.go`, `gitops-engine/pkg/sync/sync_context.go` (getSyncTasks).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from lab.sim.argocd.sync.options import has_option
from lab.sim.argocd.sync.records import POST_SYNC, PRE_SYNC, SYNC, SYNC_FAIL
from lab.sim.argocd.sync.task import Task
from lab.sim.argocd.tracking import group_of, is_definition
from lab.sim.objects import Object, name_of, namespace_of

_PHASES = {PRE_SYNC: -1, SYNC: 0, POST_SYNC: 1, SYNC_FAIL: 2}
KINDS = (
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
)
"""In which order kinds are applied. Source: Helm `pkg/releaseutil/kind_sorter.go`, with Argo CD's own places."""
_PLACE = {kind: place - len(KINDS) for place, kind in enumerate(KINDS)}
"""Kinds that are not listed come last, at 0."""

_Named = Callable[[Object], str]
"""What an object is or needs as a dependency, "" for nothing."""


def in_order(tasks: list[Task]) -> list[Task]:
    """By phase, wave, kind and name; namespaces and definitions before what needs them, in its phase and wave."""
    ordered = sorted(tasks, key=_key)
    _bring_forward(ordered, _namespace, namespace_of)
    _bring_forward(ordered, _defined, _custom_kind)
    return ordered


def _key(task: Task) -> tuple[int, int, int, str]:
    return _PHASES.get(task.phase, 0), task.wave, _PLACE.get(task.key.kind, 0), task.key.name


def _bring_forward(tasks: list[Task], provides: _Named, needs: _Named) -> None:
    first: dict[str, int] = {}
    for place, task in enumerate(tasks):
        if task.target is None:
            continue
        provided = provides(task.target)
        if provided:
            before = first.get(provided)
            if before is not None:
                task.wave_override, task.phase = tasks[before].wave, tasks[before].phase
                tasks.insert(before, tasks.pop(place))
                for key, index in first.items():
                    if index >= before:
                        first[key] = index + 1
        else:
            needed = needs(task.target)
            if needed:
                first.setdefault(needed, place)


def is_namespace(obj: Object | None, name: str) -> bool:
    """Whether an object is the namespace of this name."""
    return obj is not None and _namespace(obj) == name != ""


def _namespace(obj: Object) -> str:
    return name_of(obj) if obj.get("kind") == "Namespace" and group_of(obj) == "" else ""


def _defined(obj: Object) -> str:
    return "/".join(defined_kind(obj) or ())


def _custom_kind(obj: Object) -> str:
    return f"{group_of(obj)}/{obj.get('kind') or ''}"


def defined_kind(obj: Object) -> tuple[str, str] | None:
    """Group and kind that a CustomResourceDefinition defines; None for anything else."""
    if not is_definition(obj):
        return None
    spec = obj.get("spec") or {}
    group, kind = spec.get("group"), (spec.get("names") or {}).get("kind")
    return (group, kind) if isinstance(group, str) and isinstance(kind, str) else None


def turn_prune_waves(tasks: list[Task], prune_last: bool) -> None:
    """Prune in the reverse order of creation: the waves of what is pruned are mirrored; with PruneLast after all else.

    :param prune_last: of the whole operation; a resource's own annotation asks for the same
    """
    by_wave: dict[int, list[Task]] = defaultdict(list)
    for task in tasks:
        if task.is_prune:
            by_wave[task.wave].append(task)
    waves = sorted(by_wave)
    for first, last in zip(waves[: len(waves) // 2], reversed(waves), strict=False):
        for task in by_wave[first]:
            task.wave_override = last
        for task in by_wave[last]:
            task.wave_override = first
    after = max([0, *(task.wave for task in tasks if task.phase == SYNC)]) + 1
    for task in tasks:
        if task.is_prune and (prune_last or has_option(task.live, "PruneLast=true")):
            task.wave_override = after


def several_steps(tasks: list[Task]) -> bool:
    """Whether ordered tasks are of more than one phase or wave."""
    return bool(tasks) and (tasks[0].phase, tasks[0].wave) != (tasks[-1].phase, tasks[-1].wave)
