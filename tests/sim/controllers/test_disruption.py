"""Budgets: how many pods may be evicted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sim.controllers.cluster_running import Running, pod, running

_BUDGETS = "poddisruptionbudgets.policy"


def _budget(**spec: Any) -> dict[str, Any]:
    made = {"selector": {"matchLabels": {"app": "web"}}, **spec}
    metadata = {"name": "web", "namespace": "default"}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": made}


async def _replica_set(lab: Running, replicas: int) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod()["spec"]}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    metadata = {"name": "web", "namespace": "default"}
    made = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": spec}
    return await lab.create("replicasets.apps", made)


async def _pods(lab: Running, count: int, unready: int = 0, owner: dict[str, Any] | None = None) -> None:
    for number in range(count):
        made = pod(f"web-{number}", fault="failing-readiness" if number < unready else "")
        made["metadata"]["labels"] = {"app": "web"}
        if owner is not None:
            head = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "controller": True}
            made["metadata"]["ownerReferences"] = [{**head, "uid": owner["metadata"]["uid"]}]
        await lab.create("pods", made)


@pytest.mark.parametrize(
    ("spec", "pods", "unready", "expected"),
    [
        ({"minAvailable": 1}, 3, 0, (2, 3, 1, 3)),
        ({"minAvailable": 1}, 3, 2, (0, 1, 1, 3)),
        ({"minAvailable": "50%"}, 5, 0, (2, 5, 3, 5)),
        ({"maxUnavailable": 1}, 5, 0, (1, 5, 4, 5)),
        ({"maxUnavailable": 1}, 5, 1, (0, 4, 4, 5)),
        ({"maxUnavailable": "30%"}, 5, 0, (2, 5, 3, 5)),
        ({"minAvailable": 1}, 0, 0, (0, 0, 1, 0)),
    ],
)
async def test_what_a_budget_allows(spec: dict[str, Any], pods: int, unready: int, expected: tuple[int, ...]):
    async with running() as lab:
        owner = await _replica_set(lab, pods)
        await _pods(lab, pods, unready, owner)
        await lab.create(_BUDGETS, _budget(**spec))
        status = (await lab.get(_BUDGETS, "web"))["status"]
        keys = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
        assert tuple(status[key] for key in keys) == expected
        (condition,) = status["conditions"]
        allowed = expected[0] > 0
        assert condition["reason"] == ("SufficientPods" if allowed else "InsufficientPods")
        assert condition["status"] == ("True" if allowed else "False")


async def test_the_budget_follows_its_pods():
    async with running() as lab:
        await lab.create(_BUDGETS, _budget(minAvailable=2))
        assert lab.reasons("web") == ["NoPods"]
        await _pods(lab, 3)
        assert (await lab.get(_BUDGETS, "web"))["status"]["disruptionsAllowed"] == 1
        await lab.delete("pods", "web-0")
        assert (await lab.get(_BUDGETS, "web"))["status"]["disruptionsAllowed"] == 0


async def test_a_pod_whose_controller_nobody_knows():
    async with running() as lab:
        owner = {"apiVersion": "lab/v1", "kind": "Robot", "name": "r", "uid": "r", "controller": True}
        made = pod("web-0")
        made["metadata"].update(labels={"app": "web"}, ownerReferences=[owner])
        await lab.create("pods", made)
        await lab.create(_BUDGETS, _budget(maxUnavailable=1))
        (condition,) = (await lab.get(_BUDGETS, "web"))["status"]["conditions"]
        assert (condition["reason"], condition["message"]) == ("SyncFailed", 'found no controllers for pod "web-0"')
