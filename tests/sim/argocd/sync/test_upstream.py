"""Argo CD's own cases of gitops-engine's sync, with other names in them."""

from __future__ import annotations

from typing import Any

import pytest

from lab.sim.argocd.sync import SyncOptions, hooks
from lab.sim.argocd.sync.context import waiting_for
from lab.sim.argocd.sync.migration import updates
from lab.sim.argocd.sync.options import SYNC_OPTIONS, annotation_values, option_value
from lab.sim.argocd.sync.order import KINDS, in_order, several_steps, turn_prune_waves
from lab.sim.argocd.sync.task import Task
from lab.sim.objects import Object
from tests.sim.argocd.upstream import Case, cases

_GROUPS = {"CustomResourceDefinition": "apiextensions.k8s.io/v1", "Train": "example.com/v1"}


def _of(check: str) -> list[Any]:
    return [one for one in cases("sync") if one.values[0]["check"] == check]


def _task(said: dict[str, Any]) -> Task:
    metadata: Object = {"name": said.get("name", ""), "annotations": {}}
    if said.get("wave"):
        metadata["annotations"]["argocd.argoproj.io/sync-wave"] = said["wave"]
    if said.get("options"):
        metadata["annotations"][SYNC_OPTIONS] = said["options"]
    if said.get("namespace"):
        metadata["namespace"] = said["namespace"]
    kind = said.get("kind", "")
    obj = {"apiVersion": _GROUPS.get(kind, "v1"), "kind": kind, "metadata": metadata, "spec": said.get("spec", {})}
    phase = said.get("phase", "Sync")
    return Task(phase, None, obj) if said.get("prune") else Task(phase, obj)


@pytest.mark.parametrize("case", _of("order"))
def test_tasks_are_put_in_order(case: Case) -> None:
    tasks = in_order([_task(one) for one in case["tasks"]])
    assert [one.key.name for one in tasks] == case["order"]
    places = {one.key.name: [one.phase, one.wave] for one in tasks}
    assert case.get("places", {}).items() <= places.items()


@pytest.mark.parametrize("case", _of("place"))
def test_kinds_have_their_place(case: Case) -> None:
    tasks = in_order([_task({"kind": kind, "name": kind}) for kind in sorted([*KINDS, "Train"])])
    assert [one.key.kind for one in tasks].index(case["kind"]) == case["place"]


@pytest.mark.parametrize("case", _of("steps"))
def test_more_than_one_wave_or_phase_makes_several_steps(case: Case) -> None:
    assert several_steps([_task(one) for one in case["tasks"]]) is case["several"]


@pytest.mark.parametrize("case", _of("prune waves"))
def test_what_is_pruned_goes_in_reverse(case: Case) -> None:
    tasks = [_task(one) for one in case["tasks"]]
    turn_prune_waves(tasks, case["prune_last"])
    assert {one.key.name: one.wave for one in tasks} == case["waves"]


@pytest.mark.parametrize("case", _of("waiting"))
def test_what_is_waited_for_is_said(case: Case) -> None:
    tasks = []
    for one in case["tasks"]:
        annotations = {hooks.HOOK: "Sync"} if one.get("hook") else {}
        metadata = {"name": one["name"], "annotations": annotations}
        tasks.append(Task("Sync", {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}))
    assert waiting_for(tasks, SyncOptions(), deletion=case["deletion"]) == case["message"]


@pytest.mark.parametrize("case", _of("values"))
def test_annotations_hold_lists(case: Case) -> None:
    annotations = {} if case["text"] is None else {"a": case["text"]}
    assert annotation_values({"metadata": {"annotations": annotations}}, "a") == case["values"]


@pytest.mark.parametrize("case", _of("value"))
def test_options_have_values(case: Case) -> None:
    annotations = {} if case["text"] is None else {SYNC_OPTIONS: case["text"]}
    assert option_value({"metadata": {"annotations": annotations}}, case["option"]) == case["value"]


@pytest.mark.parametrize("case", _of("hook"))
def test_annotations_make_hooks(case: Case) -> None:
    obj = {"metadata": {"annotations": case["annotations"]}}
    found = {
        "hook": hooks.is_hook(obj),
        "skipped": hooks.is_skipped(obj),
        "types": hooks.hook_types(obj),
        "phases": hooks.phases(obj),
        "policies": hooks.delete_policies(obj),
        "wave": hooks.wave(obj),
    }
    wanted = {key: value for key, value in case.items() if key in found}
    assert wanted
    assert {key: found[key] for key in wanted} == wanted


@pytest.mark.parametrize("case", _of("goes"))
def test_hooks_go_by_their_policy(case: Case) -> None:
    obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "annotations": case["annotations"]}}
    task = Task("Sync", obj, obj if case["live"] else None)
    task.operation_state = case["state"]
    goes = {"before": task.delete_before_creation, "success": task.delete_on_success, "failure": task.delete_on_failure}
    assert [key for key, value in goes.items() if value] == case["goes"]


@pytest.mark.parametrize("case", _of("migration"))
def test_who_applied_client_side_is_known(case: Case) -> None:
    live = None if case["entries"] is None else {"metadata": {"managedFields": case["entries"]}}
    assert updates(live, "kubectl-client-side-apply") is case["needed"]
